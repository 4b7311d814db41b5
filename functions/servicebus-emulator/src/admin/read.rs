//! Entities as clients describe them.

use super::{checks, element::Element, rules};
use crate::config::{EntityProperties, RuleConfig, duration};
use std::time::Duration;

/// What an entry has inside: the element and its name, `QueueDescription` for instance.
///
/// # Errors
/// A sentence.
pub(super) fn description(body: &str) -> Result<Element, String> {
    let mut entry = Element::parse(body).map_err(|complaint| format!("The body {complaint}."))?;
    let content = entry.children.iter_mut().find(|child| child.name == "content" && entry.name == "entry");
    let content = content.ok_or("The body must be an ATOM entry with a content.")?;
    content.children.pop().ok_or_else(|| "The entry's content is empty.".into())
}

/// Changes what the description says, and leaves what it doesn't.
///
/// # Errors
/// A sentence that names the element.
pub(super) fn properties(description: &Element, mut properties: EntityProperties) -> Result<EntityProperties, String> {
    let element = |name| description.value(name);
    duration(description, "LockDuration", &mut properties.lock_duration, checks::LOCK)?;
    duration(description, "DefaultMessageTimeToLive", &mut properties.default_message_time_to_live, checks::TIME_TO_LIVE)?;
    let window = &mut properties.duplicate_detection_history_time_window;
    duration(description, "DuplicateDetectionHistoryTimeWindow", window, checks::DUPLICATE_WINDOW)?;
    if let Some(text) = element("MaxDeliveryCount") {
        let count = text.parse().ok().filter(|count| checks::DELIVERIES.contains(count));
        let (least, most) = checks::DELIVERIES.into_inner();
        properties.max_delivery_count =
            count.ok_or_else(|| format!("MaxDeliveryCount must be a whole number from {least} to {most}, not {text:?}."))?;
    }
    flag(description, "DeadLetteringOnMessageExpiration", &mut properties.dead_lettering_on_message_expiration)?;
    flag(description, "RequiresSession", &mut properties.requires_session)?;
    flag(description, "RequiresDuplicateDetection", &mut properties.requires_duplicate_detection)?;
    properties.forward_to = element("ForwardTo").map(target);
    properties.forward_dead_lettered_messages_to = element("ForwardDeadLetteredMessagesTo").map(target);
    match element("Status") {
        None | Some("Active") => Ok(properties),
        Some(other) => Err(format!("Status {other} is not supported, only Active is.")),
    }
}

/// The rule that a subscription is to begin with.
///
/// # Errors
/// A sentence that names the element.
pub(super) fn default_rule(description: &Element) -> Result<Vec<RuleConfig>, String> {
    description.child("DefaultRuleDescription").map(|rule| rules::read(rule, None)).transpose().map(|rule| rule.into_iter().collect())
}

fn duration(description: &Element, name: &str, value: &mut Duration, range: std::ops::RangeInclusive<Duration>) -> Result<(), String> {
    let Some(text) = description.value(name) else { return Ok(()) };
    let read = duration::parse(text).map_err(|complaint| format!("{name} {complaint}."))?;
    if !range.contains(&read) {
        let (least, most) = range.into_inner();
        return Err(format!("{name} must be from {} to {}, not {text}.", duration::format(least), duration::format(most)));
    }
    *value = read;
    Ok(())
}

fn flag(description: &Element, name: &str, value: &mut bool) -> Result<(), String> {
    match description.value(name) {
        None => {}
        Some(text) if text.eq_ignore_ascii_case("true") => *value = true,
        Some(text) if text.eq_ignore_ascii_case("false") => *value = false,
        Some(text) => return Err(format!("{name} must be true or false, not {text:?}.")),
    }
    Ok(())
}

/// Clients write the target as an address, of this namespace, or as a name.
fn target(text: &str) -> String {
    let path = text.split_once("://").map_or(text, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    path.trim_matches('/').to_owned()
}
