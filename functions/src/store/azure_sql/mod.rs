//! Azure SQL Database, or another SQL Server: each method is one request to the server and at most one transaction.
//!
//! The files and their functions stand in the order of the SQLite store's, to be read side by side.

mod connect;
mod connection_string;
mod deliveries;
mod fault;
mod known;
mod ledger;
mod migrate;
mod operators;
mod orders;
mod outbox;
mod pool;
mod registers;
mod timeline;
mod upkeep;
mod users;

pub use connect::{Login, Server, User};
pub use connection_string::{Authentication, ConnectionString, Encryption, Identity, Malformed, Tls};

use super::{
    Accepted, Added, Addition, AttemptRecord, EventKey, Expired, Expiry, Lease, Leased, Ledger, Load, Receipt, Registers, Rejected,
    RejectedMessage, Result, Store, Update, Waiting,
    ledger::{Begin, Begun, Decision, Ending, Entry, Outage, Step, WaitingEvent, Wanted},
};
use crate::domain::{
    delivery::Delivery,
    event::Received,
    id::{DeliveryId, OrderId},
    idempotency::{IdempotencyKey, Record},
    order::Stored,
    page::{Page, Query},
    suppression::Suppression,
    timeline::Timeline,
    timestamp::Timestamp,
    webhook::Endpoint,
};
use pool::Pool;
use std::{sync::Arc, time::Duration};

/// One batch on a connection of its own, for what no store does: making a database, looking into one.
pub async fn batch(server: &Server, sql: &str) -> Result<()> {
    let done = async {
        let mut client = connect::open(server, server.deadline).await?;
        migrate::batch(&mut client, sql).await
    };
    let done = tokio::time::timeout(server.deadline, done).await.map_err(|_| super::StoreError::Deadline)?;
    Ok(done.map(drop)?)
}

#[derive(Debug)]
pub(super) struct AzureSqlStore {
    server: Arc<Server>,
    pool: Pool,
}

impl AzureSqlStore {
    /// Must be called inside a tokio runtime.
    pub(super) fn new(server: &Server) -> Self {
        let server = Arc::new(server.clone());
        Self { pool: Pool::new(Arc::clone(&server)), server }
    }
}

#[async_trait::async_trait]
impl Store for AzureSqlStore {
    async fn migrate(&self, now: Timestamp) -> Result<Vec<String>> {
        migrate::run(&self.server, now).await
    }

    async fn schema(&self) -> Result<i64> {
        self.pool.schema().await
    }

    async fn add_order(&self, addition: Addition, now: Timestamp) -> Result<Added> {
        orders::add(&self.pool, &addition, now).await
    }

    async fn replay(&self, key: &IdempotencyKey, now: Timestamp) -> Result<Option<Record>> {
        orders::replay(&self.pool, key, now).await
    }

    async fn order(&self, id: OrderId) -> Result<Option<Stored>> {
        orders::one(&self.pool, id).await
    }

    async fn orders(&self, query: &Query) -> Result<Page> {
        orders::list(&self.pool, query).await
    }

    async fn update_order(&self, update: Update) -> Result<bool> {
        orders::update(&self.pool, &update).await
    }

    async fn timeline(&self, id: OrderId) -> Result<Option<Timeline>> {
        timeline::read(&self.pool, id).await
    }

    async fn claim_events(&self, limit: u32, now: Timestamp, lease: Duration) -> Result<Vec<Leased>> {
        outbox::claim(&self.pool, limit, now, lease).await
    }

    async fn mark_published(&self, events: Vec<EventKey>, at: Timestamp) -> Result<()> {
        outbox::mark_published(&self.pool, &events, at).await
    }

    async fn postpone_event(&self, event: EventKey, reason: String, next_attempt_at: Timestamp) -> Result<()> {
        outbox::postpone(&self.pool, event, &reason, next_attempt_at).await
    }

    async fn receive(&self, receipt: Receipt) -> Result<Accepted> {
        deliveries::receive(&self.pool, &receipt).await
    }

    async fn claim_deliveries(&self, limit: u32, now: Timestamp, lease: Duration) -> Result<Vec<Delivery>> {
        deliveries::claim(&self.pool, limit, now, lease).await
    }

    async fn give_back(&self, leases: Vec<Lease>, at: Timestamp) -> Result<()> {
        deliveries::give_back(&self.pool, &leases, at).await
    }

