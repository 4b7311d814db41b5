//! What may be asked of an entity, in `Config.json` and through the administration API.

use super::duration;
use std::time::Duration;

/// The limits of Microsoft's emulator.
pub mod limits {
    use std::{ops::RangeInclusive, time::Duration};

    pub const ENTITIES: usize = 50;
    pub const SUBSCRIPTIONS: usize = 50;
    /// Rules with a correlation filter, of all subscriptions of a topic.
    pub const CORRELATION_RULES: usize = 1_000;
    /// Rules with an SQL filter. The documents don't say of what; taken as of one subscription.
    pub const SQL_RULES: usize = 20;
    /// Characters.
    pub const ENTITY_NAME: usize = 260;
    /// Characters, of a subscription's or a rule's name.
    pub const PART_NAME: usize = 50;
    pub const LOCK: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_mins(5);
    pub const TIME_TO_LIVE: RangeInclusive<Duration> = Duration::from_mins(5)..=Duration::from_hours(1);
    pub const DUPLICATE_WINDOW: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_mins(5);
    pub const DELIVERIES: RangeInclusive<u32> = 1..=10;
}

/// # Errors
/// What a name may be, as the end of a sentence. `most` is a number of characters.
pub fn entity_name(name: &str, most: usize) -> Result<(), String> {
    let inside = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.' | '/');
    let ends = |character: Option<char>| character.is_some_and(|character| character.is_ascii_alphanumeric());
    if name.len() > most || !name.chars().all(inside) || !ends(name.chars().next()) || !ends(name.chars().next_back()) {
        return Err(format!(
            "must be a name of at most {most} letters, digits, \"-\", \"_\", \".\" and \"/\" that begins and ends with a letter or a digit, not {name:?}"
        ));
    }
    Ok(())
}

pub(super) fn duration_within(text: &str, range: &std::ops::RangeInclusive<Duration>) -> Result<Duration, String> {
    let value = duration::parse(text)?;
    if range.contains(&value) {
        return Ok(value);
    }
    Err(format!("must be a duration from {} to {}, not {text}", duration::format(*range.start()), duration::format(*range.end())))
}
