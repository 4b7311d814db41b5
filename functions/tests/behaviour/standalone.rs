//! What stands around the binary when no Functions host does: a topic, and somebody who reads the log.

use super::arrangement::Taken;
use crate::support::process::{PATIENCE, Process};
use orders::{
    app::App,
    bus::{Bus, BusError, Delivered, Incoming, Message, SettleError, Settlement, Subscription},
    host,
    work::relay,
};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Publishes what is due into the answer.
pub async fn publish(app: &App) -> Vec<Message> {
    let kept = Kept::default();
    relay::drain(app, &kept, &CancellationToken::new()).await.unwrap();
    kept.0.into_inner().unwrap()
}

#[derive(Debug, Default)]
struct Kept(Mutex<Vec<Message>>);

#[async_trait::async_trait]
impl Bus for Kept {
    async fn publish(&self, messages: Vec<Message>) -> Vec<Result<(), BusError>> {
        let outcomes = vec![Ok(()); messages.len()];
        self.0.lock().unwrap().extend(messages);
        outcomes
    }
}

/// A topic whose one subscription `host::standalone` receives from; it tells how each message was settled.
#[derive(Debug)]
pub struct Topic {
    send: mpsc::UnboundedSender<Delivered>,
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Delivered>>,
    settled: Mutex<HashMap<u64, oneshot::Sender<Settlement>>>,
    receipts: AtomicU64,
    stop: CancellationToken,
}

impl Topic {
    /// Starts what a worker is made of.
    pub fn received_by(app: &Arc<App>) -> Arc<Self> {
        let (send, waiting) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let topic =
            Arc::new(Self { send, waiting: waiting.into(), settled: Mutex::default(), receipts: AtomicU64::new(0), stop: stop.clone() });
        host::standalone::start(app, Some((Arc::clone(&topic) as _, 64)), &stop);
        topic
    }

    pub async fn deliver(&self, message: Message) -> Taken {
        let mut delivery_count = 1;
        loop {
            let (tell, told) = oneshot::channel();
            let receipt = self.receipts.fetch_add(1, Ordering::Relaxed);
            self.settled.lock().unwrap().insert(receipt, tell);
            let message = Incoming { id: Some(message.id.to_string()), trace: message.trace, body: message.body.clone() };
            self.send.send(Delivered { message, delivery_count, receipt }).unwrap();
            match tokio::time::timeout(PATIENCE, told).await.expect("it is settled in time").unwrap() {
                Settlement::Complete => return Taken::Completed,
                Settlement::DeadLetter { reason, .. } => return Taken::DeadLettered(reason),
                Settlement::Abandon => delivery_count += 1,
            }
        }
    }

    pub fn close(&self) {
        self.stop.cancel();
    }
}

#[async_trait::async_trait]
impl Subscription for Topic {
    async fn receive(&self) -> Option<Delivered> {
        self.waiting.lock().await.recv().await
    }

    async fn settle(&self, delivered: Delivered, settlement: Settlement) -> Result<(), SettleError> {
        let tell = self.settled.lock().unwrap().remove(&delivered.receipt).expect("it was delivered here");
        tell.send(settlement).expect("somebody waits for it");
        Ok(())
    }
}

/// A process whose log is read while it runs.
pub struct Log {
    ask_to_end: oneshot::Sender<()>,
    lines: JoinHandle<Vec<String>>,
}

impl Log {
    /// Also where it says that it listens.
    pub async fn of(mut process: Process) -> (Self, String) {
        let address = process
            .line(|line| {
                let record: Value = serde_json::from_str(line).ok()?;
                (record["message"] == "listening").then(|| record["address"].as_str().unwrap().to_owned())
            })
            .await;
        let (ask_to_end, mut asked) = oneshot::channel();
        let lines = tokio::spawn(async move {
            let mut lines = Vec::new();
            loop {
                tokio::select! {
                    line = process.stdout.next_line() => lines.push(line.unwrap().expect("it runs until it is asked to end")),
                    _ = &mut asked => break,
                }
            }
            lines.extend(process.end().await);
            lines
        });
        (Self { ask_to_end, lines }, address)
    }

    pub async fn end(self) -> Vec<String> {
        let _ = self.ask_to_end.send(());
        self.lines.await.unwrap()
    }
}
