//! Envelopes, value for value as in the contract (§3).

use super::{Rig, options, settings};
use crate::support::functions_host::{
    Framing, Options, Settled,
    envelope::{BusClient, Sys, service_bus},
    functions::DataType,
    message::{Delivery, Message},
    value::{Clr, leaked},
};
use serde_json::{Map, Value, json};
use time::macros::datetime;
use uuid::uuid;

/// The event of §3.6, compact as it is published.
const EVENT: &str = r#"{"eventId":"01958f6e-7c1b-7a3e-9d52-5b0c6a2f4e11","type":"order.created","occurredAt":"2026-03-02T10:15:30.123Z","orderId":"7f3c1c58-5a0e-4a39-8a3a-2f0b8f6d9e01","version":1,"gift":false,"total":"12.50","customer":{"id":"c-42","name":"Zoë"},"lines":[{"sku":"A1","qty":2}]}"#;

fn example() -> Message {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let properties = json!({ "schemaVersion": 1, "tenant": "t-7", "Diagnostic-Id": trace, "traceparent": trace });
    Message {
        message_id: Some("01958f6e-7c1b-7a3e-9d52-5b0c6a2f4e11".into()),
        content_type: Some("application/json".into()),
        subject: Some("order.created".into()),
        correlation_id: Some("req-8d1f".into()),
        application_properties: properties.as_object().unwrap().clone(),
        enqueued_at: datetime!(2026-03-02 10:15:30.987 UTC),
        ..Message::new(EVENT)
    }
}

fn envelope(data_type: DataType, message: &Message) -> Value {
    let delivery = Delivery { count: 1, lock_token: uuid!("c2f0a1de-6d5b-4f0f-9e4b-0e6a0f6c2b77"), sequence_number: 17 };
    let client =
        BusClient { namespace: "contoso-orders.servicebus.windows.net".into(), identifier: uuid!("3b0a6f6e-1a5b-4c0e-9a55-6a2c8f1f7f10") };
    let sys = Sys {
        method_name: "Notify".into(),
        utc_now: datetime!(2026-03-02 10:15:30.987_654_3 UTC),
        rand_guid: uuid!("5c0b7a9e-2f1d-4b7c-8f0e-3a1c5d7e9b21"),
    };
    serde_json::from_str(&service_bus("message", data_type, message, &delivery, &client, &sys)).unwrap()
}

#[test]
fn the_contracts_example_comes_out_as_it_stands_there() {
    let example_of_the_contract: Value = serde_json::from_str(include_str!("envelope.json")).unwrap();
    let made = envelope(DataType::String, &example());
    assert_eq!(made, example_of_the_contract);

    // The same message in binary mode: nothing of the body is in the metadata, and the body is base64, once.
    let mut metadata: Map<String, Value> = made["Metadata"].as_object().unwrap().clone();
    for leaked in ["eventId", "type", "occurredAt", "orderId", "version", "gift", "total", "customer"] {
        metadata.remove(leaked).unwrap();
    }
    let data = include_str!("binary.txt").trim();
    assert_eq!(envelope(DataType::Binary, &example()), json!({ "Data": { "message": data }, "Metadata": metadata }));
}

#[test]
fn every_kind_of_value_has_its_encoding() {
    let moment = datetime!(2026-03-02 10:15:30.987 UTC);
    for (value, encoded) in [
        (Clr::Bytes(b"abc".to_vec()), json!("YWJj")),
        (Clr::DateTime(moment), json!("2026-03-02T10:15:30")),
        (Clr::DateTimeOffset(moment), json!("2026-03-02T10:15:30+00:00")),
        (Clr::Object(json!({ "a": 1 }).as_object().unwrap().clone()), json!({ "a": 1 })),
        (Clr::text("stringTest"), json!("\"stringTest\"")),
        (Clr::Other(json!(1)), json!("1")),
        (Clr::Other(json!(true)), json!("true")),
        (Clr::Other(json!(["a"])), json!("[\"a\"]")),
        (Clr::Other(Value::Null), json!("null")),
        (Clr::text("Zoë \"2\""), json!("\"Zoë \\\"2\\\"\"")),
    ] {
        assert_eq!(value.encode(), encoded, "{value:?}");
    }
}

#[test]
fn members_of_a_string_body_leak_as_text() {
    for (member, text) in [
        (json!("word"), Some(json!("\"word\""))),
        (json!(1), Some(json!("\"1\""))),
        (json!(false), Some(json!("\"False\""))),
        (json!("2026-03-02T10:15:30.123Z"), Some(json!("\"03/02/2026 10:15:30\""))),
        (json!("2026-03-02T11:15:30+01:00"), Some(json!("\"03/02/2026 10:15:30\""))),
        (json!("2026-03-02T10:15:30"), Some(json!("\"03/02/2026 10:15:30\""))),
        (json!("2026-03-02"), Some(json!("\"2026-03-02\""))),
        (json!({ "a": [1] }), Some(json!({ "a": [1] }))),
        (json!([1]), None),
        (Value::Null, None),
    ] {
        assert_eq!(leaked(&member).map(|value| value.encode()), text, "{member}");
    }
}

