mod fake;
mod http;
mod rules;

use super::{Counts, Usage, element::Element};
use crate::config::{EntityProperties, QueueConfig, SubscriptionConfig, TopicConfig};
use fake::Fake;
use http::{Admin, Reply};
use proptest::prelude::*;
use std::time::Duration;

const USAGE: Usage = Usage {
    counts: Counts { active: 7, dead_letter: 2, scheduled: 3, transfer: 4, transfer_dead_letter: 5 },
    message_count: 21,
    size_bytes: 1_234,
    created_at: 1_767_225_600_000,
    updated_at: 1_767_225_601_000,
    accessed_at: 1_767_225_602_500,
};

fn subscription(name: &str) -> SubscriptionConfig {
    let properties = EntityProperties { lock_duration: Duration::from_secs(5), max_delivery_count: 3, ..EntityProperties::default() };
    SubscriptionConfig { name: name.into(), properties, rules: Vec::new() }
}

async fn admin() -> Admin {
    let queue = |name: &str, properties| QueueConfig { name: name.into(), properties };
    let all = EntityProperties {
        dead_lettering_on_message_expiration: true,
        requires_session: true,
        requires_duplicate_detection: true,
        forward_dead_lettered_messages_to: Some("Orders".into()),
        ..EntityProperties::default()
    };
    let topic = TopicConfig {
        name: "Orders".into(),
        properties: EntityProperties::default(),
        subscriptions: ["Notify", "Audit"].map(subscription).into(),
    };
    Admin::start(Fake::new(USAGE, vec![queue("Mail", all), queue("Plain", EntityProperties::default())], vec![topic])).await
}

/// The texts of the elements at the ends of the paths, which must be there.
fn texts<'a>(root: &'a Element, paths: &[&str]) -> Vec<&'a str> {
    let text = |path: &str| {
        let find = |element: Option<&'a Element>, name| element.and_then(|element| element.child(name));
        path.split('/').fold(Some(root), find).unwrap_or_else(|| panic!("{path} is missing")).text()
    };
    paths.iter().map(|path| text(path)).collect()
}

