//! Reads AMQP's encodings (1.2, 1.6). Every input gives a value or an error; nothing is read past the end, and nothing
//! is allocated that the input does not pay for.

use super::value::Value;
use uuid::Uuid;

/// Lists in maps in arrays and so on: deeper than any client goes, and no danger to the stack.
const DEPTH: u32 = 32;
/// Elements of an array whose elements have no bytes.
const EMPTY_ELEMENTS: u32 = 4096;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the data ends early: byte {at} needs {needed} more")]
    Truncated { at: usize, needed: usize },
    #[error("0x{code:02x} at byte {at} is not the constructor of {expected}")]
    Constructor { at: usize, code: u8, expected: &'static str },
    #[error("the text at byte {at} is not UTF-8")]
    Text { at: usize },
    #[error("the value at byte {at} is nested too deep")]
    Depth { at: usize },
    #[error("the count {count} at byte {at} is more than the data can hold")]
    Count { at: usize, count: u32 },
    #[error("the descriptor {0} is unknown here")]
    Descriptor(String),
    #[error("{performative} lacks {field}")]
    Missing { performative: &'static str, field: &'static str },
    #[error("{what} has {left} bytes too many")]
    Surplus { what: &'static str, left: usize },
    #[error("{0}")]
    Invalid(&'static str),
}

pub type Result<T> = std::result::Result<T, DecodeError>;

/// A position in bytes. Positions in errors are those of the whole input.
#[derive(Debug, Clone)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub fn position(&self) -> usize {
        self.at
    }

    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Everything not read yet.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.get(..count));
        let taken = taken.ok_or(DecodeError::Truncated { at: self.at, needed: count - self.left().min(count) })?;
        self.at += count;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut fixed = [0; N];
        fixed.copy_from_slice(self.take(N)?);
        Ok(fixed)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.fixed::<1>()?[0])
    }

    fn size32(&mut self) -> Result<usize> {
        Ok(u32::from_be_bytes(self.fixed()?) as usize)
    }

    /// Passes over one value without looking inside.
    pub fn skip(&mut self) -> Result<()> {
        let mut values = 1_u32;
        while values > 0 {
            let at = self.at;
            let code = self.byte()?;
            if code == 0 {
                // A described value is two values: the descriptor and what it describes.
                values += 1;
                if values > DEPTH {
                    return Err(DecodeError::Depth { at });
                }
                continue;
            }
            self.skip_body(at, code)?;
            values -= 1;
        }
        Ok(())
    }

    fn skip_body(&mut self, at: usize, code: u8) -> Result<()> {
        let size = match code >> 4 {
            0x4 => 0,
            0x5 => 1,
            0x6 => 2,
            0x7 => 4,
            0x8 => 8,
            0x9 => 16,
            0xa | 0xc | 0xe => self.byte()?.into(),
            0xb | 0xd | 0xf => self.size32()?,
            _ => return Err(DecodeError::Constructor { at, code, expected: "a value" }),
        };
        self.take(size).map(drop)
    }

    /// The numeric descriptor of a described value.
    pub fn descriptor(&mut self) -> Result<u64> {
        let at = self.at;
        match self.byte()? {
            0 => {}
            code => return Err(DecodeError::Constructor { at, code, expected: "a described value" }),
        }
        let at = self.at;
        match self.byte()? {
            0x80 => Ok(u64::from_be_bytes(self.fixed()?)),
            0x53 => Ok(self.byte()?.into()),
            0x44 => Ok(0),
            code @ (0xa3 | 0xb3) => {
                let name = self.text(at, code, "a symbol")?;
                super::fields::code(name).ok_or_else(|| DecodeError::Descriptor(name.into()))
            }
            code => Err(DecodeError::Constructor { at, code, expected: "a descriptor" }),
        }
    }

    /// A list's elements, and how many they are.
    pub(crate) fn list(&mut self) -> Result<Option<(Self, u32)>> {
        let at = self.at;
        match self.byte()? {
            0x40 => Ok(None),
            0x45 => Ok(Some((Self { bytes: &self.bytes[..self.at], at: self.at }, 0))),
            code @ (0xc0 | 0xd0) => self.elements(code).map(Some),
            code => Err(DecodeError::Constructor { at, code, expected: "a list" }),
        }
    }

    fn elements(&mut self, code: u8) -> Result<(Self, u32)> {
        let wide = code & 0x10 != 0;
        let size = if wide { self.size32()? } else { self.byte()?.into() };
        let start = self.at;
        let end = start + self.take(size)?.len();
        let mut inside = Self { bytes: &self.bytes[..end], at: start };
        let count = if wide { u32::from_be_bytes(inside.fixed()?) } else { inside.byte()?.into() };
        // Every element has a constructor, so has at least one byte. An array's elements share one.
        if code & 0xe0 != 0xe0 && count as usize > inside.left() {
            return Err(DecodeError::Count { at: start, count });
        }
        Ok((inside, count))
    }

    fn text(&mut self, at: usize, code: u8, expected: &'static str) -> Result<&'a str> {
        let size = match code >> 4 {
            0xa => self.byte()?.into(),
            0xb => self.size32()?,
            _ => return Err(DecodeError::Constructor { at, code, expected }),
        };
        std::str::from_utf8(self.take(size)?).map_err(|_| DecodeError::Text { at })
    }

    pub fn value(&mut self) -> Result<Value> {
        self.nested(0)
    }

    fn nested(&mut self, depth: u32) -> Result<Value> {
        let at = self.at;
        if depth > DEPTH {
            return Err(DecodeError::Depth { at });
        }
        match self.byte()? {
            0 => Ok(Value::Described(Box::new((self.nested(depth + 1)?, self.nested(depth + 1)?)))),
            code => self.of(at, code, depth),
        }
    }

    fn of(&mut self, at: usize, code: u8, depth: u32) -> Result<Value> {
        Ok(match code {
            0x40 => Value::Null,
            0x41 => Value::Bool(true),
            0x42 => Value::Bool(false),
            0x56 => Value::Bool(self.byte()? != 0),
            0x50 => Value::Ubyte(self.byte()?),
            0x51 => Value::Byte(i8::from_be_bytes(self.fixed()?)),
            0x60 => Value::Ushort(u16::from_be_bytes(self.fixed()?)),
            0x61 => Value::Short(i16::from_be_bytes(self.fixed()?)),
            0x43 => Value::Uint(0),
            0x52 => Value::Uint(self.byte()?.into()),
            0x70 => Value::Uint(u32::from_be_bytes(self.fixed()?)),
            0x44 => Value::Ulong(0),
            0x53 => Value::Ulong(self.byte()?.into()),
            0x80 => Value::Ulong(u64::from_be_bytes(self.fixed()?)),
            0x54 => Value::Int(i8::from_be_bytes(self.fixed()?).into()),
            0x71 => Value::Int(i32::from_be_bytes(self.fixed()?)),
            0x55 => Value::Long(i8::from_be_bytes(self.fixed()?).into()),
            0x81 => Value::Long(i64::from_be_bytes(self.fixed()?)),
            0x72 => Value::Float(f32::from_be_bytes(self.fixed()?)),
            0x82 => Value::Double(f64::from_be_bytes(self.fixed()?)),
            0x74 => Value::Decimal32(self.fixed()?),
            0x84 => Value::Decimal64(self.fixed()?),
            0x94 => Value::Decimal128(self.fixed()?),
            0x73 => Value::Char(char::from_u32(u32::from_be_bytes(self.fixed()?)).ok_or(DecodeError::Text { at })?),
            0x83 => Value::Timestamp(i64::from_be_bytes(self.fixed()?)),
            0x98 => Value::Uuid(Uuid::from_bytes(self.fixed()?)),
            0xa0 | 0xb0 => {
                let size = if code == 0xa0 { self.byte()?.into() } else { self.size32()? };
                Value::Binary(self.take(size)?.to_vec())
            }
            0xa1 | 0xb1 => Value::String(self.text(at, code, "a string")?.into()),
            0xa3 | 0xb3 => Value::Symbol(self.text(at, code, "a symbol")?.into()),
            0x45 => Value::List(Vec::new()),
            0xc0 | 0xd0 => {
                let (mut inside, count) = self.elements(code)?;
                Value::List(inside.closed("a list", |inside| (0..count).map(|_| inside.nested(depth + 1)).collect())?)
            }
            0xc1 | 0xd1 => {
                let (mut inside, count) = self.elements(code)?;
                if count % 2 != 0 {
                    return Err(DecodeError::Invalid("a map has a key without a value"));
                }
                let entry = |inside: &mut Self| Ok((inside.nested(depth + 1)?, inside.nested(depth + 1)?));
                Value::Map(inside.closed("a map", |inside| (0..count / 2).map(|_| entry(inside)).collect())?)
            }
            0xe0 | 0xf0 => {
                let (mut inside, count) = self.elements(code)?;
                Value::Array(inside.closed("an array", |inside| inside.array(count, depth + 1))?)
            }
            code => return Err(DecodeError::Constructor { at, code, expected: "a value" }),
        })
    }

    /// What is read must fill its frame of bytes.
    fn closed<T>(&mut self, what: &'static str, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let read = read(self)?;
        if self.is_empty() { Ok(read) } else { Err(DecodeError::Surplus { what, left: self.left() }) }
    }

    fn array(&mut self, count: u32, depth: u32) -> Result<Vec<Value>> {
        let at = self.at;
        let mut descriptors = Vec::new();
        let mut code = self.byte()?;
        while code == 0 {
            if depth as usize + descriptors.len() > DEPTH as usize {
                return Err(DecodeError::Depth { at });
            }
            descriptors.push(self.nested(depth)?);
            code = self.byte()?;
        }
        let most = if code >> 4 == 0x4 { EMPTY_ELEMENTS as usize } else { self.left() };
        if count as usize > most {
            return Err(DecodeError::Count { at, count });
        }
        let element = |decoder: &mut Self| {
            let value = decoder.of(decoder.at, code, depth)?;
            Ok(descriptors.iter().rev().fold(value, |value, descriptor| Value::Described(Box::new((descriptor.clone(), value)))))
        };
        (0..count).map(|_| element(self)).collect()
    }
}

