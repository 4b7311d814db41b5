//! What the frames of a connection say (2.7).

use super::{
    decode::{DecodeError, Decoder, Result},
    fields::{Fields, ListWriter},
    link::{Attach, Detach},
    session::{Begin, End, Flow},
    state::Error,
    transfer::{Disposition, Transfer},
    value::Value,
};

#[derive(Debug, Clone, PartialEq)]
pub enum Performative<'a> {
    Open(Open),
    Begin(Begin),
    Attach(Box<Attach>),
    Flow(Flow),
    Transfer(Transfer<'a>),
    Disposition(Disposition),
    Detach(Detach),
    End(End),
    Close(Close),
}

impl<'a> Performative<'a> {
    /// A frame's body: the performative, and the payload that follows a transfer.
    pub fn decode(body: &'a [u8]) -> Result<(Self, &'a [u8])> {
        let mut decoder = Decoder::new(body);
        let read = &mut decoder;
        let performative = match read.descriptor()? {
            0x10 => Self::Open(Open::decode(read)?),
            0x11 => Self::Begin(Begin::decode(read)?),
            0x12 => Self::Attach(Attach::decode(read)?.into()),
            0x13 => Self::Flow(Flow::decode(read)?),
            0x14 => Self::Transfer(Transfer::decode(read)?),
            0x15 => Self::Disposition(Disposition::decode(read)?),
            0x16 => Self::Detach(Detach::decode(read)?),
            0x17 => Self::End(End::decode(read)?),
            0x18 => Self::Close(Close::decode(read)?),
            code => return Err(DecodeError::Descriptor(format!("0x{code:x}, where a performative is due,"))),
        };
        match (&performative, decoder.rest()) {
            (Self::Transfer(_), payload) => Ok((performative, payload)),
            (_, []) => Ok((performative, &[])),
            (_, surplus) => Err(DecodeError::Surplus { what: "the frame", left: surplus.len() }),
        }
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Open(open) => open.encode(out),
            Self::Begin(begin) => begin.encode(out),
            Self::Attach(attach) => attach.encode(out),
            Self::Flow(flow) => flow.encode(out),
            Self::Transfer(transfer) => transfer.encode(out),
            Self::Disposition(disposition) => disposition.encode(out),
            Self::Detach(detach) => detach.encode(out),
            Self::End(end) => end.encode(out),
            Self::Close(close) => close.encode(out),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Open {
    pub container_id: String,
    pub hostname: Option<String>,
    /// Bytes, at least 512; absent is no limit.
    pub max_frame_size: Option<u32>,
    /// The highest channel number.
    pub channel_max: Option<u16>,
    /// Milliseconds without a frame after which this side gives the connection up.
    pub idle_time_out: Option<u32>,
    pub properties: Vec<(Value, Value)>,
}

impl Open {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        let mut fields = Fields::read(decoder, "open")?;
        let open = Self {
            container_id: fields.required("container-id", Decoder::string)?.into(),
            hostname: fields.text()?,
            max_frame_size: fields.next(Decoder::uint)?,
            channel_max: fields.next(Decoder::ushort)?,
            idle_time_out: fields.next(Decoder::uint)?,
            properties: {
                for _locales_and_capabilities in 0..4 {
                    fields.skip()?;
                }
                fields.next(Decoder::map)?.unwrap_or_default()
            },
        };
        fields.end()?;
        Ok(open)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        ListWriter::new(out, 0x10)
            .string(Some(&self.container_id))
            .string(self.hostname.as_deref())
            .uint(self.max_frame_size)
            .ushort(self.channel_max)
            .uint(self.idle_time_out)
            .null()
            .null()
            .null()
            .null()
            .map(&self.properties)
            .end();
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Close {
    pub error: Option<Error>,
}

impl Close {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        let mut fields = Fields::read(decoder, "close")?;
        let close = Self { error: fields.next(Error::decode)? };
        fields.end()?;
        Ok(close)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        ListWriter::new(out, 0x18).put(self.error.as_ref(), |out, error| error.encode(out)).end();
    }
}
