//! What receivers decide about the messages they got.

use super::{output::Context, session::Session};
use crate::{
    amqp::{DeliveryState, Disposition, Error, Performative, Role, Value},
    broker::{Refusal, Settlement},
    faults::Loss,
};
use std::time::Duration;

impl Session {
    /// Settles every delivery of the range, and answers if the receiver waits for it. The answer repeats the outcome that
    /// was asked for: clients take any other for a failure.
    pub(super) fn on_disposition(&mut self, disposition: &Disposition, context: &mut Context) {
        // A sender's disposition is about what this side received, and that was settled at once.
        if disposition.role == Role::Sender || matches!(disposition.state, Some(DeliveryState::Received { .. })) {
            return;
        }
        let (first, last) = (disposition.first, disposition.last.unwrap_or(disposition.first));
        let ids: Vec<u32> = if first <= last {
            self.unsettled.range(first..=last).map(|(id, _)| *id).collect()
        } else {
            // Delivery ids are serial numbers: the range may go over the top.
            self.unsettled.range(first..).chain(self.unsettled.range(..=last)).map(|(id, _)| *id).collect()
        };
        if ids.is_empty() && !disposition.settled {
            return self.answer((first, last), rejected(&Refusal::MessageLockLost), Duration::ZERO, context);
        }
        let mut answers: Vec<(u32, DeliveryState, Duration)> = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some((state, delay)) = self.settle(id, disposition, context) {
                answers.push((id, state, delay));
            }
        }
        if disposition.settled {
            return;
        }
        let mut run: Option<(u32, u32, DeliveryState, Duration)> = None;
        for (id, state, delay) in answers {
            match &mut run {
                Some((_, last, same, _)) if last.wrapping_add(1) == id && *same == state => *last = id,
                _ => {
                    if let Some((first, last, state, delay)) = run.replace((id, id, state, delay)) {
                        self.answer((first, last), state, delay, context);
                    }
                }
            }
        }
        if let Some((first, last, state, delay)) = run {
            self.answer((first, last), state, delay, context);
        }
    }

    /// The answer, if there is to be one, and how much later it goes out.
    fn settle(&mut self, id: u32, disposition: &Disposition, context: &Context) -> Option<(DeliveryState, Duration)> {
        let delivery = self.unsettled.get(&id)?;
        let Some((queue, token)) = delivery.lock.clone() else {
            self.unsettled.remove(&id);
            return Some((disposition.state.clone().unwrap_or(DeliveryState::Accepted), Duration::ZERO));
        };
        let key = self.links.get(&delivery.handle).map(|link| link.key().to_owned()).unwrap_or_default();
        let (faults, broker) = (&context.server.faults, &context.server.broker);
        let loss = faults.loses_settlement(&key);
        if loss == Some(Loss::Request) {
            return None;
        }
        self.unsettled.remove(&id);
        let (settlement, echo) = outcome(disposition.state.as_ref()?);
        let state = match queue.settle(broker, token, settlement) {
            Ok(()) => echo,
            Err(refusal) => rejected(&refusal),
        };
        (loss.is_none()).then(|| (state, faults.disposition_delay(&key)))
    }

    fn answer(&self, (first, last): (u32, u32), state: DeliveryState, delay: Duration, context: &mut Context) {
        let last = (first != last).then_some(last);
        let answer = Disposition { role: Role::Sender, first, last, settled: true, state: Some(state) };
        context.send_late(self.channel, &Performative::Disposition(answer), delay);
    }
}

fn rejected(refusal: &Refusal) -> DeliveryState {
    DeliveryState::Rejected(Some(refusal.error()))
}

/// What an outcome means, and how it is repeated. A rejection is repeated without its error, since with one it would say
/// that the dead-lettering failed.
fn outcome(state: &DeliveryState) -> (Settlement, DeliveryState) {
    match state {
        DeliveryState::Rejected(error) => (dead_letter(error.as_ref()), DeliveryState::Rejected(None)),
        DeliveryState::Released => (Settlement::Release, state.clone()),
        DeliveryState::Modified { undeliverable_here: Some(true), annotations, .. } => {
            (Settlement::Defer(annotations.clone()), state.clone())
        }
        DeliveryState::Modified { annotations, .. } => (Settlement::Abandon(annotations.clone()), state.clone()),
        _ => (Settlement::Complete, state.clone()),
    }
}

fn dead_letter(error: Option<&Error>) -> Settlement {
    let Some(error) = error else {
        return Settlement::DeadLetter { reason: String::new(), description: String::new(), properties: Vec::new() };
    };
    let (mut reason, mut description, mut properties) = (None, None, Vec::new());
    for (key, value) in &error.info {
        match (key.as_text(), value) {
            (Some("DeadLetterReason"), value) => reason = value.as_text().map(str::to_owned),
            (Some("DeadLetterErrorDescription"), value) => description = value.as_text().map(str::to_owned),
            (_, Value::Null) => {}
            _ => properties.push((key.clone(), value.clone())),
        }
    }
    // A client that knows nothing of Service Bus says what it has to say in the error itself.
    let is_plain = error.condition != "com.microsoft:dead-letter";
    let reason = reason.or_else(|| is_plain.then(|| error.condition.clone())).unwrap_or_default();
    let description = description.or_else(|| error.description.clone().filter(|_| is_plain)).unwrap_or_default();
    Settlement::DeadLetter { reason, description, properties }
}
