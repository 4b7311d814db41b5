//! What happens to a message when its receiver decides.

use crate::{
    client::{Delivery, message},
    support::World,
};
use servicebus_emulator::{
    admin::Counts,
    amqp::{DeliveryState, Error, Role, Terminus, Value},
};

fn modified(undeliverable_here: bool, annotations: Vec<(Value, Value)>) -> DeliveryState {
    DeliveryState::Modified { delivery_failed: Some(true), undeliverable_here: Some(undeliverable_here), annotations }
}

fn count(delivery: &Delivery) -> u32 {
    delivery.message().header.delivery_count
}

fn dead_letter(info: Vec<(Value, Value)>) -> DeliveryState {
    DeliveryState::Rejected(Some(Error { condition: "com.microsoft:dead-letter".into(), description: None, info }))
}

#[tokio::test]
async fn a_completed_message_is_gone() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    assert_eq!(client.publish(sender, &message("one")).await, DeliveryState::Accepted);
    assert_eq!(world.emulator.counts("q").unwrap().active, 1);
    let delivery = client.receive("q").await;
    assert_eq!((delivery.text().as_str(), delivery.settled, count(&delivery)), ("one", false, 0));
    assert_eq!(client.settle(&delivery, DeliveryState::Accepted).await, DeliveryState::Accepted);
    assert!(client.is_empty("q").await);
    assert_eq!(world.emulator.counts("q"), Some(Counts::default()));
}

#[tokio::test]
async fn an_abandoned_message_comes_again_with_one_more_attempt_and_the_changed_properties() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    client.publish(sender, &message("one")).await;
    let delivery = client.receive("q").await;
    let state = modified(false, vec![("why".into(), "busy".into())]);
    assert_eq!(client.settle(&delivery, state.clone()).await, state);
    let again = client.receive("q").await;
    assert_eq!((count(&again), again.property("why").as_deref()), (1, Some("busy")));
    assert_ne!(again.token(), delivery.token());
    assert_eq!(again.sequence(), delivery.sequence());
}

#[tokio::test]
async fn a_released_message_comes_again_as_if_it_had_not_been_delivered() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    client.publish(sender, &message("one")).await;
    let delivery = client.receive("q").await;
    assert_eq!(client.settle(&delivery, DeliveryState::Released).await, DeliveryState::Released);
    assert_eq!(count(&client.receive("q").await), 0);
}

#[tokio::test]
async fn a_message_that_comes_back_keeps_its_place() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    for text in ["one", "two", "three"] {
        client.publish(sender, &message(text)).await;
    }
    let first = client.receive("q").await;
    client.settle(&first, modified(false, Vec::new())).await;
    for text in ["one", "two", "three"] {
        assert_eq!(client.receive("q").await.text(), text);
    }
}

#[tokio::test]
async fn a_dead_lettered_message_says_why_whether_its_keys_are_strings_or_symbols() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("t").await;
    for key in [Value::string as fn(String) -> Value, |text| Value::Symbol(text)] {
        client.publish(sender, &message("poison")).await;
        let delivery = client.receive("t/Subscriptions/a").await;
        let info = [("DeadLetterReason", "schema"), ("DeadLetterErrorDescription", "no id"), ("hint", "42")];
        let info = info.map(|(name, text)| (key(name.into()), text.into())).to_vec();
        assert_eq!(client.settle(&delivery, dead_letter(info)).await, DeliveryState::Rejected(None));
        let dead = client.receive("t/Subscriptions/a/$DeadLetterQueue").await;
        assert_eq!(dead.property("DeadLetterReason").as_deref(), Some("schema"));
        assert_eq!(dead.property("DeadLetterErrorDescription").as_deref(), Some("no id"));
        assert_eq!(dead.property("hint").as_deref(), Some("42"));
        assert_eq!(dead.annotation("x-opt-deadletter-source"), Some("t/Subscriptions/a".into()));
        assert_eq!(dead.text(), "poison");
        client.settle(&dead, DeliveryState::Accepted).await;
    }
    assert_eq!(world.emulator.counts("t/subscriptions/A"), Some(Counts::default()));
}

#[tokio::test]
async fn a_plain_rejection_becomes_the_reason() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    client.publish(sender, &message("poison")).await;
    let delivery = client.receive("q").await;
    client.settle(&delivery, DeliveryState::rejected("amqp:decode-error", "not JSON")).await;
    let dead = client.receive("q/$DeadLetterQueue").await;
    assert_eq!(dead.property("DeadLetterReason").as_deref(), Some("amqp:decode-error"));
    assert_eq!(dead.property("DeadLetterErrorDescription").as_deref(), Some("not JSON"));
}

#[tokio::test]
async fn after_the_last_attempt_a_message_is_dead_lettered() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    client.publish(sender, &message("one")).await;
    for attempt in 0..3 {
        let delivery = client.receive("q").await;
        assert_eq!(count(&delivery), attempt);
        client.settle(&delivery, modified(false, Vec::new())).await;
    }
    assert!(client.is_empty("q").await);
    let dead = client.receive("q/$DeadLetterQueue").await;
    assert_eq!(dead.property("DeadLetterReason").as_deref(), Some("MaxDeliveryCountExceeded"));
    assert_eq!(count(&dead), 3);
}

