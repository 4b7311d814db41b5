//! What there is to promise only where a Functions host stands around the binary.

use super::arrangement::{KEY, NAMESPACE, migrate};
use crate::support::{
    client::order,
    functions_host::{
        FunctionsHost, Generation, Options, Settings, Settled, Stage,
        functions::{Shape, Trigger},
        message::Message,
        records::Source,
    },
    process::until,
};
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

struct Hosted {
    host: FunctionsHost,
    folder: TempDir,
    _stage: Stage,
}

fn settings(database: &str) -> Settings {
    Settings::from([
        ("ORDERS_DATABASE", database),
        ("ORDERS_TOPIC", "orders"),
        ("NOTIFY_SUBSCRIPTION", "notify"),
        ("SWEEP_SCHEDULE", "0 */1 * * * *"),
        ("ServiceBus__fullyQualifiedNamespace", NAMESPACE),
        ("RUST_LOG", "info,orders=debug"),
    ])
}

impl Hosted {
    async fn start(generation: Generation) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&format!("sqlite:{}", folder.path().join("orders.sqlite").display()));
        migrate(&settings);
        Self::with(folder, settings, generation).await
    }

    async fn with(folder: TempDir, settings: Settings, generation: Generation) -> Self {
        let stage = Stage::app();
        let options = Options { generation, settings, keys: vec![KEY.to_owned()], ..Options::default() };
        Self { host: FunctionsHost::start(stage.path(), options).await.unwrap(), folder, _stage: stage }
    }

    fn place(&self) -> reqwest::RequestBuilder {
        Client::new().post(format!("{}/api/orders", self.host.base_url())).header("x-functions-key", KEY).body(order().to_string())
    }

    /// The handler's records, each with the span that it was written in.
    fn logged(&self) -> Vec<Value> {
        let lines = self.host.records().all().into_iter().filter(|record| record.source == Source::Stdout);
        lines.map(|record| serde_json::from_str(&record.text).unwrap_or_else(|error| panic!("{error}: {}", record.text))).collect()
    }
}

#[tokio::test]
async fn every_http_function_is_called_the_way_that_the_host_knows_best() {
    for (generation, shape) in [(Generation::Forwarding, Shape::Forwarded), (Generation::Proxying, Shape::Proxied)] {
        let hosted = Hosted::start(generation).await;
        let shapes: Vec<_> = hosted
            .host
            .functions()
            .into_iter()
            .filter_map(|function| if let Trigger::Http { shape, .. } = function.trigger { Some(shape) } else { None })
            .collect();
        assert_eq!(shapes, [shape; 13], "{generation:?}");
    }
}

#[tokio::test]
async fn every_record_of_an_invocation_names_it_and_its_trace() {
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for generation in [Generation::Forwarding, Generation::Proxying] {
        let hosted = Hosted::start(generation).await;
        let request = hosted.place().header("content-type", "application/json").header("traceparent", traceparent);
        assert_eq!(request.send().await.unwrap().status(), 201);
        let outcome = hosted.host.deliver("Notify", Message::new("not an event")).await;
        assert_eq!(outcome.settled, Settled::Completed);
        let of = |function: &str| -> Vec<Value> {
            let logged = hosted.logged().into_iter().map(|record| record["span"].clone());
            logged.filter(|span| span["function"] == function).collect()
        };
        let (placed, taken) = until("both invocations are in the log", || async {
            let (placed, taken) = (of("CreateOrder"), of("Notify"));
            (placed.len() >= 2 && taken.len() >= 2).then_some((placed, taken))
        })
        .await;
        for span in &placed {
            assert_eq!((span["invocation"].as_str().map(str::len), &span["trace"]), (Some(36), &json!("4bf92f3577b34da6a3ce929d0e0e4736")));
        }
        for span in &taken {
            assert_eq!(span["invocation"], outcome.attempts[0].invocation.to_string());
            assert_eq!(span["trace"].as_str().unwrap().len(), 32);
        }
        assert_eq!(hosted.host.complaints(), [""; 0]);
    }
}

#[tokio::test]
async fn the_handler_is_ready_and_says_what_is_away_without_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let away = settings(&format!("sqlite:{}", folder.path().join("no-such-folder/orders.sqlite").display()));
    let hosted = Hosted::with(folder, away, Generation::Proxying).await;
    hosted.host.ready().await.unwrap();
    hosted.host.ping().await.unwrap();
    let ready: Value = reqwest::get(format!("{}/api/health/ready", hosted.host.base_url())).await.unwrap().json().await.unwrap();
    // The bus that the settings name is not there either; whether that is known by now is a matter of moments.
    assert_eq!((&ready["status"], &ready["outages"][0]), (&json!("ready"), &json!("database: it cannot be reached")));
    assert!(hosted.host.tick("Sweep").await.unwrap_err().to_string().contains("503"), "a sweep that swept nothing has failed");
    assert!(hosted.host.complaints().iter().all(|complaint| complaint.contains("Functions.Sweep")));
}

#[tokio::test]
async fn a_bad_setting_stops_the_host_with_its_sentence_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let hosted = Hosted::with(folder, settings("mysql:orders"), Generation::Proxying).await;
    assert!(hosted.host.stopped().await.starts_with("Exceeded http worker restart retry count"));
    let complaints = hosted.host.complaints();
    let sentence = "exit status: 1. orders: ORDERS_DATABASE must have the form sqlite:PATH";
    assert_eq!(complaints.iter().filter(|complaint| complaint.contains(sentence)).count(), 3, "{complaints:#?}");
}

#[tokio::test]
async fn two_handlers_work_side_by_side_while_the_host_restarts() {
    let hosted = Hosted::start(Generation::Forwarding).await;
    let place = || async { hosted.place().header("content-type", "application/json").send().await.unwrap() };
    assert_eq!(place().await.status(), 201);
    let last = hosted.host.handler_port();
    let overlap = hosted.host.restart().await.unwrap();
    assert!(overlap.is_running() && last != hosted.host.handler_port());
    // What was on its way to the last one is done there, on the same file.
    let late = Client::new().post(format!("http://127.0.0.1:{last}/api/orders")).header("content-type", "application/json");
    let (late, next) = tokio::join!(late.body(order().to_string()).send(), place());
    assert_eq!((late.unwrap().status().as_u16(), next.status().as_u16()), (201, 201));
    overlap.end().await;
    let url = format!("{}/api/orders", hosted.host.base_url());
    let listed: Value = Client::new().get(url).header("x-functions-key", KEY).send().await.unwrap().json().await.unwrap();
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
    assert_eq!(hosted.host.complaints(), [""; 0]);
    assert!(hosted.folder.path().join("orders.sqlite").exists());
}
