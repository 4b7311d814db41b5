//! An e-mail whose attempt is cut off: told apart by whether its message had gone out.

use super::{
    Notes, email, notification,
    peer::{Instead, Peer, Script},
    placed,
    suppression::service_with,
};
use crate::support::{Service, client::order, process};
use orders::{
    app::Settings,
    channels::{
        Channel, Journal,
        email::server::{Patience, Server, Smtp, Tls},
    },
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

async fn last(service: &Service, id: &str) -> serde_json::Value {
    let entries = service.get(&format!("/api/orders/{id}/timeline")).await.json()["entries"].clone();
    entries.as_array().unwrap().last().unwrap().clone()
}

#[tokio::test]
async fn what_was_cut_off_before_its_message_went_out_was_not_told_and_says_nothing_of_the_server() {
    for (step, kind, is_down) in [
        ("EHLO", "delivery.retrying", false),
        ("MAIL", "delivery.retrying", false),
        ("RCPT", "delivery.retrying", false),
        ("DATA", "delivery.retrying", false),
        (".", "delivery.unknown", true),
    ] {
        let peer = Peer::start(Script { instead: vec![(step, Instead::Hang)], ..Script::default() }).await;
        // Half of the lease is an attempt's.
        let settings = Settings { lease: Duration::from_secs(2), at_most_once: vec!["email".into()], ..Settings::default() };
        let service = service_with(&peer, settings).await;
        let id = service.place().await;
        service.relay().await;
        service.receive(1).await;
        let told = last(&service, &id).await;
        assert_eq!(told["kind"], kind, "{step}: {told}");
        assert_eq!(!service.app.store.outages().await.unwrap().is_empty(), is_down, "{step}");
        if !is_down {
            service.clock.advance(Duration::from_hours(1));
            service.sweep().await;
            assert_eq!((last(&service, &id).await["kind"].as_str(), peer.received().len()), (Some("delivery.succeeded"), 1), "{step}");
        }
    }
}

#[tokio::test]
async fn an_e_mail_that_waits_for_a_connection_is_not_handed_over() {
    let peer = Peer::start(Script { instead: vec![(".", Instead::Hang); 8], ..Script::default() }).await;
    let smtp = Smtp { host: "127.0.0.1".into(), port: peer.port, tls: Tls::None, login: None, trust: None, patience: Patience::default() };
    let email = Arc::new(email(Server::Smtp(smtp)));
    let tell = |notes: Arc<Notes>| {
        let email = Arc::clone(&email);
        async move { email.deliver(&notification(&placed(&order())), notes.as_ref()).await }
    };
    let first: Vec<Arc<Notes>> = (0..8).map(|_| Arc::default()).collect();
    let hanging: Vec<_> = first.iter().map(|notes| tokio::spawn(tell(Arc::clone(notes)))).collect();
    process::until("the server has eight messages", || async { (peer.received().len() == 8).then_some(()) }).await;
    let ninth = Arc::new(Notes::default());
    assert!(timeout(Duration::from_millis(300), tell(Arc::clone(&ninth))).await.is_err());
    assert!(first.iter().all(|notes| notes.hand_over().has_begun()) && !ninth.hand_over().has_begun());
    for task in hanging {
        task.abort();
    }
}
