//! The messages that are on loan to this process, and until when.

use crate::domain::timestamp::Timestamp;
use fe2o3_amqp::link::delivery::DeliveryInfo;
use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use uuid::Uuid;

/// A lock is renewed no later than this, however long the broker says that it lasts: its clock may be another.
const LONGEST: Duration = Duration::from_mins(5);
const SHORTEST: Duration = Duration::from_millis(500);

#[derive(Debug, Clone)]
pub(super) struct Held {
    /// `None` for a delivery without a lock token, which no Service Bus sends.
    pub(super) token: Option<Uuid>,
    pub(super) info: DeliveryInfo,
    /// Which of the links that came one after the other delivered it.
    pub(super) link: u64,
    /// By the clock of this process.
    pub(super) locked_until: Instant,
    renew_at: Instant,
    pub(super) is_lost: bool,
}

#[derive(Debug, Default)]
pub(super) struct Loans {
    held: Mutex<HashMap<u64, Held>>,
    settling: AtomicUsize,
}

/// A settlement under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Settling<'a>(&'a AtomicUsize);

impl Drop for Settling<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Loans {
    pub(super) fn add(&self, receipt: u64, token: Option<Uuid>, info: DeliveryInfo, link: u64, lock: Duration) {
        let now = Instant::now();
        let (locked_until, renew_at) = (now + lock, now + half(lock));
        self.lock().insert(receipt, Held { token, info, link, locked_until, renew_at, is_lost: false });
    }

    /// To be called before the loan is removed, and kept until the broker has been told.
    pub(super) fn settling(&self) -> Settling<'_> {
        self.settling.fetch_add(1, Ordering::SeqCst);
        Settling(&self.settling)
    }

    /// Whether nothing is on loan and nothing is being settled.
    pub(super) fn is_quiet(&self) -> bool {
        self.len() == 0 && self.settling.load(Ordering::SeqCst) == 0
    }

    pub(super) fn remove(&self, receipt: u64) -> Option<Held> {
        self.lock().remove(&receipt)
    }

    /// Takes everything.
    pub(super) fn drain(&self) -> Vec<Held> {
        self.lock().drain().map(|(_, held)| held).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// When the next lock is to be renewed.
    pub(super) fn next_renewal(&self) -> Option<Instant> {
        self.lock().values().filter(|held| held.is_renewable()).map(|held| held.renew_at).min()
    }

    /// At most `limit` of the locks that are to be renewed by now.
    pub(super) fn due(&self, limit: usize) -> Vec<(u64, Uuid)> {
        let now = Instant::now();
        let loans = self.lock();
        let due = loans.iter().filter(|(_, held)| held.is_renewable() && held.renew_at <= now);
        due.filter_map(|(receipt, held)| Some((*receipt, held.token?))).take(limit).collect()
    }

    pub(super) fn renewed(&self, receipt: u64, lock: Duration) {
        self.update(receipt, |held| {
            let now = Instant::now();
            (held.locked_until, held.renew_at) = (now + lock, now + half(lock));
        });
    }

    pub(super) fn try_later(&self, receipt: u64, pause: Duration) {
        self.update(receipt, |held| held.renew_at = Instant::now() + pause);
    }

    /// Says whether it was still held.
    pub(super) fn lost(&self, receipt: u64) -> bool {
        self.update(receipt, |held| held.is_lost = true)
    }

    fn update(&self, receipt: u64, change: impl FnOnce(&mut Held)) -> bool {
        self.lock().get_mut(&receipt).map(change).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn is_renewable(&self) -> bool {
        self.token.is_some() && !self.is_lost
    }
}

/// How long a lock lasts from `now` on; [`LONGEST`] when the broker does not say.
pub(super) fn lasting(locked_until: Option<Timestamp>, now: Timestamp) -> Duration {
    locked_until.map_or(LONGEST, |end| end.since(now))
}

fn half(lock: Duration) -> Duration {
    (lock.min(LONGEST) / 2).max(SHORTEST)
}
