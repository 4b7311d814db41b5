//! The service on one of its hosts, ready to be called: the real binary, a migrated file, a key.

use super::standalone::{self, Topic};
use crate::support::{
    functions_host::{
        Framing, FunctionsHost, Generation, MAX_DELIVERY_COUNT_EXCEEDED, Options, Settings, Settled, Stage, functions::DataType,
        message::Message, records::Source,
    },
    process::Process,
};
use orders::{
    app::App,
    bus,
    commands::serve,
    config::{Config, Role},
};
use serde_json::{Map, Value, json};
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{fs, path::PathBuf, process::Command, sync::Arc};
use tempfile::TempDir;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrangement {
    /// `orders api`, and what `orders worker` does in a process of its own.
    Standalone,
    /// Under the stand-in of a host that does not know proxying.
    Forwarding,
    Proxying,
}

/// How a host hands messages over.
#[derive(Debug, Clone, Copy)]
pub struct Envelopes {
    /// `None`: as function.json says.
    pub data_type: Option<DataType>,
    pub framing: Framing,
}

impl Default for Envelopes {
    fn default() -> Self {
        Self { data_type: None, framing: Framing::Chunked }
    }
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    Completed,
    DeadLettered(String),
}

pub struct Running {
    pub arrangement: Arrangement,
    pub base_url: String,
    pub http: reqwest::Client,
    folder: TempDir,
    /// Another process, as it were, on the same file: it publishes, and alone it also receives.
    worker: Arc<App>,
    side: Side,
}

enum Side {
    Process { log: standalone::Log, topic: Arc<Topic> },
    Host { host: FunctionsHost, _stage: Stage },
}

/// What a host complains of because a behaviour is about it.
const MEANT: [&str; 2] = ["signal: 9 (SIGKILL)", "'Transfer-Encoding: chunked' header can not be used"];

pub const NAMESPACE: &str = "contoso-orders.servicebus.windows.net";

pub const KEY: &str = "the-key-of-these-tests-0123456789abcdef";

