//! Publishing on the topic: batches, many of them under way, each confirmed by the broker's disposition.

use super::{
    client::ServiceBusClient,
    error::{Error, ErrorKind},
    message::Message,
    sender_link::{Fate, Link, Parcel},
};
use crate::{
    bus::{Bus, BusError},
    domain::retry::Backoff,
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// How many links one call tries, one after the other, because each was lost under it.
const LINKS: usize = 3;
const ATTACHING: Duration = Duration::from_secs(20);
const CLOSING: Duration = Duration::from_secs(2);
/// The outage of a topic that is there and takes nothing.
const PUBLISHING: &str = "publishing";
/// Between two tries to attach while nobody publishes.
const REATTACH: Backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(30) };

/// One link to the topic, shared by all who publish.
pub struct Sender {
    client: ServiceBusClient,
    link: Mutex<Option<Link>>,
    links: AtomicU64,
    lost: Notify,
    stop: CancellationToken,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("topic", &self.client.settings().topic).finish_non_exhaustive()
    }
}

impl Sender {
    pub(super) fn start(client: ServiceBusClient) -> Arc<Self> {
        let stop = client.closed().child_token();
        let sender = Arc::new(Self { client, link: Mutex::default(), links: AtomicU64::default(), lost: Notify::new(), stop });
        let here = Arc::clone(&sender);
        tokio::spawn(async move {
            tokio::select! {
                () = here.stop.cancelled() => {}
                () = here.stay_attached() => {}
            }
        });
        sender
    }

    /// Attaches when nobody publishes, so that an outage is known before the next message and its end is seen after it.
    async fn stay_attached(&self) {
        let mut failures = 0;
        loop {
            let connection = {
                let mut link = self.link.lock().await;
                self.attached(&mut link).await.map(|link| Arc::clone(link.connection()))
            };
            if let Ok(connection) = connection {
                failures = 0;
                tokio::select! {
                    () = connection.closed() => {}
                    () = self.lost.notified() => {}
                }
            } else {
                failures += 1;
                tokio::time::sleep(REATTACH.after(failures, fastrand::f64())).await;
            }
        }
    }

    /// The link that there is, or a new one.
    async fn attached<'a>(&self, link: &'a mut Option<Link>) -> Result<&'a mut Link, Error> {
        if let Some(attached) = link.take_if(|link| !link.connection().is_closed()) {
            return Ok(link.insert(attached));
        }
        let (topic, number) = (&self.client.settings().topic, self.links.fetch_add(1, Ordering::Relaxed));
        let attaching = timeout(ATTACHING, Link::attach(&self.client, number)).await;
        match attaching.unwrap_or_else(|_| Err(Error::timed_out("attaching the sender"))) {
            Ok(attached) => {
                self.client.outages().end(topic);
                Ok(link.insert(attached))
            }
            Err(error) => {
                // An outage of the connection has been told by the client.
                if !matches!(error.kind, ErrorKind::Connection | ErrorKind::Closed) {
                    self.client.outages().begin(topic, &error);
                }
                *link = None;
                Err(error)
            }
        }
    }

    /// Hands the parcels to the link and waits for what the broker says to each batch. The link is free for others meanwhile.
    async fn send(&self, parcels: &[Parcel], deadline: Instant) -> Vec<Fate> {
        let (number, handed) = {
            let turn = timeout_at(deadline, async {
                let mut link = self.link.lock().await;
                self.attached(&mut link).await?;
                Ok(link)
            });
            let mut link = match turn.await.unwrap_or_else(|_| Err(Error::timed_out("attaching the sender"))) {
                Ok(link) => link,
                Err(error) => return vec![(0..parcels.len(), Err(error))],
            };
            let Some(attached) = link.as_mut() else { return vec![(0..parcels.len(), Err(Error::closed()))] };
            let handed = attached.hand_over(parcels, deadline).await;
            let number = attached.number;
            if !handed.is_usable {
                *link = None;
                self.lost.notify_one();
            }
            (number, handed)
        };
        let mut fates = handed.refused;
        let mut is_silent = false;
        for (range, confirmation) in handed.under_way {
            let outcome = confirmation.wait(deadline).await;
            is_silent |= outcome.as_ref().is_err_and(|error| error.kind == ErrorKind::TimedOut || error.is_loss());
            fates.push((range, outcome));
        }
        if is_silent {
            self.give_up(number).await;
        }
        fates
    }

    /// A link that swallows confirmations, or is gone, serves nobody.
    async fn give_up(&self, number: u64) {
        if let Ok(mut link) = timeout(CLOSING, self.link.lock()).await
            && link.take_if(|link| link.number == number).is_some()
        {
            self.lost.notify_one();
        }
    }

    async fn publish_alone(&self, parcel: &Parcel, deadline: Instant) -> Result<(), BusError> {
        let fates = self.send(std::slice::from_ref(parcel), deadline).await;
        let outcome = fates.into_iter().next().map_or_else(|| Err(Error::closed()), |(_, outcome)| outcome);
        outcome.map_err(|error| self.bus_error(&error))
    }

    /// Also names the outage: while the topic takes nothing, it is out.
    fn bus_error(&self, error: &Error) -> BusError {
        match error.kind {
            ErrorKind::Refused => return BusError::Permanent(error.to_string()),
            ErrorKind::Busy | ErrorKind::TimedOut => self.client.outages().begin(PUBLISHING, error),
            _ => {}
        }
        BusError::Transient(error.to_string())
    }
}

#[async_trait::async_trait]
impl Bus for Sender {
    async fn publish(&self, messages: Vec<Message>) -> Vec<Result<(), BusError>> {
        let deadline = Instant::now() + self.client.settings().publish_within;
        // Only what the broker confirms becomes a success.
        let mut outcomes = vec![Err(BusError::Transient("the message was not sent".into())); messages.len()];
        let mut parcels = Vec::with_capacity(messages.len());
        for (index, message) in messages.iter().enumerate() {
            match Parcel::new(index, message) {
                Ok(parcel) => parcels.push(parcel),
                Err(error) => outcomes[index] = Err(BusError::Permanent(error.to_string())),
            }
        }
        for links in 1.. {
            let mut again = Vec::new();
            for (range, outcome) in self.send(&parcels, deadline).await {
                match outcome {
                    Ok(()) => {
                        self.client.outages().end(PUBLISHING);
                        parcels[range].iter().for_each(|parcel| outcomes[parcel.index] = Ok(()));
                    }
                    // The broker refuses a batch as a whole: alone, each message gets an outcome of its own.
                    Err(error) if error.kind == ErrorKind::Refused && range.len() > 1 => {
                        for parcel in &parcels[range] {
                            outcomes[parcel.index] = self.publish_alone(parcel, deadline).await;
                        }
                    }
                    Err(error) if error.is_loss() && links < LINKS && Instant::now() < deadline => again.push(range),
                    Err(error) => {
                        for parcel in &parcels[range] {
                            outcomes[parcel.index] = Err(self.bus_error(&error));
                        }
                    }
                }
            }
            if again.is_empty() {
                break;
            }
            again.sort_unstable_by_key(|range| range.start);
            parcels = again.into_iter().flat_map(|range| parcels[range].to_vec()).collect();
        }
        outcomes
    }

    fn outage(&self) -> Option<String> {
        self.client.outage()
    }

    async fn close(&self, within: Duration) {
        self.stop.cancel();
        let closing = async {
            if let Some(link) = self.link.lock().await.take() {
                link.close().await;
            }
        };
        if timeout(within, closing).await.is_err() {
            tracing::debug!("the broker did not answer to closing the sender");
        }
    }
}
