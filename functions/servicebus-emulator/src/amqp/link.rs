//! Attach and detach (2.7.3, 2.7.7).

use super::{
    Role,
    decode::{Decoder, Result},
    encode,
    fields::{Fields, ListWriter},
    state::Error,
    terminus::Terminus,
    value::Value,
};

#[derive(Debug, Clone, PartialEq)]
pub struct Attach {
    pub name: String,
    pub handle: u32,
    pub role: Role,
    /// 0 unsettled, 1 settled, 2 mixed.
    pub snd_settle_mode: Option<u8>,
    /// 0 first, 1 second.
    pub rcv_settle_mode: Option<u8>,
    pub source: Option<Terminus>,
    pub target: Option<Terminus>,
    /// Required from a sender.
    pub initial_delivery_count: Option<u32>,
    /// Bytes; none or 0 is no limit.
    pub max_message_size: Option<u64>,
    pub properties: Vec<(Value, Value)>,
}

impl Attach {
    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        let mut fields = Fields::read(decoder, "attach")?;
        let attach = Self {
            name: fields.required("name", Decoder::string)?.into(),
            handle: fields.required("handle", Decoder::uint)?,
            role: fields.required("role", Decoder::boolean)?.into(),
            snd_settle_mode: fields.next(Decoder::ubyte)?,
            rcv_settle_mode: fields.next(Decoder::ubyte)?,
            source: fields.next(Terminus::decode)?,
            target: fields.next(Terminus::decode)?,
            // A resumed link's unsettled deliveries: Service Bus resumes nothing.
            initial_delivery_count: {
                fields.skip()?;
                fields.skip()?;
                fields.next(Decoder::uint)?
            },
            max_message_size: fields.next(Decoder::ulong)?,
            properties: {
                fields.skip()?;
                fields.skip()?;
                fields.next(Decoder::map)?.unwrap_or_default()
            },
        };
        fields.end()?;
        Ok(attach)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        ListWriter::new(out, 0x12)
            .string(Some(&self.name))
            .uint(self.handle)
            .boolean(bool::from(self.role))
            .ubyte(self.snd_settle_mode)
            .ubyte(self.rcv_settle_mode)
            .put(self.source.as_ref(), |out, source| source.encode(out))
            .put(self.target.as_ref(), |out, target| target.encode(out))
            .null()
            .null()
            .uint(self.initial_delivery_count)
            .put(self.max_message_size, encode::ulong)
            .null()
            .null()
            .map(&self.properties)
            .end();
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Detach {
    pub handle: u32,
    pub closed: bool,
    pub error: Option<Error>,
}

impl Detach {
    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        let mut fields = Fields::read(decoder, "detach")?;
        let detach = Self {
            handle: fields.required("handle", Decoder::uint)?,
            closed: fields.next(Decoder::boolean)?.unwrap_or(false),
            error: fields.next(Error::decode)?,
        };
        fields.end()?;
        Ok(detach)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        ListWriter::new(out, 0x16).uint(self.handle).flag(self.closed).put(self.error.as_ref(), |out, error| error.encode(out)).end();
    }
}

impl From<bool> for Role {
    fn from(receiver: bool) -> Self {
        if receiver { Self::Receiver } else { Self::Sender }
    }
}

impl From<Role> for bool {
    fn from(role: Role) -> Self {
        role == Role::Receiver
    }
}
