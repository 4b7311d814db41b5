//! Which messages a command is about.

use super::item::{Item, Place};
use crate::domain::timestamp::Timestamp;
use clap::Args;
use std::time::Duration;

#[derive(Debug, Default, Args)]
pub struct Selection {
    /// As `list` gives them; without any, all that the filters leave
    ids: Vec<String>,
    /// Those whose reason or description contains this text
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Those put aside, or enqueued, longer ago than this, as in 2h
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
    older_than: Option<Duration>,
    /// Those put aside, or enqueued, not longer ago than this
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
    newer_than: Option<Duration>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(super) limit: usize,
    /// All of them, where neither ids nor filters choose
    #[arg(long)]
    all: bool,
}

impl Selection {
    /// One message.
    pub(super) fn one(id: &str) -> Self {
        Self { ids: vec![id.to_owned()], limit: 1, ..Self::default() }
    }

    /// Whether nothing was said of which messages are meant.
    pub(super) fn is_open(&self) -> bool {
        let filtered = self.reason.is_some() || self.older_than.is_some() || self.newer_than.is_some();
        self.ids.is_empty() && !filtered && !self.all
    }

    /// # Errors
    /// The first id that is none.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        match self.ids.iter().find(|id| Place::parse(id).is_none()) {
            Some(wrong) => anyhow::bail!("{wrong:?} is no id; `orders dlq list` gives ids such as d17 and r5"),
            None => Ok(()),
        }
    }

    pub(super) fn takes(&self, item: &Item, now: Timestamp) -> bool {
        let named = |place: Place| self.ids.iter().any(|id| Place::parse(id) == Some(place));
        let chosen = self.ids.is_empty() || named(item.place) || item.rows.iter().any(|row| named(Place::Row(*row)));
        let texts = [Some(item.reason.as_str()), item.description.as_deref()];
        let reason = self.reason.as_ref().is_none_or(|wanted| texts.iter().flatten().any(|text| text.contains(wanted.as_str())));
        let age = item.at.map(|at| now.since(at)).unwrap_or_default();
        chosen && reason && self.older_than.is_none_or(|least| age > least) && self.newer_than.is_none_or(|most| age <= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(place: Place, reason: &str, at: i64) -> Item {
        let (rows, at) = (vec![], Some(Timestamp::from_millis(at)));
        Item { place, rows, message_id: None, reason: reason.into(), description: None, delivery_count: 1, at, bytes: 0 }
    }

    #[test]
    fn a_selection_takes_what_its_ids_and_all_its_filters_say() {
        let now = Timestamp::from_millis(3_600_000);
        let old = item(Place::Letter(7), "the message is not an event", 0);
        let young = item(Place::Row(7), "MaxDeliveryCountExceeded", 3_599_000);
        let takes = |selection: &Selection| (selection.takes(&old, now), selection.takes(&young, now));
        assert_eq!(takes(&Selection::default()), (true, true));
        assert_eq!(takes(&Selection::one("d7")), (true, false));
        assert_eq!(takes(&Selection::one("r7")), (false, true));
        assert_eq!(takes(&Selection { reason: Some("Max".into()), ..Selection::default() }), (false, true));
        assert_eq!(takes(&Selection { older_than: Some(Duration::from_mins(1)), ..Selection::default() }), (true, false));
        assert_eq!(takes(&Selection { newer_than: Some(Duration::from_mins(1)), ..Selection::default() }), (false, true));
        assert_eq!(takes(&Selection { reason: Some("Max".into()), ..Selection::one("d7") }), (false, false));
        assert!(Selection::default().is_open() && !Selection::one("d7").is_open());
        assert!(Selection::one("17").check().unwrap_err().to_string().contains("\"17\" is no id"));
        assert!(Selection::one("é7").check().is_err());
    }
}
