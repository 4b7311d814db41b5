//! Messages on their way in and out: batches, sizes, fan-out, schedules' annotations and ids.

use crate::{
    client::{Client, Delivery, body, message},
    support::World,
};
use servicebus_emulator::amqp::{DeliveryState, Message, Properties, Role, Value, message::BATCH_FORMAT};

pub(crate) async fn publish_batch(client: &mut Client, sender: u32, messages: &[Message]) {
    let id = start_batch(client, sender, messages).await;
    assert_eq!(client.outcome(Role::Receiver, id).await, DeliveryState::Accepted);
}

async fn start_batch(client: &mut Client, sender: u32, messages: &[Message]) -> u32 {
    let mut bytes = Vec::new();
    for message in messages {
        let mut part = Vec::new();
        message.encode(&mut part);
        bytes.extend(Message::of_data(Properties::default(), &[], &part).bare());
    }
    client.start_transfer(sender, &bytes, Some(BATCH_FORMAT)).await
}

#[tokio::test]
async fn a_batch_is_unpacked_in_order() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    let batch: Vec<_> = (0..100).map(|number| message(&number.to_string())).collect();
    publish_batch(&mut client, sender, &batch).await;
    let link = client.receiver("q").await;
    let texts: Vec<_> = client.drain(link, 0, 100).await.iter().map(Delivery::text).collect();
    assert_eq!(texts, (0..100).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn every_subscription_gets_its_own_copy() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("amqps://localhost:5671/T").await;
    client.publish(sender, &message("one")).await;
    let (a, b) = (client.receive("T/Subscriptions/A").await, client.receive("sb://x/t/subscriptions/b").await);
    assert_eq!((a.text(), b.text()), ("one".into(), "one".into()));
    assert_ne!(a.token(), b.token());
    client.settle(&a, DeliveryState::Accepted).await;
    assert_eq!(
        (world.emulator.counts("t/subscriptions/a").unwrap().active, world.emulator.counts("t/subscriptions/b").unwrap().active),
        (0, 1)
    );
}

#[tokio::test]
async fn a_message_of_200_kilobytes_passes_in_several_frames_both_ways() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    let text = "0123456789".repeat(20_000);
    assert_eq!(client.publish(sender, &message_of(&text)).await, DeliveryState::Accepted);
    assert_eq!(client.receive("q").await.text(), text);
}

fn message_of(text: &str) -> Message {
    Message::of_data(Properties::default(), &[], text.as_bytes())
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_the_link_goes_on() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    let DeliveryState::Rejected(Some(error)) = client.publish(sender, &message_of(&"x".repeat(300_000))).await else { panic!("taken") };
    assert_eq!(error.condition, "amqp:link:message-size-exceeded");
    let batch: Vec<_> = (0..3).map(|_| message_of(&"x".repeat(100_000))).collect();
    let id = start_batch(&mut client, sender, &batch).await;
    assert!(matches!(client.outcome(Role::Receiver, id).await, DeliveryState::Rejected(Some(_))));
    assert_eq!(client.publish(sender, &message("small")).await, DeliveryState::Accepted);
    assert_eq!(world.emulator.counts("q").unwrap().active, 1);
}

#[tokio::test]
async fn a_message_without_an_id_is_given_one() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    client.publish(sender, &message_of("one")).await;
    let received = client.receive("q").await.message();
    assert!(matches!(&received.properties().message_id, Some(Value::String(id)) if id.len() == 32));
    assert_eq!(body(&received), "one");
}

#[tokio::test]
async fn what_the_sender_wrote_arrives_unchanged_and_the_brokers_annotations_are_the_brokers() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    let properties = Properties {
        message_id: Some(Value::Ulong(9)),
        subject: Some("OrderCreated".into()),
        content_type: Some("application/cloudevents+json".into()),
        correlation_id: Some("c".into()),
        ..Properties::default()
    };
    let application = [("traceparent".into(), "00-1-2-01".into()), ("n".into(), Value::Double(1.5))];
    let mut sent = Message::of_data(properties, &application, b"{}");
    sent.annotations = vec![(Value::symbol("x-opt-partition-key"), "p".into()), (Value::symbol("x-opt-sequence-number"), Value::Long(99))];
    client.publish(sender, &sent).await;
    let delivery = client.receive("q").await;
    assert_eq!(delivery.message().bare(), sent.bare());
    assert_eq!(delivery.annotation("x-opt-partition-key"), Some("p".into()));
    assert_eq!(delivery.sequence(), 1);
}

#[tokio::test]
async fn a_message_that_is_none_is_refused() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    for bytes in [&b"\x00\x53\x75\xa0\x05ab"[..], b"nonsense", b"\x00\x53\x77\x40\x00\x53\x73\x45"] {
        let id = client.start_transfer(sender, bytes, None).await;
        let DeliveryState::Rejected(Some(error)) = client.outcome(Role::Receiver, id).await else { panic!("{bytes:?} was taken") };
        assert_eq!(error.condition, "com.microsoft:argument-error");
    }
}

#[tokio::test]
async fn many_messages_are_in_flight_on_one_link() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    let batch: Vec<_> = (0..500).map(|number| message(&number.to_string())).collect();
    publish_batch(&mut client, sender, &batch).await;
    let link = client.receiver("q").await;
    client.credit(link, 0, 500, false).await;
    for _ in 0..500 {
        client.delivery(link).await;
    }
    assert_eq!(world.emulator.counts("q").unwrap().active, 500);
}

#[tokio::test]
async fn a_message_sent_to_nobody_is_gone() {
    let world = World::with(|config| config.topics.push(crate::support::topic("lonely", &[]))).await;
    let mut client = world.connect().await;
    let sender = client.sender("lonely").await;
    assert_eq!(client.publish(sender, &message("one")).await, DeliveryState::Accepted);
}
