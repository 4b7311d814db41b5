//! The embedded store: one SQLite file in WAL mode, which several processes may share.
//!
//! A commit is on disk before it is answered (`synchronous=FULL`). Writes go through one writer that commits all
//! that wait in one transaction; readers never wait for it.

mod bulk;
mod connect;
mod deliveries;
mod health;
mod job;
mod ledger;
mod migrate;
mod operators;
mod orders;
mod outbox;
mod reader;
mod registers;
mod timeline;
mod upkeep;
mod writer;

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
use connect::Readers;
use reader::Reader;
use std::{path::Path, time::Duration};
use writer::Writer;

#[derive(Debug)]
pub(super) struct SqliteStore {
    writer: Writer,
    reader: Reader,
    readers: Readers,
}

impl SqliteStore {
    /// Must be called inside a tokio runtime, as the writer is a task of its own.
    pub(super) fn new(path: &Path) -> Self {
        let readers = Readers::new(path);
        Self { writer: Writer::start(path), reader: Reader::start(path), readers }
    }
}

#[async_trait::async_trait]
impl Store for SqliteStore {
    async fn migrate(&self, now: Timestamp) -> Result<Vec<String>> {
        migrate::run(self.readers.path(), now).await
    }

    async fn schema(&self) -> Result<i64> {
        let version = migrate::check(&mut *self.readers.get().await?).await?;
        self.writer.last_fault().map_or(Ok(version), Err)
    }

    async fn add_order(&self, addition: Addition, now: Timestamp) -> Result<Added> {
        self.writer.add_order(addition, now).await
    }

    async fn replay(&self, key: &IdempotencyKey, now: Timestamp) -> Result<Option<Record>> {
        orders::replay(&mut *self.readers.get().await?, key, now).await
    }

    async fn order(&self, id: OrderId) -> Result<Option<Stored>> {
        self.reader.order(id).await
    }

    async fn orders(&self, query: &Query) -> Result<Page> {
        orders::list(&mut *self.readers.get().await?, query).await
    }

    async fn update_order(&self, update: Update) -> Result<bool> {
        self.writer.run(update, |connection, update| Box::pin(orders::update(connection, update))).await
    }

    async fn timeline(&self, id: OrderId) -> Result<Option<Timeline>> {
        timeline::read(&mut *self.readers.get().await?, id).await
    }

    async fn claim_events(&self, limit: u32, now: Timestamp, lease: Duration) -> Result<Vec<Leased>> {
        self.writer.run((), move |connection, ()| Box::pin(outbox::claim(connection, limit, now, lease))).await
    }

    async fn mark_published(&self, events: Vec<EventKey>, at: Timestamp) -> Result<()> {
        self.writer.run(events, move |connection, events| Box::pin(outbox::mark_published(connection, events, at))).await
    }

    async fn postpone_event(&self, event: EventKey, reason: String, next_attempt_at: Timestamp) -> Result<()> {
        self.writer.run(reason, move |connection, reason| Box::pin(outbox::postpone(connection, event, reason, next_attempt_at))).await
    }

    async fn receive(&self, receipt: Receipt) -> Result<Accepted> {
        self.writer.receive(receipt).await
    }

    async fn claim_deliveries(&self, limit: u32, now: Timestamp, lease: Duration) -> Result<Vec<Delivery>> {
        self.writer.run((), move |connection, ()| Box::pin(deliveries::claim(connection, limit, now, lease))).await
    }

    async fn give_back(&self, leases: Vec<Lease>, at: Timestamp) -> Result<()> {
        self.writer.run(leases, move |connection, leases| Box::pin(deliveries::give_back(connection, leases, at))).await
    }

    async fn record_attempt(&self, record: AttemptRecord) -> Result<()> {
        self.writer.record_attempt(record).await
    }

    async fn unreceived(&self, before: Timestamp, limit: u32) -> Result<Vec<Received>> {
        outbox::unreceived(&mut *self.readers.get().await?, before, limit).await
    }

    async fn reject(&self, message: RejectedMessage) -> Result<()> {
        self.writer.run(message, |connection, message| Box::pin(deliveries::reject(connection, message))).await
    }

    async fn rejected(&self, from: i64, limit: u32) -> Result<Vec<Rejected>> {
        deliveries::rejected(&mut *self.readers.get().await?, from, limit).await
    }

    async fn forget_rejected(&self, ids: Vec<i64>) -> Result<()> {
        self.writer.run(ids, |connection, ids| Box::pin(deliveries::forget_rejected(connection, ids))).await
    }

