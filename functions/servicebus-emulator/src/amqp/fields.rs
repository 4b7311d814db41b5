//! Described lists, the form of all performatives and of most other composite types (1.4).

use super::{
    decode::{DecodeError, Decoder, Result},
    encode,
    value::Value,
};

/// Descriptors by name (2.7, 2.8, 3.2, 3.4, 3.5, 5.3): a peer may send either form.
const NAMES: [(&str, u64); 34] = [
    ("amqp:open:list", 0x10),
    ("amqp:begin:list", 0x11),
    ("amqp:attach:list", 0x12),
    ("amqp:flow:list", 0x13),
    ("amqp:transfer:list", 0x14),
    ("amqp:disposition:list", 0x15),
    ("amqp:detach:list", 0x16),
    ("amqp:end:list", 0x17),
    ("amqp:close:list", 0x18),
    ("amqp:error:list", 0x1d),
    ("amqp:received:list", 0x23),
    ("amqp:accepted:list", 0x24),
    ("amqp:rejected:list", 0x25),
    ("amqp:released:list", 0x26),
    ("amqp:modified:list", 0x27),
    ("amqp:source:list", 0x28),
    ("amqp:target:list", 0x29),
    ("amqp:coordinator:list", 0x30),
    ("amqp:declare:list", 0x31),
    ("amqp:discharge:list", 0x32),
    ("amqp:declared:list", 0x33),
    ("amqp:transactional-state:list", 0x34),
    ("amqp:sasl-mechanisms:list", 0x40),
    ("amqp:sasl-init:list", 0x41),
    ("amqp:sasl-challenge:list", 0x42),
    ("amqp:sasl-response:list", 0x43),
    ("amqp:sasl-outcome:list", 0x44),
    ("amqp:header:list", 0x70),
    ("amqp:delivery-annotations:map", 0x71),
    ("amqp:message-annotations:map", 0x72),
    ("amqp:properties:list", 0x73),
    ("amqp:application-properties:map", 0x74),
    ("amqp:data:binary", 0x75),
    ("amqp:footer:map", 0x78),
];

pub(super) fn code(name: &str) -> Option<u64> {
    match name {
        "amqp:amqp-sequence:list" => Some(0x76),
        "amqp:amqp-value:*" => Some(0x77),
        name => NAMES.iter().find(|(known, _)| *known == name).map(|(_, code)| *code),
    }
}

/// Reads a list's fields in order; those that the peer left out are `None`.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    decoder: Decoder<'a>,
    left: u32,
    name: &'static str,
}

impl<'a> Fields<'a> {
    /// `name` is the composite type's, for errors.
    pub(super) fn read(decoder: &mut Decoder<'a>, name: &'static str) -> Result<Self> {
        let (decoder, left) = decoder.list()?.ok_or(DecodeError::Invalid("null in place of a list"))?;
        Ok(Self { decoder, left, name })
    }

    pub(super) fn next<T>(&mut self, read: impl FnOnce(&mut Decoder<'a>) -> Result<Option<T>>) -> Result<Option<T>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        read(&mut self.decoder)
    }

    pub(super) fn required<T>(&mut self, field: &'static str, read: impl FnOnce(&mut Decoder<'a>) -> Result<Option<T>>) -> Result<T> {
        self.next(read)?.ok_or(DecodeError::Missing { performative: self.name, field })
    }

    pub(super) fn text(&mut self) -> Result<Option<String>> {
        Ok(self.next(Decoder::string)?.map(Into::into))
    }

    pub(super) fn skip(&mut self) -> Result<()> {
        self.next(|decoder| decoder.skip().map(Some)).map(drop)
    }

    /// The rest as it is.
    pub(super) fn values(&mut self) -> Result<Vec<Value>> {
        let count = std::mem::take(&mut self.left);
        (0..count).map(|_| self.decoder.value()).collect()
    }

    /// Fields of a later version of the type are passed over; bytes that are no field are an error.
    pub(super) fn end(mut self) -> Result<()> {
        while self.left > 0 {
            self.skip()?;
        }
        match self.decoder.left() {
            0 => Ok(()),
            left => Err(DecodeError::Surplus { what: self.name, left }),
        }
    }
}

/// Writes a described list. Trailing nulls are left out, as 1.4 allows.
#[derive(Debug)]
pub(super) struct ListWriter<'a> {
    out: &'a mut Vec<u8>,
    opened: encode::Opened,
    count: usize,
    kept: (usize, usize),
}

impl<'a> ListWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, code: u64) -> Self {
        encode::descriptor(out, code);
        let opened = encode::open(out, encode::LIST);
        let kept = (0, out.len());
        Self { out, opened, count: 0, kept }
    }

    pub(super) fn put<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) -> &mut Self {
        self.count += 1;
        match value {
            Some(value) => {
                write(self.out, value);
                self.kept = (self.count, self.out.len());
            }
            None => self.out.push(0x40),
        }
        self
    }

    pub(super) fn uint(&mut self, value: impl Into<Option<u32>>) -> &mut Self {
        self.put(value.into(), encode::uint)
    }

    pub(super) fn ubyte(&mut self, value: Option<u8>) -> &mut Self {
        self.put(value, |out, value| out.extend([0x50, value]))
    }

    pub(super) fn ushort(&mut self, value: Option<u16>) -> &mut Self {
        self.put(value, |out, value| encode::fixed(out, 0x60, value.to_be_bytes()))
    }

    pub(super) fn boolean(&mut self, value: impl Into<Option<bool>>) -> &mut Self {
        self.put(value.into(), encode::boolean)
    }

    /// A boolean whose default is false: absent unless true.
    pub(super) fn flag(&mut self, value: bool) -> &mut Self {
        self.put(value.then_some(true), encode::boolean)
    }

    pub(super) fn string(&mut self, value: Option<&str>) -> &mut Self {
        self.put(value, encode::string)
    }

    pub(super) fn symbol(&mut self, value: Option<&str>) -> &mut Self {
        self.put(value, encode::symbol)
    }

    pub(super) fn value(&mut self, value: Option<&Value>) -> &mut Self {
        self.put(value.filter(|value| **value != Value::Null), encode::value)
    }

    pub(super) fn map(&mut self, entries: &[(Value, Value)]) -> &mut Self {
        self.put((!entries.is_empty()).then_some(entries), encode::map)
    }

    pub(super) fn null(&mut self) -> &mut Self {
        self.put(None::<()>, |_, ()| {})
    }

    pub(super) fn end(&mut self) {
        let (count, length) = self.kept;
        self.out.truncate(length);
        if count == 0 {
            // list0 has neither size nor count.
            self.out.truncate(length - 9);
            self.out.push(0x45);
        } else {
            encode::close(self.out, self.opened, count);
        }
    }

    /// Keeps trailing nulls: clients index an error's three elements without looking.
    pub(super) fn end_whole(&mut self) {
        encode::close(self.out, self.opened, self.count);
    }
}
