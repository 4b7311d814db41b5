//! Messages as filters and actions see them.

use super::entry::Message;
use crate::{
    amqp::{Properties, Value},
    filter::{self, Subject, SubjectMut},
};

impl Subject for Message {
    fn system(&self, name: &str) -> Option<filter::Value> {
        system(self.properties(), name)
    }

    fn property(&self, name: &str) -> Option<filter::Value> {
        property(&self.application_properties().ok()?, name)
    }
}

/// A copy of a message that an action changes.
#[derive(Debug)]
pub(super) struct Draft {
    message: Message,
    properties: Properties,
    application: Vec<(Value, Value)>,
}

impl Draft {
    pub(super) fn new(message: &Message) -> Self {
        let application = message.application_properties().unwrap_or_default();
        Self { message: message.clone(), properties: message.properties().clone(), application }
    }

    pub(super) fn finish(mut self) -> Message {
        self.message.set_properties(self.properties);
        self.message.rewrite(&self.application);
        self.message
    }
}

impl Subject for Draft {
    fn system(&self, name: &str) -> Option<filter::Value> {
        system(&self.properties, name)
    }

    fn property(&self, name: &str) -> Option<filter::Value> {
        property(&self.application, name)
    }
}

impl SubjectMut for Draft {
    fn set_system(&mut self, name: &str, value: filter::Value) -> Result<(), String> {
        let text = match value {
            filter::Value::Text(text) => Some(text),
            filter::Value::Null => None,
            other => return Err(format!("sys.{name} takes a text, not {other:?}")),
        };
        let properties = &mut self.properties;
        match name.to_lowercase().as_str() {
            "messageid" => properties.message_id = text.map(Value::String),
            "correlationid" => properties.correlation_id = text.map(Value::String),
            "contenttype" => properties.content_type = text,
            "label" | "subject" => properties.subject = text,
            "to" => properties.to = text,
            "replyto" => properties.reply_to = text,
            "sessionid" => properties.group_id = text,
            "replytosessionid" => properties.reply_to_group_id = text,
            _ => return Err(format!("sys.{name} can't be set")),
        }
        Ok(())
    }

    fn set_property(&mut self, name: &str, value: filter::Value) {
        self.remove_property(name);
        self.application.push((name.into(), to_amqp(value)));
    }

    fn remove_property(&mut self, name: &str) {
        self.application.retain(|(key, _)| !is_named(key, name));
    }
}

fn system(properties: &Properties, name: &str) -> Option<filter::Value> {
    let text = |text: &Option<String>| text.clone().map(filter::Value::Text);
    match name.to_lowercase().as_str() {
        "messageid" => properties.message_id.as_ref().map(from_amqp),
        "correlationid" => properties.correlation_id.as_ref().map(from_amqp),
        "contenttype" => text(&properties.content_type),
        "label" | "subject" => text(&properties.subject),
        "to" => text(&properties.to),
        "replyto" => text(&properties.reply_to),
        "sessionid" => text(&properties.group_id),
        "replytosessionid" => text(&properties.reply_to_group_id),
        _ => None,
    }
}

/// Names are the same in any case.
fn property(application: &[(Value, Value)], name: &str) -> Option<filter::Value> {
    let found = application.iter().find(|(key, _)| is_named(key, name));
    found.map(|(_, value)| from_amqp(value))
}

fn is_named(key: &Value, name: &str) -> bool {
    key.as_text().is_some_and(|key| key.eq_ignore_ascii_case(name))
}

pub(crate) fn from_amqp(value: &Value) -> filter::Value {
    match value {
        Value::Bool(value) => filter::Value::Bool(*value),
        Value::Float(value) => filter::Value::Float((*value).into()),
        Value::Double(value) => filter::Value::Float(*value),
        Value::String(text) | Value::Symbol(text) => filter::Value::Text(text.clone()),
        Value::Char(character) => filter::Value::Text((*character).into()),
        Value::Binary(bytes) => filter::Value::Bytes(bytes.clone()),
        Value::Uuid(uuid) => filter::Value::Uuid(*uuid),
        Value::Timestamp(millis) => filter::Value::Timestamp(*millis),
        Value::Described(described) => from_amqp(&described.1),
        other => other.as_i64().map_or(filter::Value::Null, filter::Value::Int),
    }
}

pub(crate) fn to_amqp(value: filter::Value) -> Value {
    match value {
        filter::Value::Null => Value::Null,
        filter::Value::Bool(value) => Value::Bool(value),
        filter::Value::Int(value) => Value::Long(value),
        filter::Value::Float(value) => Value::Double(value),
        filter::Value::Text(text) => Value::String(text),
        filter::Value::Bytes(bytes) => Value::Binary(bytes),
        filter::Value::Uuid(uuid) => Value::Uuid(uuid),
        filter::Value::Timestamp(millis) => Value::Timestamp(millis),
    }
}
