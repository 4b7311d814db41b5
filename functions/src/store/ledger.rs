//! Attempts with an endpoint, step by step, and what operators see and decide of deliveries.

use super::{AttemptRecord, Result};
use crate::domain::{
    event::{EventKind, Received},
    id::{DeliveryId, OrderId},
    settle::{Found, Verdict},
    timestamp::Timestamp,
};
use serde::Serialize;

/// An attempt that wants to be made.
#[derive(Debug, Clone)]
pub struct Begin {
    pub delivery: DeliveryId,
    pub attempt: u32,
    pub endpoint: String,
    pub at: Timestamp,
    /// The delivery belongs to the caller until then, if the attempt may be made.
    pub lease_until: Timestamp,
    pub purpose: Purpose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It is about to be sent: that it begins is written, and an earlier doubt is settled by it.
    Send,
    /// The provider is about to be asked about an earlier attempt.
    Ask,
    /// It was asked, and the attempt is about to be sent: the circuit was heeded then.
    SendAfterAsking,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It may be made.
    Go(Found),
    /// The endpoint is down: the delivery was given back, and is due then.
    Paused { until: Timestamp },
    /// The delivery is somebody else's by now, or decided: nothing may be sent.
    Lost,
}

/// How an attempt with an endpoint ended.
#[derive(Debug, Clone)]
pub struct Ending {
    pub record: AttemptRecord,
    pub endpoint: String,
    /// `None`: it says nothing of the endpoint.
    pub verdict: Option<Verdict>,
    /// From now until the next attempt the horizon does not come nearer.
    pub paused: bool,
    /// What was unknown of an earlier attempt is known by this outcome. A success says so by itself.
    pub ends_doubt: bool,
}

/// A row of the view `ledger`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub id: DeliveryId,
    pub order_id: OrderId,
    pub version: u32,
    pub channel: String,
    pub recipient: String,
    /// Whose circuit its attempts heed.
    pub endpoint: Option<String>,
    pub state: State,
    /// Attempts made, the one that is under way among them.
    pub attempts: u32,
    /// The attempt whose outcome is unknown.
    pub doubt: Option<u32>,
    pub provider_ref: Option<String>,
    pub created_at: Timestamp,
    /// With `pending` and `paused`: when the next attempt is due. With `sending`: when its lease ends.
    pub next_attempt_at: Timestamp,
    /// When the last attempt ended or the last decision was made, and why: why it did not succeed, or was decided so.
    pub last_at: Option<Timestamp>,
    pub reason: Option<String>,
    /// What the provider calls the last attempt.
    pub provider_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waits for its next attempt.
    Pending,
    /// An attempt is under way, or its process died and the lease has not ended yet.
    Sending,
    /// Waits for its endpoint to be back.
    Paused,
    Succeeded,
    Failed,
    /// Given up, and the customer may have been told.
    Unknown,
    Abandoned,
}

/// Which deliveries an operator means: all conditions hold.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Empty: any.
    pub ids: Vec<DeliveryId>,
    pub order: Option<OrderId>,
    pub channel: Option<String>,
    pub recipient: Option<String>,
    /// Empty: any.
    pub states: Vec<State>,
    /// Those alone of which nobody knows how an attempt ended.
    pub in_doubt: bool,
    /// The last reason contains this text, whatever the case of its letters.
    pub reason: Option<String>,
    /// At most so many, newest first.
    pub limit: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// An operator wants further attempts: due at once, with a whole horizon, and without regard to what was unknown or to
    /// an endpoint that is thought to be down.
    Reopened,
    /// An operator wants no further attempts.
    Abandoned,
    /// No further attempts are made: by the channel's policy, or since its endpoint was down for too long.
    GivenUp,
}

/// One step in a delivery's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    pub at: Timestamp,
    /// `succeeded`, `retrying`, `failed` or `unknown` of an attempt; `reopened`, `abandoned` or `given-up` of a decision.
    pub what: String,
    pub attempt: Option<u32>,
    pub reason: Option<String>,
    pub next_attempt_at: Option<Timestamp>,
    pub provider_id: Option<String>,
}

/// A row of `circuits`: an endpoint that is down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outage {
    pub endpoint: String,
    pub failures: u32,
    pub opened_at: Timestamp,
    pub open_until: Timestamp,
    pub reason: String,
}

/// An event that is not published yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingEvent {
    pub order_id: OrderId,
    pub sequence: u32,
    pub kind: EventKind,
    pub occurred_at: Timestamp,
    /// Attempts begun.
    pub attempts: u32,
    /// While leased: the lease's end.
    pub next_attempt_at: Timestamp,
    pub last_error: Option<String>,
}

#[async_trait::async_trait]
pub trait Ledger {
    /// Whether the attempt may be made; if so, and it is to be sent, that it began is durable.
    async fn begin(&self, begin: Begin) -> Result<Begun>;
    /// What the provider calls an attempt that has not ended.
    async fn sent(&self, delivery: DeliveryId, attempt: u32, provider_ref: String) -> Result<()>;
    /// The attempt, what it makes of the delivery, and what it says of the endpoint: all or none. As with
    /// [`record_attempt`](super::Store::record_attempt), a success stands even after the lease was lost.
    async fn end(&self, ending: Ending) -> Result<()>;

    async fn deliveries(&self, wanted: &Wanted) -> Result<Vec<Entry>>;
    /// What happened to one delivery, oldest first.
    async fn steps(&self, delivery: DeliveryId) -> Result<Vec<Step>>;
    /// Decides those of the deliveries that the decision [takes](Decision::takes) as they are by then, and gives their ids.
    async fn decide(&self, deliveries: Vec<DeliveryId>, decision: Decision, reason: String, at: Timestamp) -> Result<Vec<DeliveryId>>;
    /// The endpoints that are down.
    async fn outages(&self) -> Result<Vec<Outage>>;
    /// The deliveries that are not done, up to `limit` of those that wait, soonest due first, and of those that were given
    /// up, newest first; newest first together. The cost depends on them alone, not on how many are done.
    async fn unfinished(&self, limit: u32) -> Result<Vec<Entry>>;
    /// The events that are not published yet, soonest due first.
    async fn waiting_events(&self, limit: u32) -> Result<Vec<WaitingEvent>>;
    /// What is still kept of an order's events, oldest first, each with the order as it was then.
    async fn events(&self, order: OrderId) -> Result<Vec<Received>>;
}

impl State {
    pub const ALL: [Self; 7] = [Self::Pending, Self::Sending, Self::Paused, Self::Succeeded, Self::Failed, Self::Unknown, Self::Abandoned];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Paused => "paused",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Abandoned => "abandoned",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl Decision {
    /// Whether it can change a delivery in this state.
    pub fn takes(self, state: State) -> bool {
        match self {
            Self::Reopened => !matches!(state, State::Sending | State::Succeeded),
            Self::Abandoned => matches!(state, State::Pending | State::Paused),
            Self::GivenUp => matches!(state, State::Pending | State::Sending | State::Paused),
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Reopened => "reopened",
            Self::Abandoned => "abandoned",
            Self::GivenUp => "given-up",
        }
    }
}
