//! A filter by equality: all that it names must be equal.

use super::{Subject, Value};
use std::cmp::Ordering;

/// What is `None` is not asked for. Texts are compared with regard to case.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CorrelationFilter {
    pub content_type: Option<String>,
    pub correlation_id: Option<String>,
    /// The subject of a message, by its older name.
    pub label: Option<String>,
    pub message_id: Option<String>,
    pub reply_to: Option<String>,
    pub reply_to_session_id: Option<String>,
    pub session_id: Option<String>,
    pub to: Option<String>,
    /// Application properties.
    pub properties: Vec<(String, Value)>,
}

impl CorrelationFilter {
    /// The system properties that are asked for, by their names in SQL.
    pub fn system(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("ContentType", &self.content_type),
            ("CorrelationId", &self.correlation_id),
            ("Label", &self.label),
            ("MessageId", &self.message_id),
            ("ReplyTo", &self.reply_to),
            ("ReplyToSessionId", &self.reply_to_session_id),
            ("SessionId", &self.session_id),
            ("To", &self.to),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.as_deref().map(|value| (name, value)))
    }

    /// The place of a system property, by its name in SQL.
    pub fn system_mut(&mut self, name: &str) -> Option<&mut Option<String>> {
        Some(match name {
            "ContentType" => &mut self.content_type,
            "CorrelationId" => &mut self.correlation_id,
            "Label" => &mut self.label,
            "MessageId" => &mut self.message_id,
            "ReplyTo" => &mut self.reply_to,
            "ReplyToSessionId" => &mut self.reply_to_session_id,
            "SessionId" => &mut self.session_id,
            "To" => &mut self.to,
            _ => return None,
        })
    }

    pub(super) fn matches(&self, subject: &dyn Subject) -> bool {
        // An id may be a UUID or a number on the wire.
        let has = |name, wanted: &str| subject.system(name).is_some_and(|value| value.to_text().as_deref() == Some(wanted));
        let equal = |found: &Value, wanted: &Value| found.compare(wanted) == Ok(Some(Ordering::Equal));
        self.system().all(|(name, wanted)| has(name, wanted))
            && self.properties.iter().all(|(name, wanted)| subject.property(name).is_some_and(|found| equal(&found, wanted)))
    }
}
