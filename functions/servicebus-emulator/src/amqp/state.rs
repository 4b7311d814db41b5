//! Errors (2.8.14) and delivery states (3.4).

use super::{
    decode::{DecodeError, Decoder, Result},
    encode,
    fields::{Fields, ListWriter},
    value::Value,
};

#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    /// A symbol such as `amqp:not-found`.
    pub condition: String,
    pub description: Option<String>,
    /// Keys are strings from some clients and symbols from others.
    pub info: Vec<(Value, Value)>,
}

impl Error {
    pub fn new(condition: impl Into<String>, description: impl Into<String>) -> Self {
        Self { condition: condition.into(), description: Some(description.into()), info: Vec::new() }
    }

    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<Option<Self>> {
        if decoder.rest().first() == Some(&0x40) {
            return decoder.skip().map(|()| None);
        }
        match decoder.descriptor()? {
            0x1d => {}
            code => return Err(DecodeError::Descriptor(format!("0x{code:x}, where an error is due,"))),
        }
        let mut fields = Fields::read(decoder, "error")?;
        let condition = fields.required("condition", Decoder::string)?.to_owned();
        let error = Self { condition, description: fields.text()?, info: fields.next(Decoder::map)?.unwrap_or_default() };
        fields.end()?;
        Ok(Some(error))
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        ListWriter::new(out, 0x1d).symbol(Some(&self.condition)).string(self.description.as_deref()).map(&self.info).end_whole();
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum DeliveryState {
    Received {
        section_number: u32,
        section_offset: u64,
    },
    Accepted,
    Rejected(Option<Error>),
    Released,
    Modified {
        delivery_failed: Option<bool>,
        undeliverable_here: Option<bool>,
        annotations: Vec<(Value, Value)>,
    },
    /// A transaction's or an extension's.
    Other(Value),
}

impl DeliveryState {
    pub fn rejected(condition: &str, description: impl Into<String>) -> Self {
        Self::Rejected(Some(Error::new(condition, description)))
    }

    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<Option<Self>> {
        if decoder.rest().first() == Some(&0x40) {
            return decoder.skip().map(|()| None);
        }
        let mut whole = decoder.clone();
        let code = decoder.descriptor()?;
        if !(0x23..=0x27).contains(&code) {
            let other = whole.value()?;
            *decoder = whole;
            return Ok(Some(Self::Other(other)));
        }
        let mut fields = Fields::read(decoder, "delivery-state")?;
        let state = match code {
            0x23 => Self::Received {
                section_number: fields.required("section-number", Decoder::uint)?,
                section_offset: fields.required("section-offset", Decoder::ulong)?,
            },
            0x24 => Self::Accepted,
            0x25 => Self::Rejected(fields.next(Error::decode)?),
            0x26 => Self::Released,
            _ => Self::Modified {
                delivery_failed: fields.next(Decoder::boolean)?,
                undeliverable_here: fields.next(Decoder::boolean)?,
                annotations: fields.next(Decoder::map)?.unwrap_or_default(),
            },
        };
        fields.end()?;
        Ok(Some(state))
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Received { section_number, section_offset } => {
                ListWriter::new(out, 0x23).uint(*section_number).put(Some(*section_offset), encode::ulong).end();
            }
            Self::Accepted => ListWriter::new(out, 0x24).end(),
            Self::Rejected(error) => ListWriter::new(out, 0x25).put(error.as_ref(), |out, error| error.encode(out)).end(),
            Self::Released => ListWriter::new(out, 0x26).end(),
            Self::Modified { delivery_failed, undeliverable_here, annotations } => {
                ListWriter::new(out, 0x27).boolean(*delivery_failed).boolean(*undeliverable_here).map(annotations).end();
            }
            Self::Other(value) => encode::value(out, value),
        }
    }
}
