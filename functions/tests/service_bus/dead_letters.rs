//! Dead letters: put aside with a reason, looked at, and taken out again for certain.

use super::{Broker, id, message, publish_all, receive, sized};
use orders::bus::{Settlement, Subscription, service_bus::ErrorKind};
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_dead_letter_keeps_its_body_and_says_why() {
    let broker = Broker::start().await;
    let client = broker.client();
    let receiver = client.receiver();
    publish_all(&client.sender(), (0..3).map(message).collect()).await;
    for number in 0..3 {
        let delivered = receive(&receiver).await;
        let (reason, description) = (format!("reason {number}"), format!("what and where {number}"));
        receiver.settle(delivered, Settlement::DeadLetter { reason, description }).await.unwrap();
    }
    // Confirmed: it is there when the settlement returns.
    assert_eq!((broker.waiting(), broker.emulator.counts(super::SUBSCRIPTION).unwrap().dead_letter), (0, 3));

    let dead = client.dead_letter_queue();
    let peeked = dead.peek(0, 10).await.unwrap();
    let told: Vec<_> = peeked.iter().map(|letter| (letter.message_id.clone(), letter.dead_letter_reason.clone())).collect();
    assert_eq!(told, (0..3).map(|number| (Some(id(number)), Some(format!("reason {number}")))).collect::<Vec<_>>());
    assert_eq!(peeked[1].dead_letter_description.as_deref(), Some("what and where 1"));
    assert_eq!(peeked[1].body, message(1).body);
    let later = dead.peek(peeked[1].sequence_number.unwrap() + 1, 10).await.unwrap();
    assert_eq!(later.iter().map(|letter| letter.message_id.clone()).collect::<Vec<_>>(), [Some(id(2))]);
    let refused = dead.complete(&peeked[0]).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::LockLost, "what was only looked at is not ours");
    client.close().await;
}

#[tokio::test]
async fn dead_letters_are_taken_completed_and_left() {
    let broker = Broker::start().await;
    let client = broker.client();
    let receiver = client.receiver();
    publish_all(&client.sender(), (0..5).map(message).collect()).await;
    for _ in 0..5 {
        let delivered = receive(&receiver).await;
        let settlement = Settlement::DeadLetter { reason: "poison".into(), description: String::new() };
        receiver.settle(delivered, settlement).await.unwrap();
    }
    let dead = client.dead_letter_queue();
    let taken = dead.receive(3, WAIT).await.unwrap();
    assert_eq!(taken.iter().map(|letter| letter.message_id.clone()).collect::<Vec<_>>(), (0..3).map(|n| Some(id(n))).collect::<Vec<_>>());
    dead.complete(&taken[0]).await.unwrap();
    dead.abandon(&taken[1]).await.unwrap();
    assert_eq!(dead.complete(&taken[0]).await.unwrap_err().kind, ErrorKind::LockLost, "once is enough");
    // The third is still on loan: it is not given out a second time.
    let mut rest: Vec<_> = dead.receive(10, WAIT).await.unwrap().into_iter().filter_map(|letter| letter.message_id).collect();
    rest.sort();
    assert_eq!(rest, [id(1), id(3), id(4)]);
    assert_eq!(dead.receive(10, Duration::from_millis(100)).await.unwrap(), []);
    assert_eq!(broker.emulator.counts(super::SUBSCRIPTION).unwrap().dead_letter, 4);
    dead.close().await;
}

#[tokio::test]
async fn a_message_that_fails_for_ever_is_put_aside_by_the_broker() {
    let properties = servicebus_emulator::config::EntityProperties { max_delivery_count: 3, ..Default::default() };
    let broker = Broker::with(properties, |options| options).await;
    let client = broker.client();
    let receiver = client.receiver();
    publish_all(&client.sender(), vec![message(1)]).await;
    for _ in 0..3 {
        let delivered = receive(&receiver).await;
        receiver.settle(delivered, Settlement::Abandon).await.unwrap();
    }
    let letters = client.dead_letter_queue().receive(1, WAIT).await.unwrap();
    assert_eq!(letters[0].dead_letter_reason.as_deref(), Some("MaxDeliveryCountExceeded"));
}

/// Puts messages with bodies of that size aside.
async fn put_aside(broker: &Broker, count: u128, bytes: usize) {
    let client = broker.client();
    let (sender, receiver) = (client.sender(), client.receiver());
    publish_all(&sender, (0..count).map(|number| sized(number, bytes)).collect()).await;
    for _ in 0..count {
        let delivered = receive(&receiver).await;
        let settlement = Settlement::DeadLetter { reason: "large".into(), description: String::new() };
        receiver.settle(delivered, settlement).await.unwrap();
    }
    receiver.close(WAIT).await;
    client.close().await;
}

/// Looks at all of them, page by page.
async fn peek_all(broker: &Broker) -> Vec<Option<String>> {
    let client = broker.client();
    let dead = client.dead_letter_queue();
    let (mut ids, mut from) = (Vec::new(), 0);
    loop {
        let page = dead.peek(from, 100).await.unwrap();
        let Some(last) = page.last() else { break };
        from = last.sequence_number.unwrap() + 1;
        ids.extend(page.into_iter().map(|letter| letter.message_id));
    }
    client.close().await;
    ids
}

#[tokio::test]
async fn dead_letters_are_looked_at_however_large_they_are_together() {
    let broker = Broker::start().await;
    put_aside(&broker, 4, 260_000).await;
    assert_eq!(peek_all(&broker).await, (0..4).map(|number| Some(id(number))).collect::<Vec<_>>());
}

#[tokio::test]
async fn where_the_broker_announces_a_limit_for_its_answers_they_are_asked_for_in_parts() {
    let broker = Broker::start().await;
    put_aside(&broker, 30, 30_000).await;
    broker.emulator.faults().announce_limit(262_144);
    assert_eq!(peek_all(&broker).await, (0..30).map(|number| Some(id(number))).collect::<Vec<_>>());

    broker.emulator.faults().announce_limit(20_000);
    let refused = broker.client().dead_letter_queue().peek(0, 100).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::TooLarge);
    assert!(refused.to_string().contains("20000 bytes"), "{refused}");
}
