//! Begin, flow and end (2.7.2, 2.7.4, 2.7.8).

use super::{
    decode::{Decoder, Result},
    fields::{Fields, ListWriter},
    state::Error,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begin {
    /// The peer's channel that this answers.
    pub remote_channel: Option<u16>,
    pub next_outgoing_id: u32,
    /// Transfer frames.
    pub incoming_window: u32,
    pub outgoing_window: u32,
    pub handle_max: Option<u32>,
}

impl Begin {
    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        let mut fields = Fields::read(decoder, "begin")?;
        let begin = Self {
            remote_channel: fields.next(Decoder::ushort)?,
            next_outgoing_id: fields.required("next-outgoing-id", Decoder::uint)?,
            incoming_window: fields.required("incoming-window", Decoder::uint)?,
            outgoing_window: fields.required("outgoing-window", Decoder::uint)?,
            handle_max: fields.next(Decoder::uint)?,
        };
        fields.end()?;
        Ok(begin)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        ListWriter::new(out, 0x11)
            .ushort(self.remote_channel)
            .uint(self.next_outgoing_id)
            .uint(self.incoming_window)
            .uint(self.outgoing_window)
            .uint(self.handle_max)
            .end();
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flow {
    /// Absent until the peer's begin is known.
    pub next_incoming_id: Option<u32>,
    pub incoming_window: u32,
    pub next_outgoing_id: u32,
    pub outgoing_window: u32,
    /// A link's flow has it, a session's has not.
    pub handle: Option<u32>,
    pub delivery_count: Option<u32>,
    pub link_credit: Option<u32>,
    pub available: Option<u32>,
    pub drain: bool,
    pub echo: bool,
}

impl Flow {
    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        let mut fields = Fields::read(decoder, "flow")?;
        let flow = Self {
            next_incoming_id: fields.next(Decoder::uint)?,
            incoming_window: fields.required("incoming-window", Decoder::uint)?,
            next_outgoing_id: fields.required("next-outgoing-id", Decoder::uint)?,
            outgoing_window: fields.required("outgoing-window", Decoder::uint)?,
            handle: fields.next(Decoder::uint)?,
            delivery_count: fields.next(Decoder::uint)?,
            link_credit: fields.next(Decoder::uint)?,
            available: fields.next(Decoder::uint)?,
            drain: fields.next(Decoder::boolean)?.unwrap_or(false),
            echo: fields.next(Decoder::boolean)?.unwrap_or(false),
        };
        fields.end()?;
        Ok(flow)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        ListWriter::new(out, 0x13)
            .uint(self.next_incoming_id)
            .uint(self.incoming_window)
            .uint(self.next_outgoing_id)
            .uint(self.outgoing_window)
            .uint(self.handle)
            .uint(self.delivery_count)
            .uint(self.link_credit)
            .uint(self.available)
            .flag(self.drain)
            .flag(self.echo)
            .end();
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct End {
    pub error: Option<Error>,
}

impl End {
    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        let mut fields = Fields::read(decoder, "end")?;
        let end = Self { error: fields.next(Error::decode)? };
        fields.end()?;
        Ok(end)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        ListWriter::new(out, 0x17).put(self.error.as_ref(), |out, error| error.encode(out)).end();
    }
}
