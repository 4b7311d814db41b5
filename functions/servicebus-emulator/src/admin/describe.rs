//! Entities as ATOM entries and feeds.

use super::{QueueView, SubscriptionView, TopicView, Usage, request::Page, rules, xml::Xml};
use crate::config::{EntityProperties, RuleConfig, duration};
use crate::filter::Filter;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

const ATOM: &str = "http://www.w3.org/2005/Atom";
const SERVICE_BUS: &str = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect";
const COUNTS: &str = "http://schemas.microsoft.com/netservices/2011/06/servicebus";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// The Standard tier's smallest quota.
const MEGABYTES: &str = "1024";

/// One entity at its address, which the clients take its name from.
pub(super) struct Entry<'a> {
    pub(super) path: String,
    pub(super) title: &'a str,
    pub(super) published: i64,
    pub(super) updated: i64,
    pub(super) content: Box<dyn Fn(&mut Xml) + 'a>,
}

/// RFC 3339, in UTC; a moment that can't be written so is the Unix epoch.
pub(super) fn moment(millis: i64) -> String {
    let moment = OffsetDateTime::UNIX_EPOCH.checked_add(Duration::milliseconds(millis)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(&Rfc3339).unwrap_or_else(|_| "1970-01-01T00:00:00Z".into())
}

pub(super) fn document(entry: &Entry<'_>, base: &str) -> String {
    let mut xml = Xml::new();
    write_entry(&mut xml, entry, base);
    xml.finish()
}

fn write_entry(xml: &mut Xml, entry: &Entry<'_>, base: &str) {
    let address = format!("{base}/{}", entry.path);
    xml.element("entry", &[("xmlns", ATOM)], |xml| {
        xml.leaf("id", &address);
        xml.element("title", &[("type", "text")], |xml| xml.text(entry.title));
        xml.leaf("published", moment(entry.published));
        xml.leaf("updated", moment(entry.updated));
        xml.empty("link", &[("rel", "self"), ("href", &address)]);
        xml.element("content", &[("type", "application/xml")], |xml| (entry.content)(xml));
    });
}

/// One page of a list. Clients go on while there is a link to a next one, or until a page is empty.
pub(super) fn feed(path: &str, entries: &[Entry<'_>], page: Page, base: &str) -> String {
    let shown = entries.iter().skip(page.skip).take(page.top);
    let address = |skip| format!("{base}/{path}?$skip={skip}&$top={}", page.top);
    let next = page.skip.saturating_add(page.top);
    let mut xml = Xml::new();
    xml.element("feed", &[("xmlns", ATOM)], |xml| {
        xml.leaf("id", format!("{base}/{path}"));
        xml.element("title", &[("type", "text")], |xml| xml.text(path.rsplit('/').next().unwrap_or_default()));
        xml.leaf("updated", moment(entries.iter().map(|entry| entry.updated).max().unwrap_or_default()));
        xml.empty("link", &[("rel", "self"), ("href", &address(page.skip))]);
        if next < entries.len() {
            xml.empty("link", &[("rel", "next"), ("href", &address(next))]);
        }
        for entry in shown {
            write_entry(xml, entry, base);
        }
    });
    xml.finish()
}

fn description(xml: &mut Xml, name: &str, content: impl FnOnce(&mut Xml)) {
    xml.element(name, &[("xmlns", SERVICE_BUS), ("xmlns:i", INSTANCE)], content);
}

fn flag(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn entry<'a>(path: String, title: &'a str, usage: &Usage, content: impl Fn(&mut Xml) + 'a) -> Entry<'a> {
    Entry { path, title, published: usage.created_at, updated: usage.updated_at, content: Box::new(content) }
}

pub(super) fn queue<'a>(view: &'a QueueView, base: &'a str) -> Entry<'a> {
    let QueueView { config, usage } = view;
    entry(config.name.clone(), &config.name, usage, move |xml| {
        let properties = &config.properties;
        description(xml, "QueueDescription", |xml| {
            xml.leaf("LockDuration", duration::format(properties.lock_duration));
            xml.leaf("MaxSizeInMegabytes", MEGABYTES);
            duplicates(xml, properties);
            xml.leaf("RequiresSession", flag(properties.requires_session));
            expiry(xml, properties);
            xml.leaf("MaxDeliveryCount", properties.max_delivery_count.to_string());
            xml.leaf("EnableBatchedOperations", "true");
            size(xml, usage);
            xml.leaf("MessageCount", usage.message_count.to_string());
            status(xml);
            forward(xml, "ForwardTo", properties.forward_to.as_deref(), base);
            dates(xml, usage);
            xml.leaf("SupportOrdering", "true");
            counts(xml, usage);
            common(xml);
            xml.leaf("EnablePartitioning", "false");
            xml.leaf("EnableExpress", "false");
            forward(xml, "ForwardDeadLetteredMessagesTo", properties.forward_dead_lettered_messages_to.as_deref(), base);
        });
    })
}

pub(super) fn topic(view: &TopicView) -> Entry<'_> {
    let TopicView { config, usage } = view;
    entry(config.name.clone(), &config.name, usage, move |xml| {
        description(xml, "TopicDescription", |xml| {
            xml.leaf("DefaultMessageTimeToLive", duration::format(config.properties.default_message_time_to_live));
            xml.leaf("MaxSizeInMegabytes", MEGABYTES);
            duplicates(xml, &config.properties);
            xml.leaf("EnableBatchedOperations", "true");
            size(xml, usage);
            xml.leaf("FilteringMessagesBeforePublishing", "false");
            status(xml);
            dates(xml, usage);
            xml.leaf("SupportOrdering", "true");
            counts(xml, usage);
            let rules = || config.subscriptions.iter().flat_map(|subscription| &subscription.rules);
            let correlation = rules().filter(|rule| matches!(rule.filter, Filter::Correlation(_))).count();
            xml.leaf("SubscriptionCount", config.subscriptions.len().to_string());
            xml.leaf("SqlFilterCount", (rules().count() - correlation).to_string());
            xml.leaf("CorrelationFilterCount", correlation.to_string());
            common(xml);
            xml.leaf("EnablePartitioning", "false");
            xml.leaf("EnableSubscriptionPartitioning", "false");
            xml.leaf("EnableExpress", "false");
        });
    })
}

pub(super) fn subscription<'a>(view: &'a SubscriptionView, base: &'a str) -> Entry<'a> {
    let SubscriptionView { topic, config, usage } = view;
    entry(format!("{topic}/Subscriptions/{}", config.name), &config.name, usage, move |xml| {
        let properties = &config.properties;
        description(xml, "SubscriptionDescription", |xml| {
            xml.leaf("LockDuration", duration::format(properties.lock_duration));
            xml.leaf("RequiresSession", flag(properties.requires_session));
            expiry(xml, properties);
            xml.leaf("DeadLetteringOnFilterEvaluationExceptions", "false");
            xml.leaf("MessageCount", usage.message_count.to_string());
            xml.leaf("MaxDeliveryCount", properties.max_delivery_count.to_string());
            xml.leaf("EnableBatchedOperations", "true");
            xml.leaf("Status", "Active");
            forward(xml, "ForwardTo", properties.forward_to.as_deref(), base);
            dates(xml, usage);
            counts(xml, usage);
            forward(xml, "ForwardDeadLetteredMessagesTo", properties.forward_dead_lettered_messages_to.as_deref(), base);
            common(xml);
        });
    })
}

pub(super) fn rule<'a>(view: &SubscriptionView, rule: &'a RuleConfig) -> Entry<'a> {
    let path = format!("{}/Subscriptions/{}/Rules/{}", view.topic, view.config.name, rule.name);
    let created = view.usage.created_at;
    entry(path, &rule.name, &view.usage, move |xml| {
        description(xml, "RuleDescription", |xml| rules::write(xml, rule, &moment(created)));
    })
}