#[tokio::test]
async fn a_subscription_is_shown_as_keda_and_the_clients_read_it() {
    let reply = admin().await.get("/orders/subscriptions/notify?api-version=2021-05").await;
    assert_eq!((reply.status, reply.content_type.as_str()), (200, "application/atom+xml;type=entry;charset=utf-8"));
    let entry = reply.xml();
    assert_eq!(entry.name, "entry");
    let base = &reply.base;
    assert_eq!(texts(&entry, &["id", "title"]), [&format!("{base}/Orders/Subscriptions/Notify"), "Notify"]);
    let described = &entry.child("content").unwrap().children[0];
    assert_eq!(described.name, "SubscriptionDescription");
    assert_eq!(
        texts(described, &["LockDuration", "MaxDeliveryCount", "DefaultMessageTimeToLive", "RequiresSession", "Status", "MessageCount"]),
        ["PT5S", "3", "PT1H", "false", "Active", "21"]
    );
    assert_eq!(
        texts(described, &["CreatedAt", "UpdatedAt", "AccessedAt"]),
        ["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "2026-01-01T00:00:02.5Z"]
    );
    let counts = described.child("CountDetails").unwrap();
    let names: Vec<&str> = counts.children.iter().map(|child| child.name.as_str()).collect();
    assert_eq!(
        names,
        ["ActiveMessageCount", "DeadLetterMessageCount", "ScheduledMessageCount", "TransferMessageCount", "TransferDeadLetterMessageCount"]
    );
    assert_eq!(texts(counts, &names), ["7", "2", "3", "4", "5"]);
    // What JavaScript's client looks at letter by letter.
    assert!(
        reply.body.contains(
            "<CountDetails xmlns:d2p1=\"http://schemas.microsoft.com/netservices/2011/06/servicebus\"><d2p1:ActiveMessageCount>7<"
        )
    );
    texts(
        described,
        &["EnableBatchedOperations", "AutoDeleteOnIdle", "DeadLetteringOnFilterEvaluationExceptions", "EntityAvailabilityStatus"],
    );
}

#[tokio::test]
async fn a_queue_and_a_topic_are_shown_with_all_that_the_clients_ask_for() {
    let admin = admin().await;
    let reply = admin.get("/mail").await;
    let entry = reply.xml();
    assert_eq!(texts(&entry, &["id"]), [&format!("{}/Mail", reply.base)]);
    let queue = &entry.child("content").unwrap().children[0];
    assert_eq!(queue.name, "QueueDescription");
    assert_eq!(
        texts(
            queue,
            &["LockDuration", "MaxDeliveryCount", "RequiresSession", "RequiresDuplicateDetection", "DuplicateDetectionHistoryTimeWindow"]
        ),
        ["PT1M", "10", "true", "true", "PT20S"]
    );
    assert_eq!(texts(queue, &["DeadLetteringOnMessageExpiration", "SizeInBytes", "MaxSizeInMegabytes"]), ["true", "1234", "1024"]);
    assert_eq!(texts(queue, &["ForwardDeadLetteredMessagesTo"]), [&format!("{}/Orders", reply.base)]);
    assert!(queue.child("ForwardTo").is_none());
    texts(
        queue,
        &[
            "CountDetails/ActiveMessageCount",
            "CreatedAt",
            "UpdatedAt",
            "AccessedAt",
            "EnablePartitioning",
            "EnableExpress",
            "AutoDeleteOnIdle",
        ],
    );

    let entry = admin.get("/ORDERS").await.xml();
    let topic = &entry.child("content").unwrap().children[0];
    assert_eq!((topic.name.as_str(), texts(topic, &["SubscriptionCount"])), ("TopicDescription", vec!["2"]));
    texts(topic, &["CountDetails/ScheduledMessageCount", "SupportOrdering", "MaxSizeInMegabytes", "CreatedAt", "UpdatedAt", "AccessedAt"]);

    let entry = admin.get("/$namespaceinfo?api-version=2021-05").await.xml();
    let namespace = &entry.child("content").unwrap().children[0];
    assert_eq!(texts(namespace, &["Name", "MessagingSKU", "CreatedTime"]), ["sbemulatorns", "Standard", "2026-01-01T00:00:00Z"]);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let admin = admin().await;
    let titles = |reply: &Reply| {
        let feed = reply.xml();
        assert_eq!((reply.status, feed.name.as_str()), (200, "feed"));
        feed.all("entry").map(|entry| entry.child("title").unwrap().text().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(titles(&admin.get("/$Resources/queues?api-version=2024-05").await), ["Mail", "Plain"]);
    assert_eq!(titles(&admin.get("/$Resources/topics?$skip=0&$top=100").await), ["Orders"]);
    // KEDA's client doubles the question mark and goes on until nothing comes.
    assert_eq!(titles(&admin.get("/Orders/Subscriptions?%3F=&api-version=2021-05").await), ["Notify", "Audit"]);
    assert_eq!(titles(&admin.get("/Orders/Subscriptions?%24skip=2&?=&api-version=2021-05").await), [""; 0]);
    let page = admin.get("/orders/subscriptions?$skip=0&$top=1").await;
    assert_eq!(titles(&page), ["Notify"]);
    assert_eq!(page.body.matches("<link rel=\"next\"").count(), 1, "{}", page.body);
    assert!(page.body.contains(&format!("<link rel=\"next\" href=\"{}/orders/Subscriptions?$skip=1&amp;$top=1\"/>", page.base)));
    let last = admin.get("/orders/subscriptions?$skip=1&$top=1").await;
    assert_eq!((titles(&last), last.body.matches("rel=\"next\"").count()), (vec!["Audit".to_owned()], 0));
}

fn put(name: &str, content: &str) -> String {
    format!(
        "<entry xmlns=\"http://www.w3.org/2005/Atom\"><content type=\"application/xml\"><{name} \
         xmlns=\"http://schemas.microsoft.com/netservices/2010/10/servicebus/connect\" \
         xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\">{content}</{name}></content></entry>"
    )
}

#[tokio::test]
async fn a_queue_is_made_changed_and_deleted() {
    let admin = admin().await;
    let body = put(
        "QueueDescription",
        "<LockDuration>PT30S</LockDuration><MaxDeliveryCount>4</MaxDeliveryCount><ForwardTo>sb://any:5300/plain</ForwardTo>",
    );
    let made = admin.put("/New.One", &body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let entry = made.xml();
    let queue = &entry.child("content").unwrap().children[0];
    assert_eq!(texts(queue, &["LockDuration", "MaxDeliveryCount", "ForwardTo"]), ["PT30S", "4", &format!("{}/plain", made.base)]);
    let again = admin.put("/new.one", &body).await;
    assert_eq!((again.status, again.detail()), (409, "SubCode=40900. The entity 'new.one' exists already.".into()));

    let body = put("QueueDescription", "<DefaultMessageTimeToLive>P10675199DT2H48M5.4775807S</DefaultMessageTimeToLive>");
    let changed = admin.replace("/new.one", &body).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let entry = changed.xml();
    let queue = &entry.child("content").unwrap().children[0];
    assert_eq!(
        texts(queue, &["LockDuration", "MaxDeliveryCount", "DefaultMessageTimeToLive"]),
        ["PT30S", "4", "P10675199DT2H48M5.4775807S"]
    );
    assert!(queue.child("ForwardTo").is_none());
    let fixed = admin.replace("/new.one", &put("QueueDescription", "<RequiresSession>true</RequiresSession>")).await;
    assert_eq!((fixed.status, fixed.detail()), (400, "SubCode=40000. RequiresSession can't be changed.".into()));

    assert_eq!(admin.delete("/NEW.ONE").await.status, 200);
    let missing = "SubCode=40400. The messaging entity 'new.one' could not be found.";
    for gone in [admin.get("/new.one").await, admin.delete("/new.one").await, admin.replace("/new.one", &body).await] {
        assert_eq!((gone.status, gone.detail()), (404, missing.into()));
    }
}

#[tokio::test]
async fn a_topic_and_its_subscriptions_are_made_and_deleted() {
    let admin = admin().await;
    assert_eq!(admin.put("/eu/events", &put("TopicDescription", "")).await.status, 201);
    let made = admin.put("/eu/events/subscriptions/all", &put("SubscriptionDescription", "<MaxDeliveryCount>5</MaxDeliveryCount>")).await;
    assert_eq!(made.status, 201);
    let entry = made.xml();
    assert_eq!(
        texts(&entry, &["id", "content/SubscriptionDescription/MaxDeliveryCount"]),
        [&format!("{}/eu/events/Subscriptions/all", made.base), "5"]
    );
    assert_eq!(admin.put("/eu/events/subscriptions/all", &put("SubscriptionDescription", "")).await.status, 409);
    assert_eq!(admin.put("/none/subscriptions/all", &put("SubscriptionDescription", "")).await.status, 404);
    assert_eq!(admin.get("/none/subscriptions").await.status, 404);
    assert_eq!(admin.delete("/eu/events/Subscriptions/all").await.status, 200);
    assert_eq!(admin.get("/eu/events/Subscriptions/all").await.status, 404);
    assert_eq!(admin.delete("/eu/events").await.status, 200);
    assert_eq!(admin.get("/eu/events").await.status, 404);
}

#[tokio::test]
async fn what_would_not_work_is_refused_with_a_sentence() {
    let admin = admin().await;
    let queue = |content: &str| put("QueueDescription", content);
    for (body, complaint) in [
        (queue("<LockDuration>PT10M</LockDuration>"), "LockDuration must be from PT5S to PT5M, not PT10M."),
        (
            queue("<LockDuration>5s</LockDuration>"),
            "LockDuration must be an ISO 8601 duration of days, hours, minutes and seconds, as in PT1M or P1DT12H, not \"5s\".",
        ),
        (queue("<MaxDeliveryCount>0</MaxDeliveryCount>"), "MaxDeliveryCount must be a whole number from 1 to 2000, not \"0\"."),
        (queue("<RequiresSession>maybe</RequiresSession>"), "RequiresSession must be true or false, not \"maybe\"."),
        (queue("<ForwardTo>nowhere</ForwardTo>"), "ForwardTo is \"nowhere\", which is no queue or topic here."),
        (queue("<ForwardTo>X</ForwardTo>"), "ForwardTo names the entity itself."),
        (queue("<Status>Disabled</Status>"), "Status Disabled is not supported, only Active is."),
        (put("RelayDescription", ""), "A RelayDescription can't be put here."),
        ("<entry/>".into(), "The body must be an ATOM entry with a content."),
        ("<entry><content/></entry>".into(), "The entry's content is empty."),
        ("<entry>&laugh;</entry>".into(), "The body has the entity &laugh;, which is not known."),
        ("<!DOCTYPE entry><entry/>".into(), "The body has a document type, which is not taken."),
        ("<a>".repeat(50), "The body has more than 16 elements inside one another."),
        ("<a/><b/>".into(), "The body has no single root element."),
    ] {
        let refused = admin.put("/x", &body).await;
        assert_eq!((refused.status, refused.detail()), (400, format!("SubCode=40000. {complaint}")), "{body}");
    }
    let named = admin.put("/-x", &queue("")).await;
    assert!(named.detail().starts_with("SubCode=40000. The entity must be a name of at most 260 letters"), "{}", named.body);
    assert_eq!(admin.put("/x", &"x".repeat(300_000)).await.status, 413);
    assert_eq!(admin.send("POST", "/x", "", "").await.status, 405);
    assert_eq!(admin.delete("/$Resources/queues").await.status, 405);
    assert_eq!(admin.get("/$Resources/queues?$top=x").await.status, 400);
    assert_eq!(admin.get("/").await.status, 404);
    assert_eq!(admin.get("/x").await.status, 404);
}

#[tokio::test]
async fn health_is_said_as_microsofts_emulator_says_it() {
    let reply = admin().await.get("/health").await;
    assert_eq!((reply.status, reply.content_type.as_str()), (200, "application/json"));
    assert_eq!(reply.body, r#"{"status":"healthy","message":"Service is healthy."}"#);
}

#[tokio::test]
async fn one_port_serves_http_and_https() {
    let admin = admin().await;
    assert_eq!(admin.get_securely("/plain").await.xml().child("id").unwrap().text(), format!("https://{}/Plain", admin.host()));
    assert_eq!(admin.get("/plain").await.xml().child("id").unwrap().text(), format!("http://{}/Plain", admin.host()));
}

proptest! {
    #[test]
    fn no_body_makes_the_reader_panic(text in prop_oneof![any::<String>(), "(<[a-b/!?]{0,3}[> ]|[a-b&;#\\]\\[]){0,30}"]) {
        let _ = Element::parse(&text);
    }
}
