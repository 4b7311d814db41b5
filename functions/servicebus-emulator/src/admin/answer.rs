//! From a request to its answer.

use super::{
    Namespace, Refusal, checks,
    describe::{self, Entry},
    element::Element,
    read,
    request::{Place, Request},
    rules,
    xml::Xml,
};
use crate::config::{EntityProperties, NAMESPACE, QueueConfig, SubscriptionConfig, TopicConfig};
use hyper::Method;

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

const ENTRY: &str = "application/atom+xml;type=entry;charset=utf-8";
const FEED: &str = "application/atom+xml;type=feed;charset=utf-8";
const HEALTHY: &str = r#"{"status":"healthy","message":"Service is healthy."}"#;

impl Answer {
    fn entry(status: u16, entry: &Entry<'_>, base: &str) -> Self {
        Self { status, content_type: ENTRY, body: describe::document(entry, base) }
    }

    /// In the shape that Azure gives to errors.
    pub(super) fn error(status: u16, detail: &str) -> Self {
        let mut xml = Xml::new();
        xml.element("Error", &[], |xml| {
            xml.leaf("Code", status.to_string());
            xml.leaf("Detail", detail);
        });
        Self { status, content_type: "application/xml; charset=utf-8", body: xml.finish() }
    }

    fn refusal(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::NotFound(_) => Self::error(404, &format!("SubCode=40400. {refusal}")),
            Refusal::Exists(_) => Self::error(409, &format!("SubCode=40900. {refusal}")),
            Refusal::Invalid(_) => Self::error(400, &format!("SubCode=40000. {refusal}")),
        }
    }
}

/// Reads and changes the namespace.
pub(super) fn answer(namespace: &dyn Namespace, request: &Request, body: &str) -> Answer {
    let answer = match request.method {
        Method::GET => get(namespace, request),
        Method::PUT => put(namespace, request, body),
        Method::DELETE => delete(namespace, &request.place),
        _ => return Answer::error(405, "Only GET, PUT and DELETE are known here."),
    };
    answer.unwrap_or_else(|refusal| Answer::refusal(&refusal))
}

type Result = std::result::Result<Answer, Refusal>;

fn path(topic: &str, subscription: &str) -> String {
    format!("{topic}/Subscriptions/{subscription}")
}

fn missing(path: impl Into<String>) -> Refusal {
    Refusal::NotFound(path.into())
}

fn get(namespace: &dyn Namespace, request: &Request) -> Result {
    let base = &request.base;
    let entry = |entry: &Entry<'_>| Answer::entry(200, entry, base);
    let feed = |path: &str, entries: &[Entry<'_>]| Answer {
        status: 200,
        content_type: FEED,
        body: describe::feed(path, entries, request.page, base),
    };
    Ok(match &request.place {
        Place::Health => Answer { status: 200, content_type: "application/json", body: HEALTHY.into() },
        Place::Namespace => {
            let created = namespace.queues().iter().map(|queue| queue.usage.created_at).min();
            let created = created.into_iter().chain(namespace.topics().iter().map(|topic| topic.usage.created_at)).min();
            entry(&describe::namespace(NAMESPACE, created.unwrap_or_default()))
        }
        Place::Queues => {
            let queues = namespace.queues();
            feed("$Resources/queues", &queues.iter().map(|queue| describe::queue(queue, base)).collect::<Vec<_>>())
        }
        Place::Topics => {
            let topics = namespace.topics();
            feed("$Resources/topics", &topics.iter().map(describe::topic).collect::<Vec<_>>())
        }
        Place::Entity(name) => match namespace.queue(name) {
            Some(queue) => entry(&describe::queue(&queue, base)),
            None => entry(&describe::topic(&namespace.topic(name).ok_or_else(|| missing(name))?)),
        },
        Place::Subscriptions { topic } => {
            let views = namespace.subscriptions(topic).ok_or_else(|| missing(topic))?;
            let entries: Vec<_> = views.iter().map(|view| describe::subscription(view, base)).collect();
            feed(&format!("{topic}/Subscriptions"), &entries)
        }
        Place::Subscription { topic, name } => {
            let view = namespace.subscription(topic, name).ok_or_else(|| missing(path(topic, name)))?;
            entry(&describe::subscription(&view, base))
        }
        Place::Rules { topic, subscription } => {
            let place = path(topic, subscription);
            let view = namespace.subscription(topic, subscription).ok_or_else(|| missing(&place))?;
            let rules = namespace.rules(topic, subscription).ok_or_else(|| missing(&place))?;
            feed(&format!("{place}/Rules"), &rules.iter().map(|rule| describe::rule(&view, rule)).collect::<Vec<_>>())
        }
        Place::Rule { topic, subscription, name } => {
            let place = path(topic, subscription);
            let view = namespace.subscription(topic, subscription).ok_or_else(|| missing(&place))?;
            let rules = namespace.rules(topic, subscription).unwrap_or_default();
            let rule = rules.iter().find(|rule| rule.name.eq_ignore_ascii_case(name));
            entry(&describe::rule(&view, rule.ok_or_else(|| missing(format!("{place}/Rules/{name}")))?))
        }
    })
}

