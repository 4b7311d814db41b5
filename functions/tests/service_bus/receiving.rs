//! Messages on loan: how they end, how many there are, and what is left when a receiver leaves.

use super::{Broker, SUBSCRIPTION, client, complete, id, message, publish_all, receive, sized, take};
use crate::support::process::until;
use orders::bus::{Bus, BusError, Settlement, Subscription, service_bus::Sender};
use servicebus_emulator::config::EntityProperties;
use std::{collections::BTreeSet, time::Duration};

#[tokio::test]
async fn an_abandoned_message_comes_again_and_is_counted() {
    let broker = Broker::start().await;
    let client = broker.client();
    let receiver = client.receiver();
    publish_all(&client.sender(), vec![message(1)]).await;
    for count in 1..=3 {
        let delivered = receive(&receiver).await;
        assert_eq!(delivered.delivery_count, count);
        receiver.settle(delivered, Settlement::Abandon).await.unwrap();
    }
    let last = receive(&receiver).await;
    complete(&receiver, last).await;
    until("the subscription is empty", || async { (broker.waiting() == 0).then_some(()) }).await;
}

#[tokio::test]
async fn no_more_messages_are_on_loan_than_may_be() {
    let broker = Broker::start().await;
    let mut few = broker.settings();
    few.prefetch = 8;
    let (one, other) = (client(few.clone()), client(few));
    publish_all(&one.sender(), (0..40).map(message).collect()).await;
    let (first, second) = (one.receiver(), other.receiver());
    // What the first has not asked for is there for the second, though the first settles nothing.
    let held = receive(&first).await;
    let seen: BTreeSet<_> = take(&second, 32).await.into_iter().collect();
    assert_eq!(seen.len(), 32);
    until("the second has settled", || async { (broker.waiting() == 8).then_some(()) }).await;
    complete(&first, held).await;
    assert_eq!(take(&first, 7).await.len(), 7);
}

#[tokio::test]
async fn a_receiver_that_leaves_gives_back_what_nobody_handled() {
    let broker = Broker::start().await;
    let (leaving, staying) = (broker.client(), broker.client());
    publish_all(&leaving.sender(), (0..20).map(message).collect()).await;
    let receiver = leaving.receiver();
    let (done, stuck) = (receive(&receiver).await, receive(&receiver).await);
    let (done_id, stuck_id) = (done.message.id.clone(), stuck.message.id.clone());
    let closing = {
        let receiver = receiver.clone();
        tokio::spawn(async move { receiver.close(Duration::from_secs(1)).await })
    };
    until("it receives no more", || async { receiver.receive().await.is_none().then_some(()) }).await;
    // What is being handled may still be settled.
    complete(&receiver, done).await;
    closing.await.unwrap();
    leaving.close().await;

    let successor = staying.receiver();
    let mut counts = Vec::new();
    for _ in 0..19 {
        let delivered = receive(&successor).await;
        counts.push((delivered.message.id.clone(), delivered.delivery_count));
        complete(&successor, delivered).await;
    }
    assert!(counts.iter().all(|(id, _)| *id != done_id), "a settled message came again");
    for (id, count) in &counts {
        assert_eq!(*count, if *id == stuck_id { 2 } else { 1 }, "{id:?}: only what was handled is counted");
    }
    assert_eq!(counts.len(), 19);
}

#[tokio::test]
async fn a_connection_is_shared_by_all_that_a_process_does() {
    let broker = Broker::start().await;
    let client = broker.client();
    let (sender, receiver) = (client.sender(), client.receiver());
    publish_all(&sender, vec![message(1)]).await;
    assert_eq!(take(&receiver, 1).await, [id(1)]);
    client.dead_letter_queue().peek(0, 1).await.unwrap();
    assert_eq!(broker.emulator.faults().connections(), 1);
    client.close().await;
    until("the broker sees it go", || async { (broker.emulator.faults().connections() == 0).then_some(()) }).await;
    assert_eq!(broker.emulator.counts(SUBSCRIPTION).unwrap().active, 0);
}

/// The largest message that the client sends.
async fn largest(sender: &Sender) -> usize {
    for bytes in (0..=262_144_usize).rev().step_by(8) {
        match &sender.publish(vec![sized(1, bytes)]).await[0] {
            Ok(()) => return bytes,
            Err(BusError::Permanent(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("nothing can be sent");
}

#[tokio::test]
async fn what_may_be_sent_may_be_received() {
    let broker = Broker::start().await;
    let client = broker.client();
    let bytes = largest(&client.sender()).await;
    assert!(bytes > 261_000, "{bytes}");
    let receiver = client.receiver();
    let delivered = receive(&receiver).await;
    assert_eq!((delivered.message.body.len(), delivered.delivery_count), (sized(1, bytes).body.len(), 1));
    complete(&receiver, delivered).await;
}

#[tokio::test]
async fn a_message_that_costs_its_link_at_every_delivery_is_an_outage_until_it_is_put_aside() {
    let properties = EntityProperties { lock_duration: Duration::from_secs(1), max_delivery_count: 3, ..EntityProperties::default() };
    let broker = Broker::with(properties, |options| options).await;
    broker.emulator.faults().announce_limit(10_000);
    let client = broker.client();
    let (sender, receiver) = (client.sender(), client.receiver());
    publish_all(&sender, vec![sized(1, 20_000)]).await;
    let outage = until("the losses are named", || async { client.outage() }).await;
    assert!(outage.contains(" lost one after the other") && outage.contains("more than the 10000 bytes"), "{outage}");
    publish_all(&sender, vec![message(2)]).await;
    assert_eq!(take(&receiver, 1).await, [id(2)], "others are received meanwhile");
    until("it is a dead letter", || async { (broker.emulator.counts(SUBSCRIPTION).unwrap().dead_letter == 1).then_some(()) }).await;
}