/// Readers of one field's type; `null` is `None` (1.4: a field that is absent).
impl<'a> Decoder<'a> {
    fn primitive<T>(&mut self, expected: &'static str, read: impl FnOnce(&mut Self, u8) -> Result<Option<T>>) -> Result<Option<T>> {
        let at = self.at;
        match self.byte()? {
            0x40 => Ok(None),
            code => read(self, code)?.map(Some).ok_or(DecodeError::Constructor { at, code, expected }),
        }
    }

    pub(crate) fn boolean(&mut self) -> Result<Option<bool>> {
        self.primitive("a boolean", |decoder, code| {
            Ok(match code {
                0x41 => Some(true),
                0x42 => Some(false),
                0x56 => Some(decoder.byte()? != 0),
                _ => None,
            })
        })
    }

    pub(crate) fn ubyte(&mut self) -> Result<Option<u8>> {
        self.primitive("a ubyte", |decoder, code| if code == 0x50 { decoder.byte().map(Some) } else { Ok(None) })
    }

    pub(crate) fn ushort(&mut self) -> Result<Option<u16>> {
        self.primitive("a ushort", |decoder, code| if code == 0x60 { Ok(Some(u16::from_be_bytes(decoder.fixed()?))) } else { Ok(None) })
    }

    pub(crate) fn uint(&mut self) -> Result<Option<u32>> {
        self.primitive("a uint", |decoder, code| {
            Ok(match code {
                0x43 => Some(0),
                0x52 => Some(decoder.byte()?.into()),
                0x70 => Some(u32::from_be_bytes(decoder.fixed()?)),
                _ => None,
            })
        })
    }

