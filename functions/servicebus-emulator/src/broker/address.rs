//! Entity addresses as clients write them.

/// Parts of an entity that have an address of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Main,
    DeadLetter,
    TransferDeadLetter,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// Lower case: names are compared without regard to case. `topic`, `queue` or `topic/subscriptions/name`.
    pub(crate) path: String,
    pub(crate) part: Part,
    pub(crate) management: bool,
}

impl Address {
    /// Python sends whole URIs (`amqps://host:port/orders`) even over plain TCP, others the path alone.
    pub(crate) fn parse(text: &str) -> Self {
        let path = match text.split_once("://") {
            Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
            None => text,
        };
        let lower = path.trim_matches('/').to_lowercase();
        let (rest, management) = strip(&lower, "/$management");
        let (rest, transfer) = strip(rest, "/$transfer/$deadletterqueue");
        let (rest, dead) = strip(rest, "/$deadletterqueue");
        let part = match (transfer, dead) {
            (true, _) => Part::TransferDeadLetter,
            (_, true) => Part::DeadLetter,
            _ => Part::Main,
        };
        Self { path: rest.to_owned(), part, management }
    }

    /// Path and part in one text, the same for every way to write the address.
    pub(crate) fn key(&self) -> String {
        match self.part {
            Part::Main => self.path.clone(),
            Part::DeadLetter => format!("{}/$deadletterqueue", self.path),
            Part::TransferDeadLetter => format!("{}/$transfer/$deadletterqueue", self.path),
        }
    }

    pub(crate) fn is_cbs(&self) -> bool {
        self.path == "$cbs"
    }
}

fn strip<'a>(path: &'a str, suffix: &str) -> (&'a str, bool) {
    path.strip_suffix(suffix).map_or((path, false), |rest| (rest, true))
}

#[cfg(test)]
mod tests {
    use super::{Address, Part};

    #[test]
    fn an_address_is_found_in_a_uri_and_in_any_case() {
        let expect = |text: &str, path: &str, part, management| {
            assert_eq!(Address::parse(text), Address { path: path.into(), part, management }, "{text}");
        };
        expect("orders", "orders", Part::Main, false);
        expect("/Orders", "orders", Part::Main, false);
        expect("amqps://localhost:5672/orders/Subscriptions/Notify", "orders/subscriptions/notify", Part::Main, false);
        expect("sb://h/q/$DeadLetterQueue", "q", Part::DeadLetter, false);
        expect("t/Subscriptions/s/$Transfer/$DeadLetterQueue/", "t/subscriptions/s", Part::TransferDeadLetter, false);
        expect("q/$deadletterqueue/$management", "q", Part::DeadLetter, true);
        assert!(Address::parse("$cbs").is_cbs());
        assert!(Address::parse("amqps://localhost/$cbs").is_cbs());
    }
}
