//! With a folder for its data, the emulator is the same one after a restart.

use crate::{
    client::message,
    support::{World, queue, topic},
};
use servicebus_emulator::{
    Options, StartError,
    amqp::{DeliveryState, Message, Properties, Role, Terminus, Value},
    config::Config,
    start,
};
use std::path::Path;

async fn world(folder: &Path) -> World {
    let queues = vec![queue("q", |_| {}), queue("s", |properties| properties.requires_session = true)];
    let config = Config { queues, topics: vec![topic("t", &["a", "b"])], ..Config::default() };
    World::of(Options { config, admin: None, data: Some(folder.to_owned()), ..Options::default() }).await
}

fn scheduled(at: i64) -> Message {
    let mut message = message("later");
    message.annotations = vec![(Value::symbol("x-opt-scheduled-enqueue-time"), Value::Timestamp(at))];
    message
}

#[tokio::test]
async fn messages_counts_deferrals_schedules_and_dead_letters_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let before = world(folder.path()).await;
    let mut client = before.connect().await;
    let sender = client.sender("q").await;
    for text in ["done", "failed once", "deferred", "dead", "locked", "ready"] {
        assert_eq!(client.publish(sender, &message(text)).await, DeliveryState::Accepted);
    }
    let link = client.receiver("q").await;
    client.credit(link, 0, 5, false).await;
    let mut taken = Vec::new();
    for _ in 0..5 {
        taken.push(client.delivery(link).await);
    }
    let modified = |here| DeliveryState::Modified { delivery_failed: Some(true), undeliverable_here: Some(here), annotations: Vec::new() };
    client.settle(&taken[0], DeliveryState::Accepted).await;
    client.settle(&taken[2], modified(true)).await;
    client.settle(&taken[3], DeliveryState::rejected("bad", "very")).await;
    client.settle(&taken[1], modified(false)).await;
    let fan_out = client.sender("t").await;
    client.publish(fan_out, &message("for both")).await;
    client.publish(fan_out, &scheduled(before.emulator.clock().now() + 3_600_000)).await;
    before.emulator.stop().await;

    let after = world(folder.path()).await;
    let mut client = after.connect().await;
    let link = client.receiver("q").await;
    let found = client.drain(link, 0, 10).await;
    let seen: Vec<_> = found.iter().map(|delivery| (delivery.text(), delivery.message().header.delivery_count)).collect();
    assert_eq!(seen, [("failed once".into(), 1), ("locked".into(), 0), ("ready".into(), 0)]);
    let dead = client.receive("q/$DeadLetterQueue").await;
    assert_eq!((dead.text().as_str(), dead.property("DeadLetterReason").as_deref()), ("dead", Some("bad")));
    assert_eq!(dead.annotation("x-opt-deadletter-source"), Some("q".into()));
    let number = Value::Array(vec![Value::Long(taken[2].sequence())]);
    let body = Value::Map(vec![("sequence-numbers".into(), number), ("receiver-settle-mode".into(), Value::Uint(1))]);
    assert_eq!(client.request("q/$management", "com.microsoft:receive-by-sequence-number", body).await.status, 200);
    for subscription in ["t/Subscriptions/a", "t/Subscriptions/b"] {
        assert_eq!(client.receive(subscription).await.text(), "for both");
    }
    assert_eq!(after.emulator.counts("t").unwrap().scheduled, 1);
    let sender = client.sender("q").await;
    client.publish(sender, &message("next")).await;
    assert_eq!(client.receive("q").await.sequence(), 7);
}

#[tokio::test]
async fn a_sessions_state_and_messages_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let before = world(folder.path()).await;
    let mut client = before.connect().await;
    let sender = client.sender("s").await;
    let properties = Properties { group_id: Some("x".into()), ..Properties::default() };
    client.publish(sender, &Message::of_data(properties, &[], b"1")).await;
    let source = || {
        let mut source = Terminus::source("s");
        source.set_filter("com.microsoft:session-filter", 0x0000_0013_7000_000c, "x".into());
        Some(source)
    };
    client.attach(Role::Receiver, source(), Some(Terminus::target("here")), |_| {}).await.unwrap();
    let id = || ("session-id".into(), "x".into());
    let state = Value::Map(vec![id(), ("session-state".into(), Value::Binary(b"half".to_vec()))]);
    assert_eq!(client.request("s/$management", "com.microsoft:set-session-state", state).await.status, 200);
    before.emulator.stop().await;

    let after = world(folder.path()).await;
    let mut client = after.connect().await;
    let answer = client.request("s/$management", "com.microsoft:get-session-state", Value::Map(vec![id()])).await;
    assert_eq!(answer.body.get("session-state"), Some(&Value::Binary(b"half".to_vec())));
    let (link, _) = client.attach(Role::Receiver, source(), Some(Terminus::target("here")), |_| {}).await.unwrap();
    client.credit(link, 0, 1, false).await;
    assert_eq!(client.delivery(link).await.text(), "1");
}

#[tokio::test]
async fn a_folder_has_one_emulator() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let second = Options { amqp: None, admin: None, data: Some(folder.path().to_owned()), ..Options::default() };
    assert!(matches!(start(second).await, Err(StartError::Data(_))));
    world.emulator.stop().await;
}

#[tokio::test]
async fn an_expired_message_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let before = world(folder.path()).await;
    let mut client = before.connect().await;
    let sender = client.sender("q").await;
    let mut short = message("short");
    short.header.ttl = Some(1);
    client.publish(sender, &short).await;
    before.emulator.stop().await;
    let after = world(folder.path()).await;
    after.advance(1);
    assert!(after.connect().await.is_empty("q").await);
    assert_eq!(after.emulator.counts("q").unwrap().active, 0);
}
