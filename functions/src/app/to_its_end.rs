//! Work that is finished whether or not somebody waits for it.

use futures_util::future::BoxFuture;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// What was begun goes on in the background when whoever awaits it is dropped, as a handler is whose client hung up.
/// While somebody waits, it costs an allocation and no task.
pub struct ToItsEnd<T: Send + 'static> {
    work: Option<BoxFuture<'static, T>>,
    is_begun: bool,
    background: TaskTracker,
}

impl<T: Send + 'static> ToItsEnd<T> {
    pub fn new(background: &TaskTracker, work: impl Future<Output = T> + Send + 'static) -> Self {
        Self { work: Some(Box::pin(work)), is_begun: false, background: background.clone() }
    }
}

impl<T: Send + 'static> fmt::Debug for ToItsEnd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToItsEnd").field("is_begun", &self.is_begun).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Future for ToItsEnd<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // Taken out meanwhile: work that panics is not to be asked again.
        let Some(mut work) = self.work.take() else { return Poll::Pending };
        self.is_begun = true;
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.work = Some(work);
        }
        polled
    }
}

impl<T: Send + 'static> Drop for ToItsEnd<T> {
    fn drop(&mut self) {
        let Some(work) = self.work.take().filter(|_| self.is_begun) else { return };
        if let Ok(runtime) = Handle::try_current() {
            self.background.spawn_on(async move { drop(work.await) }.in_current_span(), &runtime);
        }
    }
}
