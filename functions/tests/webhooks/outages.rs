//! A receiver that is away, and what is known of what it was sent.

use super::{
    Keys, near,
    receiver::{Answer, Receiver},
    service,
};
use crate::support::{START, Service, client::order, process};
use orders::{
    app::App,
    channels::{self, Channels, Setup, webhook::Settings},
    domain::{event::Event, retry, timestamp::Timestamp},
    router,
    store::{Receipt, ledger::State},
    work::{directory::StoreDirectory, notify, sweep},
};
use serde_json::json;
use std::{collections::HashSet, sync::Arc, time::Duration};

#[tokio::test]
async fn while_a_receiver_is_away_one_attempt_at_a_time_asks_for_it_and_then_all_are_told_once() {
    let (service, receiver) = (service(near(), false).await, Receiver::start().await);
    service.registers(&receiver).await;
    let port = receiver.stop().await;
    let first = service.tell().await;
    let told = service.told(&first).await.pop().unwrap();
    assert_eq!(told["kind"], "delivery.retrying");
    assert!(told["reason"].as_str().unwrap().starts_with("no connection: "), "{told}");
    for _ in 0..5 {
        let id = service.tell().await;
        assert_eq!(service.told(&id).await.len(), 0, "it waits without an attempt");
    }
    for failures in 2..6 {
        service.clock.advance(retry::PROBE.longest);
        service.sweep().await;
        assert_eq!(service.app.store.outages().await.unwrap()[0].failures, failures, "one probe a pause");
    }
    let receiver = Receiver::again_at(port).await;
    service.clock.advance(retry::PROBE.longest);
    service.sweep().await;
    service.sweep().await;
    let ids: HashSet<_> = receiver.requests().into_iter().map(|request| request.headers["webhook-id"].clone()).collect();
    assert_eq!((receiver.requests().len(), ids.len()), (6, 6));
    assert!(service.entries().await.iter().all(|entry| entry.state == State::Succeeded));
    assert_eq!(service.app.store.outages().await.unwrap(), []);
}

#[tokio::test]
async fn an_outage_of_two_days_costs_nothing_of_the_horizon_and_one_of_five_ends_it() {
    for (days, delivered) in [(2, true), (5, false)] {
        let (service, receiver) = (service(near(), false).await, Receiver::start().await);
        service.registers(&receiver).await;
        let port = receiver.stop().await;
        let id = service.tell().await;
        let waiting = service.tell().await;
        for _ in 0..days * 4 {
            service.clock.advance(Duration::from_hours(6));
            service.sweep().await;
        }
        let receiver = Receiver::again_at(port).await;
        service.clock.advance(Duration::from_hours(1));
        service.sweep().await;
        service.sweep().await;
        for id in [id, waiting] {
            let last = service.told(&id).await.pop().unwrap();
            let kind = if delivered { "delivery.succeeded" } else { "delivery.failed" };
            assert_eq!(last["kind"], kind, "after {days} days: {last}");
            assert!(delivered || last["reason"].as_str().unwrap().contains("(given up after "), "{last}");
        }
        assert_eq!(receiver.requests().len(), if delivered { 2 } else { 0 });
    }
}

#[tokio::test]
async fn told_at_most_once_what_may_have_been_taken_is_not_sent_again() {
    let (service, receiver) = (service(near(), true).await, Receiver::start().await);
    service.registers(&receiver).await;
    receiver.answer_next([Answer::Reset]);
    let id = service.tell().await;
    for _ in 0..3 {
        service.clock.advance(Duration::from_hours(1));
        service.sweep().await;
    }
    let told = service.told(&id).await;
    assert_eq!((told.len(), told[0]["kind"].as_str()), (1, Some("delivery.unknown")));
    assert!(told[0]["reason"].as_str().unwrap().ends_with("(told at most once, so not sent again)"), "{told:?}");
    assert_eq!((receiver.requests().len(), service.entries().await[0].state), (1, State::Unknown));
    // What was surely not taken is sent again.
    receiver.answer_next([Answer::Says("500 Internal Server Error", vec![])]);
    service.tell().await;
    service.clock.advance(Duration::from_hours(1));
    service.sweep().await;
    assert_eq!((receiver.requests().len(), service.entries().await[0].state), (3, State::Succeeded));
}

#[tokio::test]
async fn what_we_refuse_to_send_ourselves_does_not_say_that_its_receiver_is_back() {
    let (service, receiver) = (service(near(), false).await, Receiver::start().await);
    service.registers(&receiver).await;
    receiver.stop().await;
    let id = service.tell().await;
    let now = service.app.now();
    service.app.store.disable_webhook_endpoint("erp".into(), now, "an operator's wish".into(), now).await.unwrap();
    service.clock.advance(Duration::from_mins(1));
    service.sweep().await;
    let told = service.told(&id).await.pop().unwrap();
    assert_eq!(told["reason"], "the webhook endpoint erp is disabled: an operator's wish");
    let outages = service.app.store.outages().await.unwrap();
    assert_eq!((outages.len(), outages[0].failures), (1, 1), "it was not asked");
}