#[tokio::test]
async fn a_dead_letter_queue_never_gives_up_on_a_message() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    client.publish(sender, &message("one")).await;
    let delivery = client.receive("q").await;
    client.settle(&delivery, dead_letter(Vec::new())).await;
    for _ in 0..5 {
        let dead = client.receive("q/$DeadLetterQueue").await;
        client.settle(&dead, modified(false, Vec::new())).await;
    }
    assert_eq!(world.emulator.counts("q").unwrap().dead_letter, 1);
}

#[tokio::test]
async fn a_range_is_settled_and_answered_as_a_range() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    for number in 0..10 {
        client.publish(sender, &message(&number.to_string())).await;
    }
    let link = client.receiver("q").await;
    client.credit(link, 0, 10, false).await;
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(client.delivery(link).await.id);
    }
    client.dispose(ids[0], ids[9], false, DeliveryState::Accepted).await;
    assert_eq!(client.outcome(Role::Sender, ids[4]).await, DeliveryState::Accepted);
    assert_eq!(world.emulator.counts("q").unwrap().active, 0);
    client.assert_quiet().await;
}

#[tokio::test]
async fn a_disposition_that_is_settled_already_gets_no_answer() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    client.publish(sender, &message("one")).await;
    let delivery = client.receive("q").await;
    client.dispose(delivery.id, delivery.id, true, DeliveryState::Accepted).await;
    client.dispose(delivery.id, delivery.id, true, DeliveryState::Accepted).await;
    assert!(client.is_empty("q").await);
    client.assert_quiet().await;
    assert_eq!(world.emulator.counts("q").unwrap().active, 0);
}

#[tokio::test]
async fn receive_and_delete_needs_no_settlement() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    client.publish(sender, &message("one")).await;
    let source = Some(Terminus::source("q"));
    let (link, _) =
        client.attach(Role::Receiver, source, Some(Terminus::target("here")), |attach| attach.snd_settle_mode = Some(1)).await.unwrap();
    client.credit(link, 0, 5, false).await;
    let delivery = client.delivery(link).await;
    assert!(delivery.settled);
    assert_eq!((delivery.tag.len(), delivery.annotation("x-opt-locked-until")), (16, None));
    assert_eq!(world.emulator.counts("q").unwrap().active, 0);
}

#[tokio::test]
async fn mixed_settlement_is_peek_lock() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    client.publish(sender, &message("one")).await;
    let source = Some(Terminus::source("q"));
    let mode = |attach: &mut servicebus_emulator::amqp::Attach| (attach.snd_settle_mode, attach.rcv_settle_mode) = (Some(2), Some(0));
    let (link, _) = client.attach(Role::Receiver, source, Some(Terminus::target("here")), mode).await.unwrap();
    client.credit(link, 0, 5, false).await;
    assert!(!client.delivery(link).await.settled);
    assert_eq!(world.emulator.counts("q").unwrap().active, 1);
}

#[tokio::test]
async fn a_deferred_message_is_received_by_its_number_only() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    client.publish(sender, &message("one")).await;
    let delivery = client.receive("q").await;
    let sequence = delivery.sequence();
    let state = modified(true, Vec::new());
    assert_eq!(client.settle(&delivery, state.clone()).await, state);
    assert!(client.is_empty("q").await);
    let body = |sequence| {
        Value::Map(vec![
            ("sequence-numbers".into(), Value::Array(vec![Value::Long(sequence)])),
            ("receiver-settle-mode".into(), Value::Uint(1)),
        ])
    };
    let missing = client.request("q/$management", "com.microsoft:receive-by-sequence-number", body(sequence + 1)).await;
    assert_eq!((missing.status, missing.condition.as_deref()), (404, Some("com.microsoft:message-not-found")));
    let found = client.request("q/$management", "com.microsoft:receive-by-sequence-number", body(sequence)).await;
    let Some(Value::Uuid(token)) = found.body.get("messages").unwrap().as_items().unwrap()[0].get("lock-token").cloned() else {
        panic!("{found:?}")
    };
    let body =
        Value::Map(vec![("disposition-status".into(), "completed".into()), ("lock-tokens".into(), Value::Array(vec![Value::Uuid(token)]))]);
    let settled = client.request("q/$management", "com.microsoft:update-disposition", body.clone()).await;
    assert_eq!(settled.status, 200);
    let twice = client.request("q/$management", "com.microsoft:update-disposition", body).await;
    assert_eq!((twice.status, twice.condition.as_deref()), (410, Some("com.microsoft:message-lock-lost")));
    assert_eq!(world.emulator.counts("q"), Some(Counts::default()));
}

#[tokio::test]
async fn what_management_has_settled_the_link_may_settle_without_harm() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    client.publish(sender, &message("one")).await;
    let delivery = client.receive("q").await;
    let token = Value::Array(vec![Value::Uuid(delivery.token())]);
    let body = Value::Map(vec![("disposition-status".into(), "completed".into()), ("lock-tokens".into(), token)]);
    assert_eq!(client.request("q/$management", "com.microsoft:update-disposition", body).await.status, 200);
    client.dispose(delivery.id, delivery.id, true, DeliveryState::Accepted).await;
    assert!(client.is_empty("q").await);
    client.assert_quiet().await;
}
