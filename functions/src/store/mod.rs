//! Where orders, their events and notifications are kept. Knows SQL and the domain; knows nothing of HTTP or buses.

pub mod azure_sql;
pub mod ledger;
mod registers;
mod sqlite;

pub use ledger::Ledger;
pub use registers::Registers;

use crate::domain::{
    attempt::Outcome,
    delivery::{Delivery, NewDelivery},
    event::{Event, Received},
    id::{DeliveryId, OrderId},
    idempotency::{IdempotencyKey, NewRecord, Record},
    order::{Document, Order, Stored},
    page::{Page, Query},
    timeline::Timeline,
    timestamp::Timestamp,
};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// The numbered migrations that this binary needs at least; a database that has more is fine.
pub const SCHEMA_WANTED: i64 = 4;

/// Where the orders are.
#[derive(Debug, Clone)]
pub enum Database {
    Sqlite(PathBuf),
    AzureSql(Box<azure_sql::Server>),
}

/// Opens no file and no connection yet: the first use does, so that a process is up before its database is.
pub fn open(database: &Database) -> Arc<dyn Store> {
    match database {
        Database::Sqlite(path) => open_sqlite(path),
        Database::AzureSql(server) => Arc::new(azure_sql::AzureSqlStore::new(server)),
    }
}

pub fn open_sqlite(path: &Path) -> Arc<dyn Store> {
    Arc::new(sqlite::SqliteStore::new(path))
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// As many writes wait as may wait; nothing of this one was done.
    #[error("the write queue is full")]
    Full,
    /// No answer within the deadline. The write may still have been made: repeat it under its idempotency key.
    #[error("the store did not answer in time")]
    Deadline,
    /// The database cannot be reached or is locked; trying later may help.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// It can be read and not written: the disk is full, the file may only be read, another process keeps it locked.
    #[error("the database takes no writes: {0}")]
    Unwritable(String),
    /// There is no file yet where the folder is there.
    #[error("there is no database at {0}: run `orders migrate`")]
    Missing(String),
    /// The database does not let this process in.
    #[error("the database refuses the login: {0}")]
    Refused(String),
    /// A serverless database sleeps, and wakes within a minute or so of being asked; or it moves between two servers.
    #[error("the database is paused or moving: {0}")]
    Paused(String),
    #[error("the database has schema version {found}, and this binary needs at least {wanted}: run `orders migrate`")]
    Schema { found: i64, wanted: i64 },
    /// A row or a statement is not what this code believes: a defect.
    #[error("the database answered what this code does not understand: {0}")]
    Broken(String),
}

pub type Result<T> = std::result::Result<T, StoreError>;

/// An order to add, with all that is committed along with it.
#[derive(Debug, Clone)]
pub struct Addition {
    pub order: Order,
    pub event: Event,
    /// The event belongs to the caller until then, as if it had claimed it; `None`: it is due at once.
    pub lease_until: Option<Timestamp>,
    pub record: Option<NewRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    Stored,
    /// A request with the same key was answered before; nothing was written.
    Replayed(Record),
}

/// An order to replace, if it is still at version `from`.
#[derive(Debug, Clone)]
pub struct Update {
    pub from: u32,
    pub order: Order,
    pub document: Document,
    pub event: Option<Event>,
}

/// An event that this process may publish until its lease ends.
#[derive(Debug, Clone)]
pub struct Leased {
    pub event: Event,
    /// Counts from 1.
    pub attempt: u32,
    /// Whether an earlier lease ended before its work did.
    pub is_taken_over: bool,
}

/// Which event: an order and the version it tells of.
pub type EventKey = (OrderId, u32);

#[derive(Debug, Clone)]
pub struct Receipt {
    pub event: EventKey,
    pub deliveries: Vec<NewDelivery>,
    pub at: Timestamp,
    /// The deliveries that are new belong to the caller until then.
    pub lease_until: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// The ids of those deliveries that this call inserted; a message that came before leaves none.
    Deliveries(Vec<DeliveryId>),
    /// No such event was ever written here.
    UnknownEvent,
}

/// What a process holds a delivery by: until then the attempt is its to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    pub delivery: DeliveryId,
    pub attempt: u32,
    pub until: Timestamp,
}

#[derive(Debug, Clone)]
pub struct AttemptRecord {
    pub delivery: DeliveryId,
    pub attempt: u32,
    pub at: Timestamp,
    pub outcome: Outcome,
}

#[derive(Debug, Clone)]
pub struct RejectedMessage {
    pub message_id: Option<String>,
    pub body: Vec<u8>,
    pub reason: String,
    pub delivery_count: u32,
    pub at: Timestamp,
}

