//! An attempt with an endpoint: its beginning is durable before it is sent, its circuit is heeded, and what is unknown of
//! an earlier attempt is asked or decided first.

use super::deliver::{self, persist, tell, time_left};
use crate::{
    app::App,
    channels::{Channel, HandOver, Journal},
    domain::{
        attempt::{Asked, Attempt, Doubt, Outcome, Policy},
        delivery::Delivery,
        settle::{Found, NOT_REPEATED, Rules, Settlement, Verdict, Way},
        timestamp::Timestamp,
    },
    store::{
        AttemptRecord, Store,
        ledger::{Begin, Begun, Decision, Ending, Purpose},
    },
    telemetry::Attempted,
};

/// One delivery on its way to one endpoint.
struct Run<'a> {
    app: &'a App,
    channel: &'a dyn Channel,
    delivery: &'a Delivery,
    rules: Rules,
    way: Way,
    attempted: Attempted,
    lease_until: Timestamp,
}

pub(super) async fn attempt(
    app: &App,
    channel: &dyn Channel,
    delivery: &Delivery,
    endpoint: &str,
    attempted: Attempted,
    lease_until: Timestamp,
) {
    let way = Way { endpoint: endpoint.to_owned(), found: Found::Closed };
    let mut run = Run { app, channel, delivery, rules: app.rules(channel), way, attempted, lease_until };
    let purpose = match &delivery.doubt {
        None => Purpose::Send,
        Some(doubt) if run.rules.can_ask => match run.ask(doubt).await {
            Next::Send => Purpose::SendAfterAsking,
            Next::Nothing => return,
        },
        Some(doubt) => match run.decide(doubt).await {
            Next::Send => Purpose::Send,
            Next::Nothing => return,
        },
    };
    if !run.begin(purpose).await {
        return;
    }
    let journal = StoreJournal { store: app.store.as_ref(), delivery, hand_over: HandOver::default() };
    let ended = deliver::deliver(app, channel, delivery, &journal, run.lease_until).await;
    run.end(ended).await;
}

/// What is done after an earlier attempt was asked about or decided.
enum Next {
    Send,
    Nothing,
}

