//! `orders dlq` is killed half-way through many letters and run again: nothing is lost, and nobody else hears of it.

use super::{Broker, PATIENCE, SUBSCRIPTION, TOPIC, receive};
use crate::support::{
    Service,
    process::{Process, until},
};
use orders::{
    bus::{Settlement, Subscription},
    clock::{Clock, SystemClock},
    work::relay,
};
use serde_json::Value;
use servicebus_emulator::{
    config::EntityProperties,
    journal::{self, Record},
};
use sqlx::{ConnectOptions, Row, sqlite::SqliteConnectOptions};
use std::{
    collections::{HashMap, HashSet},
    fs,
    process::{Command, Output},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

const LETTERS: usize = 200;

struct Operator {
    broker: Broker,
    service: Service,
    orders: HashSet<String>,
}

impl Operator {
    /// Orders whose events were published and put aside, all of them, unreceived.
    async fn start() -> Self {
        let service = Service::start().await;
        service.clock.advance(SystemClock.now().since(service.app.now()));
        let properties = EntityProperties { lock_duration: Duration::from_secs(2), ..EntityProperties::default() };
        let data = service.folder.path().join("bus");
        let broker = Broker::with(properties, |options| servicebus_emulator::Options { data: Some(data), ..options }).await;
        let mut orders = HashSet::new();
        for _ in 0..LETTERS {
            orders.insert(service.place().await);
        }
        let client = broker.client();
        let (sender, receiver) = (client.sender(), client.receiver());
        assert_eq!(relay::drain(&service.app, sender.as_ref(), &CancellationToken::new()).await.unwrap(), LETTERS);
        for _ in 0..LETTERS {
            let delivered = receive(&receiver).await;
            let settlement = Settlement::DeadLetter { reason: "a bad day".into(), description: String::new() };
            receiver.settle(delivered, settlement).await.unwrap();
        }
        receiver.close(PATIENCE).await;
        client.close().await;
        let operator = Self { broker, service, orders };
        assert_eq!(operator.letters(), LETTERS);
        // Slow enough to be killed in the middle.
        operator.broker.emulator.faults().delay_writes(Duration::from_millis(5));
        operator
    }

    fn settings(&self) -> HashMap<&'static str, String> {
        let path = |name: &str| self.service.folder.path().join(name).display().to_string();
        HashMap::from([
            ("ORDERS_DATABASE", format!("sqlite:{}", path("orders.sqlite"))),
            ("ServiceBus", self.broker.emulator.connection_string()),
            ("NOTIFY_CHANNELS", "file".to_owned()),
            ("NOTIFY_FILE", path("told.jsonl")),
            ("ORDERS_LISTEN", "127.0.0.1:0".to_owned()),
            ("ORDERS_LEASE", "1s".to_owned()),
            ("SWEEP_MAX_SLEEP", "1s".to_owned()),
        ])
    }

    fn begin(&self, arguments: &[&str]) -> Process {
        let settings = self.settings();
        Process::start(arguments, &settings.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>())
    }

    /// Runs a command to its end, again and again until no letter is left: what a dead process had on loan comes back when
    /// its locks end.
    async fn until_none_is_left(&self, arguments: &[&str]) {
        let what = format!("{arguments:?} leaves nothing");
        until(&what, || async {
            let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
            command.args(arguments).env_clear().envs(self.settings());
            let output: Output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
            // What is on loan stays for the next run.
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() || complaint.contains("stay where they are"), "{output:?}");
            (self.letters() == 0).then_some(())
        })
        .await;
    }

    fn letters(&self) -> usize {
        usize::try_from(self.broker.emulator.counts(SUBSCRIPTION).unwrap().dead_letter).unwrap()
    }

    async fn count(&self, sql: &'static str) -> usize {
        let options = SqliteConnectOptions::new().filename(self.service.folder.path().join("orders.sqlite")).read_only(true);
        let row = sqlx::query(sql).fetch_one(&mut options.connect().await.unwrap()).await.unwrap();
        usize::try_from(row.get::<i64, _>(0)).unwrap()
    }

    /// Messages that the topic has ever given to the subscription.
    fn delivered_by_the_topic(&self) -> usize {
        let main = format!("{TOPIC}/subscriptions/notify");
        let records = journal::history(&self.service.folder.path().join("bus")).unwrap();
        records.iter().filter(|record| matches!(record, Record::Stored(entry) if entry.entity == main)).count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_is_killed_and_run_again_hands_every_letter_to_notify() {
    let operator = Operator::start().await;
    for _ in 0..2 {
        let mut replay = operator.begin(&["dlq", "replay", "--all", "--rate", "1000"]);
        for _ in 0..fastrand::usize(20..60) {
            replay.line(|line| line.ends_with("handed to Notify").then_some(())).await;
        }
        replay.kill().await;
    }
    let left = operator.letters();
    assert!((1..LETTERS).contains(&left), "it was killed half-way: {left} are left");
    operator.until_none_is_left(&["dlq", "replay", "--all", "--rate", "1000"]).await;
    assert_eq!(operator.count("SELECT count(*) FROM outbox WHERE received_at IS NOT NULL").await, LETTERS);
    assert_eq!(operator.count("SELECT count(*) FROM deliveries").await, LETTERS);

    // Whom the dead processes had not told yet, a sweep tells.
    let worker = operator.begin(&["worker"]);
    until("all customers are told", || async {
        (operator.count("SELECT count(*) FROM deliveries WHERE state = 'succeeded'").await == LETTERS).then_some(())
    })
    .await;
    worker.end().await;
    let mut deliveries: HashMap<String, HashSet<String>> = HashMap::new();
    for line in fs::read_to_string(operator.service.folder.path().join("told.jsonl")).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        deliveries.entry(text("orderId")).or_default().insert(text("deliveryId"));
    }
    assert_eq!(deliveries.keys().cloned().collect::<HashSet<_>>(), operator.orders);
    assert!(deliveries.values().all(|ids| ids.len() == 1), "a repeat bears the id of its original");
    assert_eq!(operator.delivered_by_the_topic(), LETTERS, "nothing was sent to the topic again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_that_is_killed_and_run_again_removes_the_rest() {
    let operator = Operator::start().await;
    let purge = operator.begin(&["dlq", "purge", "--all"]);
    until("some are removed", || async { (operator.letters() < LETTERS - 10).then_some(()) }).await;
    purge.kill().await;
    let left = operator.letters();
    assert!((1..LETTERS).contains(&left), "it was killed half-way: {left} are left");
    operator.until_none_is_left(&["dlq", "purge", "--all"]).await;
    assert_eq!(operator.count("SELECT count(*) FROM outbox WHERE received_at IS NOT NULL").await, 0);
    assert_eq!(operator.delivered_by_the_topic(), LETTERS);
}
