//! Why a text could not be read: for logs and dead-letter reasons, so without a word of what the text holds.

use serde::Deserialize;
use serde_json::error::Category;
use serde_path_to_error::Segment;
use std::fmt::Write;

/// What is wrong, and where. What `serde_json` says of a fault quotes the value that it met: a customer's name, for one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

/// Reads a value from JSON.
pub fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Unreadable> {
    serde_json::from_str(json).map_err(|fault| {
        let what = match fault.classify() {
            Category::Data => format!("{}does not hold what it should", place::<T>(json)),
            Category::Syntax => "is not JSON".to_owned(),
            Category::Eof => "ends too early".to_owned(),
            Category::Io => "cannot be read".to_owned(),
        };
        Unreadable(format!("{what} (line {}, column {})", fault.line(), fault.column()))
    })
}

/// The member whose value is of the wrong kind, and a space; nothing for the text as a whole. Read a second time for it,
/// since keeping the path costs time. Below `metadata` the members' names are the client's.
fn place<'a, T: Deserialize<'a>>(json: &'a str) -> String {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let Err(fault) = serde_path_to_error::deserialize::<_, T>(&mut deserializer) else { return String::new() };
    let mut place = String::new();
    for segment in fault.path() {
        // To write into a string does not fail.
        let written = match segment {
            Segment::Seq { index } => write!(place, "[{index}]"),
            Segment::Map { key } if place.is_empty() => write!(place, "{key}"),
            Segment::Map { key } => write!(place, ".{key}"),
            Segment::Enum { .. } | Segment::Unknown => break,
        };
        if written.is_err() || place == "metadata" {
            break;
        }
    }
    if !place.is_empty() {
        place.push(' ');
    }
    place
}
