//! A connection from its first byte to its last (2.2, 2.4): headers, SASL, open, and frames to their sessions.

use super::{
    Server,
    link::{Link, Origin},
    output::{Context, Reply},
    session::Session,
};
use crate::{
    amqp::{
        Close, DecodeError, End, Error, Open, Performative, Sasl,
        frame::{self, AMQP_HEADER, Frame, HEADER_SIZE, Kind, MIN_MAX_FRAME_SIZE, SASL_HEADER},
    },
    broker::{Event, Mailbox},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// The largest frame that this side takes.
pub(super) const MAX_FRAME_SIZE: u32 = 65_536;
/// The highest channel, so that a peer's sessions are bounded.
const CHANNEL_MAX: u16 = 4999;
/// Answers that may wait for a reply link's credit.
const REPLIES: usize = 1000;
/// How often something is said on a connection that is otherwise silent, at most.
const HEARTBEAT: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Header,
    SaslInit,
    AmqpHeader,
    Open,
    Running,
    Over,
}

#[derive(Debug)]
pub(super) struct Connection {
    phase: Phase,
    pub(super) context: Context,
    sessions: HashMap<u16, Session>,
    /// Channels whose session this side has ended and the peer has not yet.
    ending: HashSet<u16>,
    pub(super) heartbeat: Duration,
}

