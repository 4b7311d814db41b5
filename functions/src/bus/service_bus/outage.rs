//! What does not work at the moment: told once when it begins and once when it ends.

use super::error::Error;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::time::Instant;

/// The outages of one client, by what is out: the connection, or an entity.
#[derive(Debug, Default)]
pub(super) struct Outages(Mutex<BTreeMap<String, Outage>>);

#[derive(Debug)]
struct Outage {
    since: Instant,
    text: String,
    is_told: bool,
}

impl Outages {
    pub(super) fn begin(&self, what: &str, error: &Error) {
        if !self.set(what, error.to_string(), true) {
            tracing::warn!(what, %error, "Service Bus is out; it is tried again until it is back");
        }
    }

    /// Names an outage of which the log tells otherwise.
    pub(super) fn name(&self, what: &str, text: String) {
        self.set(what, text, false);
    }

    /// Gives whether it has been told before.
    fn set(&self, what: &str, text: String, is_told: bool) -> bool {
        let mut outages = self.lock();
        let (since, was_told) = outages.get(what).map_or_else(|| (Instant::now(), false), |known| (known.since, known.is_told));
        outages.insert(what.to_owned(), Outage { since, text, is_told: is_told || was_told });
        was_told
    }

    pub(super) fn end(&self, what: &str) {
        let Some(Outage { since, is_told, .. }) = self.lock().remove(what) else { return };
        let seconds = since.elapsed().as_secs_f64();
        if is_told {
            tracing::info!(what, seconds, "Service Bus is back");
        } else {
            tracing::info!(what, seconds, "works again");
        }
    }

    pub(super) fn current(&self) -> Option<String> {
        let outages = self.lock();
        (!outages.is_empty())
            .then(|| outages.iter().map(|(what, outage)| format!("{what}: {}", outage.text)).collect::<Vec<_>>().join("; "))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Outage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::service_bus::error::ErrorKind;

    #[test]
    fn each_outage_is_named_until_it_ends() {
        let outages = Outages::default();
        assert_eq!(outages.current(), None);
        outages.begin("connection", &Error::new(ErrorKind::Connection, "refused"));
        outages.begin("connection", &Error::new(ErrorKind::Connection, "no route"));
        outages.begin("orders", &Error::new(ErrorKind::NotFound, "no such topic"));
        assert_eq!(outages.current().unwrap(), "connection: no route; orders: no such topic");
        outages.end("connection");
        outages.end("orders");
        assert_eq!(outages.current(), None);
    }
}
