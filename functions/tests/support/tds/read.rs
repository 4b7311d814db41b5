//! What a client sends: a login (MS-TDS 2.2.6.4), a batch (2.2.6.7) or a procedure's call (2.2.6.6).

/// Who logs in, and to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: String,
    pub database: String,
    pub server: String,
    /// The access token of Entra ID, where the login carries one.
    pub token: Option<String>,
}

/// A statement and its parameters, each as the bytes of its value; `None` is null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub sql: String,
    pub parameters: Vec<Option<Vec<u8>>>,
}

impl Login {
    pub fn read(body: &[u8]) -> Self {
        let text = |at: usize| text(&field(body, at));
        let password: Vec<u8> = field(body, 44).iter().map(|byte| (byte ^ 0xa5).rotate_right(4)).collect();
        Self { user: text(40), password: self::text(&password), server: text(52), database: text(68), token: token(body) }
    }
}

/// A field by its entry, an offset and a count of characters, in the list at the front.
fn field(body: &[u8], entry: usize) -> Vec<u8> {
    let (at, count) = (usize::from(u16_at(body, entry)), usize::from(u16_at(body, entry + 2)));
    body[at..at + count * 2].to_vec()
}

/// The FEDAUTH feature (2.2.7.8.1): library and echo, then the token behind its length.
fn token(body: &[u8]) -> Option<String> {
    let has_features = body[27] & 0x10 != 0;
    let mut at = has_features.then(|| u32_at(body, usize::from(u16_at(body, 56))))?;
    while body[at] != 0xff {
        let length = u32_at(body, at + 1);
        if body[at] == 2 {
            let token = u32_at(body, at + 6);
            return Some(text(&body[at + 10..at + 10 + token]));
        }
        at += 5 + length;
    }
    None
}

impl Request {
    pub fn read(kind: u8, body: &[u8]) -> Self {
        let mut rest = &body[u32_at(body, 0)..];
        match kind {
            1 => Self { sql: text(rest), parameters: Vec::new() },
            3 => {
                assert_eq!(u16_at(rest, 0), 0xffff, "a procedure by its number");
                rest = &rest[6..];
                let mut values = Vec::new();
                while !rest.is_empty() {
                    values.push(parameter(&mut rest));
                }
                let sql = text(values[0].as_deref().unwrap());
                // Behind the statement stands the list of the parameters' types.
                Self { sql, parameters: values.into_iter().skip(2).collect() }
            }
            other => panic!("a message of type {other}"),
        }
    }

    pub fn text(&self, parameter: usize) -> String {
        text(self.parameters[parameter - 1].as_deref().unwrap())
    }
}

fn parameter(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let name = usize::from(take(rest, 1)[0]);
    take(rest, name * 2 + 1);
    match take(rest, 1)[0] {
        0x1f => None,
        // Bit, integer and unique identifier: a length, zero for null.
        0x24 | 0x26 | 0x68 => {
            take(rest, 1);
            let length = usize::from(take(rest, 1)[0]);
            (length > 0).then(|| take(rest, length).to_vec())
        }
        kind @ (0xe7 | 0xa5) => {
            let is_max = u16_at(take(rest, 2), 0) == 0xffff;
            take(rest, if kind == 0xe7 { 5 } else { 0 });
            if is_max { in_parts(rest) } else { sized(rest) }
        }
        other => panic!("a parameter of type {other:#x}"),
    }
}

fn sized(rest: &mut &[u8]) -> Option<Vec<u8>> {
    match u16_at(take(rest, 2), 0) {
        0xffff => None,
        length => Some(take(rest, length.into()).to_vec()),
    }
}

/// PLP (2.2.5.2.3): the whole length, then parts, then an empty one.
fn in_parts(rest: &mut &[u8]) -> Option<Vec<u8>> {
    if take(rest, 8) == [0xff; 8] {
        return None;
    }
    let mut value = Vec::new();
    loop {
        match u32_at(take(rest, 4), 0) {
            0 => return Some(value),
            length => value.extend_from_slice(take(rest, length)),
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at(count);
    *rest = left;
    taken
}

fn text(utf16: &[u8]) -> String {
    let units: Vec<u16> = utf16.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).unwrap()
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()).try_into().unwrap()
}
