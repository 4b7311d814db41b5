//! Bytes in and bytes out. Reading goes on while writing waits, so that two full pipes can't hold each other up.

use super::{Server, connection::Connection, output::HIGH_WATER};
use crate::{amqp::Error, broker::Mailbox, journal::Ticket};
use std::{collections::VecDeque, future, io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{self, Instant},
};

const READ: usize = 64 * 1024;
/// How long the last words of a connection may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// Bytes with the moment from which they may be written, and with what must be on disk before.
#[derive(Debug)]
struct Chunk {
    due: Instant,
    after: Option<Ticket>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Outgoing {
    server: Arc<Server>,
    chunks: VecDeque<Chunk>,
    written: usize,
    bytes: usize,
    /// Bytes that the stream may still hold.
    unflushed: bool,
}

impl Outgoing {
    fn new(server: Arc<Server>) -> Self {
        Self { server, chunks: VecDeque::new(), written: 0, bytes: 0, unflushed: false }
    }

    fn push(&mut self, out: &mut Vec<u8>, delay: Duration) {
        if !out.is_empty() {
            self.bytes += out.len();
            let (due, after) = (Instant::now() + delay, self.server.broker.ticket());
            self.chunks.push_back(Chunk { due, after, bytes: std::mem::take(out) });
        }
    }

    /// Writes some, when there is something and its time has come. Safe to cancel.
    async fn write(&mut self, stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let Some(Chunk { due, after, bytes }) = self.chunks.front_mut() else {
            if self.unflushed {
                stream.flush().await?;
                self.unflushed = false;
            }
            return future::pending().await;
        };
        if *due > Instant::now() {
            time::sleep_until(*due).await;
        }
        if let Some(ticket) = *after {
            self.server.broker.durable(ticket).await.map_err(io::Error::other)?;
            *after = None;
        }
        let count = stream.write(&bytes[self.written..]).await?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.unflushed = true;
        self.bytes -= count;
        self.written += count;
        if self.written == bytes.len() {
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
    let mut outgoing = Outgoing::new(connection.context.server.clone());
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
