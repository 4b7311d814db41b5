//! What the administration API takes: Azure's limits, which are wider than those of `Config.json`.

use super::{Namespace, Refusal};
use crate::config::{EntityProperties, duration::FOREVER, entity_name, limits};
use std::{ops::RangeInclusive, time::Duration};

pub(super) const LOCK: RangeInclusive<Duration> = limits::LOCK;
pub(super) const TIME_TO_LIVE: RangeInclusive<Duration> = Duration::from_secs(1)..=FOREVER;
pub(super) const DUPLICATE_WINDOW: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_hours(7 * 24);
pub(super) const DELIVERIES: RangeInclusive<u32> = 1..=2_000;

pub(super) fn entity(name: &str) -> Result<(), Refusal> {
    entity_name(name, limits::ENTITY_NAME).map_err(|complaint| Refusal::Invalid(format!("The entity {complaint}.")))
}

/// A subscription's or a rule's name.
pub(super) fn part(name: &str) -> Result<(), Refusal> {
    entity_name(name, limits::PART_NAME).map_err(|complaint| Refusal::Invalid(format!("The name {complaint}.")))
}

/// Messages go to entities that there are, and not back to where they are.
pub(super) fn forwards(own: &str, properties: &EntityProperties, namespace: &dyn Namespace) -> Result<(), Refusal> {
    let targets = [("ForwardTo", &properties.forward_to), ("ForwardDeadLetteredMessagesTo", &properties.forward_dead_lettered_messages_to)];
    for (element, target) in targets {
        let Some(target) = target else { continue };
        if target.eq_ignore_ascii_case(own) {
            return Err(Refusal::Invalid(format!("{element} names the entity itself.")));
        }
        if namespace.queue(target).is_none() && namespace.topic(target).is_none() {
            return Err(Refusal::Invalid(format!("{element} is {target:?}, which is no queue or topic here.")));
        }
    }
    Ok(())
}

/// What is said when an entity is made, and never after.
pub(super) fn fixed(old: &EntityProperties, new: &EntityProperties) -> Result<(), Refusal> {
    for (element, changed) in [
        ("RequiresSession", old.requires_session != new.requires_session),
        ("RequiresDuplicateDetection", old.requires_duplicate_detection != new.requires_duplicate_detection),
    ] {
        if changed {
            return Err(Refusal::Invalid(format!("{element} can't be changed.")));
        }
    }
    Ok(())
}
