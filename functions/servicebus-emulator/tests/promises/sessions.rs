//! Message sessions.

use crate::{
    client::{Client, message},
    support::{World, queue},
};
use servicebus_emulator::amqp::{Attach, DeliveryState, Error, Message, Properties, Role, Terminus, Value, lookup};

const FILTER: &str = "com.microsoft:session-filter";

async fn world() -> World {
    World::with(|config| config.queues.push(queue("s", |properties| properties.requires_session = true))).await
}

fn of_session(session: &str, text: &str) -> Message {
    Message::of_data(Properties { group_id: Some(session.into()), ..Properties::default() }, &[], text.as_bytes())
}

fn source(session: Value) -> Terminus {
    let mut source = Terminus::source("s");
    source.set_filter(FILTER, 0x0000_0013_7000_000c, session);
    source
}

async fn accept(client: &mut Client, session: Value) -> Result<(u32, Attach), Error> {
    client.attach(Role::Receiver, Some(source(session)), Some(Terminus::target("here")), wait).await
}

fn wait(attach: &mut Attach) {
    attach.properties = vec![(Value::symbol("com.microsoft:timeout"), Value::Uint(5_000))];
}

async fn send(client: &mut Client, messages: &[(&str, &str)]) {
    let sender = client.sender("s").await;
    for (session, text) in messages {
        assert_eq!(client.publish(sender, &of_session(session, text)).await, DeliveryState::Accepted);
    }
}

fn accepted(attach: &Attach) -> &str {
    attach.source.as_ref().unwrap().filter(FILTER).unwrap().as_text().unwrap()
}

#[tokio::test]
async fn the_next_session_is_the_one_with_the_oldest_message_that_nobody_has() {
    let world = world().await;
    let mut client = world.connect().await;
    send(&mut client, &[("x", "1"), ("y", "2"), ("x", "3")]).await;
    let (first, attach) = accept(&mut client, Value::Null).await.unwrap();
    assert_eq!(accepted(&attach), "x");
    let ticks = lookup(&attach.properties, "com.microsoft:locked-until-utc").unwrap().as_i64().unwrap();
    assert_eq!((ticks - 621_355_968_000_000_000) / 10_000, world.emulator.clock().now() + 60_000);
    let (second, attach) = accept(&mut client, Value::Null).await.unwrap();
    assert_eq!(accepted(&attach), "y");
    let texts: Vec<_> = client.drain(first, 0, 10).await.iter().map(super::client::Delivery::text).collect();
    assert_eq!(texts, ["1", "3"]);
    assert_eq!(client.drain(second, 0, 10).await.len(), 1);
}

#[tokio::test]
async fn one_who_waits_for_any_session_gets_the_first_that_comes() {
    let world = world().await;
    let mut waiting = world.connect().await;
    let handle = waiting.start_attach(Role::Receiver, Some(source(Value::Null)), Some(Terminus::target("here")), wait).await;
    waiting.assert_quiet().await;
    let mut client = world.connect().await;
    send(&mut client, &[("x", "1")]).await;
    assert_eq!(accepted(&waiting.attached(handle).await.unwrap()), "x");
    waiting.credit(handle, 0, 1, false).await;
    assert_eq!(waiting.delivery(handle).await.text(), "1");
}

#[tokio::test]
async fn one_who_has_waited_long_enough_is_told() {
    let world = world().await;
    let mut client = world.connect().await;
    let soon = |attach: &mut Attach| attach.properties = vec![(Value::symbol("com.microsoft:timeout"), Value::Uint(100))];
    let error = client.attach(Role::Receiver, Some(source(Value::Null)), Some(Terminus::target("here")), soon).await.unwrap_err();
    assert_eq!(error.condition, "com.microsoft:timeout");
}

#[tokio::test]
async fn a_session_has_one_receiver() {
    let world = world().await;
    let mut client = world.connect().await;
    let (link, _) = accept(&mut client, "x".into()).await.unwrap();
    assert_eq!(accept(&mut client, "x".into()).await.unwrap_err().condition, "com.microsoft:session-cannot-be-locked");
    client.detach(link).await;
    accept(&mut client, "x".into()).await.unwrap();
}

