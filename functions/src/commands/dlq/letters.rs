//! Where the messages lie: the broker's dead-letter queue, if a bus is named, and the table.

use super::{
    item::{Item, Place},
    oldest::Oldest,
    selection::Selection,
};
use crate::{
    app::App,
    bus::service_bus::{DeadLetterQueue, Error, ErrorKind, ReceivedMessage},
    domain::timestamp::Timestamp,
    store::Rejected,
};
use anyhow::Context;
use sha2::{Digest, Sha256};
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

    /// Those that are selected, oldest first, without taking any. A message that lies in both places is one. However many
    /// there are, no more is kept of them than the selection's limit, and of each row what tells its message from others.
    pub(super) async fn find(&self, selection: &Selection) -> anyhow::Result<Vec<Item>> {
        let now = self.app.now();
        let mut found = Oldest::new(selection.limit);
        let mut rows: HashMap<Mark, Vec<i64>> = HashMap::new();
        self.each_row(|row| rows.entry(mark(row.message.message_id.as_deref(), &row.message.body)).or_default().push(row.id)).await?;
        if let Some(queue) = &self.queue {
            let mut from = 0;
            loop {
                let page = queue.peek(from, BATCH).await.context("the dead-letter queue cannot be read")?;
                let Some(last) = page.last().and_then(|message| message.sequence_number) else { break };
                for message in &page {
                    let same = rows.remove(&mark(message.message_id.as_deref(), &message.body)).unwrap_or_default();
                    found.offer(Some(Item::letter(message, same)).filter(|item| selection.takes(item, now)));
                }
                from = last + 1;
            }
        }
        self.each_row(|row| {
            let alone = rows.get(&mark(row.message.message_id.as_deref(), &row.message.body)).is_some_and(|ids| ids.contains(&row.id));
            found.offer(Some(row).filter(|_| alone).map(Item::row).filter(|item| selection.takes(item, now)));
        })
        .await?;
        Ok(found.oldest())
    }

    async fn each_row(&self, mut see: impl FnMut(Rejected)) -> anyhow::Result<()> {
        let mut from = 0;
        loop {
            let page = self.app.store.rejected(from, BATCH).await?;
            let Some(last) = page.last() else { return Ok(()) };
            from = last.id + 1;
            page.into_iter().for_each(&mut see);
        }
    }

    /// What lies there; `None` when it has gone.
    pub(super) async fn body(&self, place: Place) -> anyhow::Result<Option<Vec<u8>>> {
        match (place, &self.queue) {
            (Place::Row(number), _) => {
                let row = self.app.store.rejected(number, 1).await?.pop().filter(|row| row.id == number);
                Ok(row.map(|row| row.message.body))
            }
            (Place::Letter(number), Some(queue)) => {
                let page = queue.peek(number, 1).await.context("the dead-letter queue cannot be read")?;
                Ok(page.into_iter().find(|message| message.sequence_number == Some(number)).map(|message| message.body))
            }
            (Place::Letter(_), None) => Ok(None),
        }
    }

    /// Takes messages out of the queue on loan, and gives each that is `wanted` to `handle`, which says whether it is done
    /// with. What is not, or is not wanted, stays in the queue. Gives how many of the wanted were done.
    pub(super) async fn take(
        &self,
        mut wanted: HashMap<i64, Item>,
        mut handle: impl AsyncFnMut(&Item, &[u8]) -> anyhow::Result<bool>,
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
            while let Some(mut message) = left.pop_front() {
                let item = message.sequence_number.and_then(|number| wanted.remove(&number));
                let finished = match &item {
                    Some(item) => {
                        let mut handling = pin!(handle(item, &message.body));
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
                    message.body = Vec::new();
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

/// By which a message in the table is known to be the same as a letter.
type Mark = [u8; 32];

fn mark(message_id: Option<&str>, body: &[u8]) -> Mark {
    let id = message_id.map_or(Mark::default(), |id| Sha256::digest(id).into());
    Sha256::new_with_prefix(id).chain_update(body).finalize().into()
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
