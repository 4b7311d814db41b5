//! A message as filters and actions see it.

use super::Value;

pub trait Subject {
    /// `name` is one of the documented system properties. `None` and [`Value::Null`] both say that the message has none.
    fn system(&self, name: &str) -> Option<Value>;

    /// An application property; names are the same in any case. `None` if there is no such property.
    fn property(&self, name: &str) -> Option<Value>;
}

pub trait SubjectMut: Subject {
    /// The value is a text, or `Null` to have none.
    fn set_system(&mut self, name: &str, value: Value) -> Result<(), String>;
    fn set_property(&mut self, name: &str, value: Value);
    fn remove_property(&mut self, name: &str);
}

/// The system properties that can be named: those that the sender sets. `Subject` is the newer name of `Label`.
pub(super) const SYSTEM: [&str; 9] =
    ["ContentType", "CorrelationId", "Label", "MessageId", "ReplyTo", "ReplyToSessionId", "SessionId", "Subject", "To"];
