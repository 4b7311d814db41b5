//! Whoever is on the list gets no e-mail, and the timeline says why.

use super::peer::{Peer, Script};
use crate::support::{START, Service, backend::Backend, client::order};
use orders::{
    app::{App, Settings},
    channels::{
        Channels,
        email::{
            Email,
            server::{Patience, Server, Smtp, Tls},
        },
    },
    domain::{suppression::Suppression, timestamp::Timestamp},
    router,
    work::directory::StoreDirectory,
};
use serde_json::json;
use std::{process::Command, sync::Arc};

/// A service whose e-mail goes to the peer.
async fn service(peer: &Peer) -> Service {
    service_with(peer, Settings::default()).await
}

/// The same, with these settings.
pub(super) async fn service_with(peer: &Peer, settings: Settings) -> Service {
    let settings = Settings { default_channels: vec!["email".into()], ..settings };
    let address = orders::channels::email::server::Settings { server: Server::Smtp(smtp(peer)), from: "shop@example.com".parse().unwrap() };
    let service = Backend::sqlite().service().await;
    let store = Arc::clone(&service.app.store);
    let email = Email::new(&address, Arc::new(StoreDirectory::new(Arc::clone(&store), Arc::new(|| Timestamp::from_millis(START)))));
    let channels = Channels::new(vec![Arc::new(email)]);
    let app = Arc::new(App::new(store, Some(Arc::clone(&service.bus)), channels, Arc::clone(&service.clock) as _, settings));
    Service { router: router::functions_host(Arc::clone(&app)), app, ..service }
}

fn smtp(peer: &Peer) -> Smtp {
    Smtp { host: "127.0.0.1".into(), port: peer.port, tls: Tls::None, login: None, trust: None, patience: Patience::default() }
}

#[tokio::test]
async fn an_address_on_the_list_gets_nothing_whatever_the_case_of_its_letters() {
    let peer = Peer::start(Script::default()).await;
    let service = service(&peer).await;
    let suppression =
        Suppression { channel: "email".into(), address: "Ada@Example.com".into(), reason: "complained".into(), at: service.app.now() };
    assert!(service.app.store.add_suppression(suppression).await.unwrap());
    let id = service.place().await;
    service.relay().await;
    service.receive(1).await;
    let last = service.whole_timeline(&id).await.pop().unwrap();
    assert_eq!((&last["kind"], &last["reason"]), (&json!("delivery.failed"), &json!("the address is suppressed: complained")));
    assert!(peer.received().is_empty());
    assert!(service.app.store.remove_suppression("email".into(), "ADA@example.com".into()).await.unwrap());
    service.place().await;
    service.relay().await;
    service.receive(1).await;
    assert_eq!(peer.received().len(), 1);
}

#[tokio::test]
async fn an_order_without_an_address_is_told_nothing_by_e_mail() {
    let peer = Peer::start(Script::default()).await;
    let service = service(&peer).await;
    let mut body = order();
    body["customer"] = json!({ "name": "Ada" });
    let id = service.post("/api/orders", &[], &body).await.json()["id"].as_str().unwrap().to_owned();
    service.relay().await;
    service.receive(1).await;
    assert_eq!(service.timeline(&id).await, ["order.created", "event.published", "event.received"]);
}

#[test]
fn operators_keep_the_list_by_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("orders.sqlite").display());
    let run = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_orders")).args(arguments).env_clear().env("ORDERS_DATABASE", &database).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    };
    assert!(run(&["migrate"]).0);
    assert_eq!(run(&["suppressions", "add", "Ada@Example.com", "--reason", "bounced"]), (true, "ada@example.com is suppressed\n".into()));
    assert!(run(&["suppressions", "add", "ada@example.com"]).1.contains("already"));
    let (_, list) = run(&["suppressions", "list"]);
    assert!(list.lines().count() == 2 && list.contains("ada@example.com") && list.contains("bounced"), "{list}");
    let (_, json) = run(&["suppressions", "list", "--json"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["address"], "ada@example.com");
    assert!(run(&["suppressions", "remove", "ADA@EXAMPLE.COM"]).0);
    assert!(!run(&["suppressions", "remove", "ada@example.com"]).0);
    assert!(!run(&["suppressions", "add", "ada"]).0);
}