impl Connection {
    pub(super) fn new(server: Arc<Server>, mailbox: Arc<Mailbox>) -> Self {
        Self {
            phase: Phase::Header,
            context: Context::new(server, mailbox),
            sessions: HashMap::new(),
            ending: HashSet::new(),
            heartbeat: HEARTBEAT,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    pub(super) fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Takes whole frames from the input; how many bytes they were. What can't be read ends this connection only.
    pub(super) fn read(&mut self, input: &[u8]) -> usize {
        let mut read = 0;
        while self.phase != Phase::Over {
            match self.step(&input[read..]) {
                Ok(0) => break,
                Ok(size) => read += size,
                Err(error) => self.close(Error::new("amqp:connection:framing-error", error.to_string())),
            }
        }
        for session in self.sessions.values_mut() {
            session.send_accepted(&mut self.context);
        }
        self.send_replies();
        self.pump();
        read
    }

    fn step(&mut self, input: &[u8]) -> Result<usize, DecodeError> {
        if matches!(self.phase, Phase::Header | Phase::AmqpHeader) {
            let Some(header) = input.first_chunk::<8>() else { return Ok(0) };
            self.on_header(*header);
            return Ok(HEADER_SIZE);
        }
        let Some((frame, size)) = frame::split(input, MAX_FRAME_SIZE as usize)? else { return Ok(0) };
        match (self.phase, frame.kind) {
            (Phase::SaslInit, Kind::Sasl) => self.on_sasl(&Sasl::decode(frame.body)?),
            (Phase::Open | Phase::Running, Kind::Amqp) if frame.body.is_empty() => {}
            (Phase::Open | Phase::Running, Kind::Amqp) => self.on_frame(frame)?,
            _ => return Err(DecodeError::Invalid("a frame of the wrong type")),
        }
        Ok(size)
    }

    fn on_header(&mut self, header: [u8; 8]) {
        match (header, self.phase) {
            (SASL_HEADER, Phase::Header) => {
                self.context.out.extend(SASL_HEADER);
                let offer = Sasl::Mechanisms(vec!["MSSBCBS".into(), "ANONYMOUS".into(), "EXTERNAL".into(), "PLAIN".into()]);
                frame::write(&mut self.context.out, Kind::Sasl, 0, |out| offer.encode(out));
                self.phase = Phase::SaslInit;
            }
            (AMQP_HEADER, _) => {
                self.context.out.extend(AMQP_HEADER);
                self.phase = Phase::Open;
            }
            _ => {
                // 2.2: a side that doesn't speak the protocol asked for names one that it does, and closes.
                self.context.out.extend(SASL_HEADER);
                self.phase = Phase::Over;
            }
        }
    }

    fn on_sasl(&mut self, sasl: &Sasl) {
        let known = matches!(sasl, Sasl::Init { mechanism } if ["MSSBCBS", "ANONYMOUS", "EXTERNAL", "PLAIN"].contains(&mechanism.as_str()));
        let outcome = Sasl::Outcome { code: u8::from(!known) };
        frame::write(&mut self.context.out, Kind::Sasl, 0, |out| outcome.encode(out));
        self.phase = if known { Phase::AmqpHeader } else { Phase::Over };
    }

    fn on_frame(&mut self, frame: Frame<'_>) -> Result<(), DecodeError> {
        let (performative, payload) = Performative::decode(frame.body)?;
        let channel = frame.channel;
        match (performative, self.phase) {
            (Performative::Open(open), Phase::Open) => self.on_open(&open),
            (Performative::Close(_), _) => {
                self.context.send(0, &Performative::Close(Close { error: None }));
                self.phase = Phase::Over;
            }
            (Performative::Open(_), _) | (_, Phase::Open) => return Err(DecodeError::Invalid("open must come first, and once")),
            (Performative::Begin(_), _) if channel > CHANNEL_MAX => return Err(DecodeError::Invalid("a channel above channel-max")),
            (Performative::Begin(begin), _) => {
                self.ending.remove(&channel);
                let session = Session::begin(channel, &begin, &mut self.context);
                if self.sessions.insert(channel, session).is_some() {
                    return Err(DecodeError::Invalid("begin on a channel that has a session"));
                }
            }
            (Performative::End(_), _) => {
                if !self.ending.remove(&channel)
                    && let Some(mut session) = self.sessions.remove(&channel)
                {
                    session.end(&mut self.context);
                    self.context.send(channel, &Performative::End(End { error: None }));
                }
            }
            (_, _) if self.ending.contains(&channel) => {}
            (performative, _) => {
                let session = self.sessions.get_mut(&channel).ok_or(DecodeError::Invalid("a frame on a channel without a session"))?;
                let context = &mut self.context;
                let result = match performative {
                    Performative::Attach(attach) => session.on_attach(&attach, context),
                    Performative::Transfer(transfer) => session.on_transfer(&transfer, payload, context),
                    Performative::Flow(flow) => {
                        session.on_flow(&flow, context);
                        Ok(())
                    }
                    Performative::Disposition(disposition) => {
                        session.on_disposition(&disposition, context);
                        Ok(())
                    }
                    Performative::Detach(detach) => {
                        session.on_detach(&detach, context);
                        Ok(())
                    }
                    _ => Ok(()),
                };
                if let Err(error) = result {
                    self.end_session(channel, error);
                }
            }
        }
        Ok(())
    }

    fn on_open(&mut self, open: &Open) {
        let theirs = open.max_frame_size.unwrap_or(u32::MAX).max(MIN_MAX_FRAME_SIZE);
        self.context.max_frame_size = theirs.min(MAX_FRAME_SIZE) as usize;
        if let Some(millis) = open.idle_time_out.filter(|millis| *millis > 0) {
            self.heartbeat = HEARTBEAT.min(Duration::from_millis(millis.into()) / 3);
        }
        let idle = self.context.server.idle_time_out;
        let answer = Open {
            container_id: "servicebus-emulator".into(),
            max_frame_size: Some(MAX_FRAME_SIZE),
            channel_max: Some(CHANNEL_MAX),
            idle_time_out: u32::try_from(idle.as_millis()).ok(),
            ..Open::default()
        };
        self.context.send(0, &Performative::Open(answer));
        self.phase = Phase::Running;
    }

    fn end_session(&mut self, channel: u16, error: Error) {
        if let Some(mut session) = self.sessions.remove(&channel) {
            session.end(&mut self.context);
            self.ending.insert(channel);
            self.context.send(channel, &Performative::End(End { error: Some(error) }));
        }
    }

    /// Ends the connection with an error.
    pub(super) fn close(&mut self, error: Error) {
        tracing::debug!(condition = error.condition, description = error.description, "A connection is closed");
        if matches!(self.phase, Phase::Open | Phase::Running) {
            if self.phase == Phase::Open {
                let container_id = "servicebus-emulator".into();
                self.context.send(0, &Performative::Open(Open { container_id, ..Open::default() }));
            }
            self.context.send(0, &Performative::Close(Close { error: Some(error) }));
        }
        self.phase = Phase::Over;
    }

    /// Does what queues and faults left notes about.
    pub(super) fn on_events(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Ready(link) => {
                    self.context.places.get(&link).copied().map(|place| self.context.ready.insert(place));
                }
                Event::Detach { path, error } => {
                    for session in self.sessions.values_mut() {
                        session.expel_all(&path, &error, &mut self.context);
                    }
                }
                Event::Drop => {
                    self.context.out.clear();
                    self.phase = Phase::Over;
                }
            }
        }
        self.pump();
    }

