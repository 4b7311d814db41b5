//! The task that owns the receiving link: deliveries in, dispositions out, credit for what may come.

use super::{
    calls::Calls,
    client::Return,
    connection::{Connection, Grant},
    error::{Error, ErrorKind},
    held,
    losses::Losses,
    management::Disposition,
    message::ReceivedMessage,
    receiver::{Command, LinkHandle, Shared},
};
use crate::domain::retry::Backoff;
use fe2o3_amqp::{
    Delivery,
    link::{RecvError, delivery::DeliveryInfo, receiver::CreditMode},
    session::SessionHandle,
};
use fe2o3_amqp_types::{
    definitions::{self, ErrorCondition, Fields, ReceiverSettleMode, SenderSettleMode},
    messaging::{Body, Modified},
    primitives::Value,
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use uuid::Uuid;

const ATTACHING: Duration = Duration::from_secs(30);
pub(super) const CLOSING: Duration = Duration::from_secs(2);
/// Dispositions that wait for the link at most.
const COMMANDS: usize = 256;
/// How long a closing link waits for what the broker sent before it heard of it.
const QUIET: Duration = Duration::from_millis(250);
/// Between two tries to attach. A link that brought a message, or held for so long, was no failed try.
pub(super) const REATTACH: Backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(15) };
const HELD_FOR: Duration = Duration::from_secs(5);

struct Link {
    receiver: fe2o3_amqp::Receiver,
    commands: mpsc::Receiver<Command>,
    /// Ends with the link.
    session: SessionHandle<()>,
    _connection: Arc<Connection>,
    _grants: [Grant; 2],
    number: u64,
}

/// Receives until the receiver is closed, over one link after the other.
pub(super) async fn run(shared: &Shared) {
    let (mut failures, mut losses, mut back) = (0, Losses::default(), shared.client.back());
    for number in 1.. {
        let attached = tokio::select! {
            () = shared.stop.cancelled() => return,
            attached = timeout(ATTACHING, attach(shared, number, &mut back)) => attached,
        };
        let begun = Instant::now();
        let mut served = false;
        let error = match attached.unwrap_or_else(|_| Err(Error::timed_out("attaching the receiver"))) {
            Ok(mut link) => {
                let receipts = shared.receipts.load(Ordering::Relaxed);
                let ended = serve(shared, &mut link, &losses).await;
                served = shared.receipts.load(Ordering::Relaxed) > receipts;
                shared.link.send_replace(None);
                match ended {
                    Some(error) => {
                        tell(shared, &error, losses.count(&error));
                        error
                    }
                    None => return close(link).await,
                }
            }
            Err(error) => {
                if error.kind != ErrorKind::Connection && error.kind != ErrorKind::Closed {
                    shared.client.outages().begin(&shared.path, &error);
                }
                error
            }
        };
        failures = if served || begun.elapsed() > HELD_FOR { 0 } else { failures + 1 };
        tracing::debug!(path = shared.path, %error, "the receiver attaches anew");
        // What is routine, and the first loss, are made good at once.
        if failures > 1 || !error.is_loss() {
            tokio::select! {
                () = shared.stop.cancelled() => return,
                () = tokio::time::sleep(shared.reattach.after(failures.max(1), fastrand::f64())) => {}
                () = back.comes() => {}
            }
        }
    }
}

/// Tells of a loss that is not the first for its cause.
fn tell(shared: &Shared, error: &Error, times: u32) {
    if times < 2 {
        return;
    }
    tracing::warn!(path = shared.path, %error, times, "lost the receiving link once more, no more than minutes after the last time");
    // These say themselves that they pass.
    if !matches!(error.kind, ErrorKind::Connection | ErrorKind::Busy) {
        shared.client.outages().name(&links_of(shared), format!("{times} lost one after the other: {error}"));
    }
}

/// The name of the outage that repeated losses are.
fn links_of(shared: &Shared) -> String {
    format!("links to {}", shared.path)
}

async fn attach(shared: &Shared, number: u64, back: &mut Return) -> Result<Link, Error> {
    back.begin();
    // The client tells of it; here it lasts until there is a link.
    let connection = shared.client.connection().await.inspect_err(|error| {
        if error.kind != ErrorKind::Closed {
            shared.client.outages().name(&shared.path, error.to_string());
        }
    })?;
    back.end();
    connection.during(attach_to(shared, &connection, number)).await
}

async fn attach_to(shared: &Shared, connection: &Arc<Connection>, number: u64) -> Result<Link, Error> {
    let node = format!("{}/$management", shared.path);
    let grants = [connection.authorize(&shared.path).await?, connection.authorize(&node).await?];
    let mut session = connection.session().await?;
    let name = format!("{}-receiver-{}", shared.client.settings().subscription, Uuid::new_v4());
    let receiver = fe2o3_amqp::Receiver::builder()
        .name(name.clone())
        .source(shared.path.as_str())
        .target(name)
        .sender_settle_mode(SenderSettleMode::Unsettled)
        .receiver_settle_mode(ReceiverSettleMode::First)
        .auto_accept(false)
        .credit_mode(CreditMode::Manual)
        .attach(&mut session)
        .await?;
    let management = Calls::attach(connection.session().await?, &node).await?;
    let (sender, commands) = mpsc::channel(COMMANDS);
    let handle = LinkHandle { number, commands: sender, management };
    shared.link.send_replace(Some(handle));
    shared.client.outages().end(&shared.path);
    tracing::debug!(path = shared.path, number, "attached the receiver");
    Ok(Link { receiver, commands, session, _connection: Arc::clone(connection), _grants: grants, number })
}

