//! The service on one of its hosts, ready to be called: the real binary, a migrated file, a key, a bus.

use crate::{
    service_bus::{self, Broker},
    support::{
        functions_host::{Framing, FunctionsHost, Generation, Options, Settings, Stage, functions::DataType, records::Source},
        log::Log,
        process::{self, Process},
    },
};
use orders::{
    bus::service_bus::{Sender, ServiceBusClient},
    store::{self, Store},
};
use serde_json::{Value, json};
use servicebus_emulator::config::EntityProperties;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::sync::Mutex;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrangement {
    /// `orders api` and `orders worker`, and a broker between them.
    Standalone,
    /// `orders dev`, with the broker that it has in itself.
    Dev,
    /// Under the stand-in of a host that does not know proxying, whose messages come from a broker.
    Forwarding,
    Proxying,
    /// Under `func start`, which somebody else has started: `ORDERS_TEST_HOST` says where it answers.
    Named,
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

pub struct Running {
    pub arrangement: Arrangement,
    pub base_url: String,
    pub http: reqwest::Client,
    /// `None`: the service has one in itself.
    pub broker: Option<Broker>,
    /// Of somebody else who publishes on the topic and looks into the dead letters.
    pub(super) client: ServiceBusClient,
    pub(super) sender: Arc<Sender>,
    pub(super) store: Arc<dyn Store>,
    settings: Settings,
    folder: PathBuf,
    /// Goes when the service has ended.
    _temporary: Option<TempDir>,
    side: Side,
}

enum Side {
    Processes {
        api: Log,
        /// With what it logged before it was killed.
        worker: Mutex<(Option<Log>, Vec<String>)>,
    },
    Dev(Log),
    Host {
        host: FunctionsHost,
        _stage: Stage,
    },
    Elsewhere,
}

/// What a host complains of because a behaviour is about it: the handler's death, and what it had been asked when it died.
const MEANT: [&str; 4] = [
    "signal: 9 (SIGKILL)",
    "'Transfer-Encoding: chunked' header can not be used",
    "An error occurred while sending the request",
    "Connection refused",
];

/// For a host to which none is given.
pub const NAMESPACE: &str = "contoso-orders.servicebus.windows.net";

pub const KEY: &str = "the-key-of-these-tests-0123456789abcdef";

/// How long the broker waits for a receiver that died.
pub const LOCK: Duration = Duration::from_secs(2);

impl Running {
    /// With `ORDERS_LEASE` of so long: what a process that is killed has begun is left alone until then.
    pub async fn start(arrangement: Arrangement, envelopes: Envelopes, lease: &str) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().to_owned();
        let path = |name: &str| folder.join(name).display().to_string();
        std::fs::create_dir(folder.join("told")).unwrap();
        let mut settings = Settings::from([
            ("NOTIFY_CHANNELS", "file"),
            ("NOTIFY_FILE", &path("told/told.jsonl")),
            ("ORDERS_KEYS", &format!("test={KEY}")),
            ("ORDERS_LEASE", lease),
            ("SWEEP_MAX_SLEEP", "1s"),
            ("RUST_LOG", "info,orders=debug"),
        ]);
        let (base_url, broker, bus, side) = if arrangement == Arrangement::Dev {
            let (base_url, bus, log) = dev(&folder, &settings).await;
            (base_url, None, bus, Side::Dev(log))
        } else {
            let broker = broker(&folder.join("bus")).await;
            let bus = broker.emulator.connection_string();
            settings.set("ORDERS_DATABASE", format!("sqlite:{}", path("orders.sqlite")));
            settings.set("ServiceBus", bus.as_str());
            migrate(&settings);
            let (base_url, side) = match arrangement {
                Arrangement::Standalone => alone(&settings).await,
                Arrangement::Forwarding => under(Generation::Forwarding, settings.clone(), envelopes, &broker).await,
                Arrangement::Dev | Arrangement::Named | Arrangement::Proxying => {
                    under(Generation::Proxying, settings.clone(), envelopes, &broker).await
                }
            };
            (base_url, Some(broker), bus, side)
        };
        let running = Self::beside(arrangement, base_url, &bus, settings, folder, side);
        Self { broker, _temporary: Some(temporary), ..running }
    }

    /// What runs under `func start` at that address, from `target/app` and by the settings in there, as `scripts/dev.sh` starts it.
    pub fn named(base_url: String) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = root.join(".orders/func");
        let text = fs::read_to_string(root.join("target/app/local.settings.json")).unwrap();
        let given: Value = serde_json::from_str(&text).unwrap();
        let mut settings = Settings::default();
        for (name, value) in given["Values"].as_object().unwrap() {
            settings.set(name, value.as_str().unwrap());
        }
        let bus = settings.get("ServiceBus").unwrap().to_owned();
        Self::beside(Arrangement::Named, base_url, &bus, settings, folder, Side::Elsewhere)
    }

    fn beside(arrangement: Arrangement, base_url: String, bus: &str, settings: Settings, folder: PathBuf, side: Side) -> Self {
        let client = service_bus::client(service_bus::settings(bus));
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let store = store::open_sqlite(&folder.join("orders.sqlite"));
        let sender = client.sender();
        Self { arrangement, base_url, http, broker: None, sender, client, store, settings, folder, _temporary: None, side }
    }

    /// Whether a Functions host stands around the binary.
    pub fn is_hosted(&self) -> bool {
        matches!(self.side, Side::Host { .. } | Side::Elsewhere)
    }

    /// The value that belongs to this arrangement.
    pub fn by<T>(&self, standalone: T, forwarding: T, proxying: T) -> T {
        match self.arrangement {
            Arrangement::Standalone | Arrangement::Dev => standalone,
            Arrangement::Forwarding => forwarding,
            Arrangement::Proxying | Arrangement::Named => proxying,
        }
    }

    /// What those who handle messages have logged so far.
    pub async fn log(&self) -> Vec<String> {
        match &self.side {
            Side::Processes { worker, .. } => {
                let (log, before) = &*worker.lock().await;
                before.iter().cloned().chain(log.iter().flat_map(Log::lines)).collect()
            }
            Side::Dev(log) => log.lines(),
            Side::Host { host, .. } => handler_lines(host),
            Side::Elsewhere => panic!("its log is in another terminal"),
        }
    }

    /// Rings for the sweep where somebody else must; alone it has a clock of its own.
    pub async fn sweep(&self) {
        match &self.side {
            Side::Processes { .. } | Side::Dev(_) => {}
            Side::Host { host, .. } => drop(host.tick("Sweep").await.unwrap()),
            Side::Elsewhere => {
                // The host's own way to run a function that has no HTTP trigger.
                let rung = self.post("/admin/functions/Sweep", &[], &json!({ "input": "" })).await;
                assert_eq!(rung.status, 202, "{}", rung.text);
            }
        }
    }

    /// SIGKILL to the process that handles messages, and the next one; `false` where that is the whole service.
    pub async fn kill(&self) -> bool {
        match &self.side {
            Side::Processes { worker, .. } => {
                let (log, before) = &mut *worker.lock().await;
                before.extend(log.take().unwrap().kill().await);
                *log = Some(Log::listening(start("worker", &self.settings)).await.0);
            }
            Side::Dev(_) | Side::Elsewhere => return false,
            Side::Host { host, .. } => {
                host.kill_handler().await;
                host.ready().await.unwrap();
            }
        }
        true
    }

    /// Runs a command of the operator's, as a process of its own, while the service goes on.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
        command.args(arguments).env_clear().envs(self.settings.iter());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Ends the service; gives what is wrong with what it logged.
    pub async fn end(self) -> Vec<String> {
        let is_json = |line: &String| line.starts_with('{');
        self.client.close().await;
        let (lines, mut faults) = match self.side {
            Side::Processes { api, worker } => {
                let (log, mut lines) = worker.into_inner();
                lines.extend(log.unwrap().end().await);
                lines.extend(api.end().await);
                let faults =
                    lines.iter().filter(|line| !is_json(line)).map(|line| format!("is not one JSON record a line: {line}")).collect();
                (lines, faults)
            }
            Side::Dev(log) => (log.end().await, Vec::new()),
            Side::Host { host, .. } => {
                let is_meant = |complaint: &String| MEANT.iter().any(|meant| complaint.contains(meant));
                let mut wrong: Vec<_> = host.complaints().into_iter().filter(|complaint| !is_meant(complaint)).collect();
                let lines = handler_lines(&host);
                host.stop().await;
                wrong.extend(lines.iter().filter(|line| !is_json(line)).map(|line| format!("is not one JSON record a line: {line}")));
                (lines, wrong)
            }
            Side::Elsewhere => return Vec::new(),
        };
        assert!(!lines.is_empty(), "it logs");
        faults.extend(lines.iter().filter(|line| line.contains(KEY)).map(|line| format!("holds a key: {line}")));
        faults
    }
}

