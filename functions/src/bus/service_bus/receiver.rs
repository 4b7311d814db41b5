//! Receiving from the subscription: messages on loan, renewed until they are settled.

use super::{
    calls::Calls,
    client::ServiceBusClient,
    error::{Error, ErrorKind},
    held::{Held, Loans},
    management::{self, Disposition},
    message::ReceivedMessage,
    pump, renewal,
};
use crate::{
    bus::{Delivered, Incoming, SettleError, Settlement, Subscription},
    domain::retry::Backoff,
};
use fe2o3_amqp::link::delivery::DeliveryInfo;
use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// How long a settlement waits for the link to take it.
const SETTLING: Duration = Duration::from_secs(15);

/// Messages wait in here for whoever receives; never more than `Settings::prefetch` are on loan.
pub struct Receiver {
    shared: Arc<Shared>,
    arrived: tokio::sync::Mutex<mpsc::Receiver<(u64, ReceivedMessage)>>,
    pump: Mutex<Option<JoinHandle<()>>>,
}

/// What the receiver and its tasks have in common.
pub(super) struct Shared {
    pub(super) client: ServiceBusClient,
    /// `topic/Subscriptions/subscription`
    pub(super) path: String,
    pub(super) loans: Loans,
    pub(super) arrivals: mpsc::Sender<(u64, ReceivedMessage)>,
    pub(super) receipts: AtomicU64,
    /// Rung when a loan ends: the link may give credit for another.
    pub(super) credit_bell: Notify,
    pub(super) renewal_bell: Notify,
    /// The link that there is.
    pub(super) link: watch::Sender<Option<LinkHandle>>,
    pub(super) stop: CancellationToken,
    /// When the last of the loans are given up.
    pub(super) deadline: OnceLock<Instant>,
    pub(super) locks_lost: AtomicU64,
    pub(super) reattach: Backoff,
}

/// How others reach the task that owns the link.
#[derive(Clone)]
pub(super) struct LinkHandle {
    pub(super) number: u64,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) management: Calls,
}

/// What is done on the link with a delivery of it.
pub(super) struct Command {
    pub(super) info: DeliveryInfo,
    pub(super) disposition: Disposition,
    pub(super) reply: oneshot::Sender<Result<(), Error>>,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

impl Receiver {
    pub(super) fn start(client: ServiceBusClient) -> Arc<Self> {
        Self::start_with(client, pump::REATTACH)
    }

    fn start_with(client: ServiceBusClient, reattach: Backoff) -> Arc<Self> {
        let settings = client.settings();
        let path = format!("{}/Subscriptions/{}", settings.topic, settings.subscription);
        let (arrivals, arrived) = mpsc::channel(settings.prefetch.max(1) as usize);
        let stop = client.closed().child_token();
        let shared = Arc::new(Shared {
            client,
            path,
            loans: Loans::default(),
            arrivals,
            receipts: AtomicU64::new(0),
            credit_bell: Notify::new(),
            renewal_bell: Notify::new(),
            link: watch::Sender::new(None),
            stop,
            deadline: OnceLock::new(),
            locks_lost: AtomicU64::new(0),
            reattach,
        });
        let renewing = Arc::clone(&shared);
        let pumping = Arc::clone(&shared);
        let pump = tokio::spawn(async move {
            let renewals = tokio::spawn(async move { renewal::run(&renewing).await });
            pump::run(&pumping).await;
            renewals.abort();
        });
        Arc::new(Self { shared, arrived: tokio::sync::Mutex::new(arrived), pump: Mutex::new(Some(pump)) })
    }

    /// Waits for a message, with all that the broker says of it; `None` once the receiver is closed. The receipt is for
    /// [`Self::complete`] and the others, which settle it once.
    pub async fn receive_message(&self) -> Option<(u64, ReceivedMessage)> {
        tokio::select! {
            biased;
            () = self.shared.stop.cancelled() => None,
            arrived = async { self.arrived.lock().await.recv().await } => arrived,
        }
    }

    /// The message is done with.
    pub async fn complete(&self, receipt: u64) -> Result<(), Error> {
        self.end(receipt, Disposition::Completed).await
    }

    /// The message comes again, counted once more.
    pub async fn abandon(&self, receipt: u64) -> Result<(), Error> {
        self.end(receipt, Disposition::Abandoned).await
    }

    /// The message goes to the dead-letter queue; `Ok` means that the broker has confirmed it.
    pub async fn dead_letter(&self, receipt: u64, reason: &str, description: &str) -> Result<(), Error> {
        let (reason, description) = (reason.to_owned(), description.to_owned());
        self.end(receipt, Disposition::DeadLettered { reason, description }).await
    }

    /// Messages whose lock ran out before they were settled, as far as that could be seen.
    pub fn locks_lost(&self) -> u64 {
        self.shared.locks_lost.load(Ordering::Relaxed)
    }

