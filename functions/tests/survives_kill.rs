//! The process is killed under load, again and again: what a client was told stands, and nothing is half-written.

use crate::support::{client, process};
use serde_json::Value;
use sqlx::{ConnectOptions, Row, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    collections::{HashMap, HashSet},
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::watch;

const ROUNDS: usize = 5;
const CLIENTS: usize = 8;
/// Short, so that what a dead process left is taken up soon.
const SETTINGS: [(&str, &str); 4] = [("ORDERS_LEASE", "1s"), ("UNRECEIVED_AFTER", "1s"), ("SWEEP_MAX_SLEEP", "1s"), ("RUST_LOG", "warn")];

/// What the clients saw.
#[derive(Default)]
struct Seen {
    created: HashSet<String>,
    by_key: HashMap<String, String>,
}

/// Posts orders until told to stop. With a key it repeats a request until it is answered, as a careful client does.
async fn order(
    number: usize,
    ports: watch::Receiver<u16>,
    seen: Arc<Mutex<Seen>>,
    count: watch::Sender<usize>,
    stop: watch::Receiver<bool>,
) {
    let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
    for n in 0.. {
        let key = number.is_multiple_of(2).then(|| format!("client-{number}-{n}"));
        loop {
            if *stop.borrow() {
                return;
            }
            let url = format!("http://127.0.0.1:{}/api/orders", *ports.borrow());
            let mut request = http.post(url).json(&client::order());
            if let Some(key) = &key {
                request = request.header("Idempotency-Key", key);
            }
            let answer = match request.send().await {
                Ok(answer) if answer.status() == 201 => answer.json::<Value>().await.ok(),
                Ok(answer) => panic!("{}", answer.status()),
                Err(_) => None,
            };
            if let Some(id) = answer.and_then(|order| order["id"].as_str().map(str::to_owned)) {
                let mut seen = seen.lock().unwrap();
                seen.created.insert(id.clone());
                if let Some(key) = &key {
                    let first = seen.by_key.entry(key.clone()).or_insert_with(|| id.clone());
                    assert_eq!(*first, id, "one key made two orders");
                }
                count.send_modify(|count| *count += 1);
                break;
            }
            // The process is dead. Without a key nobody can say whether the order was made.
            tokio::task::yield_now().await;
            if key.is_none() {
                break;
            }
        }
    }
}

async fn open(folder: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(folder.join("orders.sqlite")).read_only(true).connect().await.unwrap()
}

async fn count(connection: &mut SqliteConnection, sql: &'static str) -> i64 {
    sqlx::query(sql).fetch_one(connection).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_a_client_was_promised_is_stored_published_and_notified() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, port) = process::dev(folder.path(), &SETTINGS).await;
    let (ports, watch_ports) = watch::channel(port);
    let (answered, mut watch_answered) = watch::channel(0_usize);
    let (stop, watch_stop) = watch::channel(false);
    let seen = Arc::new(Mutex::new(Seen::default()));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| tokio::spawn(order(number, watch_ports.clone(), Arc::clone(&seen), answered.clone(), watch_stop.clone())))
        .collect();

    for _ in 0..ROUNDS {
        let enough = *watch_answered.borrow() + fastrand::usize(20..200);
        tokio::time::timeout(process::PATIENCE, watch_answered.wait_for(|count| *count >= enough)).await.unwrap().unwrap();
        process.child.kill().await.unwrap();
        let port;
        (process, port) = process::dev(folder.path(), &SETTINGS).await;
        ports.send_replace(port);
    }
    stop.send_replace(true);
    for client in clients {
        client.await.unwrap();
    }

    let mut database = open(folder.path()).await;
    settled(folder.path()).await;
    let seen = Arc::into_inner(seen).unwrap().into_inner().unwrap();
    assert_stored(&mut database, &seen).await;
    let (lines, repeated) = assert_told(&mut database, folder.path(), &seen).await;
    println!("{} orders promised, {lines} notifications, {repeated} of them repeats", seen.created.len());
    process.end().await;
}

/// Waits until nothing is left to publish, to receive or to tell.
async fn settled(folder: &Path) {
    process::until("all events published, received and told", || async {
        let mut database = open(folder).await;
        let events = count(&mut database, "SELECT count(*) FROM outbox WHERE published_at IS NULL OR received_at IS NULL").await;
        let deliveries = count(&mut database, "SELECT count(*) FROM deliveries WHERE state = 'pending'").await;
        (events + deliveries == 0).then_some(())
    })
    .await;
}

async fn assert_stored(database: &mut SqliteConnection, seen: &Seen) {
    let rows = sqlx::query("SELECT document ->> '$.id' FROM orders").fetch_all(&mut *database).await.unwrap();
    let stored: HashSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let lost: Vec<_> = seen.created.difference(&stored).collect();
    assert!(lost.is_empty(), "answered with 201 and not stored: {lost:?}");
    let no_event = "SELECT count(*) FROM orders WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE order_id = orders.id AND sequence = 1)";
    assert_eq!(count(database, no_event).await, 0, "an order without its event");
    let no_order = "SELECT count(*) FROM outbox WHERE NOT EXISTS (SELECT 1 FROM orders WHERE orders.id = order_id)";
    assert_eq!(count(database, no_order).await, 0, "an event without its order");
    let no_key = "SELECT count(*) FROM idempotency WHERE NOT EXISTS (SELECT 1 FROM orders WHERE document ->> '$.id' = answer ->> '$.id')";
    assert_eq!(count(database, no_key).await, 0, "an idempotency record without its order");
    let failed = "SELECT count(*) FROM deliveries WHERE state <> 'succeeded'";
    assert_eq!(count(database, failed).await, 0, "a delivery that did not succeed");
}

/// Every order is told at least once. A repeat has the same delivery id, and an attempt that ended unseen explains it.
async fn assert_told(database: &mut SqliteConnection, folder: &Path, seen: &Seen) -> (usize, usize) {
    let text = fs::read_to_string(folder.join("notifications.jsonl")).unwrap();
    let mut told: HashMap<String, Vec<Value>> = HashMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        told.entry(line["orderId"].as_str().unwrap().to_owned()).or_default().push(line);
    }
    let untold: Vec<_> = seen.created.iter().filter(|id| !told.contains_key(*id)).collect();
    assert!(untold.is_empty(), "promised and never told: {untold:?}");

    let rows = sqlx::query(
        "SELECT orders.document ->> '$.id', deliveries.attempts,
                (SELECT count(*) FROM delivery_attempts WHERE delivery_id = deliveries.id AND outcome = 'unknown')
         FROM deliveries JOIN orders ON orders.id = deliveries.order_id
         WHERE channel = 'file'",
    )
    .fetch_all(database)
    .await
    .unwrap();
    let known: HashMap<String, (i64, i64)> = rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect();
    let mut repeats = 0;
    for (id, lines) in &told {
        let (attempts, unknown) = known[id];
        let copies = i64::try_from(lines.len()).unwrap();
        assert!(copies <= attempts, "{id}: {copies} copies of {attempts} attempts");
        assert!(copies <= unknown + 1, "{id}: {copies} copies, and {unknown} attempts whose end nobody saw");
        assert!(lines.iter().all(|line| line["deliveryId"] == lines[0]["deliveryId"]), "{id}: a repeat with another delivery id");
        repeats += lines.len() - 1;
    }
    (text.lines().count(), repeats)
}
