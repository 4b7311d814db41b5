//! Auto-forward.

use crate::{
    client::message,
    support::{World, queue},
};
use servicebus_emulator::amqp::{DeliveryState, Role, Terminus};

#[tokio::test]
async fn a_queue_hands_on_what_it_gets() {
    let world = World::with(|config| {
        config.queues.push(queue("front", |properties| properties.forward_to = Some("t".into())));
        config.topics[0].subscriptions[0].properties.forward_to = Some("Q".into());
    })
    .await;
    let mut client = world.connect().await;
    let sender = client.sender("front").await;
    assert_eq!(client.publish(sender, &message("one")).await, DeliveryState::Accepted);
    assert_eq!(client.receive("q").await.text(), "one");
    assert_eq!(client.receive("t/Subscriptions/b").await.text(), "one");
    let error = client.attach(Role::Receiver, Some(Terminus::source("front")), Some(Terminus::target("x")), |_| {}).await.unwrap_err();
    assert_eq!(error.condition, "amqp:not-allowed");
}

#[tokio::test]
async fn what_cannot_be_forwarded_is_kept_in_the_transfer_dead_letter_queue() {
    let world = World::with(|config| config.queues.push(queue("front", |properties| properties.forward_to = Some("nowhere".into())))).await;
    let mut client = world.connect().await;
    let sender = client.sender("front").await;
    client.publish(sender, &message("one")).await;
    assert_eq!(world.emulator.counts("front").unwrap().transfer_dead_letter, 1);
    assert_eq!(client.receive("front/$Transfer/$DeadLetterQueue").await.text(), "one");
}

#[tokio::test]
async fn a_circle_ends_in_a_dead_letter_queue() {
    let world = World::with(|config| {
        config.queues.push(queue("ring", |properties| properties.forward_to = Some("round".into())));
        config.queues.push(queue("round", |properties| properties.forward_to = Some("ring".into())));
    })
    .await;
    let mut client = world.connect().await;
    let sender = client.sender("ring").await;
    client.publish(sender, &message("one")).await;
    let dead = client.receive("ring/$DeadLetterQueue").await;
    assert_eq!(dead.property("DeadLetterReason").as_deref(), Some("MaxTransferHopCountExceeded"));
}

#[tokio::test]
async fn dead_letters_may_have_another_home() {
    let world = World::with(|config| {
        config.queues.push(queue("front", |properties| properties.forward_dead_lettered_messages_to = Some("q".into())));
    })
    .await;
    let mut client = world.connect().await;
    let sender = client.sender("front").await;
    client.publish(sender, &message("one")).await;
    let delivery = client.receive("front").await;
    client.settle(&delivery, DeliveryState::rejected("bad", "very")).await;
    let forwarded = client.receive("q").await;
    assert_eq!((forwarded.text().as_str(), forwarded.property("DeadLetterReason").as_deref()), ("one", Some("bad")));
    assert_eq!(forwarded.annotation("x-opt-deadletter-source"), Some("front".into()));
    assert_eq!(world.emulator.counts("front").unwrap().dead_letter, 0);
}
