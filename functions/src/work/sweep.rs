//! Takes up what was left: by a process that died, by a bus that was away, by time.

use super::{deliver, notify, relay};
use crate::{
    app::{App, SWEPT_AT_ONCE},
    domain::timestamp::Timestamp,
    store::{Accepted, Expired, Expiry, Result},
    telemetry,
};
use futures_util::future::join_all;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// What is claimed is waited for so long before more is.
const AWHILE: Duration = Duration::from_secs(1);
/// Rows of one kind that one claim takes, and claims that one run makes: a run's work is bounded.
const BATCH: u32 = 100;
const CLAIMS: usize = 10;
/// Two runs of one process are at least so far apart, however much is due.
const LEAST_SLEEP: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub published: usize,
    pub attempted: usize,
    pub handed_over: usize,
    pub expired: Expired,
    /// When there is something to do again, as far as is known: at once, when this run met its bound.
    pub next_due: Option<Timestamp>,
}

impl Report {
    fn found_nothing(&self) -> bool {
        self.published + self.attempted + self.handed_over == 0 && self.expired == Expired::default()
    }
}

/// Sweeps until the token is cancelled; sleeps until the next due time it knows of, and never longer than the setting:
/// a row that another process left is met at most so late.
pub async fn run(app: &Arc<App>, stop: &CancellationToken) {
    loop {
        let sleep = match once(app).await {
            Ok(report) => report.next_due.map_or(Duration::MAX, |due| due.since(app.now())),
            Err(error) => {
                tracing::warn!(%error, "the sweep cannot use the store");
                app.settings.sweep_max_sleep
            }
        };
        let sleep = sleep.max(LEAST_SLEEP).min(app.settings.sweep_max_sleep);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(sleep) => {}
            () = app.sweep_bell.notified() => tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LEAST_SLEEP) => {}
            },
        }
    }
}

/// One run. Safe on many instances at once: rows are leased, and what is done twice is harmless.
pub async fn once(app: &Arc<App>) -> Result<Report> {
    let mut report = Report::default();
    if let Some(bus) = app.bus.as_deref() {
        report.published = relay::drain(app, bus, &CancellationToken::new()).await?;
    }
    report.handed_over = hand_over(app, app.now().minus(app.settings.unreceived_after)).await?;
    let leaves_some = report.handed_over >= BATCH as usize * CLAIMS;
    report.attempted = retry_deliveries(app).await?;
    let now = app.now();
    report.expired = app.store.expire(Expiry { now, events_before: now.minus(app.settings.retention), limit: BATCH * 10 }).await?;
    let waiting = app.store.next_due().await?;
    telemetry::swept(app.now(), &waiting);
    report.next_due = if leaves_some { Some(now) } else { waiting.next_due() };
    if report.found_nothing() {
        tracing::debug!("swept: nothing was left");
    } else {
        let Report { published, attempted, handed_over, expired, .. } = &report;
        tracing::info!(published, attempted, handed_over, expired_keys = expired.keys, expired_events = expired.events, "swept");
    }
    Ok(report)
}

/// Gives Notify the events that were published before `before` and that nobody received: the topic's other
/// subscribers have them, so they are not sent again.
pub async fn hand_over(app: &Arc<App>, before: Timestamp) -> Result<usize> {
    let mut handed_over = 0;
    for _ in 0..CLAIMS {
        let unreceived = app.store.unreceived(before, BATCH).await?;
        if unreceived.is_empty() {
            break;
        }
        for received in &unreceived {
            if matches!(notify::accept(app, received).await?, Accepted::Deliveries(_)) {
                handed_over += 1;
            }
        }
    }
    Ok(handed_over)
}

/// What takes its time goes on in the background; there is a place for so many.
async fn retry_deliveries(app: &Arc<App>) -> Result<usize> {
    let mut attempted = 0;
    for _ in 0..CLAIMS {
        let now = app.now();
        deliver::give_back(app, app.waiting.take_late(now)).await;
        let free = u32::try_from(app.swept.available_permits()).unwrap_or(SWEPT_AT_ONCE).min(SWEPT_AT_ONCE);
        let Some(mut held) = Arc::clone(&app.swept).try_acquire_many_owned(free).ok().filter(|_| free > 0) else { break };
        let claimed = app.store.claim_deliveries(free, now, app.settings.lease).await?;
        if claimed.is_empty() {
            break;
        }
        attempted += claimed.len();
        telemetry::taken_over("delivery", claimed.iter().filter(|delivery| delivery.is_taken_over).count());
        telemetry::claimed(&claimed);
        let until = now.plus(app.settings.lease);
        let attempts: Vec<_> = claimed.into_iter().map(|delivery| deliver::start(app, delivery, until, held.split(1))).collect();
        drop(held);
        if tokio::time::timeout(AWHILE, join_all(attempts)).await.is_err() {
            tracing::debug!("some of what was claimed takes its time");
        }
    }
    Ok(attempted)
}