#[tokio::test]
async fn what_alone_is_turned_away_keeps_to_its_own_waits_and_ends_at_its_horizon() {
    let (service, receiver) = (service(near(), false).await, Receiver::start().await);
    service.registers(&receiver).await;
    let unwanted = service.place().await;
    receiver.turn_away(&unwanted);
    service.relay().await;
    service.receive(1).await;
    let copies = || receiver.requests().iter().filter(|request| request.body.contains(&unwanted)).count();
    let mut in_the_first_hour = 0;
    for quarter in 0..26 * 4 {
        service.clock.advance(Duration::from_mins(15) - Duration::from_secs(9));
        service.tell().await;
        for _ in 0..3 {
            service.sweep().await;
            service.clock.advance(Duration::from_secs(3));
        }
        if quarter == 3 {
            in_the_first_hour = copies();
        }
    }
    let last = service.told(&unwanted).await.pop().unwrap();
    assert_eq!(last["kind"], "delivery.failed");
    assert!(last["reason"].as_str().unwrap().starts_with("the receiver answered 503 Service Unavailable (given up after "), "{last}");
    assert!(in_the_first_hour <= 9 && copies() <= 40, "{in_the_first_hour} in an hour, {} in a day", copies());
    assert_eq!(service.entries().await.iter().filter(|entry| entry.state == State::Succeeded).count(), 26 * 4);
}

#[tokio::test]
async fn an_endpoint_that_was_mended_is_told_at_once_whatever_it_asked_for_before() {
    for removed in [false, true] {
        let (service, receiver) = (service(near(), false).await, Receiver::start().await);
        service.registers(&receiver).await;
        receiver.answer_next([Answer::Says("503 Service Unavailable", vec!["retry-after: 43200".into()])]);
        service.tell().await;
        service.tell().await;
        service.clock.advance(Duration::from_mins(1));
        service.sweep().await;
        assert_eq!(receiver.requests().len(), 1, "it is left alone");
        if removed {
            assert!(service.app.store.remove_webhook_endpoint("erp".into(), service.app.now()).await.unwrap());
        } else {
            service.registers(&receiver).await;
        }
        service.sweep().await;
        let state = if removed { State::Failed } else { State::Succeeded };
        assert!(service.entries().await.iter().all(|entry| entry.state == state), "{state:?}");
        assert_eq!((receiver.requests().len(), service.app.store.outages().await.unwrap()), (if removed { 1 } else { 3 }, vec![]));
    }
}

/// A service that tells by webhook, and to a file beside its database.
async fn with_a_file(webhook: Settings, lease: Duration) -> Service {
    let service = service(webhook.clone(), false).await;
    let store = Arc::clone(&service.app.store);
    let path = service.folder.path().join("told.jsonl");
    let now: channels::Now = Arc::new(|| Timestamp::from_millis(START));
    let directory = Arc::new(StoreDirectory::new(Arc::clone(&store), Arc::clone(&now)));
    let setup = Setup { file: &path, email: None, webhook: &webhook, directory, keyring: Arc::new(Keys), now };
    let channels = Channels::new(["webhook", "file"].map(|name| channels::open(name, &setup).unwrap()).into());
    let settings = orders::app::Settings { default_channels: vec!["webhook".into()], lease, ..orders::app::Settings::default() };
    let app = Arc::new(App::new(store, Some(Arc::clone(&service.bus)), channels, Arc::clone(&service.clock) as _, settings));
    Service { router: router::functions_host(Arc::clone(&app)), app, ..service }
}

async fn take_in(service: &Service) {
    let delivered = service.subscription.receive().await.unwrap();
    notify::take(&service.app, &delivered.message.body, None, 1).await.unwrap();
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_neither_other_channels_nor_the_sweep() {
    let slow = Settings { answer_within: Duration::from_mins(10), ..near() };
    let (service, receiver) = (with_a_file(slow, Duration::from_hours(1)).await, Receiver::start().await);
    service.registers(&receiver).await;
    receiver.answer_next(vec![Answer::Hang; 100]);
    for _ in 0..70 {
        service.place().await;
    }
    let mut body = order();
    body["notify"] = json!({ "channels": ["file"] });
    let other = service.post("/api/orders", &[], &body).await.json()["id"].as_str().unwrap().to_owned();
    service.relay().await;
    for _ in 0..71 {
        take_in(&service).await;
    }
    let told = async |id: &str| service.told(id).await.pop().is_some_and(|told| told["kind"] == "delivery.succeeded");
    process::until("the other channel has told", || async { told(&other).await.then_some(()) }).await;
    process::until("some wait for the receiver", || async { (receiver.requests().len() == 16).then_some(()) }).await;

    // Their leases end, and something else is due besides.
    let store = &service.app.store;
    let other = service.post("/api/orders", &[], &body).await.json()["id"].as_str().unwrap().to_owned();
    service.relay().await;
    let delivered = service.subscription.receive().await.unwrap();
    let due = Event::parse(&delivered.message.body).unwrap();
    let deliveries = service.app.deliveries_for(&due).await.unwrap();
    let event = (due.event.order_id, due.event.sequence);
    let (at, lease_until) = (service.app.now(), service.app.now());
    store.receive(Receipt { event, deliveries, at, lease_until }).await.unwrap();
    service.clock.advance(Duration::from_mins(61));
    let swept = tokio::time::timeout(Duration::from_secs(30), sweep::once(&service.app)).await.expect("it does not wait for a receiver");
    assert!(swept.unwrap().attempted > 1);
    process::until("what is due besides is told", || async { told(&other).await.then_some(()) }).await;
}