impl Running {
    pub async fn start(arrangement: Arrangement, envelopes: Envelopes) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let settings = Settings::from([
            ("ORDERS_DATABASE", format!("sqlite:{}", path("orders.sqlite")).as_str()),
            ("NOTIFY_CHANNELS", "file"),
            ("NOTIFY_FILE", &path("told.jsonl")),
            ("ORDERS_LISTEN", "127.0.0.1:0"),
            ("ORDERS_KEYS", &format!("test={KEY}")),
            ("ORDERS_RELAY", "off"),
            ("UNRECEIVED_AFTER", "1s"),
            ("SWEEP_MAX_SLEEP", "1s"),
            ("RUST_LOG", "info,orders=debug"),
        ]);
        let migrated = Command::new(env!("CARGO_BIN_EXE_orders")).arg("migrate").env_clear().envs(settings.iter()).output().unwrap();
        assert!(migrated.status.success(), "{migrated:?}");
        let config = Config::read(&Role::Worker, |name| settings.get(name).map(str::to_owned)).unwrap();
        let worker = serve::app(&config, None);
        let (base_url, side) = match arrangement {
            Arrangement::Standalone => {
                let pairs: Vec<(&str, &str)> = settings.iter().collect();
                let (log, address) = standalone::Log::of(Process::start(&["api"], &pairs)).await;
                (format!("http://{address}"), Side::Process { log, topic: Topic::received_by(&worker) })
            }
            Arrangement::Forwarding => under(Generation::Forwarding, settings, envelopes).await,
            Arrangement::Proxying => under(Generation::Proxying, settings, envelopes).await,
        };
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { arrangement, base_url, http, folder, worker, side }
    }

    /// The value that belongs to this arrangement.
    pub fn by<T>(&self, standalone: T, forwarding: T, proxying: T) -> T {
        match self.arrangement {
            Arrangement::Standalone => standalone,
            Arrangement::Forwarding => forwarding,
            Arrangement::Proxying => proxying,
        }
    }

    /// Publishes what is due, and gives the messages that this made.
    pub async fn publish(&self) -> Vec<bus::Message> {
        standalone::publish(&self.worker).await
    }

    /// Puts a message into the subscription, and waits until it is settled.
    pub async fn deliver(&self, message: bus::Message) -> Taken {
        match &self.side {
            Side::Process { topic, .. } => topic.deliver(message).await,
            Side::Host { host, .. } => {
                let outcome = host.deliver("Notify", on_the_bus(message)).await;
                match outcome.settled {
                    Settled::Completed => Taken::Completed,
                    Settled::DeadLettered { .. } => {
                        panic!("{MAX_DELIVERY_COUNT_EXCEEDED}: {:?}", outcome.attempts.last())
                    }
                    Settled::Left => panic!("the host has stopped: {:#?}", host.complaints()),
                }
            }
        }
    }

    /// Rings for the sweep where somebody else must; alone it has a clock of its own.
    pub async fn sweep(&self) {
        if let Side::Host { host, .. } = &self.side {
            host.tick("Sweep").await.unwrap();
        }
    }

    /// SIGKILL, where a host starts the handler again; whether that was done.
    pub async fn kill(&self) -> bool {
        let Side::Host { host, .. } = &self.side else { return false };
        host.kill_handler().await;
        host.ready().await.unwrap();
        true
    }

    /// What the channel `file` told about an order: the kinds of news.
    pub fn told(&self, order: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path("told.jsonl")).unwrap_or_default();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["orderId"] == order).map(|line| line["news"].as_str().unwrap().to_owned()).collect()
    }

    pub async fn database(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.path("orders.sqlite")).read_only(true).connect().await.unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Ends the service; gives what is wrong with what it logged.
    pub async fn end(self) -> Vec<String> {
        let (lines, mut faults) = match self.side {
            Side::Process { log, topic } => {
                topic.close();
                (log.end().await, Vec::new())
            }
            Side::Host { host, .. } => {
                let records = host.records().all();
                let is_meant = |complaint: &String| MEANT.iter().any(|meant| complaint.contains(meant));
                let wrong = host.complaints().into_iter().filter(|complaint| !is_meant(complaint)).collect();
                host.stop().await;
                (records.into_iter().filter(|record| record.source == Source::Stdout).map(|record| record.text).collect(), wrong)
            }
        };
        assert!(!lines.is_empty(), "it logs");
        faults.extend(lines.iter().filter(|line| line.contains(KEY)).map(|line| format!("holds a key: {line}")));
        faults.extend(lines.iter().filter(|line| !line.starts_with('{')).map(|line| format!("is not one JSON record a line: {line}")));
        faults
    }
}

async fn under(generation: Generation, settings: Settings, envelopes: Envelopes) -> (String, Side) {
    let settings = settings
        .with("ORDERS_TOPIC", "orders")
        .with("NOTIFY_SUBSCRIPTION", "notify")
        .with("SWEEP_SCHEDULE", "0 */1 * * * *")
        .with("ServiceBus__fullyQualifiedNamespace", NAMESPACE);
    let Envelopes { data_type, framing } = envelopes;
    let options = Options { generation, settings, keys: vec![KEY.to_owned()], data_type, framing, ..Options::default() };
    let stage = Stage::app();
    let host = FunctionsHost::start(stage.path(), options).await.unwrap();
    assert_eq!(host.indexing_errors(), []);
    host.ready().await.unwrap();
    (host.base_url(), Side::Host { host, _stage: stage })
}

/// The message as the extension receives it.
fn on_the_bus(message: bus::Message) -> Message {
    let mut properties = Map::new();
    if let Some(trace) = message.trace {
        properties.insert("traceparent".into(), json!(trace.to_string()));
    }
    Message {
        message_id: Some(message.id.to_string()),
        content_type: Some("application/cloudevents+json".into()),
        subject: Some(message.subject),
        application_properties: properties,
        ..Message::new(message.body)
    }
}