    async fn next_due(&self) -> Result<Waiting> {
        upkeep::next_due(&mut *self.readers.get().await?).await
    }

    async fn expire(&self, expiry: Expiry) -> Result<Expired> {
        self.writer.run((), move |connection, ()| Box::pin(upkeep::expire(connection, expiry))).await
    }

    fn load(&self) -> Load {
        self.writer.load()
    }
}

#[async_trait::async_trait]
impl Ledger for SqliteStore {
    async fn begin(&self, begin: Begin) -> Result<Begun> {
        self.writer.run(begin, |connection, begin| Box::pin(ledger::begin(connection, begin))).await
    }

    async fn sent(&self, delivery: DeliveryId, attempt: u32, provider_ref: String) -> Result<()> {
        self.writer
            .run(provider_ref, move |connection, provider_ref| Box::pin(ledger::sent(connection, delivery, attempt, provider_ref)))
            .await
    }

    async fn end(&self, ending: Ending) -> Result<()> {
        self.writer.run(ending, |connection, ending| Box::pin(ledger::end(connection, ending))).await
    }

    async fn deliveries(&self, wanted: &Wanted) -> Result<Vec<Entry>> {
        operators::deliveries(&mut *self.readers.get().await?, wanted).await
    }

    async fn steps(&self, delivery: DeliveryId) -> Result<Vec<Step>> {
        operators::steps(&mut *self.readers.get().await?, delivery).await
    }

    async fn decide(&self, deliveries: Vec<DeliveryId>, decision: Decision, reason: String, at: Timestamp) -> Result<Vec<DeliveryId>> {
        self.writer
            .run((deliveries, reason), move |connection, (deliveries, reason)| {
                Box::pin(operators::decide(connection, deliveries, decision, reason, at))
            })
            .await
    }

    async fn outages(&self) -> Result<Vec<Outage>> {
        ledger::outages(&mut *self.readers.get().await?).await
    }

    async fn unfinished(&self, limit: u32) -> Result<Vec<Entry>> {
        operators::unfinished(&mut *self.readers.get().await?, limit).await
    }

    async fn waiting_events(&self, limit: u32) -> Result<Vec<WaitingEvent>> {
        operators::waiting_events(&mut *self.readers.get().await?, limit).await
    }

    async fn events(&self, order: OrderId) -> Result<Vec<Received>> {
        operators::events(&mut *self.readers.get().await?, order).await
    }
}

#[async_trait::async_trait]
impl Registers for SqliteStore {
    async fn webhook_endpoints(&self) -> Result<Vec<Endpoint>> {
        registers::endpoints(&mut *self.readers.get().await?).await
    }

    async fn put_webhook_endpoint(&self, endpoint: Endpoint) -> Result<()> {
        self.writer.run(endpoint, |connection, endpoint| Box::pin(registers::put_endpoint(connection, endpoint))).await
    }

    async fn remove_webhook_endpoint(&self, name: String, at: Timestamp) -> Result<bool> {
        self.writer.run(name, move |connection, name| Box::pin(registers::remove_endpoint(connection, name, at))).await
    }

    async fn disable_webhook_endpoint(&self, name: String, registered: Timestamp, reason: String, at: Timestamp) -> Result<()> {
        self.writer
            .run((name, reason), move |connection, (name, reason)| {
                Box::pin(registers::disable_endpoint(connection, name, registered, reason, at))
            })
            .await
    }

    async fn webhook_endpoint_answered(&self, name: String, at: Timestamp) -> Result<()> {
        self.writer.run(name, move |connection, name| Box::pin(registers::endpoint_answered(connection, name, at))).await
    }

    async fn suppressions(&self, channel: Option<String>) -> Result<Vec<Suppression>> {
        registers::suppressions(&mut *self.readers.get().await?, channel.as_deref()).await
    }

    async fn suppression(&self, channel: &str, address: &str) -> Result<Option<Suppression>> {
        registers::suppression(&mut *self.readers.get().await?, channel, address).await
    }

    async fn add_suppression(&self, suppression: Suppression) -> Result<bool> {
        self.writer.run(suppression, |connection, suppression| Box::pin(registers::add_suppression(connection, suppression))).await
    }

    async fn remove_suppression(&self, channel: String, address: String) -> Result<bool> {
        self.writer
            .run((channel, address), |connection, (channel, address)| Box::pin(registers::remove_suppression(connection, channel, address)))
            .await
    }
}
