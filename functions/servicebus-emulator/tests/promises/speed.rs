//! Many messages flow, many of them on loan at once.

use crate::{client::message, messages::publish_batch, support::World};
use servicebus_emulator::amqp::{DeliveryState, Role};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_messages_are_sent_received_and_completed() {
    const COUNT: u32 = 100_000;
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    let batch: Vec<_> = (0..500).map(|number| message(&number.to_string())).collect();
    for _ in 0..COUNT / 500 {
        publish_batch(&mut client, sender, &batch).await;
    }
    let link = client.receiver("q").await;
    for round in 0..COUNT / 1000 {
        client.credit(link, round * 1000, 1000, false).await;
        let first = client.delivery(link).await.id;
        let mut last = first;
        for _ in 1..1000 {
            last = client.delivery(link).await.id;
        }
        client.dispose(first, last, false, DeliveryState::Accepted).await;
        assert_eq!(client.outcome(Role::Sender, last).await, DeliveryState::Accepted);
    }
    assert_eq!(world.emulator.counts("q").unwrap().active, 0);
}