/// A row of the rejected messages.
#[derive(Debug, Clone)]
pub struct Rejected {
    pub id: i64,
    pub message: RejectedMessage,
}

#[derive(Debug, Clone, Copy)]
pub struct Expiry {
    pub now: Timestamp,
    /// Events published and received before this moment go, with their finished deliveries.
    pub events_before: Timestamp,
    /// At most so many rows of each kind.
    pub limit: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expired {
    pub keys: u64,
    pub events: u64,
}

/// What waits, as a sweep finds it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// When the next event is due.
    pub event_due: Option<Timestamp>,
    /// When the next delivery is due.
    pub delivery_due: Option<Timestamp>,
    /// When the oldest unpublished event occurred; looked for among the hundred that are due first.
    pub oldest_unpublished: Option<Timestamp>,
    /// How many endpoints have an open circuit.
    pub endpoints_down: u32,
}

impl Waiting {
    /// When there is something to do; `None` when nothing waits.
    pub fn next_due(&self) -> Option<Timestamp> {
        [self.event_due, self.delivery_due].into_iter().flatten().min()
    }
}

/// How busy this process keeps the database, by counters in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Writes, or requests where each has a connection of its own, that wait at this moment.
    pub waiting: u64,
    /// Writes that were made since the process started, and the transactions that it took; 0 where each write is one.
    pub writes: u64,
    pub transactions: u64,
}

/// Each method says what it promises; all of them are safe to call from many processes at once.
#[async_trait::async_trait]
pub trait Store: Ledger + Registers + Send + Sync + fmt::Debug {
    /// Applies what is missing of the schema; several callers at once apply it once. Returns what was applied.
    async fn migrate(&self, now: Timestamp) -> Result<Vec<String>>;
    /// The version the database has, as far as this process knows; an error when it is lower than [`SCHEMA_WANTED`], or
    /// when the database is away.
    async fn schema(&self) -> Result<i64>;

    /// Order, event and idempotency record: all, durably, or none.
    async fn add_order(&self, addition: Addition, now: Timestamp) -> Result<Added>;
    /// What was answered to an unexpired request with this key.
    async fn replay(&self, key: &IdempotencyKey, now: Timestamp) -> Result<Option<Record>>;
    async fn order(&self, id: OrderId) -> Result<Option<Stored>>;
    /// Newest first. The cost depends on the page, not on how many orders there are.
    async fn orders(&self, query: &Query) -> Result<Page>;
    /// The order and its event, both or neither; `false` when the order has moved on from that version.
    async fn update_order(&self, update: Update) -> Result<bool>;
    /// `None` when there is no such order.
    async fn timeline(&self, id: OrderId) -> Result<Option<Timeline>>;

    /// Leases due events, the longest due first; of each order only the lowest that is unpublished.
    async fn claim_events(&self, limit: u32, now: Timestamp, lease: Duration) -> Result<Vec<Leased>>;
    async fn mark_published(&self, events: Vec<EventKey>, at: Timestamp) -> Result<()>;
    /// Gives the lease back; the event is due again at `next_attempt_at`.
    async fn postpone_event(&self, event: EventKey, reason: String, next_attempt_at: Timestamp) -> Result<()>;

    /// Marks the event received and inserts those of its deliveries that are not there yet, leased to the caller.
    async fn receive(&self, receipt: Receipt) -> Result<Accepted>;
    /// Leases due deliveries; where an earlier lease ran out, its attempt is recorded as unknown.
    async fn claim_deliveries(&self, limit: u32, now: Timestamp, lease: Duration) -> Result<Vec<Delivery>>;
    /// Attempts that were not begun, and will not be: their deliveries are due at once, as if they had not been leased.
    /// What somebody else has leased meanwhile is left alone.
    async fn give_back(&self, leases: Vec<Lease>, at: Timestamp) -> Result<()>;
    /// The attempt and what it makes of the delivery. A success stands even after the lease was lost.
    async fn record_attempt(&self, record: AttemptRecord) -> Result<()>;
    /// Events published before `before` that nobody received.
    async fn unreceived(&self, before: Timestamp, limit: u32) -> Result<Vec<Received>>;
    async fn reject(&self, message: RejectedMessage) -> Result<()>;
    /// Rejected messages from the row `from` on, oldest first.
    async fn rejected(&self, from: i64, limit: u32) -> Result<Vec<Rejected>>;
    /// Removes rejected messages; those that are gone already do no harm.
    async fn forget_rejected(&self, ids: Vec<i64>) -> Result<()>;

    async fn next_due(&self) -> Result<Waiting>;
    async fn expire(&self, expiry: Expiry) -> Result<Expired>;

    /// Asks the database nothing.
    fn load(&self) -> Load;
}
