//! `orders api` and `orders worker` as two processes with a broker between them.

use super::{Broker, id, message, publish_all};
use crate::support::{
    client::order,
    process::{Process, until},
};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Row, sqlite::SqliteConnectOptions};
use std::process::Command;

const KEY: &str = "0123456789abcdef0123456789abcdef";
const KEYS: &str = "test=0123456789abcdef0123456789abcdef";

struct Arrangement {
    broker: Broker,
    folder: tempfile::TempDir,
    api: Process,
    worker: Process,
    api_at: String,
    worker_at: String,
    http: reqwest::Client,
}

impl Arrangement {
    async fn start() -> Self {
        let (broker, folder) = (Broker::start().await, tempfile::tempdir().unwrap());
        let database = format!("sqlite:{}", folder.path().join("orders.sqlite").display());
        let notifications = folder.path().join("notifications.jsonl").display().to_string();
        let bus = broker.emulator.connection_string();
        let settings = [
            ("ORDERS_DATABASE", database.as_str()),
            ("ORDERS_LISTEN", "127.0.0.1:0"),
            ("ORDERS_KEYS", KEYS),
            ("ServiceBus", bus.as_str()),
            ("NOTIFY_CHANNELS", "file"),
            ("NOTIFY_FILE", notifications.as_str()),
            ("SWEEP_MAX_SLEEP", "1s"),
        ];
        let migrated = Command::new(env!("CARGO_BIN_EXE_orders")).arg("migrate").env_clear().envs(settings).output().unwrap();
        assert!(migrated.status.success(), "{migrated:?}");
        let (mut api, mut worker) = (Process::start(&["api"], &settings), Process::start(&["worker"], &settings));
        let (api_at, worker_at) = (address(&mut api).await, address(&mut worker).await);
        Self { broker, folder, api, worker, api_at, worker_at, http: reqwest::Client::new() }
    }

    async fn place(&self) -> String {
        let request = self.http.post(format!("http://{}/api/orders?code={KEY}", self.api_at)).json(&order());
        let placed = request.send().await.unwrap();
        assert_eq!(placed.status(), 201);
        placed.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
    }

    async fn told(&self, order: &str) -> Vec<String> {
        let url = format!("http://{}/api/orders/{order}/timeline?code={KEY}", self.api_at);
        until("the customer is told", || async {
            let timeline: Value = self.http.get(&url).send().await.unwrap().json().await.unwrap();
            let kinds: Vec<String> =
                timeline["entries"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect();
            // The other process may have told before this one has marked the event published.
            ["event.published", "delivery.succeeded"].iter().all(|kind| kinds.iter().any(|known| known == kind)).then_some(kinds)
        })
        .await
    }

    async fn ready(&self, address: &str) -> Value {
        let answer = self.http.get(format!("http://{address}/api/health/ready")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }
}

async fn address(process: &mut Process) -> String {
    process
        .line(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            (record["message"] == "listening").then(|| record["address"].as_str().unwrap().to_owned())
        })
        .await
}

#[tokio::test]
async fn an_order_taken_by_one_process_is_told_by_the_other() {
    let here = Arrangement::start().await;
    for _ in 0..3 {
        let order = here.place().await;
        let mut kinds = here.told(&order).await;
        kinds.sort();
        assert_eq!(kinds, ["delivery.succeeded", "event.published", "event.received", "order.created"]);
    }
    until("the subscription is empty", || async { (here.broker.waiting() == 0).then_some(()) }).await;
    let told = std::fs::read_to_string(here.folder.path().join("notifications.jsonl")).unwrap();
    assert_eq!(told.lines().count(), 3);
    here.worker.end().await;
    here.api.end().await;
    until("both said goodbye to the broker", || async { (here.broker.emulator.faults().connections() == 0).then_some(()) }).await;
}

#[tokio::test]
async fn the_custom_handler_publishes_too_and_leaves_receiving_to_the_host() {
    let (broker, folder) = (Broker::start().await, tempfile::tempdir().unwrap());
    let database = format!("sqlite:{}", folder.path().join("orders.sqlite").display());
    let bus = broker.emulator.connection_string();
    let settings = [("ORDERS_DATABASE", database.as_str()), ("FUNCTIONS_CUSTOMHANDLER_PORT", "0"), ("ServiceBus", bus.as_str())];
    let migrated = Command::new(env!("CARGO_BIN_EXE_orders")).arg("migrate").env_clear().envs(settings).output().unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
    let mut handler = Process::start(&["functions"], &settings);
    let address = address(&mut handler).await;
    let http = reqwest::Client::new();
    let placed = http.post(format!("http://{address}/api/orders")).json(&order()).send().await.unwrap();
    assert_eq!(placed.status(), 201);
    until("the event is on the topic", || async { (broker.waiting() == 1).then_some(()) }).await;
    handler.end().await;
    assert_eq!(broker.waiting(), 1);
}

#[tokio::test]
async fn a_message_that_nobody_understands_is_kept_and_dead_lettered_with_the_same_reason() {
    let here = Arrangement::start().await;
    let client = here.broker.client();
    let mut poison = message(1);
    poison.body = b"{\"not\": \"an event\"}".to_vec();
    publish_all(&client.sender(), vec![poison.clone()]).await;
    let letter = until("it is a dead letter", || async { client.dead_letter_queue().peek(0, 1).await.unwrap().pop() }).await;
    assert_eq!(letter.body, poison.body);
    let reason = letter.dead_letter_reason.unwrap();
    assert!(reason.starts_with("the message is not an event: does not hold what it should (line 1, column "), "{reason}");
    let options = SqliteConnectOptions::new().filename(here.folder.path().join("orders.sqlite"));
    let mut database = options.connect().await.unwrap();
    let row = sqlx::query("SELECT reason, body, message_id FROM rejected_messages").fetch_one(&mut database).await.unwrap();
    let (kept, body, message_id): (String, Vec<u8>, String) = (row.get(0), row.get(1), row.get(2));
    assert_eq!((kept, body, message_id), (reason, poison.body, id(1)));
    here.worker.end().await;
    here.api.end().await;
}

#[tokio::test]
async fn while_the_bus_is_away_orders_are_taken_and_readiness_names_it() {
    let here = Arrangement::start().await;
    here.told(&here.place().await).await;
    here.broker.emulator.faults().pause();
    let orders = [here.place().await, here.place().await];
    for address in [&here.api_at, &here.worker_at] {
        until("readiness names the bus", || async { (here.ready(address).await["outages"] == json!(["bus"])).then_some(()) }).await;
    }
    here.broker.emulator.faults().resume();
    for order in &orders {
        here.told(order).await;
    }
    for address in [&here.api_at, &here.worker_at] {
        until("readiness names nothing", || async { (here.ready(address).await.get("outages").is_none()).then_some(()) }).await;
    }
    here.worker.end().await;
    let log = here.api.end().await.join("\n");
    assert_eq!(log.matches("Service Bus is out").count(), 1, "an outage is told once: {log}");
    assert_eq!(log.matches("Service Bus is back").count(), 1, "and so is its end: {log}");
}
