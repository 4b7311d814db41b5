//! Writes AMQP's encodings (1.6) to the end of a buffer, in the shortest form where that costs nothing.

use super::value::Value;
use uuid::Uuid;

pub(crate) fn boolean(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0x41 } else { 0x42 });
}

pub(crate) fn uint(out: &mut Vec<u8>, value: u32) {
    match u8::try_from(value) {
        Ok(0) => out.push(0x43),
        Ok(small) => out.extend([0x52, small]),
        Err(_) => fixed(out, 0x70, value.to_be_bytes()),
    }
}

pub(crate) fn ulong(out: &mut Vec<u8>, value: u64) {
    match u8::try_from(value) {
        Ok(0) => out.push(0x44),
        Ok(small) => out.extend([0x53, small]),
        Err(_) => fixed(out, 0x80, value.to_be_bytes()),
    }
}

pub(crate) fn long(out: &mut Vec<u8>, value: i64) {
    match i8::try_from(value) {
        Ok(small) => out.extend([0x55, small.to_be_bytes()[0]]),
        Err(_) => fixed(out, 0x81, value.to_be_bytes()),
    }
}

pub(crate) fn timestamp(out: &mut Vec<u8>, millis: i64) {
    fixed(out, 0x83, millis.to_be_bytes());
}

pub(crate) fn uuid(out: &mut Vec<u8>, value: Uuid) {
    fixed(out, 0x98, *value.as_bytes());
}

pub(crate) fn string(out: &mut Vec<u8>, value: &str) {
    variable(out, 0xa1, value.as_bytes());
}

pub(crate) fn symbol(out: &mut Vec<u8>, value: &str) {
    variable(out, 0xa3, value.as_bytes());
}

pub(crate) fn binary(out: &mut Vec<u8>, value: &[u8]) {
    variable(out, 0xa0, value);
}

pub(crate) fn fixed<const N: usize>(out: &mut Vec<u8>, constructor: u8, bytes: [u8; N]) {
    out.push(constructor);
    out.extend(bytes);
}

/// `short` is the constructor with a size of one byte; the one with four bytes is 0x10 above it.
fn variable(out: &mut Vec<u8>, short: u8, bytes: &[u8]) {
    match u8::try_from(bytes.len()) {
        Ok(size) => out.extend([short, size]),
        Err(_) => fixed(out, short + 0x10, size(bytes.len())),
    }
    out.extend_from_slice(bytes);
}

