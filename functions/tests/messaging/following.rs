use super::account;
use crate::{
    behaviour::{arrangement::Running, client::JSON},
    support::{client::order, process::until},
};
use orders::domain::trace::Trace;
use reqwest::Method;
use serde_json::Value;
use servicebus_emulator::amqp::lookup;
use sqlx::Row;

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The trace id of a `traceparent`.
fn id(traceparent: &str) -> String {
    Trace::parse(traceparent).unwrap_or_else(|error| panic!("{traceparent}: {error}")).id()
}

/// The trace of the first record that says this of that.
async fn logged(running: &Running, what: &str, field: &str, value: &str) -> String {
    let record = until(what, || async {
        let mut records = running.log().await.into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        records.find(|record| record["message"] == what && record[field] == value)
    })
    .await;
    record["span"]["trace"].as_str().unwrap().to_owned()
}

pub async fn a_trace_goes_from_the_request_to_the_attempt_to_tell(running: &Running) -> Vec<String> {
    let headers = [JSON, ("traceparent", TRACEPARENT)];
    let placed = running.call(Method::POST, "/api/orders", &headers, order().to_string()).await.json();
    let order = placed["id"].as_str().unwrap();
    running.until(order, "delivery.succeeded", 1).await;
    running.all_settled().await;

    let sql = "SELECT traceparent FROM outbox WHERE data ->> '$.id' = ?";
    let event: String = sqlx::query(sql).bind(order).fetch_one(&mut running.database().await).await.unwrap().get(0);
    let message = account::messages(running, order).remove(0);
    let body: Value = serde_json::from_slice(&message.data().unwrap().concat()).unwrap();
    let properties = message.application_properties().unwrap();
    let property = |name: &str| lookup(&properties, name).and_then(|value| value.as_text()).unwrap_or_default().to_owned();
    let event_id = body["id"].as_str().unwrap();
    let notify = logged(running, "takes a message in", "message_id", event_id).await;
    let attempt = logged(running, "told the customer", "order", order).await;
    let told = running.told(order).remove(0);
    vec![
        format!("the event: {}", id(&event)),
        format!("the message's body: {}", id(body["traceparent"].as_str().unwrap())),
        format!("traceparent of the message: {}", id(&property("traceparent"))),
        format!("Diagnostic-Id of the message: {}", id(&property("Diagnostic-Id"))),
        format!("the log of Notify: {notify}"),
        format!("the log of the attempt: {attempt}"),
        format!("what the customer was told: {}", told["traceId"].as_str().unwrap()),
    ]
}
