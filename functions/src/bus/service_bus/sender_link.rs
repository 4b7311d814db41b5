//! One link to the topic, and what becomes of the batches that are handed to it.

use super::{
    batch,
    client::ServiceBusClient,
    connection::{Connection, Grant},
    error::{Error, ErrorKind},
    message::{self, Message},
};
use fe2o3_amqp::{
    Sendable,
    link::{SendError, delivery::DeliveryFut},
    session::SessionHandle,
};
use fe2o3_amqp_types::messaging::{Batch, Data, Message as Amqp, Outcome};
use std::{ops::Range, sync::Arc};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// What Service Bus Standard takes, for a broker that does not say.
const MAX_MESSAGE_BYTES: u64 = 256 * 1024;
/// What Service Bus Premium takes as a batch, however large a single message may be.
const MAX_BATCH_BYTES: usize = 1024 * 1024;
/// The message format of a batch: each `data` section is a message of its own.
const BATCH_FORMAT: u32 = 0x8001_3700;

pub(super) struct Link {
    /// Counts the links of this sender.
    pub(super) number: u64,
    sender: fe2o3_amqp::Sender,
    connection: Arc<Connection>,
    /// Ends with the link.
    session: SessionHandle<()>,
    _grant: Grant,
    /// Bytes that a message may have.
    limit: usize,
}

/// A message on its way: where its outcome belongs, and what is sent.
#[derive(Clone)]
pub(super) struct Parcel {
    pub(super) index: usize,
    amqp: Amqp<Data>,
    encoded: Vec<u8>,
}

impl Parcel {
    pub(super) fn new(index: usize, message: &Message) -> Result<Self, Error> {
        let amqp = message::to_amqp(message);
        let encoded = message::encode(&amqp)?;
        Ok(Self { index, amqp, encoded })
    }
}

/// What the broker will say to a batch.
pub(super) struct Confirmation {
    outcome: DeliveryFut<Result<Outcome, SendError>>,
    connection: Arc<Connection>,
}

/// Which of the parcels, and what became of them.
pub(super) type Fate = (Range<usize>, Result<(), Error>);

pub(super) struct HandedOver {
    pub(super) under_way: Vec<(Range<usize>, Confirmation)>,
    pub(super) refused: Vec<Fate>,
    /// Whether the link still serves.
    pub(super) is_usable: bool,
}

impl Link {
    pub(super) async fn attach(client: &ServiceBusClient, number: u64) -> Result<Self, Error> {
        let connection = client.connection().await?;
        let attach = async {
            let topic = client.settings().topic.as_str();
            let grant = connection.authorize(topic).await?;
            let mut session = connection.session().await?;
            let name = format!("{topic}-sender-{}", Uuid::new_v4());
            let sender = fe2o3_amqp::Sender::attach(&mut session, name, topic).await?;
            let limit = sender.max_message_size().filter(|limit| *limit > 0).unwrap_or(MAX_MESSAGE_BYTES);
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            tracing::debug!(topic, limit, number, "attached the sender");
            Ok(Self { number, sender, connection: Arc::clone(&connection), session, _grant: grant, limit })
        };
        connection.during(attach).await
    }

    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Puts the parcels on the link in batches, as far as it gives credit before the deadline.
    pub(super) async fn hand_over(&mut self, parcels: &[Parcel], deadline: Instant) -> HandedOver {
        let mut handed = HandedOver { under_way: Vec::new(), refused: Vec::new(), is_usable: true };
        let sizes: Vec<usize> = parcels.iter().map(|parcel| parcel.encoded.len()).collect();
        let mut lost: Option<Error> = None;
        for batch in batch::split(&sizes, self.limit.min(MAX_BATCH_BYTES)) {
            let range = match batch {
                Ok(range) => range,
                // Larger than a batch may be, and perhaps not larger than a message may be.
                Err(index) if sizes[index] <= self.limit => index..index + 1,
                Err(index) => {
                    let text = format!("the message has {} bytes, and the topic takes {}", sizes[index], self.limit);
                    handed.refused.push((index..index + 1, Err(Error::new(ErrorKind::Refused, text))));
                    continue;
                }
            };
            let error = match &lost {
                Some(error) => error.clone(),
                None => match timeout_at(deadline, self.send(&parcels[range.clone()])).await {
                    Ok(Ok(confirmation)) => {
                        handed.under_way.push((range, confirmation));
                        continue;
                    }
                    Ok(Err(error)) => error,
                    Err(_) => Error::timed_out("a message, for which the broker gave no credit"),
                },
            };
            if error.kind != ErrorKind::Refused {
                lost = Some(error.clone());
                handed.is_usable = false;
            }
            handed.refused.push((range, Err(error)));
        }
        handed
    }

    async fn send(&mut self, parcels: &[Parcel]) -> Result<Confirmation, Error> {
        let (sender, connection) = (&mut self.sender, &self.connection);
        let sent = async {
            if let [parcel] = parcels {
                return Ok(sender.send_batchable(parcel.amqp.clone()).await?);
            }
            let batch: Batch<Data> = parcels.iter().map(|parcel| Data::from(parcel.encoded.clone())).collect::<Vec<_>>().into();
            let message = Amqp::builder().body(batch).build();
            Ok(sender.send_batchable(Sendable::builder().message(message).message_format(BATCH_FORMAT).build()).await?)
        };
        Ok(Confirmation { outcome: connection.during(sent).await?, connection: Arc::clone(connection) })
    }

    pub(super) async fn close(mut self) {
        drop(self.sender.close().await);
        drop(self.session.end().await);
    }
}

impl Confirmation {
    /// `Ok` means that the broker has the batch.
    pub(super) async fn wait(self, deadline: Instant) -> Result<(), Error> {
        let outcome = async { Ok(self.outcome.await?) };
        match timeout_at(deadline, self.connection.during(outcome)).await.unwrap_or_else(|_| Err(Error::timed_out("a message")))? {
            Outcome::Accepted(_) => Ok(()),
            Outcome::Rejected(rejected) => Err(match rejected.error {
                Some(error) => Error::said(&error, ErrorKind::Busy),
                None => Error::new(ErrorKind::Busy, "the broker rejected the message and did not say why"),
            }),
            other => Err(Error::new(ErrorKind::Busy, format!("the broker did not take the message: {other:?}"))),
        }
    }
}