impl Run<'_> {
    /// Whether the attempt may be made. It has a whole lease then, however long it waited to begin.
    async fn begin(&mut self, purpose: Purpose) -> bool {
        let (id, attempt, at) = (self.delivery.id, self.delivery.attempt, self.app.now());
        let lease_until = at.plus(self.app.settings.lease);
        let begin = Begin { delivery: id, attempt, endpoint: self.way.endpoint.clone(), at, lease_until, purpose };
        match self.app.store.begin(begin).await {
            Ok(Begun::Go(found)) => {
                self.lease_until = lease_until;
                if purpose != Purpose::SendAfterAsking {
                    self.way.found = found;
                }
                true
            }
            Ok(Begun::Paused { until }) => {
                self.paused(until).await;
                false
            }
            Ok(Begun::Lost) => {
                tracing::warn!(delivery = %id, attempt, "the delivery is somebody else's by now: nothing is sent");
                false
            }
            Err(error) => {
                tracing::warn!(%error, delivery = %id, attempt, "nothing is sent: that the attempt begins could not be recorded");
                false
            }
        }
    }

    /// The delivery was given back. If even the next probe would come too late for it, it is given up.
    async fn paused(&mut self, until: Timestamp) {
        tracing::debug!(delivery = %self.delivery.id, endpoint = self.way.endpoint, %until, "waits for its endpoint to be back");
        if self.app.now() > self.delivery.horizon() {
            self.give_up(format!("{} is still down (given up after {} attempts)", self.way.endpoint, self.delivery.attempt - 1)).await;
        } else {
            self.attempted.paused(self.delivery);
        }
        self.app.sweep_bell.notify_one();
    }

    /// What the channel's policy says of an attempt whose outcome is unknown.
    async fn decide(&mut self, doubt: &Doubt) -> Next {
        if self.rules.policy == Policy::AtLeastOnce {
            return Next::Send;
        }
        self.give_up(format!("nobody knows how attempt {} ended ({NOT_REPEATED})", doubt.attempt)).await;
        Next::Nothing
    }

    async fn give_up(&mut self, reason: String) {
        let (app, id, at) = (self.app, self.delivery.id, self.app.now());
        self.attempted.given_up(self.delivery, &reason);
        tracing::error!(order = %self.delivery.received.event.order_id, channel = self.delivery.channel, reason, "gives up");
        persist(self.delivery, || async { app.store.decide(vec![id], Decision::GivenUp, reason.clone(), at).await.map(drop) }).await;
    }

    /// Asks the provider, and records what it says if that ends the attempt.
    async fn ask(&mut self, doubt: &Doubt) -> Next {
        let Some(notification) = self.delivery.notification() else { return Next::Send };
        if !self.begin(Purpose::Ask).await {
            return Next::Nothing;
        }
        let ask = self.channel.ask(&notification, doubt.provider_ref.as_deref());
        let asked = tokio::time::timeout(time_left(self.app, self.lease_until), ask).await;
        let asked = asked.unwrap_or_else(|_| Asked::Down { reason: "no answer in time".into(), retry_after: None });
        let before = doubt.attempt;
        match asked {
            Asked::NotTaken => return Next::Send,
            Asked::CannotBeAsked => return self.decide(doubt).await,
            Asked::Delivered { provider_id } => self.known(before, Outcome::Succeeded { provider_id }).await,
            Asked::Failed { reason } => {
                let reason = format!("the provider says of attempt {before}: {reason}");
                self.known(self.delivery.attempt, Outcome::Failed { reason }).await;
            }
            Asked::UnderWay { retry_after } => {
                let reason = format!("the provider has not finished with attempt {before}");
                self.end(Attempt::Transient { reason, retry_after }).await;
            }
            Asked::Down { reason, retry_after } => {
                let reason = format!("the provider cannot be asked about attempt {before}: {reason}");
                self.end(Attempt::Down { reason, retry_after }).await;
            }
            Asked::NotMade { reason } => {
                let reason = format!("the provider cannot be asked about attempt {before}: {reason}");
                self.end(Attempt::NotMade { reason }).await;
            }
        }
        Next::Nothing
    }

    /// The provider said how an attempt ended.
    async fn known(&mut self, attempt: u32, outcome: Outcome) {
        self.write(attempt, Settlement { outcome, verdict: Some(Verdict::Up), paused: false }, true).await;
    }

    async fn end(&mut self, ended: Attempt) {
        let settlement = self.delivery.settle(ended, self.rules, Some(&self.way), self.app.now(), fastrand::f64());
        self.write(self.delivery.attempt, settlement, false).await;
    }

    async fn write(&mut self, attempt: u32, settlement: Settlement, ends_doubt: bool) {
        let Settlement { outcome, verdict, paused } = settlement;
        tell(self.delivery, &outcome);
        self.attempted.ended(self.delivery, &outcome);
        let endpoint = self.way.endpoint.as_str();
        match (&verdict, self.way.found) {
            (Some(Verdict::Down { until, reason, .. }), Found::Closed) => tracing::warn!(endpoint, reason, next = %until, "is down"),
            (Some(Verdict::Up), Found::Probed { .. }) => tracing::info!(endpoint, "is back"),
            _ => {}
        }
        let rings = deliver::is_due_again(&outcome) || self.way.found != Found::Closed;
        let record = AttemptRecord { delivery: self.delivery.id, attempt, at: self.app.now(), outcome };
        let ending = Ending { record, endpoint: endpoint.to_owned(), verdict, paused, ends_doubt };
        persist(self.delivery, || self.app.store.end(ending.clone())).await;
        if rings {
            self.app.sweep_bell.notify_one();
        }
    }
}

struct StoreJournal<'a> {
    store: &'a dyn Store,
    delivery: &'a Delivery,
    hand_over: HandOver,
}

#[async_trait::async_trait]
impl Journal for StoreJournal<'_> {
    fn hand_over(&self) -> &HandOver {
        &self.hand_over
    }

    async fn sent(&self, provider_ref: &str) {
        let Delivery { id, attempt, .. } = *self.delivery;
        persist(self.delivery, || self.store.sent(id, attempt, provider_ref.to_owned())).await;
    }
}
