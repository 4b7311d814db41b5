//! A process is killed at each point of a send; what a receiver gets in all is counted, under either policy.

use super::{
    KEY,
    receiver::{self, Receiver},
};
use crate::support::{client, process};
use orders::{
    domain::{delivery::News, timestamp::Timestamp, webhook::Endpoint},
    store::{
        self,
        ledger::{Entry, State, Wanted},
    },
};
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{path::Path, time::Duration};
use tokio::{io::AsyncWriteExt, net::TcpListener};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    /// The delivery is leased, and that the attempt begins is not written.
    Leased,
    /// That it begins is written, and nobody has read the request.
    Begun,
    /// The receiver has the request, and has not answered.
    Read,
    /// The receiver has answered, and the outcome is not written.
    Answered,
}

/// Long enough for an attempt on a busy machine.
const LEASE: &str = "6s";

fn settings(at_most_once: bool) -> Vec<(&'static str, &'static str)> {
    let policy = if at_most_once { "webhook" } else { "" };
    vec![
        ("NOTIFY_CHANNELS", "webhook"),
        ("NOTIFY_AT_MOST_ONCE", policy),
        ("WEBHOOK_KEY_ERP", KEY),
        ("ORDERS_LEASE", LEASE),
        ("SWEEP_MAX_SLEEP", "1s"),
        ("RUST_LOG", "warn"),
    ]
}

async fn database(folder: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(folder.join("orders.sqlite")).busy_timeout(Duration::from_secs(10)).connect().await.unwrap()
}

/// The copies that a receiver gets of one notification when its process is killed there and another one takes over, and
/// what the ledger says in the end.
async fn killed_at(point: Point, at_most_once: bool) -> (usize, Entry) {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let store = store::open_sqlite(&folder.path().join("orders.sqlite"));
    store.migrate(Timestamp::from_millis(0)).await.unwrap();
    let endpoint = Endpoint {
        name: "erp".into(),
        url: format!("http://127.0.0.1:{port}/"),
        events: vec![News::Created],
        key_name: "WEBHOOK_KEY_ERP".into(),
        created_at: Timestamp::from_millis(0),
        disabled: None,
    };
    store.put_webhook_endpoint(endpoint).await.unwrap();
    let mut database = database(folder.path()).await;
    if point == Point::Leased {
        let hold = "CREATE TRIGGER hold BEFORE UPDATE OF begun_at ON deliveries WHEN NEW.begun_at IS NOT NULL
                    BEGIN SELECT RAISE(ABORT, 'held back by the test'); END";
        sqlx::query(hold).execute(&mut database).await.unwrap();
    }
    let (mut first, api) = process::dev(folder.path(), &settings(at_most_once)).await;
    let url = format!("http://127.0.0.1:{api}/api/orders");
    let placed = reqwest::Client::new().post(url).json(&client::order()).send().await.unwrap();
    assert_eq!(placed.status(), 201);

    let begun = "SELECT count(*) FROM deliveries WHERE begun_at IS NOT NULL";
    let leased = "SELECT count(*) FROM deliveries WHERE lease_until IS NOT NULL";
    let mut early = 0;
    let mut open = None;
    match point {
        Point::Leased => {
            first.line(|line| line.contains("that the attempt begins could not be recorded").then_some(())).await;
            wait_for(folder.path(), leased).await;
        }
        Point::Begun => wait_for(folder.path(), begun).await,
        Point::Read | Point::Answered => {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(receiver::read(&mut stream).await.is_some());
            early = 1;
            if point == Point::Answered {
                // The outcome cannot be written while somebody else writes.
                sqlx::query("BEGIN IMMEDIATE").execute(&mut database).await.unwrap();
                stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.unwrap();
                // The client closes once it has read the answer.
                assert!(receiver::read(&mut stream).await.is_none());
            }
            open = Some(stream);
        }
    }
    first.child.kill().await.unwrap();
    if point == Point::Answered {
        sqlx::query("ROLLBACK").execute(&mut database).await.unwrap();
    }
    drop((open, listener));
    if point == Point::Leased {
        sqlx::query("DROP TRIGGER hold").execute(&mut database).await.unwrap();
    }
    database.close().await.unwrap();

    let receiver = Receiver::again_at(port).await;
    let (second, _) = process::dev(folder.path(), &settings(at_most_once)).await;
    let settled = process::until("the delivery is settled", || async {
        let entry = store.deliveries(&Wanted { limit: 1, ..Wanted::default() }).await.unwrap().remove(0);
        matches!(entry.state, State::Succeeded | State::Failed | State::Unknown).then_some(entry)
    })
    .await;
    second.end().await;
    let ids: Vec<_> = receiver.requests().into_iter().map(|request| request.headers["webhook-id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == settled.id.to_string()), "{ids:?}");
    (early + ids.len(), settled)
}

async fn wait_for(folder: &Path, count: &str) {
    process::until(count, || async {
        let mut database = database(folder).await;
        let found: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count.to_owned())).fetch_one(&mut database).await.unwrap();
        (found > 0).then_some(())
    })
    .await;
}

const POINTS: [Point; 4] = [Point::Leased, Point::Begun, Point::Read, Point::Answered];

/// All points at once: most of the time leases are waited for.
async fn killed_at_each(at_most_once: bool) -> Vec<(usize, State, Option<u32>)> {
    let ended = futures_util::future::join_all(POINTS.map(|point| killed_at(point, at_most_once))).await;
    ended.into_iter().map(|(copies, entry)| (copies, entry.state, entry.doubt)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_at_least_once_a_receiver_gets_a_second_copy_only_if_it_may_have_got_the_first() {
    let told = |copies| (copies, State::Succeeded, None);
    assert_eq!(killed_at_each(false).await, [told(1), told(1), told(2), told(2)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_at_most_once_a_receiver_never_gets_a_second_copy_and_what_is_unknown_is_called_so() {
    let unknown = |copies| (copies, State::Unknown, Some(1));
    assert_eq!(killed_at_each(true).await, [(1, State::Succeeded, None), unknown(0), unknown(1), unknown(1)]);
}