#[test]
fn in_string_mode_the_body_overwrites_what_the_transport_says() {
    let body = json!({ "messageId": "forged", "DELIVERYCOUNT": 9, "subject": null, "sys": { "MethodName": "forged" }, "timerTrigger": 1 });
    let message = Message { message_id: Some("real".into()), subject: Some("real".into()), ..Message::new(body.to_string()) };
    let metadata = &envelope(DataType::String, &message)["Metadata"];
    assert_eq!(metadata["MessageId"], "\"forged\"");
    assert_eq!(metadata["DeliveryCount"], "\"9\"");
    assert_eq!(metadata["Subject"], "\"real\"");
    assert_eq!(metadata["sys"], json!({ "MethodName": "forged" }));
    for absent in ["messageId", "DELIVERYCOUNT", "timerTrigger", "CorrelationId", "SessionId", "DeadLetterSource"] {
        assert!(metadata.get(absent).is_none(), "{absent}");
    }
    let metadata = &envelope(DataType::Binary, &message)["Metadata"];
    assert_eq!((&metadata["MessageId"], &metadata["DeliveryCount"]), (&json!("\"real\""), &json!("1")));
    // Nothing leaks from a body that is no object, and what is not UTF-8 becomes text all the same.
    for body in [&b"[1]"[..], b"text", b"\xff", b""] {
        assert_eq!(envelope(DataType::String, &Message::new(body))["Metadata"].as_object().unwrap().len(), 16, "{body:?}");
    }
}

#[tokio::test]
async fn a_message_is_posted_as_the_contract_says_in_both_framings() {
    for (framing, traceparent) in [(Framing::Chunked, true), (Framing::ContentLength, false)] {
        let rig = Rig::start(Options { framing, traceparent, ..options("is right") }).await;
        let outcome = rig.host.deliver("Notify", example()).await;
        assert_eq!((outcome.settled, outcome.attempts.len()), (Settled::Completed, 1));
        let received = &rig.received()[0];
        assert_eq!((&received["method"], &received["target"]), (&json!("POST"), &json!("/Notify")));
        let body = received["body"].as_str().unwrap();
        let mut headers = headers(received);
        let trace = headers.remove("traceparent");
        assert_eq!(trace.as_ref().map(String::len), traceparent.then_some(55), "{trace:?}");
        let (name, value) = match framing {
            Framing::Chunked => ("transfer-encoding", "chunked".to_owned()),
            Framing::ContentLength => ("content-length", body.len().to_string()),
        };
        let expected = [
            (name, value),
            ("content-type", "application/json; charset=utf-8".to_owned()),
            ("host", format!("127.0.0.1:{}", rig.host.handler_port())),
            ("user-agent", "Azure-Functions-Host/4.1052.200.0".to_owned()),
            ("x-azure-functions-hostversion", "4.1052.200.0".to_owned()),
            ("x-azure-functions-invocationid", outcome.attempts[0].invocation.to_string()),
        ];
        assert_eq!(headers, expected.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["Data"]["message"], include_str!("binary.txt").trim());
        assert_eq!(body["Metadata"]["sys"]["MethodName"], "Notify");
        assert_eq!(rig.host.complaints(), [""; 0]);
    }
}

fn headers(received: &Value) -> std::collections::BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    received["headers"].as_array().unwrap().iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

#[tokio::test]
async fn a_failure_brings_the_message_back_at_once_with_its_count() {
    let rig = Rig::start(options("fails twice")).await;
    let outcome = rig.host.deliver("Notify", example()).await;
    assert_eq!((outcome.settled, outcome.attempts.len()), (Settled::Completed, 3));
    let counts: Vec<_> = rig
        .received()
        .iter()
        .map(|received| {
            let body: Value = serde_json::from_str(received["body"].as_str().unwrap()).unwrap();
            (body["Metadata"]["DeliveryCount"].clone(), body["Metadata"]["SequenceNumber"].clone())
        })
        .collect();
    assert_eq!(counts, [(json!("1"), json!("1")), (json!("2"), json!("1")), (json!("3"), json!("1"))]);
}

#[tokio::test]
async fn the_data_type_can_be_overridden_for_a_test() {
    let rig = Rig::start(Options { data_type: Some(DataType::String), ..options("is right") }).await;
    rig.host.deliver("Notify", example()).await;
    let body: Value = serde_json::from_str(rig.received()[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["Metadata"]["occurredAt"], "\"03/02/2026 10:15:30\"");
    assert_eq!(body["Data"]["message"], json!(json!(EVENT).to_string()));
}

#[tokio::test]
async fn a_redirect_is_followed_when_forwarding_is_off() {
    let settings = settings("redirects").with("AzureFunctionsJobHost__customHandler__enableForwardingHttpRequest", "false");
    let rig = Rig::start(Options { settings, ..options("redirects") }).await;
    assert_eq!(rig.host.deliver("Notify", example()).await.settled, Settled::Completed);
    let received: Vec<_> = rig.received().into_iter().map(|received| (received["method"].clone(), received["target"].clone())).collect();
    assert_eq!(received, [(json!("POST"), json!("/Notify")), (json!("GET"), json!("/elsewhere?x=1"))]);
}

#[tokio::test]
async fn a_timer_is_an_envelope_too() {
    let stage = super::stage().with_function(
        "Sweep",
        &json!({ "bindings": [{ "type": "timerTrigger", "direction": "in", "name": "timer", "schedule": "0 */1 * * * *" }] }),
    );
    let rig = Rig::on(stage, options("says and gives")).await;
    let reply = rig.host.tick("Sweep").await.unwrap();
    assert_eq!(
        (reply.outputs["res"]["statusCode"].as_str(), reply.logs, reply.return_value),
        (Some("201"), vec!["a line".to_owned()], json!(7))
    );
    let received = &rig.received()[0];
    assert_eq!(received["target"], "/Sweep");
    let body: Value = serde_json::from_str(received["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["Data"]["timer"]["IsPastDue"], false);
    assert_eq!(body["Data"]["timer"]["Schedule"], json!({ "AdjustForDST": true }));
    assert_eq!(body["Metadata"].as_object().unwrap().keys().collect::<Vec<_>>(), ["sys"]);
}
