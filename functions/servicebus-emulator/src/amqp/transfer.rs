//! Transfer and disposition (2.7.5, 2.7.6).

use super::{
    Role,
    decode::{Decoder, Result},
    encode,
    fields::{Fields, ListWriter},
    state::DeliveryState,
};

/// Fields of one frame of a message; the payload follows the performative.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transfer<'a> {
    pub handle: u32,
    /// On a delivery's first frame; on the others it may be absent.
    pub delivery_id: Option<u32>,
    pub delivery_tag: Option<&'a [u8]>,
    pub message_format: Option<u32>,
    pub settled: Option<bool>,
    pub more: bool,
    pub rcv_settle_mode: Option<u8>,
    pub state: Option<DeliveryState>,
    pub aborted: bool,
}

impl<'a> Transfer<'a> {
    pub(super) fn decode(decoder: &mut Decoder<'a>) -> Result<Self> {
        let mut fields = Fields::read(decoder, "transfer")?;
        let transfer = Self {
            handle: fields.required("handle", Decoder::uint)?,
            delivery_id: fields.next(Decoder::uint)?,
            delivery_tag: fields.next(Decoder::binary)?,
            message_format: fields.next(Decoder::uint)?,
            settled: fields.next(Decoder::boolean)?,
            more: fields.next(Decoder::boolean)?.unwrap_or(false),
            rcv_settle_mode: fields.next(Decoder::ubyte)?,
            state: fields.next(DeliveryState::decode)?,
            aborted: {
                fields.skip()?;
                fields.next(Decoder::boolean)?.unwrap_or(false)
            },
        };
        fields.end()?;
        Ok(transfer)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        ListWriter::new(out, 0x14)
            .uint(self.handle)
            .uint(self.delivery_id)
            .put(self.delivery_tag, encode::binary)
            .uint(self.message_format)
            .boolean(self.settled)
            .flag(self.more)
            .ubyte(self.rcv_settle_mode)
            .put(self.state.as_ref(), |out, state| state.encode(out))
            .null()
            .flag(self.aborted)
            .end();
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Disposition {
    /// The sender of the disposition.
    pub role: Role,
    pub first: u32,
    /// Inclusive; absent is `first` alone.
    pub last: Option<u32>,
    pub settled: bool,
    pub state: Option<DeliveryState>,
}

impl Disposition {
    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        let mut fields = Fields::read(decoder, "disposition")?;
        let disposition = Self {
            role: fields.required("role", Decoder::boolean)?.into(),
            first: fields.required("first", Decoder::uint)?,
            last: fields.next(Decoder::uint)?,
            settled: fields.next(Decoder::boolean)?.unwrap_or(false),
            state: fields.next(DeliveryState::decode)?,
        };
        fields.end()?;
        Ok(disposition)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        ListWriter::new(out, 0x15)
            .boolean(bool::from(self.role))
            .uint(self.first)
            .uint(self.last)
            .flag(self.settled)
            .put(self.state.as_ref(), |out, state| state.encode(out))
            .end();
    }
}
