//! Locks and how long they hold.

use crate::{
    client::{Client, Delivery, message},
    support::World,
};
use servicebus_emulator::amqp::{DeliveryState, Value};

async fn renew(client: &mut Client, delivery: &Delivery) -> crate::client::Answer {
    let tokens = Value::Array(vec![Value::Uuid(delivery.token())]);
    client.request("q/$management", "com.microsoft:renew-lock", Value::Map(vec![("lock-tokens".into(), tokens)])).await
}

async fn locked(world: &World) -> (Client, Delivery) {
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    client.publish(sender, &message("one")).await;
    let delivery = client.receive("q").await;
    (client, delivery)
}

#[tokio::test]
async fn a_locked_message_is_nobody_elses() {
    let world = World::start().await;
    let (mut client, delivery) = locked(&world).await;
    world.advance(59);
    assert!(client.is_empty("q").await);
    assert_eq!(client.settle(&delivery, DeliveryState::Accepted).await, DeliveryState::Accepted);
}

#[tokio::test]
async fn a_receiver_that_waits_gets_the_message_whose_lock_runs_out() {
    let world = World::start().await;
    let (_client, delivery) = locked(&world).await;
    let mut other = world.connect().await;
    let link = other.receiver("q").await;
    other.credit(link, 0, 1, false).await;
    other.assert_quiet().await;
    world.advance(60);
    let again = other.delivery(link).await;
    assert_eq!((again.sequence(), again.message().header.delivery_count), (delivery.sequence(), 1));
}

#[tokio::test]
async fn settling_after_the_lock_is_told_lock_lost_and_changes_nothing() {
    let world = World::start().await;
    let (mut client, delivery) = locked(&world).await;
    world.advance(60);
    let DeliveryState::Rejected(Some(error)) = client.settle(&delivery, DeliveryState::Accepted).await else { panic!("not lost") };
    assert_eq!(error.condition, "com.microsoft:message-lock-lost");
    assert_eq!(world.emulator.counts("q").unwrap().active, 1);
}

#[tokio::test]
async fn a_renewed_lock_holds_from_the_renewal_on() {
    let world = World::start().await;
    let (mut client, delivery) = locked(&world).await;
    world.advance(50);
    let answer = renew(&mut client, &delivery).await;
    let Some([Value::Timestamp(until)]) = answer.body.get("expirations").and_then(Value::as_items) else { panic!("{answer:?}") };
    assert_eq!(*until, world.emulator.clock().now() + 60_000);
    world.advance(59);
    assert!(client.is_empty("q").await);
    assert_eq!(client.settle(&delivery, DeliveryState::Accepted).await, DeliveryState::Accepted);
}

#[tokio::test]
async fn a_lost_lock_is_not_renewed() {
    let world = World::start().await;
    let (mut client, delivery) = locked(&world).await;
    world.advance(61);
    let answer = renew(&mut client, &delivery).await;
    assert_eq!((answer.status, answer.condition.as_deref()), (410, Some("com.microsoft:message-lock-lost")));
}

#[tokio::test]
async fn a_closed_connection_does_not_unlock_its_messages() {
    let world = World::start().await;
    let (client, delivery) = locked(&world).await;
    drop(client);
    let mut other = world.connect().await;
    assert!(other.is_empty("q").await);
    let tokens = Value::Array(vec![Value::Uuid(delivery.token())]);
    let body = Value::Map(vec![("disposition-status".into(), "completed".into()), ("lock-tokens".into(), tokens)]);
    assert_eq!(other.request("q/$management", "com.microsoft:update-disposition", body).await.status, 200);
    assert_eq!(world.emulator.counts("q").unwrap().active, 0);
}

#[tokio::test]
async fn the_lock_token_and_its_end_are_where_clients_look_for_them() {
    let world = World::start().await;
    let (_client, delivery) = locked(&world).await;
    let now = world.emulator.clock().now();
    assert_eq!(delivery.tag.len(), 16);
    assert_eq!(delivery.annotation("x-opt-locked-until"), Some(Value::Timestamp(now + 60_000)));
    assert_eq!(delivery.annotation("x-opt-enqueued-time"), Some(Value::Timestamp(now)));
    assert_eq!(delivery.annotation("x-opt-sequence-number"), Some(Value::Long(1)));
    assert_eq!(delivery.annotation("x-opt-message-state"), Some(Value::Int(0)));
}

#[tokio::test]
async fn ten_thousand_locks_run_out_together() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    for _ in 0..100 {
        let batch: Vec<_> = (0..100).map(|number| message(&number.to_string())).collect();
        crate::messages::publish_batch(&mut client, sender, &batch).await;
    }
    let link = client.receiver("q").await;
    assert_eq!(client.drain(link, 0, 10_000).await.len(), 10_000);
    world.advance(60);
    assert_eq!(client.drain(link, 10_000, 10_000).await.len(), 10_000);
}
