//! The subscription's dead-letter queue: looked at, taken from, settled for certain.

use super::{
    calls::Calls,
    client::ServiceBusClient,
    connection::{Connection, Grant},
    error::{Error, ErrorKind},
    management::{self, Disposition},
    message::ReceivedMessage,
};
use crate::domain::timestamp::Timestamp;
use fe2o3_amqp::{
    link::{RecvError, delivery::DeliveryInfo, receiver::CreditMode},
    session::SessionHandle,
};
use fe2o3_amqp_types::{
    definitions::{ReceiverSettleMode, SenderSettleMode},
    messaging::{Body, Modified},
    primitives::Value,
};
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout, timeout_at},
};
use uuid::Uuid;

const ATTACHING: Duration = Duration::from_secs(30);
const CLOSING: Duration = Duration::from_secs(2);
/// How long a further message may take to follow the one before it.
const QUIET: Duration = Duration::from_millis(250);

/// One user at a time: the calls wait for each other.
pub struct DeadLetterQueue {
    client: ServiceBusClient,
    path: String,
    link: Mutex<Option<Link>>,
    /// How many messages the broker's answers have room for, as far as that has been seen.
    page: AtomicU32,
}

struct Link {
    receiver: fe2o3_amqp::Receiver,
    management: Calls,
    /// Ends with the link.
    session: SessionHandle<()>,
    connection: Arc<Connection>,
    _grants: [Grant; 2],
    taken: HashMap<Uuid, DeliveryInfo>,
}

impl fmt::Debug for DeadLetterQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetterQueue").field("path", &self.path).finish_non_exhaustive()
    }
}

impl DeadLetterQueue {
    pub(super) fn new(client: ServiceBusClient) -> Self {
        let settings = client.settings();
        let path = format!("{}/Subscriptions/{}/$deadletterqueue", settings.topic, settings.subscription);
        Self { client, path, link: Mutex::default(), page: AtomicU32::new(u32::MAX) }
    }

    /// Up to `count` messages, oldest first, from a sequence number on, which stay where they are. Fewer do not mean that there
    /// are no more; none do. `TooLarge` when the broker announces a limit for its answers that the first message alone exceeds.
    pub async fn peek(&self, from_sequence_number: i64, count: u32) -> Result<Vec<ReceivedMessage>, Error> {
        let mut link = self.link.lock().await;
        loop {
            let count = count.min(self.page.load(Ordering::Relaxed));
            let attached = self.attached(&mut link).await?;
            match management::peek(&attached.management, from_sequence_number, i32::try_from(count).unwrap_or(i32::MAX)).await {
                Err(error) if error.kind == ErrorKind::TooLarge => {
                    // The refused answer has cost the links.
                    *link = None;
                    if count <= 1 {
                        let text = format!("the message at or after the sequence number {from_sequence_number}: {error}");
                        return Err(Error::new(ErrorKind::TooLarge, text));
                    }
                    self.page.store(count / 2, Ordering::Relaxed);
                }
                peeked => return peeked,
            }
        }
    }

    /// Takes up to `count` messages on loan, waiting for the first of them for `wait` at most. A message that is not settled
    /// comes back when its lock ends.
    pub async fn receive(&self, count: u32, wait: Duration) -> Result<Vec<ReceivedMessage>, Error> {
        let mut link = self.link.lock().await;
        let attached = self.attached(&mut link).await?;
        let received = attached.receive(count, wait).await;
        if received.is_err() {
            *link = None;
        }
        received
    }

    /// Makes the locks of messages on loan as long again as they were at first; when the first of them ends. `LockLost` when
    /// one of them has run out.
    pub async fn renew(&self, messages: impl Iterator<Item = &ReceivedMessage>) -> Result<Option<Timestamp>, Error> {
        let tokens: Vec<Uuid> = messages.filter_map(|message| message.lock_token).collect();
        let mut link = self.link.lock().await;
        let attached = self.attached(&mut link).await?;
        Ok(management::renew_locks(&attached.management, &tokens).await?.into_iter().min())
    }

    /// Removes a message; `LockLost` when somebody else may have it by now.
    pub async fn complete(&self, message: &ReceivedMessage) -> Result<(), Error> {
        self.settle(message, Disposition::Completed).await
    }

