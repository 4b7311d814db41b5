//! Message ids seen within an entity's duplicate detection window.

use std::collections::{HashSet, VecDeque};

#[derive(Debug, Default)]
pub(super) struct Duplicates {
    seen: HashSet<String>,
    order: VecDeque<(i64, String)>,
}

impl Duplicates {
    /// Whether the id was seen in the last `window` milliseconds. If not, it is remembered.
    pub(super) fn is_known(&mut self, id: &str, now: i64, window: i64) -> bool {
        while let Some((_, old)) = self.order.pop_front_if(|(at, _)| at.saturating_add(window) <= now) {
            self.seen.remove(&old);
        }
        if self.seen.contains(id) {
            return true;
        }
        self.seen.insert(id.to_owned());
        self.order.push_back((now, id.to_owned()));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::Duplicates;

    #[test]
    fn an_id_is_a_duplicate_until_its_window_has_passed() {
        let mut duplicates = Duplicates::default();
        assert!(!duplicates.is_known("a", 0, 100));
        assert!(duplicates.is_known("a", 99, 100));
        assert!(!duplicates.is_known("a", 100, 100));
        assert!(duplicates.is_known("a", 150, 100));
    }
}
