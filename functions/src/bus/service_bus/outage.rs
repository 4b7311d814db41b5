//! What does not work at the moment: told once when it begins and once when it ends.

use super::error::Error;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::time::Instant;

/// The outages of one client, by what is out: the connection, or an entity.
#[derive(Debug, Default)]
pub(super) struct Outages(Mutex<BTreeMap<String, (Instant, String)>>);

impl Outages {
    pub(super) fn begin(&self, what: &str, error: &Error) {
        let text = error.to_string();
        if let Some((_, known)) = self.lock().get_mut(what) {
            *known = text;
            return;
        }
        tracing::warn!(what, error = text, "Service Bus is out; it is tried again until it is back");
        self.lock().insert(what.to_owned(), (Instant::now(), text));
    }

    pub(super) fn end(&self, what: &str) {
        let ended = self.lock().remove(what);
        if let Some((since, _)) = ended {
            tracing::info!(what, seconds = since.elapsed().as_secs_f64(), "Service Bus is back");
        }
    }

    pub(super) fn current(&self) -> Option<String> {
        let outages = self.lock();
        (!outages.is_empty()).then(|| outages.iter().map(|(what, (_, text))| format!("{what}: {text}")).collect::<Vec<_>>().join("; "))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (Instant, String)>> {
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
