//! SASL frames (5.3.3), as far as ANONYMOUS, EXTERNAL-like one-step mechanisms go.

use super::{
    decode::{DecodeError, Decoder, Result},
    encode,
    fields::{Fields, ListWriter},
    value::Value,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sasl {
    /// The server's offer.
    Mechanisms(Vec<String>),
    /// The client's choice.
    Init { mechanism: String },
    /// 0 is success, 1 is wrong credentials.
    Outcome { code: u8 },
}

impl Sasl {
    pub fn decode(body: &[u8]) -> Result<Self> {
        let mut decoder = Decoder::new(body);
        let code = decoder.descriptor()?;
        let mut fields = Fields::read(&mut decoder, "sasl")?;
        let sasl = match code {
            0x40 => {
                let offered = fields.required("sasl-server-mechanisms", Decoder::any)?;
                let names = offered.as_items().unwrap_or(std::slice::from_ref(&offered));
                Self::Mechanisms(names.iter().filter_map(Value::as_text).map(Into::into).collect())
            }
            0x41 => Self::Init { mechanism: fields.required("mechanism", Decoder::string)?.into() },
            0x44 => Self::Outcome { code: fields.required("code", Decoder::ubyte)? },
            code => return Err(DecodeError::Descriptor(format!("0x{code:x}, where a SASL frame is due,"))),
        };
        fields.end()?;
        match decoder.left() {
            0 => Ok(sasl),
            left => Err(DecodeError::Surplus { what: "the SASL frame", left }),
        }
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            // Always an array: some clients don't take the single symbol that a field with multiple=true may be.
            Self::Mechanisms(names) => {
                let names: Vec<_> = names.iter().map(Value::symbol).collect();
                ListWriter::new(out, 0x40).put(Some(Value::Array(names)), |out, names| encode::value(out, &names)).end();
            }
            Self::Init { mechanism } => ListWriter::new(out, 0x41).symbol(Some(mechanism)).end(),
            Self::Outcome { code } => ListWriter::new(out, 0x44).ubyte(Some(*code)).end(),
        }
    }
}
