//! Sources and targets (3.5.3, 3.5.4), kept field by field as the peer wrote them, since an answer echoes them.

use super::{
    decode::{DecodeError, Decoder, Result},
    encode,
    fields::Fields,
    value::Value,
};

const FILTER: usize = 7;

#[derive(Debug, Clone, PartialEq)]
pub struct Terminus {
    code: u64,
    fields: Vec<Value>,
}

impl Terminus {
    pub fn source(address: &str) -> Self {
        Self { code: 0x28, fields: vec![address.into()] }
    }

    pub fn target(address: &str) -> Self {
        Self { code: 0x29, fields: vec![address.into()] }
    }

    /// A transaction coordinator (4.5.1) has no address.
    pub fn is_coordinator(&self) -> bool {
        self.code == 0x30
    }

    pub fn address(&self) -> Option<&str> {
        if self.is_coordinator() { None } else { self.fields.first()?.as_text() }
    }

    /// The value of a source's filter, without its descriptor. `Some(Null)` if the filter is there and empty.
    pub fn filter(&self, name: &str) -> Option<&Value> {
        match self.fields.get(FILTER)?.get(name)? {
            Value::Described(described) => Some(&described.1),
            plain => Some(plain),
        }
    }

    /// Sets the value of one filter, under the descriptor that it has; one that is not there yet gets `descriptor`.
    pub fn set_filter(&mut self, name: &str, descriptor: u64, value: Value) {
        if self.fields.len() <= FILTER {
            self.fields.resize(FILTER + 1, Value::Null);
        }
        let filter = &mut self.fields[FILTER];
        let mut entries = match std::mem::replace(filter, Value::Null) {
            Value::Map(entries) => entries,
            _ => Vec::new(),
        };
        match entries.iter_mut().find(|(key, _)| key.as_text() == Some(name)) {
            Some((_, Value::Described(described))) => described.1 = value,
            Some((_, plain)) => *plain = value,
            None => entries.push((Value::symbol(name), Value::described(descriptor, value))),
        }
        *filter = Value::Map(entries);
    }

    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<Option<Self>> {
        if decoder.rest().first() == Some(&0x40) {
            return decoder.skip().map(|()| None);
        }
        let code = decoder.descriptor()?;
        if !matches!(code, 0x28..=0x30) {
            return Err(DecodeError::Descriptor(format!("0x{code:x}, where a source or target is due,")));
        }
        let mut fields = Fields::read(decoder, "terminus")?;
        let values = fields.values()?;
        fields.end()?;
        Ok(Some(Self { code, fields: values }))
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        encode::descriptor(out, self.code);
        let opened = encode::open(out, encode::LIST);
        self.fields.iter().for_each(|field| encode::value(out, field));
        encode::close(out, opened, self.fields.len());
    }
}
