//! A client's connection, ended by an error when the client stops half-way: in a request's header, or in reading an answer.

use std::{
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// How long a client may take for a header once it has begun it.
const HEADER: Duration = Duration::from_secs(20);
/// How long a client may take none of what is written to it.
const WRITE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(super) struct Paced {
    stream: TcpStream,
    phase: Phase,
    /// Since the client was first waited for in this header.
    header: Option<Pin<Box<Sleep>>>,
    /// Since the client last took something.
    write: Option<Pin<Box<Sleep>>>,
}

/// Where a connection is in its conversation. One task alone looks at it.
#[derive(Debug, Clone)]
pub(super) struct Phase(Arc<AtomicU8>);

/// Nothing of a request has come.
const RESTING: u8 = 0;
/// Something has, and the service was not called yet.
const IN_HEADER: u8 = 1;
/// The service was called, and nothing of its answer was written yet. Bodies have a time of their own.
const ANSWERING: u8 = 2;

impl Phase {
    /// A header is complete.
    pub(super) fn answer(&self) {
        self.0.store(ANSWERING, Ordering::Relaxed);
    }

    fn is(&self, phase: u8) -> bool {
        self.0.load(Ordering::Relaxed) == phase
    }

    fn set(&self, phase: u8) {
        self.0.store(phase, Ordering::Relaxed);
    }
}

impl Paced {
    pub(super) fn new(stream: TcpStream) -> (Self, Phase) {
        let phase = Phase(Arc::new(AtomicU8::new(RESTING)));
        (Self { stream, phase: phase.clone(), header: None, write: None }, phase)
    }

    fn written(&mut self, polled: Poll<io::Result<usize>>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match polled {
            Poll::Pending => wait(&mut self.write, WRITE, context, "the client does not read its answer"),
            Poll::Ready(written) => {
                self.write = None;
                if self.phase.is(ANSWERING) {
                    self.phase.set(RESTING);
                }
                Poll::Ready(written)
            }
        }
    }
}

/// Pending, until the time since the first call is over.
fn wait<T>(timer: &mut Option<Pin<Box<Sleep>>>, time: Duration, context: &mut Context<'_>, why: &'static str) -> Poll<io::Result<T>> {
    let timer = timer.get_or_insert_with(|| Box::pin(sleep(time)));
    timer.as_mut().poll(context).map(|()| Err(io::Error::new(ErrorKind::TimedOut, why)))
}

impl AsyncRead for Paced {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_pending() && self.phase.is(IN_HEADER) {
            return wait(&mut self.header, HEADER, context, "the client does not finish its header");
        }
        if buffer.filled().len() > before && self.phase.is(RESTING) {
            self.phase.set(IN_HEADER);
            self.header = None;
        }
        polled
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(polled, context)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