    pub(crate) fn ulong(&mut self) -> Result<Option<u64>> {
        self.primitive("a ulong", |decoder, code| {
            Ok(match code {
                0x44 => Some(0),
                0x53 => Some(decoder.byte()?.into()),
                0x80 => Some(u64::from_be_bytes(decoder.fixed()?)),
                _ => None,
            })
        })
    }

    pub(crate) fn timestamp(&mut self) -> Result<Option<i64>> {
        self.primitive("a timestamp", |decoder, code| if code == 0x83 { Ok(Some(i64::from_be_bytes(decoder.fixed()?))) } else { Ok(None) })
    }

    /// A string or a symbol.
    pub(crate) fn string(&mut self) -> Result<Option<&'a str>> {
        let at = self.at;
        self.primitive("a string", |decoder, code| {
            if matches!(code, 0xa1 | 0xb1 | 0xa3 | 0xb3) { decoder.text(at, code, "a string").map(Some) } else { Ok(None) }
        })
    }

    pub(crate) fn binary(&mut self) -> Result<Option<&'a [u8]>> {
        self.primitive("a binary", |decoder, code| {
            let size = match code {
                0xa0 => decoder.byte()?.into(),
                0xb0 => decoder.size32()?,
                _ => return Ok(None),
            };
            decoder.take(size).map(Some)
        })
    }

    pub(crate) fn any(&mut self) -> Result<Option<Value>> {
        Ok(Some(self.value()?).filter(|value| *value != Value::Null))
    }

    /// A map with keys of any type.
    pub(crate) fn map(&mut self) -> Result<Option<Vec<(Value, Value)>>> {
        let at = self.at;
        match self.value()? {
            Value::Null => Ok(None),
            Value::Map(entries) => Ok(Some(entries)),
            _ => Err(DecodeError::Constructor { at, code: self.bytes[at], expected: "a map" }),
        }
    }
}