    async fn record_attempt(&self, record: AttemptRecord) -> Result<()> {
        deliveries::record(&self.pool, &record).await
    }

    async fn unreceived(&self, before: Timestamp, limit: u32) -> Result<Vec<Received>> {
        outbox::unreceived(&self.pool, before, limit).await
    }

    async fn reject(&self, message: RejectedMessage) -> Result<()> {
        deliveries::reject(&self.pool, &message).await
    }

    async fn rejected(&self, from: i64, limit: u32) -> Result<Vec<Rejected>> {
        deliveries::rejected(&self.pool, from, limit).await
    }

    async fn forget_rejected(&self, ids: Vec<i64>) -> Result<()> {
        deliveries::forget_rejected(&self.pool, &ids).await
    }

    async fn next_due(&self) -> Result<Waiting> {
        upkeep::next_due(&self.pool).await
    }

    async fn expire(&self, expiry: Expiry) -> Result<Expired> {
        upkeep::expire(&self.pool, expiry).await
    }

    fn load(&self) -> Load {
        Load { waiting: self.pool.waiting() as u64, ..Load::default() }
    }
}

#[async_trait::async_trait]
impl Ledger for AzureSqlStore {
    async fn begin(&self, begin: Begin) -> Result<Begun> {
        ledger::begin(&self.pool, &begin).await
    }

    async fn sent(&self, delivery: DeliveryId, attempt: u32, provider_ref: String) -> Result<()> {
        ledger::sent(&self.pool, delivery, attempt, &provider_ref).await
    }

    async fn end(&self, ending: Ending) -> Result<()> {
        ledger::end(&self.pool, &ending).await
    }

    async fn deliveries(&self, wanted: &Wanted) -> Result<Vec<Entry>> {
        operators::deliveries(&self.pool, wanted).await
    }

    async fn steps(&self, delivery: DeliveryId) -> Result<Vec<Step>> {
        operators::steps(&self.pool, delivery).await
    }

    async fn decide(&self, deliveries: Vec<DeliveryId>, decision: Decision, reason: String, at: Timestamp) -> Result<Vec<DeliveryId>> {
        operators::decide(&self.pool, &deliveries, decision, &reason, at).await
    }

    async fn outages(&self) -> Result<Vec<Outage>> {
        ledger::outages(&self.pool).await
    }

    async fn unfinished(&self, limit: u32) -> Result<Vec<Entry>> {
        operators::unfinished(&self.pool, limit).await
    }

    async fn waiting_events(&self, limit: u32) -> Result<Vec<WaitingEvent>> {
        operators::waiting_events(&self.pool, limit).await
    }

    async fn events(&self, order: OrderId) -> Result<Vec<Received>> {
        operators::events(&self.pool, order).await
    }
}

#[async_trait::async_trait]
impl Registers for AzureSqlStore {
    async fn webhook_endpoints(&self) -> Result<Vec<Endpoint>> {
        registers::endpoints(&self.pool).await
    }

    async fn put_webhook_endpoint(&self, endpoint: Endpoint) -> Result<()> {
        registers::put_endpoint(&self.pool, &endpoint).await
    }

    async fn remove_webhook_endpoint(&self, name: String, at: Timestamp) -> Result<bool> {
        registers::remove_endpoint(&self.pool, &name, at).await
    }

    async fn disable_webhook_endpoint(&self, name: String, registered: Timestamp, reason: String, at: Timestamp) -> Result<()> {
        registers::disable_endpoint(&self.pool, &name, registered, &reason, at).await
    }

    async fn webhook_endpoint_answered(&self, name: String, at: Timestamp) -> Result<()> {
        registers::endpoint_answered(&self.pool, &name, at).await
    }

    async fn suppressions(&self, channel: Option<String>) -> Result<Vec<Suppression>> {
        registers::suppressions(&self.pool, channel.as_deref()).await
    }

    async fn suppression(&self, channel: &str, address: &str) -> Result<Option<Suppression>> {
        registers::suppression(&self.pool, channel, address).await
    }

    async fn add_suppression(&self, suppression: Suppression) -> Result<bool> {
        registers::add_suppression(&self.pool, &suppression).await
    }

    async fn remove_suppression(&self, channel: String, address: String) -> Result<bool> {
        registers::remove_suppression(&self.pool, &channel, &address).await
    }
}
