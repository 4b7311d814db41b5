//! What a server answers: tokens (MS-TDS 2.2.7) in one packet.

use super::Welcome;
use uuid::Uuid;

/// What a request is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    Sets(Vec<Set>),
    Error(u32, &'static str),
    /// No answer, ever.
    Hang,
    /// The connection breaks.
    Drop,
}

/// One result: its columns' types, and rows.
#[derive(Debug, Clone)]
pub struct Set(pub Vec<Column>, pub Vec<Vec<Cell>>);

#[derive(Debug, Clone, Copy)]
pub enum Column {
    Int,
    BigInt,
    Guid,
    Text,
    Binary,
}

#[derive(Debug, Clone)]
pub enum Cell {
    Null,
    Int(i32),
    BigInt(i64),
    Guid(Uuid),
    /// In a column of that kind.
    Text(&'static str),
}

/// A server's answer is a message of type 4; all that is written here fits into one packet.
fn packet(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 8).unwrap();
    let mut packet = vec![4, 1];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0, 1, 0]);
    packet.extend(body);
    packet
}

/// Version, encryption and, where the client asked for it (option 6), that a token is needed (2.2.6.5).
pub fn prelogin(asked: &[u8]) -> Vec<u8> {
    let wants_token = asked.chunks(5).take_while(|option| option[0] != 0xff).any(|option| option[0] == 6);
    let mut options: Vec<(u8, Vec<u8>)> = vec![(0, vec![16, 0, 0, 0, 0, 0]), (1, vec![1])];
    options.extend(wants_token.then(|| (6, vec![1])));
    let mut at = options.len() * 5 + 1;
    let (mut list, mut values) = (Vec::new(), Vec::new());
    for (name, value) in options {
        list.push(name);
        list.extend(u16::try_from(at).unwrap().to_be_bytes());
        list.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        at += value.len();
        values.extend(value);
    }
    list.push(0xff);
    list.extend(values);
    packet(&list)
}

pub fn welcome(welcome: &Welcome) -> Vec<u8> {
    let mut body = match welcome {
        Welcome::Accept => login_ack(),
        Welcome::Refuse(number, message) => error(*number, message),
        Welcome::Route(host, port) => [login_ack(), routing(host, *port)].concat(),
    };
    body.extend(done(0xfd, 0));
    packet(&body)
}

fn login_ack() -> Vec<u8> {
    let mut body = vec![1, 0x74, 0, 0, 4];
    body.extend(short_text("peer"));
    body.extend([16, 0, 0, 0]);
    sized(0xad, &body)
}

/// ENVCHANGE of type 20: protocol TCP, port, host, and no old value.
fn routing(host: &str, port: u16) -> Vec<u8> {
    let mut value = vec![0];
    value.extend(port.to_le_bytes());
    value.extend(long_text(host));
    let mut body = vec![20];
    body.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
    body.extend(value);
    body.extend([0, 0]);
    sized(0xe3, &body)
}

fn error(number: u32, message: &str) -> Vec<u8> {
    let mut body = number.to_le_bytes().to_vec();
    body.extend([1, 16]);
    body.extend(long_text(message));
    body.extend(short_text("peer"));
    body.extend(short_text(""));
    body.extend(1_u32.to_le_bytes());
    sized(0xaa, &body)
}

pub fn reply(reply: &Reply) -> Vec<u8> {
    let mut body = Vec::new();
    match reply {
        Reply::Sets(sets) => {
            for Set(columns, rows) in sets {
                body.extend(metadata(columns));
                for row in rows {
                    body.push(0xd1);
                    row.iter().zip(columns).for_each(|(cell, column)| body.extend(value(cell, *column)));
                }
                body.extend(done(0xff, 1));
            }
            body.extend(done(0xfe, 0));
        }
        Reply::Error(number, message) => {
            body.extend(error(*number, message));
            body.extend(done(0xfe, 2));
        }
        Reply::Hang | Reply::Drop => {}
    }
    packet(&body)
}

fn done(token: u8, status: u16) -> Vec<u8> {
    let mut body = vec![token];
    body.extend(status.to_le_bytes());
    body.extend([0; 10]);
    body
}

fn metadata(columns: &[Column]) -> Vec<u8> {
    let mut body = vec![0x81];
    body.extend(u16::try_from(columns.len()).unwrap().to_le_bytes());
    for column in columns {
        body.extend([0, 0, 0, 0, 1, 0]);
        body.extend(match column {
            Column::Int => vec![0x26, 4],
            Column::BigInt => vec![0x26, 8],
            Column::Guid => vec![0x24, 16],
            Column::Text => vec![0xe7, 0xff, 0xff, 0x09, 0x04, 0xd0, 0, 0x34],
            Column::Binary => vec![0xa5, 0x40, 0x1f],
        });
        body.push(0);
    }
    body
}

fn value(cell: &Cell, column: Column) -> Vec<u8> {
    let short = |bytes: &[u8]| [&[u8::try_from(bytes.len()).unwrap()], bytes].concat();
    match (cell, column) {
        (Cell::Null, Column::Text) => vec![0xff; 8],
        (Cell::Null, Column::Binary) => vec![0xff; 2],
        (Cell::Null, _) => vec![0],
        (Cell::Int(number), _) => short(&number.to_le_bytes()),
        (Cell::BigInt(number), _) => short(&number.to_le_bytes()),
        (Cell::Guid(id), _) => short(&id.to_bytes_le()),
        (Cell::Text(text), _) => chunked(&utf16(text)),
    }
}

/// A long value: its length, one chunk, and an empty one (2.2.5.2.3).
fn chunked(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&u64::from(length).to_le_bytes(), length.to_le_bytes().as_slice(), bytes, &[0; 4]].concat()
}

fn sized(token: u8, body: &[u8]) -> Vec<u8> {
    [&[token], u16::try_from(body.len()).unwrap().to_le_bytes().as_slice(), body].concat()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A text behind its count of characters, as one byte or as two.
fn short_text(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.encode_utf16().count()).unwrap()], utf16(text).as_slice()].concat()
}

fn long_text(text: &str) -> Vec<u8> {
    [u16::try_from(text.encode_utf16().count()).unwrap().to_le_bytes().as_slice(), &utf16(text)].concat()
}
