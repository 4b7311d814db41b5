//! The body of an invocation that is not plain HTTP: `{"Data":{…},"Metadata":{…}}` (contract §3).

use super::{
    functions::DataType,
    guid,
    message::{Delivery, Message, utc_now},
    value::{Clr, leaked},
};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, macros::format_description};
use uuid::Uuid;

/// Binding data in the order in which it was put in; names without regard to case, as the host's dictionary.
#[derive(Debug, Default)]
pub struct BindingData(Vec<(String, Clr)>);

impl BindingData {
    /// What was there under that name keeps its place and its spelling.
    pub fn put(&mut self, name: &str, value: Clr) {
        match self.0.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, known)) => *known = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    fn put_text(&mut self, name: &str, text: Option<&String>) {
        if let Some(text) = text {
            self.put(name, Clr::text(text));
        }
    }
}

impl Serialize for BindingData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_sent = |(name, value): &&(String, Clr)| *value != Clr::Other(Value::Null) && !name.to_lowercase().ends_with("trigger");
        serializer.collect_map(self.0.iter().filter(is_sent).map(|(name, value)| (name, value.encode())))
    }
}

/// The `sys` block (`SystemBindingData`).
#[derive(Debug, Clone)]
pub struct Sys {
    pub method_name: String,
    pub utc_now: OffsetDateTime,
    pub rand_guid: Uuid,
}

impl Sys {
    pub fn of(function: &str) -> Self {
        Self { method_name: function.to_owned(), utc_now: utc_now(), rand_guid: guid() }
    }

    pub fn clr(&self) -> Clr {
        let shape = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z");
        let now = self.utc_now.format(shape).expect("a date that can be written");
        Clr::Object(object(json!({ "MethodName": self.method_name, "UtcNow": now, "RandGuid": self.rand_guid })))
    }
}

/// The extension's client, as its metadata tells of it.
#[derive(Debug, Clone)]
pub struct BusClient {
    pub namespace: String,
    pub identifier: Uuid,
}

/// The envelope of one delivery, in the binding of that name.
pub fn service_bus(binding: &str, data_type: DataType, message: &Message, delivery: &Delivery, client: &BusClient, sys: &Sys) -> String {
    let text = String::from_utf8_lossy(&message.body);
    let mut metadata = transport(message, delivery, client);
    metadata.put("sys", sys.clr());
    let data = match data_type {
        DataType::Binary => Clr::Bytes(message.body.clone()),
        DataType::String => {
            if let Ok(Value::Object(members)) = serde_json::from_str(&text) {
                members.iter().filter_map(|(name, value)| Some((name, leaked(value)?))).for_each(|(name, value)| metadata.put(name, value));
            }
            Clr::text(text.into_owned())
        }
    };
    envelope(binding, &data, &metadata)
}

pub fn envelope(binding: &str, data: &Clr, metadata: &BindingData) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Envelope<'a> {
        data: Map<String, Value>,
        metadata: &'a BindingData,
    }
    let data = Map::from_iter([(binding.to_owned(), data.encode())]);
    serde_json::to_string(&Envelope { data, metadata }).expect("values that are JSON")
}

/// What the extension says of a message, in its order (`ServiceBusTriggerBindingStrategy`, single dispatch).
fn transport(message: &Message, delivery: &Delivery, client: &BusClient) -> BindingData {
    let mut data = BindingData::default();
    for name in ["MessageReceiver", "MessageSession", "MessageActions", "SessionActions", "ReceiveActions"] {
        data.put(name, Clr::empty_object());
    }
    let BusClient { namespace, identifier } = client;
    data.put(
        "Client",
        Clr::Object(object(json!({
            "FullyQualifiedNamespace": namespace,
            "IsClosed": false,
            "TransportType": 0,
            "Identifier": format!("{namespace}-{identifier}")
        }))),
    );
    data.put("DeliveryCount", Clr::Other(delivery.count.into()));
    data.put_text("DeadLetterSource", message.dead_letter_source.as_ref());
    data.put("LockToken", Clr::text(delivery.lock_token.to_string()));
    let expires_at = message.enqueued_at + message.time_to_live;
    data.put("ExpiresAtUtc", Clr::DateTime(expires_at));
    data.put("ExpiresAt", Clr::DateTimeOffset(expires_at));
    data.put("EnqueuedTimeUtc", Clr::DateTime(message.enqueued_at));
    data.put("EnqueuedTime", Clr::DateTimeOffset(message.enqueued_at));
    data.put_text("MessageId", message.message_id.as_ref());
    data.put_text("ContentType", message.content_type.as_ref());
    data.put_text("ReplyTo", message.reply_to.as_ref());
    data.put("SequenceNumber", Clr::Other(delivery.sequence_number.into()));
    data.put_text("To", message.to.as_ref());
    data.put_text("Subject", message.subject.as_ref());
    data.put_text("Label", message.subject.as_ref());
    data.put_text("CorrelationId", message.correlation_id.as_ref());
    for (name, text) in [
        ("SessionId", &message.session_id),
        ("ReplyToSessionId", &message.reply_to_session_id),
        ("PartitionKey", &message.partition_key),
        ("TransactionPartitionKey", &message.transaction_partition_key),
    ] {
        data.put_text(name, text.as_ref());
    }
    for name in ["ApplicationProperties", "UserProperties"] {
        data.put(name, Clr::Object(message.application_properties.clone()));
    }
    data
}

/// The envelope of a timer that fires on time.
pub fn timer(binding: &str, sys: &Sys) -> String {
    let shape = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+00:00");
    let now = sys.utc_now.format(shape).expect("a date that can be written");
    let info = json!({
        "Schedule": { "AdjustForDST": true },
        "ScheduleStatus": { "Last": now, "LastUpdated": now, "Next": now },
        "IsPastDue": false
    });
    let mut metadata = BindingData::default();
    metadata.put("TimerTrigger", Clr::empty_object());
    metadata.put("sys", sys.clr());
    envelope(binding, &Clr::Object(object(info)), &metadata)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("{other} is no object"),
    }
}