    /// Does what has become due.
    pub(super) fn on_time(&mut self, now: Instant) {
        self.context.catch_up(now);
        let due: Vec<_> = self.context.deadlines.iter().take_while(|(at, _)| *at <= now).map(|(_, link)| *link).collect();
        for link in due {
            if let Some((channel, handle)) = self.context.places.get(&link).copied()
                && let Some(session) = self.sessions.get_mut(&channel)
            {
                session.retry_session(handle, now, &mut self.context);
            }
        }
    }

    /// Lets the links send that may have something to send, as long as there is room.
    pub(super) fn pump(&mut self) {
        if self.is_over() {
            return;
        }
        let now = Instant::now();
        for (channel, handle) in std::mem::take(&mut self.context.ready) {
            if let Some(session) = self.sessions.get_mut(&channel) {
                session.retry_session(handle, now, &mut self.context);
                session.pump(handle, &mut self.context);
            }
        }
    }

    /// Answers go to the link whose address or name the request gave, or to the one beside the request's link.
    fn send_replies(&mut self) {
        for reply in std::mem::take(&mut self.context.replies) {
            let place = self.reply_place(&reply);
            let Some((channel, handle)) = place else { continue };
            if let Some(Link::Outgoing(link)) = self.sessions.get_mut(&channel).and_then(|session| session.links.get_mut(&handle))
                && let Origin::Replies(replies) = &mut link.origin
            {
                let mut bytes = Vec::new();
                reply.message.encode(&mut bytes);
                if replies.len() == REPLIES {
                    replies.pop_front();
                }
                replies.push_back(bytes);
                self.context.ready.insert((channel, handle));
            }
        }
    }

    fn reply_place(&self, reply: &Reply) -> Option<(u16, u32)> {
        let links = self.sessions.values().flat_map(|session| session.links.iter().map(|(handle, link)| (session.channel, *handle, link)));
        let mut found: Vec<_> = links
            .filter_map(|(channel, handle, link)| match link {
                Link::Outgoing(link) if matches!(link.origin, Origin::Replies(_)) && link.key == reply.node => {
                    let wanted = reply.to.as_deref();
                    let rank = match wanted {
                        Some(_) if link.reply_address.as_deref() == wanted => 0,
                        Some(wanted) if link.name == wanted => 1,
                        _ if channel == reply.channel => 2,
                        _ => return None,
                    };
                    Some((rank, channel != reply.channel, channel, handle))
                }
                _ => None,
            })
            .collect();
        found.sort_unstable();
        found.first().map(|(_, _, channel, handle)| (*channel, *handle))
    }

    /// The connection is gone: what its links held is free.
    pub(super) fn release(&mut self) {
        for session in self.sessions.values_mut() {
            session.end(&mut self.context);
        }
    }
}