    async fn end(&self, receipt: u64, disposition: Disposition) -> Result<(), Error> {
        let shared = &self.shared;
        let settling = shared.loans.settling();
        let Some(held) = shared.loans.remove(receipt) else {
            return Err(Error::new(ErrorKind::LockLost, "the message is not on loan any more"));
        };
        let ended = timeout(SETTLING, shared.end(held, disposition)).await.unwrap_or_else(|_| Err(Error::timed_out("a settlement")));
        drop(settling);
        shared.credit_bell.notify_one();
        if let Err(error) = &ended
            && error.kind == ErrorKind::LockLost
        {
            shared.count_lost();
        }
        ended
    }
}

impl Shared {
    pub(super) fn current_link(&self) -> Option<LinkHandle> {
        self.link.borrow().clone()
    }

    /// The link that there is, or the next one: while there is none, the message is still ours.
    async fn some_link(&self, locked_until: Instant) -> Result<LinkHandle, Error> {
        let mut links = self.link.subscribe();
        match timeout_at(locked_until, links.wait_for(Option::is_some)).await {
            Ok(Ok(link)) => link.clone().ok_or_else(Error::closed),
            Ok(Err(_)) => Err(Error::closed()),
            Err(_) => Err(Error::new(ErrorKind::LockLost, "the lock ran out while there was no connection to settle the message over")),
        }
    }

    pub(super) fn count_lost(&self) {
        self.locks_lost.fetch_add(1, Ordering::Relaxed);
    }

    async fn end(&self, held: Held, disposition: Disposition) -> Result<(), Error> {
        if held.is_lost {
            return Err(Error::new(ErrorKind::LockLost, "the lock ran out before the message was settled"));
        }
        let link = self.some_link(held.locked_until).await?;
        let on_its_link = link.number == held.link;
        // The link is fast and tells nothing; where that is not enough, `$management` is asked.
        let certain = !on_its_link || Instant::now() >= held.locked_until || matches!(disposition, Disposition::DeadLettered { .. });
        if let (true, Some(token)) = (certain, held.token) {
            management::update_disposition(&link.management, token, disposition.clone()).await?;
            if on_its_link {
                // The broker does not know the lock any more; this ends the delivery on our side of the link.
                drop(link.dispose(held.info, disposition).await);
            }
            return Ok(());
        }
        link.dispose(held.info, disposition).await
    }
}

impl LinkHandle {
    pub(super) async fn dispose(&self, info: DeliveryInfo, disposition: Disposition) -> Result<(), Error> {
        let gone = || Error::new(ErrorKind::Link, "the link is gone");
        let (reply, done) = oneshot::channel();
        self.commands.send(Command { info, disposition, reply }).await.map_err(|_| gone())?;
        done.await.map_err(|_| gone())?
    }
}

#[async_trait::async_trait]
impl Subscription for Receiver {
    async fn receive(&self) -> Option<Delivered> {
        let (receipt, message) = self.receive_message().await?;
        let incoming = Incoming { id: message.message_id, trace: message.trace, body: message.body };
        Some(Delivered { message: incoming, delivery_count: message.delivery_count, receipt })
    }

    async fn settle(&self, delivered: Delivered, settlement: Settlement) -> Result<(), SettleError> {
        let settled = match settlement {
            Settlement::Complete => self.complete(delivered.receipt).await,
            Settlement::Abandon => self.abandon(delivered.receipt).await,
            Settlement::DeadLetter { reason, description } => self.dead_letter(delivered.receipt, &reason, &description).await,
        };
        settled.map_err(|error| match error.kind {
            ErrorKind::LockLost => SettleError::LockLost,
            _ => SettleError::Unavailable(error.to_string()),
        })
    }

    fn outage(&self) -> Option<String> {
        self.shared.client.outage()
    }

    /// Receives no more. What is on loan may still be settled until `within` is over, and is abandoned then.
    async fn close(&self, within: Duration) {
        self.shared.deadline.get_or_init(|| Instant::now() + within);
        self.shared.stop.cancel();
        // Nobody will receive what waits: it is given back uncounted.
        let mut arrived = self.arrived.lock().await;
        arrived.close();
        while let Some((receipt, _)) = arrived.recv().await {
            if let Some(held) = self.shared.loans.remove(receipt)
                && let Some(link) = self.shared.current_link()
            {
                drop(timeout(SETTLING, link.dispose(held.info, Disposition::Released)).await);
            }
        }
        self.shared.credit_bell.notify_one();
        let pump = self.pump.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(pump) = pump
            && timeout(within + pump::CLOSING * 3, pump).await.is_err()
        {
            tracing::debug!("the receiver did not close in time");
        }
    }
}

#[cfg(test)]
mod tests;