/// `None` when the receiver was closed and all loans are ended.
async fn serve(shared: &Shared, link: &mut Link, losses: &Losses) -> Option<Error> {
    let mut losses_end = losses.ends_at();
    loop {
        if let Err(error) = give_credit(shared, link).await {
            return Some(error);
        }
        tokio::select! {
            () = shared.stop.cancelled() => return finish(shared, link).await.err(),
            received = link.receiver.recv::<Body<Value>>() => {
                if let Err(error) = arrive(shared, link, received).await {
                    return Some(error);
                }
            }
            Some(command) = link.commands.recv() => execute(link, command).await,
            () = shared.credit_bell.notified() => {}
            () = sleep_until(losses_end.unwrap_or_else(Instant::now)), if losses_end.is_some() => {
                shared.client.outages().end(&links_of(shared));
                losses_end = None;
            }
        }
    }
}

/// Credit stands for what may still arrive: loans and credit together are never more than `prefetch`.
async fn give_credit(shared: &Shared, link: &mut Link) -> Result<(), Error> {
    let most = shared.client.settings().prefetch.max(1);
    let free = most.saturating_sub(u32::try_from(shared.loans.len()).unwrap_or(u32::MAX));
    let credit = link.receiver.credit();
    // Not for each message: a flow frame for every half of it.
    if free > credit && (free - credit >= most.div_ceil(2) || credit == 0) {
        link.receiver.set_credit(free).await?;
    }
    Ok(())
}

async fn arrive(shared: &Shared, link: &Link, received: Result<Delivery<Body<Value>>, RecvError>) -> Result<(), Error> {
    let delivery = match received {
        Ok(delivery) => delivery,
        Err(RecvError::MessageDecode(undecodable)) => {
            tracing::error!(error = %undecodable.source, "dead-lettered a message that is not AMQP");
            let disposition = Disposition::DeadLettered { reason: "NotAMessage".into(), description: undecodable.source.to_string() };
            return dispose(link, undecodable.info, disposition).await;
        }
        Err(error) => return Err(error.into()),
    };
    let (info, message) = delivery.into_parts();
    let message = ReceivedMessage::from_amqp(message, Some(info.delivery_tag().as_ref()));
    let receipt = shared.receipts.fetch_add(1, Ordering::Relaxed);
    let lock = held::lasting(message.locked_until, (shared.client.clock())());
    shared.loans.add(receipt, message.lock_token, info, link.number, lock);
    shared.renewal_bell.notify_one();
    // There is room: the channel is as large as all loans together. It is closed when the receiver is.
    if shared.arrivals.try_send((receipt, message)).is_err()
        && let Some(held) = shared.loans.remove(receipt)
    {
        return dispose(link, held.info, Disposition::Released).await;
    }
    Ok(())
}

async fn execute(link: &Link, command: Command) {
    let done = dispose(link, command.info, command.disposition).await;
    // Whoever settled may have stopped waiting.
    drop(command.reply.send(done));
}

async fn dispose(link: &Link, info: DeliveryInfo, disposition: Disposition) -> Result<(), Error> {
    match disposition {
        Disposition::Completed => link.receiver.accept(info).await?,
        Disposition::Released => link.receiver.release(info).await?,
        Disposition::Abandoned => {
            let modified = Modified { delivery_failed: Some(true), undeliverable_here: Some(false), message_annotations: None };
            link.receiver.modify(info, modified).await?;
        }
        Disposition::DeadLettered { reason, description } => {
            let mut fields = Fields::new();
            fields.insert("DeadLetterReason".into(), Value::String(reason));
            fields.insert("DeadLetterErrorDescription".into(), Value::String(description));
            let condition = ErrorCondition::Custom("com.microsoft:dead-letter".into());
            link.receiver.reject(info, definitions::Error::new(condition, None, Some(fields))).await?;
        }
    }
    Ok(())
}

/// Takes no more messages, and goes on settling until no loan is left or the time is over.
async fn finish(shared: &Shared, link: &mut Link) -> Result<(), Error> {
    let deadline = shared.deadline.get().copied().unwrap_or_else(Instant::now);
    link.receiver.drain().await?;
    let mut quiet_from = Instant::now() + QUIET;
    loop {
        let now = Instant::now();
        if now >= deadline || (shared.loans.is_quiet() && now >= quiet_from) {
            break;
        }
        tokio::select! {
            received = link.receiver.recv::<Body<Value>>() => {
                arrive(shared, link, received).await?;
                quiet_from = Instant::now() + QUIET;
            }
            Some(command) = link.commands.recv() => execute(link, command).await,
            () = shared.credit_bell.notified() => {}
            () = sleep_until(if shared.loans.is_quiet() { quiet_from.min(deadline) } else { deadline }) => {}
        }
    }
    let left = shared.loans.drain();
    if !left.is_empty() {
        tracing::warn!(messages = left.len(), "gave back messages that were not handled in time");
    }
    for held in left.into_iter().filter(|held| held.link == link.number) {
        dispose(link, held.info, Disposition::Abandoned).await?;
    }
    Ok(())
}

async fn close(mut link: Link) {
    let closing = async {
        drop(link.receiver.close().await);
        drop(link.session.end().await);
    };
    if timeout(CLOSING, closing).await.is_err() {
        tracing::debug!("the broker did not answer to closing the receiver");
    }
}
