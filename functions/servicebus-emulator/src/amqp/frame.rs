//! Frames (2.3) and protocol headers (2.2).

use super::decode::DecodeError;

pub const AMQP_HEADER: [u8; 8] = *b"AMQP\x00\x01\x00\x00";
pub const SASL_HEADER: [u8; 8] = *b"AMQP\x03\x01\x00\x00";
/// The least that every peer must take (2.7.1).
pub const MIN_MAX_FRAME_SIZE: u32 = 512;
/// Size, data offset, type and channel.
pub const HEADER_SIZE: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Amqp,
    Sasl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    pub kind: Kind,
    pub channel: u16,
    /// Empty for a heartbeat.
    pub body: &'a [u8],
}

/// The first frame of `bytes` and its length in bytes; `None` while it is not all there. `limit` is the max-frame-size
/// that this side has announced.
pub fn split(bytes: &[u8], limit: usize) -> Result<Option<(Frame<'_>, usize)>, DecodeError> {
    let Some((&[a, b, c, d, offset, kind, high, low], _)) = bytes.split_first_chunk() else { return Ok(None) };
    let size = u32::from_be_bytes([a, b, c, d]) as usize;
    let start = usize::from(offset) * 4;
    if size < HEADER_SIZE || start < HEADER_SIZE || start > size {
        return Err(DecodeError::Invalid("a frame's size or data offset is less than its header"));
    }
    if size > limit {
        return Err(DecodeError::Invalid("a frame is larger than max-frame-size"));
    }
    let kind = match kind {
        0 => Kind::Amqp,
        1 => Kind::Sasl,
        _ => return Err(DecodeError::Invalid("a frame's type is neither AMQP nor SASL")),
    };
    Ok(bytes.get(start..size).map(|body| (Frame { kind, channel: u16::from_be_bytes([high, low]), body }, size)))
}

/// Appends one frame whose body `write` appends.
pub fn write(out: &mut Vec<u8>, kind: Kind, channel: u16, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    let [high, low] = channel.to_be_bytes();
    out.extend([0, 0, 0, 0, 2, u8::from(kind == Kind::Sasl), high, low]);
    write(out);
    let size = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}
