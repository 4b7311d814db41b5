//! Appends one JSON line a notification to a file: for development, tests and measurements.

use super::{Channel, Journal, Unreadable};
use crate::domain::{
    attempt::Attempt,
    delivery::{News, Notification},
    id::{DeliveryId, EventId, OrderId},
    order::Order,
};
use serde::Serialize;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

#[derive(Debug)]
pub(super) struct JsonLines {
    path: PathBuf,
    /// Opened by the first notification.
    file: Mutex<Option<File>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    /// Unix milliseconds.
    at: u128,
    delivery_id: DeliveryId,
    event_id: EventId,
    order_id: OrderId,
    news: News,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    text: &'a str,
}

impl JsonLines {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: Mutex::new(None) }
    }

    /// Opening a pipe would wait for its reader, and hold up the whole process; so would writing into a full one.
    fn open(&self) -> io::Result<File> {
        if fs::metadata(&self.path).is_ok_and(|there| !there.is_file()) {
            return Err(io::Error::other("it is not a regular file"));
        }
        OpenOptions::new().create(true).append(true).open(&self.path)
    }

    /// One write call a line, so that the lines of several processes do not mix.
    fn append(&self, line: &[u8]) -> io::Result<()> {
        let mut slot = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match slot.as_mut() {
            Some(file) => file,
            None => slot.insert(self.open()?),
        };
        let written = file.write_all(line);
        if written.is_err() {
            *slot = None;
        }
        written
    }
}

#[async_trait::async_trait]
impl Channel for JsonLines {
    fn name(&self) -> &'static str {
        "file"
    }

    async fn recipients(&self, news: News, _order: &Order) -> Result<Vec<String>, Unreadable> {
        Ok(if news.notifies() { vec!["file".into()] } else { vec![] })
    }

    #[expect(clippy::disallowed_methods, reason = "the line says when it was written, whatever clock the orders have")]
    async fn deliver(&self, notification: &Notification<'_>, _journal: &dyn Journal) -> Attempt {
        let text = notification.sentence();
        let line = Line {
            at: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis(),
            delivery_id: notification.delivery_id,
            event_id: notification.event_id,
            order_id: notification.order_id,
            news: notification.news,
            attempt: notification.attempt,
            trace_id: notification.trace.map(super::super::domain::trace::Trace::id),
            text: &text,
        };
        let written = serde_json::to_vec(&line).map_err(io::Error::from).and_then(|mut json| {
            json.push(b'\n');
            self.append(&json)
        });
        match written {
            Ok(()) => Attempt::Delivered { provider_id: None },
            Err(error) => Attempt::Transient { reason: format!("the file could not be written: {error}"), retry_after: None },
        }
    }
}