/// AMQP's sizes have four bytes. A length beyond them can't be sent; it would be cut by `max-message-size` long before.
fn size(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

/// The descriptor of a described value; the value follows.
pub(crate) fn descriptor(out: &mut Vec<u8>, code: u64) {
    out.push(0);
    ulong(out, code);
}

/// Starts a list, map or array with four-byte size and count. `close` fills them in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opened(usize);

pub(crate) fn open(out: &mut Vec<u8>, constructor: u8) -> Opened {
    out.push(constructor);
    out.extend([0; 8]);
    Opened(out.len())
}

pub(crate) fn close(out: &mut [u8], Opened(start): Opened, count: usize) {
    let length = out.len() - start;
    out[start - 8..start - 4].copy_from_slice(&size(length + 4));
    out[start - 4..start].copy_from_slice(&size(count));
}

pub(crate) const LIST: u8 = 0xd0;
pub(crate) const MAP: u8 = 0xd1;
pub(crate) const ARRAY: u8 = 0xf0;

pub fn value(out: &mut Vec<u8>, item: &Value) {
    match item {
        Value::Null => out.push(0x40),
        Value::Bool(value) => boolean(out, *value),
        Value::Uint(value) => uint(out, *value),
        Value::Ulong(value) => ulong(out, *value),
        Value::Int(value) => match i8::try_from(*value) {
            Ok(small) => out.extend([0x54, small.to_be_bytes()[0]]),
            Err(_) => fixed(out, 0x71, value.to_be_bytes()),
        },
        Value::Long(value) => long(out, *value),
        Value::Binary(bytes) => binary(out, bytes),
        Value::String(text) => string(out, text),
        Value::Symbol(text) => symbol(out, text),
        Value::List(items) if items.is_empty() => out.push(0x45),
        Value::Described(described) => {
            out.push(0);
            value(out, &described.0);
            value(out, &described.1);
        }
        wide => {
            out.push(constructor(wide));
            body(out, wide);
        }
    }
}

pub(crate) fn map(out: &mut Vec<u8>, entries: &[(Value, Value)]) {
    let opened = open(out, MAP);
    map_body(out, entries);
    close(out, opened, entries.len() * 2);
}

fn map_body(out: &mut Vec<u8>, entries: &[(Value, Value)]) {
    for (key, item) in entries {
        value(out, key);
        value(out, item);
    }
}

/// The constructor that holds every value of its type, as an array needs.
fn constructor(value: &Value) -> u8 {
    match value {
        Value::Null => 0x40,
        Value::Bool(_) => 0x56,
        Value::Ubyte(_) => 0x50,
        Value::Ushort(_) => 0x60,
        Value::Uint(_) => 0x70,
        Value::Ulong(_) => 0x80,
        Value::Byte(_) => 0x51,
        Value::Short(_) => 0x61,
        Value::Int(_) => 0x71,
        Value::Long(_) => 0x81,
        Value::Float(_) => 0x72,
        Value::Double(_) => 0x82,
        Value::Decimal32(_) => 0x74,
        Value::Decimal64(_) => 0x84,
        Value::Decimal128(_) => 0x94,
        Value::Char(_) => 0x73,
        Value::Timestamp(_) => 0x83,
        Value::Uuid(_) => 0x98,
        Value::Binary(_) => 0xb0,
        Value::String(_) => 0xb1,
        Value::Symbol(_) => 0xb3,
        Value::List(_) => LIST,
        Value::Map(_) => MAP,
        Value::Array(_) => ARRAY,
        Value::Described(_) => 0,
    }
}

/// What follows the widest constructor.
fn body(out: &mut Vec<u8>, item: &Value) {
    match item {
        Value::Null => {}
        Value::Bool(value) => out.push((*value).into()),
        Value::Ubyte(value) => out.push(*value),
        Value::Ushort(value) => out.extend(value.to_be_bytes()),
        Value::Uint(value) => out.extend(value.to_be_bytes()),
        Value::Ulong(value) => out.extend(value.to_be_bytes()),
        Value::Byte(value) => out.extend(value.to_be_bytes()),
        Value::Short(value) => out.extend(value.to_be_bytes()),
        Value::Int(value) => out.extend(value.to_be_bytes()),
        Value::Long(value) | Value::Timestamp(value) => out.extend(value.to_be_bytes()),
        Value::Float(value) => out.extend(value.to_be_bytes()),
        Value::Double(value) => out.extend(value.to_be_bytes()),
        Value::Decimal32(bytes) => out.extend(bytes),
        Value::Decimal64(bytes) => out.extend(bytes),
        Value::Decimal128(bytes) => out.extend(bytes),
        Value::Char(value) => out.extend(u32::from(*value).to_be_bytes()),
        Value::Uuid(value) => out.extend(value.as_bytes()),
        Value::Binary(bytes) => sized(out, bytes),
        Value::String(text) | Value::Symbol(text) => sized(out, text.as_bytes()),
        Value::List(items) => compound(out, items.len(), |out| items.iter().for_each(|item| value(out, item))),
        Value::Map(entries) => compound(out, entries.len() * 2, |out| map_body(out, entries)),
        Value::Array(items) => compound(out, items.len(), |out| array_body(out, items)),
        Value::Described(described) => body(out, &described.1),
    }
}

fn sized(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(size(bytes.len()));
    out.extend_from_slice(bytes);
}

fn compound(out: &mut Vec<u8>, count: usize, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend([0; 8]);
    let opened = Opened(out.len());
    write(out);
    close(out, opened, count);
}

/// An array of values of the first one's type. Without a first one it is an array of nulls, which every reader takes.
fn array_body(out: &mut Vec<u8>, items: &[Value]) {
    let mut first = items.first().unwrap_or(&Value::Null);
    while let Value::Described(described) = first {
        out.push(0);
        value(out, &described.0);
        first = &described.1;
    }
    out.push(constructor(first));
    for item in items {
        body(out, item);
    }
}
