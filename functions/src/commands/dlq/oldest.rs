//! The oldest of many, without keeping all of them.

use super::item::Item;

pub(super) struct Oldest {
    kept: Vec<Item>,
    limit: usize,
}

impl Oldest {
    /// Keeps at most so many for good, and twice as many and a few more on the way.
    pub(super) fn new(limit: usize) -> Self {
        Self { kept: Vec::new(), limit }
    }

    pub(super) fn offer(&mut self, item: Option<Item>) {
        self.kept.extend(item);
        if self.kept.len() > self.limit.saturating_mul(2).saturating_add(100) {
            self.trim();
        }
    }

    pub(super) fn oldest(mut self) -> Vec<Item> {
        self.trim();
        self.kept
    }

    fn trim(&mut self) {
        self.kept.sort_by_key(|item| item.at);
        self.kept.truncate(self.limit);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::item::Place, *};
    use crate::domain::timestamp::Timestamp;

    #[test]
    fn however_many_are_offered_only_the_oldest_are_kept() {
        let mut oldest = Oldest::new(3);
        for n in 0..10_000 {
            let at = Some(Timestamp::from_millis(n * 7_919 % 10_000));
            let (rows, reason) = (vec![], String::new());
            let item = Item { place: Place::Row(n), rows, message_id: None, reason, description: None, delivery_count: 1, at, bytes: 0 };
            oldest.offer(Some(item));
            assert!(oldest.kept.len() <= 106);
        }
        let times: Vec<_> = oldest.oldest().iter().filter_map(|item| item.at).collect();
        assert_eq!(times, [0, 1, 2].map(Timestamp::from_millis));
    }
}
