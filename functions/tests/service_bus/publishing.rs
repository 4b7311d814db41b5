//! What is published is there, once, and what is not says why.

use super::{Broker, TOPIC, client, id, message, publish_all, receive, settings, sized, take};
use crate::support::process::until;
use orders::bus::{Bus, BusError};
use servicebus_emulator::Loss;
use std::{sync::Arc, time::Duration};

#[tokio::test]
async fn a_message_arrives_with_all_that_its_receivers_go_by() {
    let broker = Broker::start().await;
    let client = broker.client();
    let sent = message(7);
    assert_eq!(client.sender().publish(vec![sent.clone()]).await, [Ok(())]);
    let (_, received) = client.receiver().receive_message().await.unwrap();
    assert_eq!(received.message_id, Some(id(7)));
    assert_eq!((received.subject.as_deref(), received.correlation_id.as_deref()), (Some("order-7"), Some("order-7")));
    assert_eq!(received.content_type.as_deref(), Some("application/cloudevents+json"));
    assert_eq!((received.trace, received.body, received.delivery_count), (sent.trace, sent.body, 1));
    assert!(received.sequence_number.is_some() && received.enqueued_at.is_some());
    assert!(received.lock_token.is_some() && received.locked_until.is_some());
    client.close().await;
}

#[tokio::test]
async fn a_thousand_messages_arrive_in_order_and_once() {
    let broker = Broker::start().await;
    let client = broker.client();
    let (sender, receiver) = (client.sender(), client.receiver());
    assert_eq!(publish_all(&sender, (0..1000).map(message).collect()).await, 0);
    assert_eq!(take(&receiver, 1000).await, (0..1000).map(id).collect::<Vec<_>>());
    until("the subscription is empty", || async { (broker.waiting() == 0).then_some(()) }).await;
}

#[tokio::test]
async fn a_message_that_the_topic_cannot_take_is_refused_for_good_and_holds_nobody_up() {
    let broker = Broker::start().await;
    let client = broker.client();
    // More than one batch's worth, with one message in the middle that is larger than the topic takes.
    let mut messages: Vec<_> = (0..40).map(|number| sized(number, 20_000)).collect();
    messages[20] = sized(20, 300_000);
    let outcomes = client.sender().publish(messages).await;
    for (number, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Err(BusError::Permanent(reason)) if number == 20 => assert!(reason.contains("the topic takes 262144"), "{reason}"),
            outcome => assert_eq!(outcome, Ok(()), "message {number}"),
        }
    }
    let expected: Vec<_> = (0..40).filter(|number| *number != 20).map(id).collect();
    assert_eq!(take(&client.receiver(), 39).await, expected);
}

#[tokio::test]
async fn publishing_is_confirmed_by_the_broker_and_only_then() {
    let broker = Broker::start().await;
    let mut short = broker.settings();
    short.publish_within = Duration::from_millis(600);
    let client = client(short);
    let (sender, receiver) = (client.sender(), client.receiver());
    publish_all(&sender, vec![message(0)]).await;
    // The broker never saw it, or nobody heard that it did: neither is a success.
    for (number, loss, copies) in [(1, Loss::Request, 1), (2, Loss::Answer, 2)] {
        broker.emulator.faults().lose_sends(TOPIC, 1, loss);
        let outcome = sender.publish(vec![message(number)]).await.remove(0);
        assert!(matches!(&outcome, Err(BusError::Transient(reason)) if reason.contains("no answer in time")), "{outcome:?}");
        assert!(client.outage().unwrap().contains("publishing"));
        assert_eq!(publish_all(&sender, vec![message(number)]).await, 0);
        assert_eq!(client.outage(), None);
        let expected: Vec<_> = if number == 1 { vec![id(0), id(1)] } else { vec![id(2); copies] };
        assert_eq!(take(&receiver, expected.len()).await, expected, "copies bear the same id");
    }
}

#[tokio::test]
async fn a_broker_that_is_busy_is_named_until_it_takes_messages_again() {
    let broker = Broker::start().await;
    let client = broker.client();
    let sender = client.sender();
    broker.emulator.faults().refuse_sends(TOPIC, 1);
    let outcome = sender.publish(vec![message(1)]).await.remove(0);
    assert!(matches!(&outcome, Err(BusError::Transient(reason)) if reason.contains("server-busy")), "{outcome:?}");
    assert!(sender.outage().unwrap().contains("server-busy"));
    assert_eq!(sender.publish(vec![message(1)]).await, [Ok(())]);
    assert_eq!(sender.outage(), None);
}

#[tokio::test]
async fn what_is_wrong_shows_before_the_first_message() {
    let broker = Broker::start().await;
    let mut other = broker.settings();
    other.topic = "no-such-topic".into();
    let missing = client(other);
    let sender = missing.sender();
    let outage = until("the outage is named", || async { sender.outage() }).await;
    assert!(outage.starts_with("no-such-topic: amqp:not-found"), "{outage}");

    broker.emulator.faults().refuse_tokens(1);
    let refused = broker.client();
    let (sender, receiver) = (refused.sender(), refused.receiver());
    let outage = until("the outage is named", || async { sender.outage() }).await;
    assert!(outage.contains("401"), "{outage}");
    until("the outage ends", || async { sender.outage().is_none().then_some(()) }).await;
    publish_all(&sender, vec![message(1)]).await;
    assert_eq!(receive(&receiver).await.message.id, Some(id(1)));

    let nobody = client(settings("Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=n;SharedAccessKey=secret-key;UseDevelopmentEmulator=true"));
    let outcome = nobody.sender().publish(vec![message(1)]).await.remove(0);
    let Err(BusError::Transient(reason)) = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("cannot reach 127.0.0.1:9") && !reason.contains("secret-key"), "{reason}");
    assert!(nobody.outage().unwrap().starts_with("connection: cannot reach 127.0.0.1:9"));
}

#[tokio::test]
async fn no_batch_waits_for_the_answer_to_another() {
    let broker = Broker::start().await;
    let client = broker.client();
    let sender = client.sender();
    publish_all(&sender, vec![message(0)]).await;
    // From here on the broker takes what comes, and is too far away to say so.
    broker.emulator.faults().delay_writes(Duration::from_hours(1));
    for batch in 0..50_u128 {
        let sender = Arc::clone(&sender);
        tokio::spawn(async move { sender.publish((1..=20).map(|number| message(batch * 20 + number)).collect()).await });
    }
    until("every batch is with the broker", || async { (broker.waiting() == 1001).then_some(()) }).await;
}