pub(super) fn namespace(name: &str, created: i64) -> Entry<'_> {
    let usage = Usage { created_at: created, updated_at: created, ..Usage::default() };
    entry("$namespaceinfo".into(), name, &usage, move |xml| {
        description(xml, "NamespaceInfo", |xml| {
            xml.leaf("CreatedTime", moment(created));
            xml.leaf("MessagingSKU", "Standard");
            xml.leaf("ModifiedTime", moment(created));
            xml.leaf("Name", name);
            xml.leaf("NamespaceType", "Messaging");
        });
    })
}

fn duplicates(xml: &mut Xml, properties: &EntityProperties) {
    xml.leaf("RequiresDuplicateDetection", flag(properties.requires_duplicate_detection));
    xml.leaf("DuplicateDetectionHistoryTimeWindow", duration::format(properties.duplicate_detection_history_time_window));
}

fn expiry(xml: &mut Xml, properties: &EntityProperties) {
    xml.leaf("DefaultMessageTimeToLive", duration::format(properties.default_message_time_to_live));
    xml.leaf("DeadLetteringOnMessageExpiration", flag(properties.dead_lettering_on_message_expiration));
}

fn size(xml: &mut Xml, usage: &Usage) {
    xml.leaf("SizeInBytes", usage.size_bytes.to_string());
}

fn status(xml: &mut Xml) {
    xml.leaf("IsAnonymousAccessible", "false");
    xml.empty("AuthorizationRules", &[]);
    xml.leaf("Status", "Active");
}

/// The service shows where messages go as an address.
fn forward(xml: &mut Xml, name: &str, target: Option<&str>, base: &str) {
    if let Some(target) = target {
        xml.leaf(name, format!("{base}/{target}"));
    }
}

fn dates(xml: &mut Xml, usage: &Usage) {
    xml.leaf("CreatedAt", moment(usage.created_at));
    xml.leaf("UpdatedAt", moment(usage.updated_at));
    xml.leaf("AccessedAt", moment(usage.accessed_at));
}

/// JavaScript's client wants exactly one attribute here, and the prefix that it declares.
fn counts(xml: &mut Xml, usage: &Usage) {
    let counts = &usage.counts;
    xml.element("CountDetails", &[("xmlns:d2p1", COUNTS)], |xml| {
        for (name, count) in [
            ("d2p1:ActiveMessageCount", counts.active),
            ("d2p1:DeadLetterMessageCount", counts.dead_letter),
            ("d2p1:ScheduledMessageCount", counts.scheduled),
            ("d2p1:TransferMessageCount", counts.transfer),
            ("d2p1:TransferDeadLetterMessageCount", counts.transfer_dead_letter),
        ] {
            xml.leaf(name, count.to_string());
        }
    });
}

fn common(xml: &mut Xml) {
    xml.leaf("AutoDeleteOnIdle", duration::format(duration::FOREVER));
    xml.leaf("EntityAvailabilityStatus", "Available");
}