fn handler_lines(host: &FunctionsHost) -> Vec<String> {
    host.records().all().into_iter().filter(|record| record.source == Source::Stdout).map(|record| record.text).collect()
}

/// One that remembers: what it keeps in that folder tells what became of each message.
async fn broker(folder: &Path) -> Broker {
    let properties = EntityProperties { lock_duration: LOCK, ..EntityProperties::default() };
    Broker::with(properties, |options| servicebus_emulator::Options { data: Some(folder.to_owned()), ..options }).await
}

pub fn migrate(settings: &Settings) {
    let migrated = Command::new(env!("CARGO_BIN_EXE_orders")).arg("migrate").env_clear().envs(settings.iter()).output().unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
}

fn start(role: &str, settings: &Settings) -> Process {
    let settings = settings.clone().with("ORDERS_LISTEN", "127.0.0.1:0");
    Process::start(&[role], &settings.iter().collect::<Vec<_>>())
}

async fn alone(settings: &Settings) -> (String, Side) {
    let (api, worker) = (start("api", settings), start("worker", settings));
    let ((api, address), (worker, _)) = (Log::listening(api).await, Log::listening(worker).await);
    (format!("http://{address}"), Side::Processes { api, worker: Mutex::new((Some(worker), Vec::new())) })
}

/// Also how to reach the broker that it has in itself.
async fn dev(folder: &Path, settings: &Settings) -> (String, String, Log) {
    let (mut process, port) = process::dev(folder, &settings.iter().collect::<Vec<_>>()).await;
    let bus = process.line(|line| Some(line.trim().strip_prefix("bus")?.trim().split_once(',')?.0.to_owned())).await;
    let key = "SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE";
    (format!("http://127.0.0.1:{port}"), format!("Endpoint={bus};{key};UseDevelopmentEmulator=true"), Log::of(process))
}

async fn under(generation: Generation, settings: Settings, envelopes: Envelopes, broker: &Broker) -> (String, Side) {
    let settings = settings.with("ORDERS_TOPIC", "orders").with("NOTIFY_SUBSCRIPTION", "notify").with("SWEEP_SCHEDULE", "0 */1 * * * *");
    let Envelopes { data_type, framing } = envelopes;
    let options = Options { generation, settings, keys: vec![KEY.to_owned()], data_type, framing, ..Options::default() };
    let stage = Stage::app();
    let host = FunctionsHost::start(stage.path(), options).await.unwrap();
    assert_eq!(host.indexing_errors(), []);
    host.ready().await.unwrap();
    host.receive("Notify", broker.client().receiver());
    (host.base_url(), Side::Host { host, _stage: stage })
}
