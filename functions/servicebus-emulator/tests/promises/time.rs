//! What time does: time to live, schedules, duplicate detection.

use crate::{
    client::{Client, message},
    support::{World, queue},
};
use servicebus_emulator::amqp::{DeliveryState, Message, Value};
use std::time::Duration;

fn living(text: &str, millis: u32) -> Message {
    let mut message = message(text);
    message.header.ttl = Some(millis);
    message
}

fn scheduled(text: &str, at: i64) -> Message {
    let mut message = message(text);
    message.annotations = vec![(Value::symbol("x-opt-scheduled-enqueue-time"), Value::Timestamp(at))];
    message
}

#[tokio::test]
async fn a_message_whose_time_is_over_is_gone() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    client.publish(sender, &living("short", 5_000)).await;
    client.publish(sender, &message("long")).await;
    world.advance(5);
    assert_eq!(world.emulator.counts("q").unwrap().active, 1);
    assert_eq!(client.receive("q").await.text(), "long");
    assert_eq!(world.emulator.counts("q").unwrap().dead_letter, 0);
}

#[tokio::test]
async fn an_entity_may_keep_what_expired_in_its_dead_letter_queue() {
    let world =
        World::with(|config| config.queues.push(queue("keep", |properties| properties.dead_lettering_on_message_expiration = true))).await;
    let mut client = world.connect().await;
    let sender = client.sender("keep").await;
    client.publish(sender, &living("short", 5_000)).await;
    world.advance(5);
    let dead = client.receive("keep/$DeadLetterQueue").await;
    assert_eq!(dead.property("DeadLetterReason").as_deref(), Some("TTLExpiredException"));
    world.advance(100_000);
    assert_eq!(world.emulator.counts("keep").unwrap().dead_letter, 1);
}

#[tokio::test]
async fn no_message_outlives_the_entitys_own_limit() {
    let world = World::with(|config| {
        config.queues.push(queue("brief", |properties| properties.default_message_time_to_live = Duration::from_secs(10)));
    })
    .await;
    let mut client = world.connect().await;
    let sender = client.sender("brief").await;
    client.publish(sender, &living("one", 60_000)).await;
    let delivery = client.receive("brief").await;
    assert_eq!(delivery.message().header.ttl, Some(10_000));
    client.settle(&delivery, DeliveryState::Released).await;
    world.advance(9);
    assert_eq!(world.emulator.counts("brief").unwrap().active, 1);
    world.advance(1);
    assert_eq!(world.emulator.counts("brief").unwrap().active, 0);
}

#[tokio::test]
async fn a_locked_message_outlives_its_time_until_its_lock_ends() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    client.publish(sender, &living("a", 5_000)).await;
    client.publish(sender, &living("b", 5_000)).await;
    let (first, second) = (client.receive("q").await, client.receive("q").await);
    world.advance(6);
    assert_eq!(client.settle(&first, DeliveryState::Accepted).await, DeliveryState::Accepted);
    client.settle(&second, DeliveryState::Released).await;
    assert_eq!(world.emulator.counts("q").unwrap().active, 0);
}

#[tokio::test]
async fn a_scheduled_message_comes_when_it_is_due_to_one_who_waits() {
    let world = World::start().await;
    let mut client = world.connect().await;
    for (address, source) in [("q", "q"), ("t", "t/Subscriptions/a")] {
        let sender = client.sender(address).await;
        let at = world.emulator.clock().now() + 30_000;
        assert_eq!(client.publish(sender, &scheduled("later", at)).await, DeliveryState::Accepted);
        assert_eq!(world.emulator.counts(address).unwrap().scheduled, 1);
        let link = client.receiver(source).await;
        client.credit(link, 0, 1, false).await;
        client.assert_quiet().await;
        world.advance(30);
        let delivery = client.delivery(link).await;
        assert_eq!(delivery.annotation("x-opt-enqueued-time"), Some(Value::Timestamp(world.emulator.clock().now())));
        assert_eq!(delivery.annotation("x-opt-scheduled-enqueue-time"), Some(Value::Timestamp(at)));
        assert_eq!(world.emulator.counts(address).unwrap().scheduled, 0);
    }
}

async fn schedule(client: &mut Client, message: &Message) -> i64 {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    let entry = Value::Map(vec![("message-id".into(), "x".into()), ("message".into(), Value::Binary(bytes))]);
    let body = Value::Map(vec![("messages".into(), Value::List(vec![entry]))]);
    let answer = client.request("t/$management", "com.microsoft:schedule-message", body).await;
    let Some(Value::Array(numbers)) = answer.body.get("sequence-numbers") else { panic!("{answer:?}") };
    numbers[0].as_i64().unwrap()
}

#[tokio::test]
async fn a_scheduled_message_can_be_cancelled_once() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let at = world.emulator.clock().now() + 30_000;
    let number = schedule(&mut client, &scheduled("later", at)).await;
    let body = Value::Map(vec![("sequence-numbers".into(), Value::Array(vec![Value::Long(number)]))]);
    assert_eq!(client.request("t/$management", "com.microsoft:cancel-scheduled-message", body.clone()).await.status, 200);
    let twice = client.request("t/$management", "com.microsoft:cancel-scheduled-message", body).await;
    assert_eq!((twice.status, twice.condition.as_deref()), (404, Some("com.microsoft:message-not-found")));
    world.advance(31);
    assert!(client.is_empty("t/Subscriptions/a").await);
}

#[tokio::test]
async fn a_message_scheduled_in_the_past_comes_at_once() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    client.publish(sender, &scheduled("late", world.emulator.clock().now() - 1)).await;
    assert_eq!(client.receive("q").await.text(), "late");
}

#[tokio::test]
async fn a_duplicate_is_accepted_and_dropped_within_its_window() {
    let world = World::with(|config| config.queues.push(queue("once", |properties| properties.requires_duplicate_detection = true))).await;
    let mut client = world.connect().await;
    let sender = client.sender("once").await;
    for _ in 0..2 {
        assert_eq!(client.publish(sender, &message("same")).await, DeliveryState::Accepted);
    }
    client.publish(sender, &message("other")).await;
    assert_eq!(world.emulator.counts("once").unwrap().active, 2);
    world.advance(20);
    client.publish(sender, &message("same")).await;
    assert_eq!(world.emulator.counts("once").unwrap().active, 3);
}
