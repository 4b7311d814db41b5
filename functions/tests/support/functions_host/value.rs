//! How a value of the host's becomes JSON in an envelope (contract §3.2): `GetHttpScriptInvocationContextValue`.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};
use time::{OffsetDateTime, UtcOffset, macros::format_description};

/// A .NET value, by the branch that it takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Clr {
    Bytes(Vec<u8>),
    DateTime(OffsetDateTime),
    DateTimeOffset(OffsetDateTime),
    /// Whatever `JObject.FromObject` takes.
    Object(Map<String, Value>),
    /// Strings, numbers, booleans, GUIDs, arrays, null.
    Other(Value),
}

impl Clr {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Other(Value::String(text.into()))
    }

    pub fn empty_object() -> Self {
        Self::Object(Map::new())
    }

    pub fn encode(&self) -> Value {
        match self {
            Self::Bytes(bytes) => Value::String(BASE64_STANDARD.encode(bytes)),
            Self::DateTime(moment) => Value::String(seconds(*moment)),
            Self::DateTimeOffset(moment) => Value::String(format!("{}+00:00", seconds(*moment))),
            Self::Object(members) => Value::Object(members.clone()),
            // `JsonConvert.SerializeObject`, and its text put in as a string.
            Self::Other(value) => Value::String(value.to_string()),
        }
    }
}

/// Sub-seconds and zone are lost on the way through `DateTime.Parse(value.ToString())`.
fn seconds(moment: OffsetDateTime) -> String {
    let shape = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    moment.to_offset(UtcOffset::UTC).format(shape).expect("a date that can be written")
}

/// A member of a string body as it gets into the binding data (contract §3.5): `(string)JToken`; arrays and nulls do not.
pub fn leaked(value: &Value) -> Option<Clr> {
    Some(match value {
        Value::Null | Value::Array(_) => return None,
        Value::Object(members) => Clr::Object(members.clone()),
        Value::Bool(true) => Clr::text("True"),
        Value::Bool(false) => Clr::text("False"),
        Value::Number(number) => Clr::text(number.to_string()),
        Value::String(text) => Clr::text(iso_date(text).unwrap_or_else(|| text.clone())),
    })
}

/// Newtonsoft takes a string in the form of an ISO 8601 date and time for one, and writes it in the invariant culture.
fn iso_date(text: &str) -> Option<String> {
    if !text.is_ascii() || !(19..=40).contains(&text.len()) || text.as_bytes()[10] != b'T' {
        return None;
    }
    let has_zone = text.ends_with('Z') || text.get(text.len() - 6..)?.starts_with(['+', '-']);
    let zoned = if has_zone { text.to_owned() } else { format!("{text}Z") };
    let moment = OffsetDateTime::parse(&zoned, &time::format_description::well_known::Rfc3339).ok()?;
    let shape = format_description!("[month]/[day]/[year] [hour]:[minute]:[second]");
    moment.to_offset(UtcOffset::UTC).format(shape).ok()
}
