//! Where the messages lie: the broker's dead-letter queue, if a bus is named, and the table.

use super::item::{Item, Place};
use crate::{
    app::App,
    bus::service_bus::{DeadLetterQueue, Error, ErrorKind, ReceivedMessage},
    domain::timestamp::Timestamp,
};
use anyhow::Context;
use std::{
    collections::{HashMap, VecDeque},
    iter,
    pin::pin,
    time::Duration,
};
use tokio::time::Instant;

/// Messages looked at or taken at once.
const BATCH: u32 = 100;
/// How long to wait for the first message of a batch.
const WAIT: Duration = Duration::from_secs(5);
/// Between two renewals, at least.
const SHORTEST: Duration = Duration::from_millis(100);
/// What a lock lasts when the broker does not say.
const UNKNOWN: Duration = Duration::from_mins(1);

pub(super) struct Letters<'a> {
    queue: Option<DeadLetterQueue>,
    pub(super) app: &'a App,
}

impl<'a> Letters<'a> {
    pub(super) fn new(queue: Option<DeadLetterQueue>, app: &'a App) -> Self {
        Self { queue, app }
    }

    pub(super) async fn close(&self) {
        if let Some(queue) = &self.queue {
            queue.close().await;
        }
    }

    /// All of them, oldest first, without taking any. A message that lies in both places is one.
    pub(super) async fn all(&self) -> anyhow::Result<Vec<Item>> {
        let mut items = Vec::new();
        if let Some(queue) = &self.queue {
            let mut from = 0;
            loop {
                let page = queue.peek(from, BATCH).await.context("the dead-letter queue cannot be read")?;
                let Some(last) = page.last().and_then(|message| message.sequence_number) else { break };
                items.extend(page.iter().map(Item::letter));
                from = last + 1;
            }
        }
        let letters: HashMap<_, _> =
            items.iter().enumerate().map(|(index, item)| ((item.message_id.clone(), item.body.clone()), index)).collect();
        let mut from = 0;
        loop {
            let page = self.app.store.rejected(from, BATCH).await?;
            let Some(last) = page.last() else { break };
            from = last.id + 1;
            for row in page {
                match letters.get(&(row.message.message_id.clone(), row.message.body.clone())) {
                    Some(index) => items[*index].rows.push(row.id),
                    None => items.push(Item::row(row)),
                }
            }
        }
        items.sort_by_key(|item| item.at);
        Ok(items)
    }

    /// Takes messages out of the queue on loan, and gives each that is `wanted` to `handle`, which says whether it is done
    /// with. What is not, or is not wanted, stays in the queue. Gives how many of the wanted were done.
    pub(super) async fn take(
        &self,
        mut wanted: HashMap<i64, Item>,
        mut handle: impl AsyncFnMut(&Item) -> anyhow::Result<bool>,
    ) -> anyhow::Result<usize> {
        let Some(queue) = &self.queue else { return Ok(0) };
        let (mut done, mut held): (usize, Vec<ReceivedMessage>) = (0, Vec::new());
        while !wanted.is_empty() {
            let batch = queue.receive(BATCH, WAIT).await.context("the dead-letter queue cannot be read")?;
            if batch.is_empty() {
                tracing::warn!(missing = wanted.len(), "messages were taken meanwhile by somebody else, or are on loan; run this again");
                break;
            }
            let first_end = batch.iter().filter_map(|message| message.locked_until).min();
            let (mut left, mut renew_at) = (VecDeque::from(batch), self.half_way_to(first_end));
            while let Some(message) = left.pop_front() {
                let item = message.sequence_number.and_then(|number| wanted.remove(&number));
                let finished = match &item {
                    Some(item) => {
                        let mut handling = pin!(handle(item));
                        loop {
                            // At a slow rate, or with a slow database, all of them together take longer than a lock lasts.
                            tokio::select! {
                                finished = &mut handling => break finished?,
                                () = tokio::time::sleep_until(renew_at) => {
                                    renew_at = self.half_way_to(renew(queue, iter::once(&message).chain(&left)).await?);
                                }
                            }
                        }
                    }
                    None => false,
                };
                if !finished {
                    // Held, so that the next batch holds others.
                    held.push(message);
                } else if remove(queue, &message).await? {
                    done += 1;
                    self.forget(item.as_ref()).await?;
                }
            }
        }
        for message in &held {
            match queue.abandon(message).await {
                Ok(()) => {}
                Err(error) if error.kind == ErrorKind::LockLost => {}
                Err(error) => tracing::warn!(%error, "a message comes back when its lock ends"),
            }
        }
        Ok(done)
    }

    fn half_way_to(&self, end: Option<Timestamp>) -> Instant {
        let lasts = end.map_or(UNKNOWN, |end| end.since(self.app.now()));
        Instant::now() + (lasts / 2).max(SHORTEST)
    }

    /// Removes the rows of an item.
    pub(super) async fn forget(&self, item: Option<&Item>) -> anyhow::Result<()> {
        if let Some(item) = item.filter(|item| !item.rows.is_empty()) {
            self.app.store.forget_rejected(item.rows.clone()).await?;
        }
        Ok(())
    }
}

/// When the first of these locks ends now; not known when one of them has run out.
async fn renew(queue: &DeadLetterQueue, messages: impl Iterator<Item = &ReceivedMessage>) -> Result<Option<Timestamp>, Error> {
    match queue.renew(messages).await {
        // Which of them it is shows when it is to be removed.
        Err(error) if error.kind == ErrorKind::LockLost => Ok(None),
        renewed => renewed,
    }
}

/// Whether it is gone. A lock that ran out leaves the message, and leaves its rows too.
async fn remove(queue: &DeadLetterQueue, message: &ReceivedMessage) -> Result<bool, Error> {
    match queue.complete(message).await {
        Ok(()) => Ok(true),
        Err(error) if error.kind == ErrorKind::LockLost => {
            tracing::warn!(sequence_number = message.sequence_number, "a message's lock ran out; it stays, and doing it again is harmless");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// The letters among the items, by their sequence number, and the rest.
pub(super) fn part(items: Vec<Item>) -> (HashMap<i64, Item>, Vec<Item>) {
    let (mut letters, mut rows) = (HashMap::new(), Vec::new());
    for item in items {
        match item.place {
            Place::Letter(number) => drop(letters.insert(number, item)),
            Place::Row(_) => rows.push(item),
        }
    }
    (letters, rows)
}