#[tokio::test]
async fn a_receiver_that_goes_leaves_its_messages_to_the_next_and_they_count_no_attempt() {
    let world = world().await;
    let mut client = world.connect().await;
    send(&mut client, &[("x", "1")]).await;
    let (link, _) = accept(&mut client, "x".into()).await.unwrap();
    client.credit(link, 0, 1, false).await;
    client.delivery(link).await;
    client.detach(link).await;
    let (link, _) = accept(&mut client, "x".into()).await.unwrap();
    client.credit(link, 0, 1, false).await;
    assert_eq!(client.delivery(link).await.message().header.delivery_count, 0);
}

#[tokio::test]
async fn a_session_lock_that_runs_out_detaches_its_receiver_and_counts_an_attempt() {
    let world = world().await;
    let mut client = world.connect().await;
    send(&mut client, &[("x", "1")]).await;
    let (link, _) = accept(&mut client, "x".into()).await.unwrap();
    client.credit(link, 0, 2, false).await;
    client.delivery(link).await;
    world.advance(60);
    assert_eq!(client.detached(link).await.unwrap().condition, "com.microsoft:session-lock-lost");
    let (link, _) = accept(&mut client, Value::Null).await.unwrap();
    client.credit(link, 0, 1, false).await;
    assert_eq!(client.delivery(link).await.message().header.delivery_count, 1);
}

#[tokio::test]
async fn a_receiver_without_credit_hears_too_that_its_session_is_lost() {
    let world = world().await;
    let mut client = world.connect().await;
    let (link, _) = accept(&mut client, "x".into()).await.unwrap();
    world.advance(60);
    assert_eq!(client.detached(link).await.unwrap().condition, "com.microsoft:session-lock-lost");
}

#[tokio::test]
async fn a_renewed_session_keeps_its_messages_locked() {
    let world = world().await;
    let mut client = world.connect().await;
    send(&mut client, &[("x", "1")]).await;
    let (link, _) = accept(&mut client, "x".into()).await.unwrap();
    client.credit(link, 0, 2, false).await;
    let delivery = client.delivery(link).await;
    world.advance(50);
    let answer =
        client.request("s/$management", "com.microsoft:renew-session-lock", Value::Map(vec![("session-id".into(), "x".into())])).await;
    assert_eq!(answer.body.get("expiration"), Some(&Value::Timestamp(world.emulator.clock().now() + 60_000)));
    world.advance(50);
    assert_eq!(client.settle(&delivery, DeliveryState::Accepted).await, DeliveryState::Accepted);
}

#[tokio::test]
async fn a_session_keeps_the_applications_state() {
    let world = world().await;
    let mut client = world.connect().await;
    let (link, _) = accept(&mut client, "x".into()).await.unwrap();
    let id = || ("session-id".into(), "x".into());
    let set = Value::Map(vec![id(), ("session-state".into(), Value::Binary(b"half-way".to_vec()))]);
    assert_eq!(client.request("s/$management", "com.microsoft:set-session-state", set).await.status, 200);
    client.detach(link).await;
    let answer = client.request("s/$management", "com.microsoft:get-session-state", Value::Map(vec![id()])).await;
    assert_eq!(answer.body.get("session-state"), Some(&Value::Binary(b"half-way".to_vec())));
    let page = Value::Map(vec![("skip".into(), Value::Int(0)), ("top".into(), Value::Int(10))]);
    let answer = client.request("s/$management", "com.microsoft:get-message-sessions", page).await;
    assert_eq!(answer.body.get("sessions-ids"), Some(&Value::Array(vec!["x".into()])));
}

#[tokio::test]
async fn a_receiver_and_its_entity_must_agree_on_sessions() {
    let world = world().await;
    let mut client = world.connect().await;
    let plain = client.attach(Role::Receiver, Some(Terminus::source("s")), Some(Terminus::target("here")), |_| {}).await;
    assert_eq!(plain.unwrap_err().condition, "amqp:not-allowed");
    let mut sessionful = Terminus::source("q");
    sessionful.set_filter(FILTER, 0x0000_0013_7000_000c, "x".into());
    let error = client.attach(Role::Receiver, Some(sessionful), Some(Terminus::target("here")), |_| {}).await.unwrap_err();
    assert_eq!(error.condition, "amqp:not-allowed");
    let sender = client.sender("s").await;
    assert!(
        matches!(client.publish(sender, &message("no session")).await, DeliveryState::Rejected(Some(error)) if error.condition == "amqp:not-allowed")
    );
}