    /// Leaves a message in the queue, free for the next one to take.
    pub async fn abandon(&self, message: &ReceivedMessage) -> Result<(), Error> {
        self.settle(message, Disposition::Abandoned).await
    }

    pub async fn close(&self) {
        let closing = async {
            if let Some(mut link) = self.link.lock().await.take() {
                drop(link.receiver.close().await);
                drop(link.session.end().await);
            }
        };
        if timeout(CLOSING, closing).await.is_err() {
            tracing::debug!("the broker did not answer to closing the dead-letter queue");
        }
    }

    async fn settle(&self, message: &ReceivedMessage, disposition: Disposition) -> Result<(), Error> {
        let token = message.lock_token.ok_or_else(|| Error::new(ErrorKind::LockLost, "the message was only looked at"))?;
        let mut link = self.link.lock().await;
        let attached = self.attached(&mut link).await?;
        let info = attached.taken.remove(&token);
        let settled = management::update_disposition(&attached.management, token, disposition.clone()).await;
        // The broker has settled it; this ends the delivery on our side of the link.
        if let Some(info) = info {
            let modified = Modified { delivery_failed: Some(true), undeliverable_here: Some(false), message_annotations: None };
            drop(match disposition {
                Disposition::Completed => attached.receiver.accept(info).await,
                _ => attached.receiver.modify(info, modified).await,
            });
        }
        settled
    }

    async fn attached<'a>(&self, link: &'a mut Option<Link>) -> Result<&'a mut Link, Error> {
        if link.as_ref().is_some_and(|link| link.connection.is_closed() || link.management.is_closed()) {
            *link = None;
        }
        let attached = match link.take() {
            Some(attached) => attached,
            None => {
                timeout(ATTACHING, self.attach()).await.unwrap_or_else(|_| Err(Error::timed_out("attaching to the dead-letter queue")))?
            }
        };
        Ok(link.insert(attached))
    }

    async fn attach(&self) -> Result<Link, Error> {
        let connection = self.client.connection().await?;
        connection.during(self.attach_to(&connection)).await
    }

    async fn attach_to(&self, connection: &Arc<Connection>) -> Result<Link, Error> {
        let node = format!("{}/$management", self.path);
        let grants = [connection.authorize(&self.path).await?, connection.authorize(&node).await?];
        let mut session = connection.session().await?;
        let name = format!("dead-letters-{}", Uuid::new_v4());
        let receiver = fe2o3_amqp::Receiver::builder()
            .name(name.clone())
            .source(self.path.as_str())
            .target(name)
            .sender_settle_mode(SenderSettleMode::Unsettled)
            .receiver_settle_mode(ReceiverSettleMode::First)
            .auto_accept(false)
            .credit_mode(CreditMode::Manual)
            .attach(&mut session)
            .await?;
        let management = Calls::attach(connection.session().await?, &node).await?;
        Ok(Link { receiver, management, session, connection: Arc::clone(connection), _grants: grants, taken: HashMap::new() })
    }
}

impl Link {
    async fn receive(&mut self, count: u32, wait: Duration) -> Result<Vec<ReceivedMessage>, Error> {
        self.receiver.set_credit(count).await?;
        let mut messages = Vec::new();
        let mut until = Instant::now() + wait;
        let mut drained = false;
        while messages.len() < count as usize {
            match timeout_at(until, self.receiver.recv::<Body<Value>>()).await {
                Ok(Ok(delivery)) => {
                    let (info, message) = delivery.into_parts();
                    let message = ReceivedMessage::from_amqp(message, Some(info.delivery_tag().as_ref()));
                    if let Some(token) = message.lock_token {
                        self.taken.insert(token, info);
                    }
                    messages.push(message);
                }
                Ok(Err(RecvError::MessageDecode(undecodable))) => {
                    tracing::error!(error = %undecodable.source, "a dead letter is not AMQP, and stays where it is");
                    self.receiver.release(undecodable.info).await?;
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(_) if drained => break,
                // What the broker sends before it hears that no more is wanted is taken as well.
                Err(_) => {
                    self.receiver.drain().await?;
                    drained = true;
                }
            }
            until = Instant::now() + QUIET;
        }
        Ok(messages)
    }
}
