//! What a collector sees of an order: one trace from the request to each attempt to tell, and the numbers beside it.

use crate::{
    service_bus::{Broker, id, message, publish_all, receive},
    support::{
        client::order,
        collector::{Collector, Span},
        process::Process,
    },
};
use serde_json::{Value, json};
use std::{process::Command, time::Duration};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const KEYS: &str = "test=0123456789abcdef0123456789abcdef";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

struct Here {
    folder: tempfile::TempDir,
    collector: Collector,
    broker: Broker,
    http: reqwest::Client,
}

impl Here {
    async fn start() -> Self {
        let (collector, broker) = (Collector::start().await, Broker::start().await);
        let here = Self { folder: tempfile::tempdir().unwrap(), collector, broker, http: reqwest::Client::new() };
        let migrated = Command::new(env!("CARGO_BIN_EXE_orders")).arg("migrate").env_clear().envs(here.settings()).output().unwrap();
        assert!(migrated.status.success(), "{migrated:?}");
        here
    }

    fn settings(&self) -> Vec<(String, String)> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let own = [
            ("ORDERS_DATABASE", format!("sqlite:{}", path("orders.sqlite"))),
            ("ORDERS_LISTEN", "127.0.0.1:0".to_owned()),
            ("FUNCTIONS_CUSTOMHANDLER_PORT", "0".to_owned()),
            ("ORDERS_KEYS", KEYS.to_owned()),
            ("ServiceBus", self.broker.emulator.connection_string()),
            ("NOTIFY_CHANNELS", "file".to_owned()),
            ("NOTIFY_FILE", path("told.jsonl")),
            ("SWEEP_MAX_SLEEP", "1s".to_owned()),
            // There is none: whoever took it for a proxy would reach nobody.
            ("HTTP_PROXY", "http://127.0.0.1:1".to_owned()),
        ];
        let collected = self.collector.settings().map(|(name, value)| (name, value.to_owned()));
        own.into_iter().chain(collected).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// A process of ours and its address.
    async fn orders(&self, role: &str) -> (Process, String) {
        Self::orders_with(role, &self.settings()).await
    }

    async fn orders_with(role: &str, settings: &[(String, String)]) -> (Process, String) {
        let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut process = Process::start(&[role], &settings);
        let address = process
            .line(|line| {
                let record: Value = serde_json::from_str(line).ok()?;
                (record["message"] == "listening").then(|| record["address"].as_str().unwrap().to_owned())
            })
            .await;
        (process, address)
    }

    async fn place(&self, address: &str) -> String {
        self.place_this(address, &order()).await
    }

    async fn place_this(&self, address: &str, order: &Value) -> String {
        let request = self.http.post(format!("http://{address}/api/orders?code={KEY}")).json(order);
        let placed = request.header("traceparent", format!("00-{TRACE}-{CALLER}-01")).send().await.unwrap();
        assert_eq!(placed.status(), 201);
        placed.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
    }
}

/// From the attempt up to the request.
fn assert_one_trace(lineage: &[Span], order: &str) {
    let names: Vec<&str> = lineage.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["tell file", "process event", "send event", "POST /api/orders"]);
    for span in lineage {
        assert_eq!((span.trace.as_str(), span.is_error), (TRACE, false), "{span:#?}");
        assert_eq!(span.attributes["order.id"], order, "{span:#?}");
    }
    assert_eq!(lineage[3].parent, CALLER);
    assert_eq!(lineage[3].attributes["http.response.status_code"], "201");
    assert_eq!(lineage[0].attributes["orders.outcome"], "succeeded");
}

#[tokio::test]
async fn one_trace_goes_from_the_request_through_the_bus_to_the_attempt_in_another_process() {
    let here = Here::start().await;
    let ((api, api_at), (worker, _)) = (here.orders("api").await, here.orders("worker").await);
    let order = here.place(&api_at).await;
    let lineage = here.collector.lineage("tell file").await;
    assert_one_trace(&lineage, &order);
    let services: Vec<&str> = lineage.iter().map(|span| span.service.as_str()).collect();
    assert_eq!(services, ["orders-worker", "orders-worker", "orders-api", "orders-api"]);

    let collector = &here.collector;
    let placed = [("http.route", "/api/orders"), ("http.request.method", "POST"), ("http.response.status_code", "201")];
    collector.point("http.server.request.duration", &placed, |count| count >= 1.0).await;
    collector.point("orders.notify.attempts", &[("orders.channel", "file"), ("orders.outcome", "succeeded")], |count| count >= 1.0).await;
    for (name, least) in [
        ("orders.outbox.batch_size", 1.0),
        ("orders.store.writes", 1.0),
        ("orders.store.transactions", 1.0),
        ("orders.store.queue", 0.0),
        ("orders.bus.circuit_open", 0.0),
        ("orders.notify.oldest_due_age", 0.0),
    ] {
        collector.point(name, &[], |value| value >= least).await;
    }

    let mut poison = message(1);
    poison.body = b"{\"not\": \"an event\"}".to_vec();
    publish_all(&here.broker.client().sender(), vec![poison]).await;
    collector.point("orders.messages.rejected", &[], |count| count >= 1.0).await;

    here.broker.emulator.faults().pause();
    here.place(&api_at).await;
    collector.point("orders.outbox.oldest_unpublished_age", &[], |seconds| seconds >= 1.0).await;
    here.broker.emulator.faults().resume();
    worker.end().await;
    api.end().await;
}

