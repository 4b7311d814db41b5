//! The fault hooks do what they say, and no more.

use crate::{
    client::{Client, message},
    support::World,
};
use servicebus_emulator::{
    Loss,
    amqp::{DeliveryState, Role, Terminus, Value},
};
use std::time::{Duration, Instant};

#[tokio::test]
async fn the_links_of_one_entity_are_detached_with_the_error_asked_for() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let (sender, receiver, other) = (client.sender("t").await, client.receiver("t/Subscriptions/a").await, client.sender("q").await);
    world.emulator.faults().detach("t", "amqp:link:detach-forced", "idle");
    assert_eq!(client.detached(sender).await.unwrap().condition, "amqp:link:detach-forced");
    world.emulator.faults().detach("T/subscriptions/A", "amqp:link:detach-forced", "idle");
    assert_eq!(client.detached(receiver).await.unwrap().description.as_deref(), Some("idle"));
    assert_eq!(client.publish(other, &message("one")).await, DeliveryState::Accepted);
}

#[tokio::test]
async fn dropped_connections_end_and_messages_stay() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    client.publish(sender, &message("one")).await;
    world.emulator.faults().drop_connections();
    assert!(client.is_closed().await);
    assert_eq!(world.connect().await.receive("q").await.text(), "one");
}

#[tokio::test]
async fn the_next_tokens_are_refused() {
    let world = World::start().await;
    let mut client = world.connect().await;
    world.emulator.faults().refuse_tokens(1);
    assert_eq!(client.request("$cbs", "put-token", "t".into()).await.status, 401);
    assert_eq!(client.request("$cbs", "put-token", "t".into()).await.status, 202);
}

#[tokio::test]
async fn a_busy_entity_refuses_what_was_asked_and_no_more() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    world.emulator.faults().refuse_sends("q", 1);
    let DeliveryState::Rejected(Some(error)) = client.publish(sender, &message("one")).await else { panic!("taken") };
    assert_eq!(error.condition, "com.microsoft:server-busy");
    assert_eq!(client.publish(sender, &message("one")).await, DeliveryState::Accepted);
    world.emulator.faults().refuse_attaches("q", 1);
    let refused = client.attach(Role::Receiver, Some(Terminus::source("q")), Some(Terminus::target("x")), |_| {}).await;
    assert_eq!(refused.unwrap_err().condition, "com.microsoft:server-busy");
    client.receiver("q").await;
}

#[tokio::test]
async fn a_lost_answer_hides_what_was_done_and_a_lost_request_does_nothing() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    let active = || world.emulator.counts("q").unwrap().active;
    for (loss, left) in [(Loss::Answer, 1), (Loss::Request, 1)] {
        world.emulator.faults().lose_sends("q", 1, loss);
        client.start_publish(sender, &message("one"), None).await;
        client.assert_quiet().await;
        assert_eq!(active(), left);
    }
    let delivery = client.receive("q").await;
    world.emulator.faults().lose_settlements("q", 1, Loss::Request);
    client.dispose(delivery.id, delivery.id, false, DeliveryState::Accepted).await;
    client.assert_quiet().await;
    assert_eq!(active(), 1);
    world.emulator.faults().lose_settlements("q", 1, Loss::Answer);
    client.dispose(delivery.id, delivery.id, false, DeliveryState::Accepted).await;
    client.assert_quiet().await;
    assert_eq!(active(), 0);
}

#[tokio::test]
async fn dispositions_and_writes_can_be_late() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    let took = |started: Instant| started.elapsed() >= Duration::from_millis(100);
    world.emulator.faults().delay_dispositions("q", Duration::from_millis(100));
    let started = Instant::now();
    client.publish(sender, &message("one")).await;
    assert!(took(started));
    let delivery = client.receive("q").await;
    let started = Instant::now();
    client.settle(&delivery, DeliveryState::Accepted).await;
    assert!(took(started));
    world.emulator.faults().delay_dispositions("q", Duration::ZERO);
    world.emulator.faults().delay_writes(Duration::from_millis(100));
    let started = Instant::now();
    client.publish(sender, &message("two")).await;
    assert!(took(started));
}

/// Distance is not slowness: what is under way together arrives together.
#[tokio::test]
async fn a_late_write_holds_nothing_else_up() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    world.emulator.faults().delay_writes(Duration::from_millis(50));
    let started = Instant::now();
    let mut ids = Vec::new();
    for number in 0..100 {
        ids.push(client.start_publish(sender, &message(&number.to_string()), None).await);
    }
    assert_eq!(client.outcome(Role::Receiver, ids[99]).await, DeliveryState::Accepted);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_paused_emulator_refuses_connections_and_comes_back_on_the_same_port_with_its_messages() {
    let world = World::start().await;
    let address = world.emulator.amqp_address().unwrap();
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    client.publish(sender, &message("one")).await;
    world.emulator.faults().pause();
    assert!(client.is_closed().await);
    world.emulator.faults().paused().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    world.emulator.faults().resume();
    world.emulator.faults().resumed().await;
    let mut client = Client::connect(address).await;
    assert_eq!(client.receive("q").await.text(), "one");
    let peeked = Value::Map(vec![("from-sequence-number".into(), Value::Long(0)), ("message-count".into(), Value::Int(5))]);
    assert_eq!(client.request("q/$management", "com.microsoft:peek-message", peeked).await.status, 200);
}
