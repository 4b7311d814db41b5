//! Locks: kept as long as a message is being handled, and harmless when they are lost.

use super::{Broker, SUBSCRIPTION, complete, id, message, publish_all, receive, take};
use crate::support::process::until;
use orders::bus::{SettleError, Settlement, Subscription};
use servicebus_emulator::{Loss, ManualClock, config::EntityProperties};
use std::{sync::Arc, time::Duration};

fn locked_for(lock_duration: Duration) -> EntityProperties {
    EntityProperties { lock_duration, ..EntityProperties::default() }
}

#[tokio::test]
async fn a_lock_is_renewed_for_as_long_as_the_message_is_handled() {
    let broker = Broker::with(locked_for(Duration::from_secs(1)), |options| options).await;
    let client = broker.client();
    let receiver = client.receiver();
    publish_all(&client.sender(), (0..3).map(message).collect()).await;
    let held = receive(&receiver).await;
    // Three lives of the lock: nothing but time shows that it was renewed.
    tokio::time::sleep(Duration::from_secs(3)).await;
    complete(&receiver, held).await;
    assert_eq!(take(&receiver, 2).await, [id(1), id(2)], "those that wait are renewed as well");
    until("the subscription is empty", || async { (broker.waiting() == 0).then_some(()) }).await;
    assert_eq!(receiver.locks_lost(), 0);
}

#[tokio::test]
async fn a_lost_lock_is_noticed_where_it_can_be_and_the_message_comes_again() {
    let clock = Arc::new(ManualClock::default());
    let broker = Broker::with(locked_for(Duration::from_secs(30)), |mut options| {
        options.clock = Arc::clone(&clock) as _;
        options
    })
    .await;
    let client = broker.client();
    let receiver = client.receiver();
    publish_all(&client.sender(), vec![message(1)]).await;
    let first = receive(&receiver).await;
    clock.advance(Duration::from_secs(31));
    let second = receive(&receiver).await;
    assert_eq!((second.message.id.clone(), second.delivery_count), (Some(id(1)), 2));
    let dead_letter = Settlement::DeadLetter { reason: "late".into(), description: String::new() };
    assert_eq!(receiver.settle(first, dead_letter).await, Err(SettleError::LockLost));
    assert_eq!(receiver.locks_lost(), 1);
    complete(&receiver, second.clone()).await;
    assert_eq!(receiver.settle(second, Settlement::Complete).await, Err(SettleError::LockLost), "a loan ends once");
    until("the subscription is empty", || async { (broker.waiting() == 0).then_some(()) }).await;
}

#[tokio::test]
async fn a_message_is_settled_for_certain_after_its_link_is_gone() {
    let broker = Broker::start().await;
    let client = broker.client();
    let (sender, receiver) = (client.sender(), client.receiver());
    publish_all(&sender, (0..2).map(message).collect()).await;
    let (first, second) = (receive(&receiver).await, receive(&receiver).await);
    broker.emulator.faults().detach(SUBSCRIPTION, "amqp:link:detach-forced", "idle");
    // The new link is there when it brings something.
    publish_all(&sender, vec![message(2)]).await;
    let third = receive(&receiver).await;
    for delivered in [first, second, third] {
        // Whether the broker keeps the lock of a link that is gone is its own affair; nothing is lost either way.
        match receiver.settle(delivered, Settlement::Complete).await {
            Ok(()) | Err(SettleError::LockLost) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let rest = async {
        while broker.waiting() > 0 {
            let delivered = receive(&receiver).await;
            complete(&receiver, delivered).await;
        }
    };
    tokio::select! {
        () = rest => {}
        () = until("the subscription is empty", || async { (broker.waiting() == 0).then_some(()) }) => {}
    }
}

#[tokio::test]
async fn a_completion_that_got_lost_brings_the_message_again() {
    let broker = Broker::with(locked_for(Duration::from_secs(1)), |options| options).await;
    let client = broker.client();
    let receiver = client.receiver();
    publish_all(&client.sender(), vec![message(1)]).await;
    broker.emulator.faults().lose_settlements(SUBSCRIPTION, 1, Loss::Request);
    let lost = receive(&receiver).await;
    complete(&receiver, lost).await;
    let again = receive(&receiver).await;
    assert_eq!((again.message.id.clone(), again.delivery_count), (Some(id(1)), 2));
    complete(&receiver, again).await;
    until("the subscription is empty", || async { (broker.waiting() == 0).then_some(()) }).await;
}