#[tokio::test]
async fn one_trace_goes_through_the_functions_hosts_trigger_as_well() {
    let here = Here::start().await;
    let (functions, address) = here.orders("functions").await;
    let order = here.place(&address).await;
    let client = here.broker.client();
    let delivered = receive(&client.receiver()).await;
    let body = String::from_utf8(delivered.message.body).unwrap();
    let invocation = json!({ "Data": { "message": body }, "Metadata": { "MessageId": id(1), "DeliveryCount": "1" } });
    // The host's call is in a trace of the host's own.
    let call = here.http.post(format!("http://{address}/Notify")).header("traceparent", format!("00-{}-{CALLER}-01", "a".repeat(32)));
    assert_eq!(call.json(&invocation).send().await.unwrap().status(), 200);
    assert_one_trace(&here.collector.lineage("tell file").await, &order);
    client.close().await;
    functions.end().await;
}

#[tokio::test]
async fn attempts_at_a_receiver_that_is_down_are_told_apart_from_those_that_wait_for_it() {
    let here = Here::start().await;
    let down = [("NOTIFY_CHANNELS", "email"), ("EMAIL_SERVER", "smtp://127.0.0.1:1"), ("EMAIL_FROM", "shop@example.com")];
    let down = down.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings: Vec<_> = here.settings().into_iter().filter(|(name, _)| name != "NOTIFY_CHANNELS").chain(down).collect();
    let (worker, _) = Here::orders_with("worker", &settings).await;
    let (api, api_at) = Here::orders_with("api", &settings).await;
    let mut order = order();
    order["notify"] = json!({ "channels": ["email"] });
    let told = |outcome| [("orders.channel", "email"), ("orders.outcome", outcome)];
    here.place_this(&api_at, &order).await;
    here.collector.point("orders.notify.attempts", &told("retrying"), |count| count >= 1.0).await;
    let refused = here.collector.until("the attempt", |seen| seen.spans.iter().find(|span| span.name == "tell email").cloned()).await;
    assert_eq!((refused.is_error, refused.attributes["orders.outcome"].as_str()), (true, "retrying"));
    here.place_this(&api_at, &order).await;
    here.collector.point("orders.notify.attempts", &told("paused"), |count| count >= 1.0).await;
    here.collector.point("orders.notify.circuits_open", &[], |count| count >= 1.0).await;
    worker.end().await;
    api.end().await;
}

#[tokio::test]
async fn what_was_recorded_last_is_sent_before_the_process_ends() {
    let here = Here::start().await;
    let settings = here.settings();
    let slow = settings.iter().map(|(name, value)| match name.as_str() {
        "OTEL_BSP_SCHEDULE_DELAY" | "OTEL_METRIC_EXPORT_INTERVAL" => (name.as_str(), "3600000"),
        _ => (name.as_str(), value.as_str()),
    });
    let mut api = Process::start(&["api"], &slow.collect::<Vec<_>>());
    let address = api.line(|line| Some(line.split_once("\"address\":\"")?.1.split_once('"')?.0.to_owned())).await;
    here.place(&address).await;
    api.end().await;
    let placed = here.collector.until("the request", |seen| seen.spans.iter().find(|span| span.name == "POST /api/orders").cloned()).await;
    assert_eq!(placed.trace, TRACE);
    here.collector.point("http.server.request.duration", &[], |count| count >= 1.0).await;
}

#[tokio::test]
async fn a_collector_that_is_away_is_told_once_and_orders_are_taken_all_the_same() {
    let here = Here::start().await;
    let settings = here.settings();
    let away = settings.iter().map(|(name, value)| match name.as_str() {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => (name.as_str(), "http://127.0.0.1:1"),
        _ => (name.as_str(), value.as_str()),
    });
    let mut api = Process::start(&["api"], &away.collect::<Vec<_>>());
    let address = api.line(|line| Some(line.split_once("\"address\":\"")?.1.split_once('"')?.0.to_owned())).await;
    api.line(|line| line.contains("telemetry is not taken").then_some(())).await;
    here.place(&address).await;
    let began = tokio::time::Instant::now();
    let log = api.end().await.join("\n");
    assert!(began.elapsed() < Duration::from_secs(25), "it is not waited for");
    assert!(!log.contains("telemetry is not taken"), "once is enough: {log}");
}
