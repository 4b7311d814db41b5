//! The ways to a broker: plain, in TLS, in a WebSocket, and into silence.

use super::{Broker, client, id, message, publish_all, settings, take};
use crate::support::{process::until, tls::authorities};
use orders::{
    bus::{
        Bus, BusError,
        service_bus::{Settings, Transport},
    },
    https,
};
use servicebus_emulator::{Options, config::EntityProperties};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// A broker that takes TLS and WebSocket as well, and its port.
async fn secured() -> (Broker, u16) {
    let with_tls = |options| Options { amqp_tls: Some(([127, 0, 0, 1], 0).into()), ..options };
    let broker = Broker::with(EntityProperties::default(), with_tls).await;
    let port = broker.emulator.amqp_tls_address().unwrap().port();
    (broker, port)
}

async fn exchange(settings: Settings) {
    let client = client(settings);
    publish_all(&client.sender(), (0..3).map(message).collect()).await;
    assert_eq!(take(&client.receiver(), 3).await, [id(0), id(1), id(2)]);
    client.close().await;
}

#[tokio::test]
async fn messages_go_over_tls_and_over_websockets_of_both_kinds() {
    let (broker, port) = secured().await;
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, broker.emulator.authority().unwrap()).unwrap();
    let endpoint = format!("Endpoint=sb://localhost:{port}/;SharedAccessKeyName=n;SharedAccessKey=k");
    let secured = Settings { tls: Some(https::tls(&authorities(&authority)).unwrap()), ..settings(&endpoint) };
    exchange(secured.clone()).await;
    exchange(Settings { transport: Transport::WebSocket, ..secured }).await;
    let plain = settings(&format!("{endpoint};UseDevelopmentEmulator=true"));
    exchange(Settings { transport: Transport::WebSocket, ..plain }).await;
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let (broker, port) = secured().await;
    let endpoint = format!("Endpoint=sb://localhost:{port}/;SharedAccessKeyName=n;SharedAccessKey=k");
    let client = client(Settings { tls: Some(https::tls(&[]).unwrap()), ..settings(&endpoint) });
    let sender = client.sender();
    let outage = until("the outage is named", || async { sender.outage() }).await;
    assert!(outage.contains("no TLS with localhost") && outage.contains("UnknownIssuer"), "{outage}");
    assert_eq!(broker.emulator.faults().connections(), 0);
}

#[tokio::test]
async fn a_broker_that_says_nothing_is_not_waited_for() {
    // The system takes the connection, and nobody ever answers.
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!(
        "Endpoint=sb://127.0.0.1:{}/;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true",
        silent.local_addr().unwrap().port()
    );
    let client = client(Settings { publish_within: Duration::from_millis(300), ..settings(&endpoint) });
    let begun = Instant::now();
    let outcome = client.sender().publish(vec![message(1)]).await.remove(0);
    assert!(matches!(&outcome, Err(BusError::Transient(reason)) if reason.contains("no answer in time")), "{outcome:?}");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}