fn delete(namespace: &dyn Namespace, place: &Place) -> Result {
    let (done, place) = match place {
        Place::Entity(name) => (namespace.delete(name), name.clone()),
        Place::Subscription { topic, name } => (namespace.delete(&path(topic, name)), path(topic, name)),
        Place::Rule { topic, subscription, name } => {
            (namespace.delete_rule(topic, subscription, name), format!("{}/Rules/{name}", path(topic, subscription)))
        }
        _ => return Ok(Answer::error(405, "This can't be deleted.")),
    };
    if done { Ok(Answer { status: 200, content_type: "text/plain", body: String::new() }) } else { Err(missing(place)) }
}

/// Makes an entity, or replaces it, and answers with what it has become.
fn put(namespace: &dyn Namespace, request: &Request, body: &str) -> Result {
    let description = read::description(body).map_err(Refusal::Invalid)?;
    match (&request.place, description.name.as_str()) {
        (Place::Entity(name), "QueueDescription") => put_queue(namespace, name, &description, request.replace)?,
        (Place::Entity(name), "TopicDescription") => put_topic(namespace, name, &description, request.replace)?,
        (Place::Subscription { topic, name }, "SubscriptionDescription") => {
            put_subscription(namespace, topic, name, &description, request.replace)?;
        }
        (Place::Rule { topic, subscription, name }, "RuleDescription") => {
            let rule = rules::read(&description, Some(name)).map_err(Refusal::Invalid)?;
            if request.replace {
                namespace.update_rule(topic, subscription, rule)?;
            } else {
                checks::part(name)?;
                namespace.create_rule(topic, subscription, rule)?;
            }
        }
        (_, other) => return Err(Refusal::Invalid(format!("A {other} can't be put here."))),
    }
    let status = if request.replace { 200 } else { 201 };
    get(namespace, request).map(|answer| Answer { status, ..answer })
}

fn properties(
    description: &Element,
    own: &str,
    namespace: &dyn Namespace,
    old: Option<&EntityProperties>,
) -> std::result::Result<EntityProperties, Refusal> {
    let properties = read::properties(description, old.cloned().unwrap_or_default()).map_err(Refusal::Invalid)?;
    checks::forwards(own, &properties, namespace)?;
    old.map_or(Ok(()), |old| checks::fixed(old, &properties))?;
    Ok(properties)
}

fn put_queue(namespace: &dyn Namespace, name: &str, description: &Element, replace: bool) -> std::result::Result<(), Refusal> {
    if replace {
        let old = namespace.queue(name).ok_or_else(|| missing(name))?.config;
        let properties = properties(description, name, namespace, Some(&old.properties))?;
        return namespace.update_queue(QueueConfig { properties, ..old });
    }
    checks::entity(name)?;
    let properties = properties(description, name, namespace, None)?;
    namespace.create_queue(QueueConfig { name: name.to_owned(), properties })
}

fn put_topic(namespace: &dyn Namespace, name: &str, description: &Element, replace: bool) -> std::result::Result<(), Refusal> {
    if replace {
        let old = namespace.topic(name).ok_or_else(|| missing(name))?.config;
        let properties = properties(description, name, namespace, Some(&old.properties))?;
        return namespace.update_topic(TopicConfig { properties, ..old });
    }
    checks::entity(name)?;
    let properties = properties(description, name, namespace, None)?;
    namespace.create_topic(TopicConfig { name: name.to_owned(), properties, subscriptions: Vec::new() })
}

fn put_subscription(
    namespace: &dyn Namespace,
    topic: &str,
    name: &str,
    description: &Element,
    replace: bool,
) -> std::result::Result<(), Refusal> {
    if replace {
        let old = namespace.subscription(topic, name).ok_or_else(|| missing(path(topic, name)))?.config;
        let properties = properties(description, topic, namespace, Some(&old.properties))?;
        return namespace.update_subscription(topic, SubscriptionConfig { properties, ..old });
    }
    checks::part(name)?;
    let properties = properties(description, topic, namespace, None)?;
    let rules = read::default_rule(description).map_err(Refusal::Invalid)?;
    namespace.create_subscription(topic, SubscriptionConfig { name: name.to_owned(), properties, rules })
}
