//! Bytes in and bytes out. Reading goes on while writing waits, so that two full pipes can't hold each other up.

use super::{Server, connection::Connection, output::HIGH_WATER};
use crate::{amqp::Error, broker::Mailbox};
use std::{collections::VecDeque, future, io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{self, Instant},
};

const READ: usize = 64 * 1024;
/// How long the last words of a connection may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// Chunks with the moment from which they may be written.
#[derive(Debug, Default)]
struct Outgoing {
    chunks: VecDeque<(Instant, Vec<u8>)>,
    written: usize,
    bytes: usize,
    /// Bytes that the stream may still hold.
    unflushed: bool,
}

impl Outgoing {
    fn push(&mut self, out: &mut Vec<u8>, delay: Duration) {
        if !out.is_empty() {
            self.bytes += out.len();
            self.chunks.push_back((Instant::now() + delay, std::mem::take(out)));
        }
    }

    /// Writes some, when there is something and its time has come. Safe to cancel.
    async fn write(&mut self, stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let Some((at, chunk)) = self.chunks.front() else {
            if self.unflushed {
                stream.flush().await?;
                self.unflushed = false;
            }
            return future::pending().await;
        };
        if *at > Instant::now() {
            time::sleep_until(*at).await;
        }
        let count = stream.write(&chunk[self.written..]).await?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.unflushed = true;
        self.bytes -= count;
        self.written += count;
        if self.written == chunk.len() {
            self.chunks.pop_front();
            self.written = 0;
        }
        Ok(())
    }

    async fn finish(&mut self, stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while !self.chunks.is_empty() {
            self.write(stream).await?;
        }
        stream.shutdown().await
    }
}

/// Serves one connection to its end.
pub(crate) async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send, server: Arc<Server>) {
    let mailbox = Arc::<Mailbox>::default();
    let registration = server.faults.register(mailbox.clone());
    let mut connection = Connection::new(server, mailbox);
    if let Err(error) = run(stream, &mut connection).await {
        tracing::debug!(%error, "A connection broke");
    }
    connection.release();
    drop(registration);
}

async fn run(stream: impl AsyncRead + AsyncWrite + Unpin + Send, connection: &mut Connection) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mailbox = connection.context.mailbox.clone();
    let idle_time_out = connection.context.server.idle_time_out;
    let mut outgoing = Outgoing::default();
    let mut input: Vec<u8> = Vec::with_capacity(READ);
    let (mut heard, mut said) = (Instant::now(), Instant::now());
    loop {
        let delay = connection.context.server.faults.write_delay();
        if !connection.context.out.is_empty() {
            said = Instant::now();
        }
        outgoing.push(&mut connection.context.out, delay);
        if connection.is_over() {
            let _ = time::timeout(FAREWELL + delay, outgoing.finish(&mut writer)).await;
            return Ok(());
        }
        let has_room = outgoing.bytes < HIGH_WATER;
        if has_room && !connection.context.ready.is_empty() {
            connection.pump();
            if !connection.context.out.is_empty() {
                continue;
            }
        }
        let beat = said + connection.heartbeat;
        let deadline = connection.context.next_deadline().into_iter().chain([beat, heard + idle_time_out]).min().unwrap_or(beat);
        input.reserve(READ);
        tokio::select! {
            read = reader.read_buf(&mut input), if has_room => {
                if read? == 0 {
                    return Ok(());
                }
                heard = Instant::now();
                let taken = connection.read(&input);
                input.drain(..taken);
            }
            written = outgoing.write(&mut writer) => written?,
            () = mailbox.arrived() => connection.on_events(mailbox.take()),
            () = time::sleep_until(deadline) => {
                let now = Instant::now();
                connection.on_time(now);
                if now >= heard + idle_time_out {
                    connection.close(Error::new("amqp:connection:forced", "Nothing was heard for as long as idle-time-out says."));
                } else if now >= beat && connection.is_running() {
                    connection.context.heartbeat();
                } else if now >= beat {
                    said = now;
                }
            }
        }
    }
}
