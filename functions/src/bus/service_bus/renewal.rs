//! Renewing locks at half of their life, many with one request.

use super::{
    error::{Error, ErrorKind},
    held, management,
    receiver::Shared,
};
use std::time::Duration;
use uuid::Uuid;

/// Locks that one request renews.
const AT_ONCE: usize = 100;
/// Between two tries while there is no link to ask over.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) async fn run(shared: &Shared) {
    loop {
        let Some(next) = shared.loans.next_renewal() else {
            shared.renewal_bell.notified().await;
            continue;
        };
        tokio::select! {
            () = tokio::time::sleep_until(next) => renew(shared).await,
            () = shared.renewal_bell.notified() => {}
        }
    }
}

async fn renew(shared: &Shared) {
    let due = shared.loans.due(AT_ONCE);
    match renew_all(shared, &due).await {
        // One of them is lost, and the answer does not say which.
        Err(error) if error.kind == ErrorKind::LockLost && due.len() > 1 => {
            for one in due {
                end(shared, &[one], &renew_all(shared, &[one]).await);
            }
        }
        outcome => end(shared, &due, &outcome),
    }
}

async fn renew_all(shared: &Shared, due: &[(u64, Uuid)]) -> Result<(), Error> {
    let Some(link) = shared.current_link() else {
        return Err(Error::new(ErrorKind::Connection, "there is no connection"));
    };
    let tokens: Vec<Uuid> = due.iter().map(|(_, token)| *token).collect();
    let ends = management::renew_locks(&link.management, &tokens).await?;
    let now = (shared.client.clock())();
    for ((receipt, _), end) in due.iter().zip(ends) {
        shared.loans.renewed(*receipt, held::lasting(Some(end), now));
    }
    Ok(())
}

fn end(shared: &Shared, due: &[(u64, Uuid)], outcome: &Result<(), Error>) {
    let Err(error) = outcome else { return };
    for (receipt, token) in due {
        if error.kind != ErrorKind::LockLost {
            shared.loans.try_later(*receipt, PAUSE);
        } else if shared.loans.lost(*receipt) {
            tracing::warn!(%token, "a message's lock was lost while it was being handled; it comes again");
        }
    }
    if error.kind != ErrorKind::LockLost {
        tracing::debug!(%error, locks = due.len(), "locks could not be renewed yet");
    }
}
