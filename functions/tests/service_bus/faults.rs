//! Under load, whatever breaks: no event is lost, nothing hangs, and a copy bears the id of its original.

use super::{Broker, PATIENCE, SUBSCRIPTION, TOPIC, id, message, publish_all, receive};
use orders::bus::{SettleError, Settlement, Subscription};
use servicebus_emulator::{Faults, config::EntityProperties};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

const MESSAGES: u128 = 3000;
const BATCH: usize = 30;
const AHEAD: usize = 200;
const HANDLERS: usize = 8;
/// The fault is made each time that so many messages more have been handled.
const BETWEEN_FAULTS: usize = 400;

#[derive(Default)]
struct Handled {
    /// How often each message was handled.
    ids: Mutex<HashMap<String, usize>>,
    distinct: AtomicUsize,
    one_more: Notify,
}

impl Handled {
    fn add(&self, id: String) {
        let mut ids = self.ids.lock().unwrap();
        *ids.entry(id).or_default() += 1;
        self.distinct.store(ids.len(), Ordering::SeqCst);
        self.one_more.notify_waiters();
    }

    /// Waits until so many different messages were handled.
    async fn reach(&self, count: usize) {
        self.until(|| self.distinct.load(Ordering::SeqCst) >= count).await;
    }

    /// Waits until that message was handled.
    async fn see(&self, number: u128) {
        self.until(|| self.ids.lock().unwrap().contains_key(&id(number))).await;
    }

    async fn until(&self, is_so: impl Fn() -> bool) {
        let waiting = async {
            loop {
                let mut one_more = std::pin::pin!(self.one_more.notified());
                one_more.as_mut().enable();
                if is_so() {
                    return;
                }
                one_more.await;
            }
        };
        let hangs = |_| panic!("hangs after {} messages", self.distinct.load(Ordering::SeqCst));
        tokio::time::timeout(PATIENCE * 2, waiting).await.unwrap_or_else(hangs);
    }
}

/// Publishes and handles messages while `fault` happens again and again; shows how long it took each time until a message
/// came through that was sent after it.
async fn under_load(name: &str, fault: impl AsyncFn(&Faults)) {
    // What was on its way when a connection dropped is locked until the lock ends.
    let properties = EntityProperties { lock_duration: Duration::from_secs(2), max_delivery_count: 100, ..EntityProperties::default() };
    let broker = Broker::with(properties, |options| options).await;
    let client = broker.client();
    let (sender, receiver) = (client.sender(), client.receiver());
    let handled = Arc::new(Handled::default());
    for _ in 0..HANDLERS {
        let (receiver, handled) = (receiver.clone(), Arc::clone(&handled));
        tokio::spawn(async move {
            while let Some(delivered) = receiver.receive().await {
                handled.add(delivered.message.id.clone().unwrap());
                match receiver.settle(delivered, Settlement::Complete).await {
                    Ok(()) | Err(SettleError::LockLost | SettleError::Unavailable(_)) => {}
                }
            }
        });
    }
    let sent = Arc::new(AtomicUsize::new(0));
    let publishing = {
        let (sent, handled) = (Arc::clone(&sent), Arc::clone(&handled));
        tokio::spawn(async move {
            let mut failed = 0;
            for batch in (0..MESSAGES).collect::<Vec<_>>().chunks(BATCH) {
                // Never far ahead, so that both directions are busy all the time.
                handled.reach(sent.load(Ordering::SeqCst).saturating_sub(AHEAD)).await;
                failed += publish_all(&sender, batch.iter().copied().map(message).collect()).await;
                sent.fetch_add(batch.len(), Ordering::SeqCst);
            }
            failed
        })
    };
    let mut recoveries = Vec::new();
    let total = usize::try_from(MESSAGES).unwrap();
    for at in (BETWEEN_FAULTS..total).step_by(BETWEEN_FAULTS) {
        handled.reach(at).await;
        let begun = Instant::now();
        fault(broker.emulator.faults()).await;
        let later = sent.load(Ordering::SeqCst) + BATCH;
        handled.see(u128::try_from(later.min(total - 1)).unwrap()).await;
        recoveries.push(begun.elapsed().as_millis());
    }
    handled.reach(total).await;
    let failed = tokio::time::timeout(PATIENCE, publishing).await.unwrap().unwrap();
    {
        let ids = handled.ids.lock().unwrap();
        assert!((0..MESSAGES).all(|number| ids.contains_key(&id(number))), "an event is lost");
        assert_eq!(ids.len(), total, "a message came that nobody sent");
        let copies: usize = ids.values().map(|times| times - 1).sum();
        println!("{name}: {total} messages, {failed} attempts to publish failed, {copies} copies, back after {recoveries:?} ms");
    }
    assert_eq!(client.outage(), None);
    receiver.close(Duration::from_secs(2)).await;
    client.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_idle_links_are_detached() {
    under_load("detached links", async |faults| {
        faults.detach(TOPIC, "amqp:link:detach-forced", "The link is force detached");
        faults.detach(SUBSCRIPTION, "amqp:link:detach-forced", "The link is force detached");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_connection_drops() {
    under_load("dropped connections", async |faults| faults.drop_connections()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_broker_restarts() {
    under_load("restarts of 300 ms", async |faults| {
        faults.pause();
        tokio::time::sleep(Duration::from_millis(300)).await;
        faults.resume();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_broker_is_busy() {
    under_load("a busy broker", async |faults| {
        faults.refuse_sends(TOPIC, 3);
        faults.refuse_attaches(SUBSCRIPTION, 2);
        faults.detach(SUBSCRIPTION, "com.microsoft:server-busy", "busy");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_tokens_are_refused_for_a_while() {
    under_load("refused tokens", async |faults| {
        faults.refuse_tokens(2);
        faults.drop_connections();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_answers_are_late() {
    under_load("late answers", async |faults| {
        faults.delay_dispositions(TOPIC, Duration::from_millis(50));
        faults.delay_writes(Duration::from_millis(20));
    })
    .await;
}

#[tokio::test]
async fn a_link_that_was_detached_while_idle_costs_nothing_and_alarms_nobody() {
    let broker = Broker::start().await;
    let client = broker.client();
    let (sender, receiver) = (client.sender(), client.receiver());
    publish_all(&sender, vec![message(0)]).await;
    receive(&receiver).await;
    for number in 1..=5 {
        broker.emulator.faults().detach(TOPIC, "amqp:link:detach-forced", "idle");
        broker.emulator.faults().detach(SUBSCRIPTION, "amqp:link:detach-forced", "idle");
        let begun = Instant::now();
        assert_eq!(publish_all(&sender, vec![message(number)]).await, 0);
        println!("published after an idle detach in {} ms", begun.elapsed().as_millis());
        assert_eq!(client.outage(), None);
    }
}
