//! The settings: environment variables, read once, here alone.

mod bus;
mod database;
mod email;
mod files;
mod identity;
mod keyring;
mod secrets;
mod telemetry;
#[cfg(test)]
mod tests;

pub use keyring::keyring;

use crate::{
    app::{Console, Settings},
    bus::service_bus,
    channels::{self, webhook},
    domain::rotating::Rotating,
    key_vault::KeyVault,
    keys::Keys,
    store::Database,
    telemetry::Collectors,
};
use identity::Azure;
use secrets::Secrets;
use std::{
    borrow::Cow,
    collections::HashSet,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tracing_subscriber::filter::{LevelFilter, Targets};

/// One row of the settings table.
#[derive(Debug)]
pub struct Setting {
    pub name: &'static str,
    pub default: &'static str,
    pub meaning: &'static str,
}

macro_rules! settings {
    ($($constant:ident = $name:literal, $default:literal, $meaning:literal;)*) => {
        $(const $constant: &str = $name;)*
        /// Every variable this binary reads.
        pub const SETTINGS: &[Setting] = &[$(Setting { name: $name, default: $default, meaning: $meaning }),*];
    };
}

settings! {
    DATABASE = "ORDERS_DATABASE", "required outside dev", "where the orders are: sqlite:PATH, or a connection string of SQL Server";
    CONNECTIONS = "ORDERS_DATABASE_CONNECTIONS", "10", "the most connections to SQL Server that this process has; 1 to 200";
    PATIENCE = "ORDERS_DATABASE_WAIT", "3s", "how long a request waits for one of them before it gets 503; up to 10s";
    USERS = "ORDERS_DATABASE_USERS", "", "whom migrate lets into SQL Server to read and write: NAME=CLIENT-ID,NAME=CLIENT-ID";
    LISTEN = "ORDERS_LISTEN", "0.0.0.0:8080", "where api and worker listen: ADDRESS:PORT or PORT";
    KEYS = "ORDERS_KEYS", "required for api", "the API keys that api takes: NAME=KEY,NAME=KEY; `orders keys new` makes one";
    KEY_VAULT = "ORDERS_KEY_VAULT", "none", "the key vault's URL, where a setting's value is keyvault:NAME-OF-A-SECRET";
    REFRESH = "ORDERS_KEY_VAULT_REFRESH", "5m", "how often those secrets are read again; 1s to 1day";
    CONNECTION_STRING = "ServiceBus", "none: events stay in the outbox", "a connection string of Service Bus or of its emulator";
    NAMESPACE = "ServiceBus__fullyQualifiedNamespace", "none", "in its place, with Entra ID: NAME.servicebus.windows.net";
    CLIENT_ID = "ServiceBus__clientId", "the platform's", "which identity asks Entra ID for tokens, where there are several";
    TRANSPORT = "ServiceBus__transport", "amqp", "amqpWebSockets: over port 443, where 5671 is closed";
    AUTHORITIES = "SSL_CERT_FILE", "none", "PEM certificates of authorities to trust besides the web's";
    CONSOLE = "ORDERS_CONSOLE_KEY", "none: no console outside dev", "operators' keys for /api/console: NAME=KEY,NAME=KEY; `orders keys new` makes one";
    TOPIC = "ORDERS_TOPIC", "orders", "the topic that events are published on";
    SUBSCRIPTION = "NOTIFY_SUBSCRIPTION", "notify", "the subscription that Notify receives from";
    CONCURRENCY = "NOTIFY_CONCURRENCY", "64", "messages that worker handles at the same time; 1 to 1024";
    CHANNELS = "NOTIFY_CHANNELS", "log", "how customers are told: log, file, email, webhook, separated by commas";
    AT_MOST_ONCE = "NOTIFY_AT_MOST_ONCE", "none", "the channels that never repeat an attempt whose outcome is unknown: of email, webhook";
    WEBHOOK_KEY = "WEBHOOK_KEY_NAME", "", "the key of the webhook endpoints that name this variable: one whsec_…, or two with a space between";
    WEBHOOK_REACH = "WEBHOOK_REACH", "public", "public: webhooks go over HTTPS to public addresses; private: anywhere but to link-local ones, for development";
    FILE = "NOTIFY_FILE", "notifications.jsonl", "where the channel file writes";
    EMAIL_SERVER = "EMAIL_SERVER", "required for email", "smtp://HOST:587, smtps://USER@HOST:465 or https://NAME.communication.azure.com";
    EMAIL_FROM = "EMAIL_FROM", "required for email", "who e-mail comes from: shop@example.com or Shop <shop@example.com>";
    EMAIL_PASSWORD = "EMAIL_PASSWORD", "none; Communication Services: Entra ID is asked", "the mail server's password, or an access key of Communication Services";
    SCHEDULE = "SWEEP_SCHEDULE", "0 */1 * * * *", "when the Functions host runs Sweep: NCRONTAB, six fields";
    MAX_SLEEP = "SWEEP_MAX_SLEEP", "30s", "the longest that the sweep of dev, api and worker sleeps";
    LEASE = "ORDERS_LEASE", "30s", "how long a claimed event or delivery belongs to its process; 1s to 1h";
    UNRECEIVED = "UNRECEIVED_AFTER", "15m", "when a published event that nobody received goes to Notify directly";
    IDEMPOTENCY = "IDEMPOTENCY_RETENTION", "24h", "how long an Idempotency-Key is kept";
    RETENTION = "ORDERS_RETENTION", "30days", "how long published events and finished deliveries are kept; at least 1h";
    RELAY = "ORDERS_RELAY", "on", "off: this process leaves publishing to the others";
    LOG = "RUST_LOG", "info", "what is logged: error, warn, info, debug, trace, or by target";
    OTLP = "OTEL_EXPORTER_OTLP_ENDPOINT", "none: nothing is collected", "where a collector takes traces and metrics by OTLP over HTTP";
    OTLP_TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "none", "for traces alone: the whole URL";
    OTLP_METRICS = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "none", "for metrics alone: the whole URL";
    SDK_DISABLED = "OTEL_SDK_DISABLED", "false", "true: nothing is collected, whatever the others say";
    APPLICATION_INSIGHTS = "APPLICATIONINSIGHTS_CONNECTION_STRING", "none", "an Application Insights that takes traces and metrics";
    APPLICATION_INSIGHTS_LOGIN = "APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "the key's", "Authorization=AAD: with Entra ID; ClientId=ID;Authorization=AAD";
    FEDERATED_TOKEN = "AZURE_FEDERATED_TOKEN_FILE", "set by AKS", "Entra ID is asked as this workload identity";
    IDENTITY_ENDPOINT = "IDENTITY_ENDPOINT", "set by Azure", "Entra ID is asked as this managed identity";
    PORT = "FUNCTIONS_CUSTOMHANDLER_PORT", "set by the Functions host", "where the Functions host calls this process";
}

/// What this process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    Dev {
        port: u16,
        data: PathBuf,
    },
    Functions,
    Api,
    Worker,
    Migrate,
    /// A command of an operator's, with those settings of the service that it needs.
    Operator,
    /// One that tells customers itself.
    Replay,
}

impl Role {
    /// As its command is called, if it has one of its own.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dev { .. } => "dev",
            Self::Functions => "functions",
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Migrate => "migrate",
            Self::Operator | Self::Replay => "operator",
        }
    }

    /// Whether customers are told by it.
    fn tells(&self) -> bool {
        match self {
            Self::Dev { .. } | Self::Functions | Self::Api | Self::Worker | Self::Replay => true,
            Self::Migrate | Self::Operator => false,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Config {
    pub database: Database,
    pub listen: SocketAddr,
    /// None: nobody is asked for a key, or the Functions host asks.
    pub keys: Option<Rotating<Keys>>,
    /// Where some of the settings' values are; to be read before they are used.
    pub vault: Option<KeyVault>,
    pub channels: Vec<String>,
    pub notify_file: PathBuf,
    /// Where the channel names it.
    pub email: Option<channels::email::server::Settings>,
    pub webhook: webhook::Settings,
    pub relay: bool,
    /// The topic and the subscription, whichever bus they are on.
    pub topic: String,
    pub subscription: String,
    pub bus: Option<service_bus::Settings>,
    /// Messages that are handled at the same time.
    pub concurrency: u32,
    pub log_filter: Targets,
    /// None: nothing is recorded.
    pub collectors: Option<Collectors>,
    pub settings: Settings,
}

/// One sentence that names the variable.
#[derive(Debug, thiserror::Error)]
#[error("{variable} {complaint}")]
pub struct ConfigError {
    variable: Cow<'static, str>,
    complaint: String,
}

fn wrong(variable: impl Into<Cow<'static, str>>, complaint: impl Into<String>) -> ConfigError {
    ConfigError { variable: variable.into(), complaint: complaint.into() }
}

/// Whether the Functions host started this process.
pub fn under_functions_host() -> bool {
    environment(PORT).is_some()
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A value that cannot be read is not the same as none.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn are_text() -> Result<(), ConfigError> {
    match SETTINGS.iter().find(|setting| std::env::var_os(setting.name).is_some_and(|value| value.to_str().is_none())) {
        Some(setting) => Err(wrong(setting.name, "is not UTF-8")),
        None => Ok(()),
    }
}

/// The topic and the subscription that the settings name.
pub fn entities() -> Result<(String, String), ConfigError> {
    are_text()?;
    bus::entities(&environment)
}

impl Config {
    pub fn from_environment(role: &Role) -> Result<Self, ConfigError> {
        are_text()?;
        let config = Self::read(role, environment)?;
        if role.tells() {
            let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
            keyring::are_keys(names, config.vault.is_some())?;
        }
        Ok(config)
    }

    /// Reads the settings through `get`, which gives nothing for an unset or empty variable.
    pub fn read(role: &Role, get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let text = |name: &str, default: &str| get(name).unwrap_or_else(|| default.to_owned());
        let defaults = Settings::default();
        let dev_folder = if let Role::Dev { data, .. } = role { Some(data) } else { None };
        let channels = channel_names(&text(CHANNELS, if dev_folder.is_some() { "log,file" } else { "log" }))?;
        let schedule = text(SCHEDULE, "0 */1 * * * *");
        if !(5..=6).contains(&schedule.split_whitespace().count()) {
            return Err(wrong(SCHEDULE, "must be an NCRONTAB expression of five or six fields, as in \"0 */1 * * * *\""));
        }
        let Ok(concurrency @ 1..=1024) = text(CONCURRENCY, "64").parse() else {
            return Err(wrong(CONCURRENCY, "must be a number from 1 to 1024"));
        };
        let (topic, subscription) = bus::entities(&get)?;
        let azure = Azure::new(&get);
        let mut secrets = Secrets::new(&get);
        let config = Self {
            database: database::read(&get, &azure, dev_folder.map(PathBuf::as_path))?,
            listen: listen(role, get(LISTEN).as_deref(), get(PORT).as_deref())?,
            keys: keys(role, get(KEYS).as_deref(), &mut secrets)?,
            notify_file: get(FILE).map_or_else(
                || dev_folder.map_or_else(|| PathBuf::from("notifications.jsonl"), |data| data.join("notifications.jsonl")),
                PathBuf::from,
            ),
            email: if role.tells() { email::read(&get, &azure, &mut secrets, &channels)? } else { None },
            webhook: webhook::Settings {
                reach: match text(WEBHOOK_REACH, if dev_folder.is_some() { "private" } else { "public" }).as_str() {
                    "public" => webhook::Reach::Public,
                    "private" => webhook::Reach::Private,
                    _ => return Err(wrong(WEBHOOK_REACH, "must be public or private")),
                },
                tls: if *role == Role::Operator || channels.iter().any(|name| name == "webhook") {
                    Some(Arc::clone(azure.tls()?))
                } else {
                    None
                },
                ..webhook::Settings::default()
            },
            relay: match text(RELAY, "on").as_str() {
                "on" => true,
                "off" => false,
                _ => return Err(wrong(RELAY, "must be on or off")),
            },
            topic,
            subscription,
            bus: bus::read(&get, &azure, concurrency)?,
            concurrency,
            log_filter: log_filter(&text(LOG, "info"))?,
            collectors: telemetry::read(&get, &azure)?,
            settings: Settings {
                default_channels: channels.clone(),
                at_most_once: at_most_once(&text(AT_MOST_ONCE, ""))?,
                idempotency: duration(&get, IDEMPOTENCY, defaults.idempotency, 60, 30 * 86_400)?,
                retention: duration(&get, RETENTION, defaults.retention, 3_600, 3_650 * 86_400)?,
                unreceived_after: duration(&get, UNRECEIVED, defaults.unreceived_after, 1, 7 * 86_400)?,
                lease: duration(&get, LEASE, defaults.lease, 1, 3_600)?,
                sweep_max_sleep: duration(&get, MAX_SLEEP, defaults.sweep_max_sleep, 1, 86_400)?,
                notify_patience: defaults.notify_patience,
                console: console(role, get(CONSOLE).as_deref(), &mut secrets)?,
                streams: *role != Role::Functions,
            },
            channels,
            vault: secrets.vault(&get, &azure)?,
        };
        config.keys_apart()?;
        azure.authorities()?;
        // The one of dev is made along with its folder.
        if let Some(path) = get(FILE).filter(|_| role.tells() && config.channels.iter().any(|name| name == "file")) {
            files::appendable(path.as_ref())?;
        }
        Ok(config)
    }

    /// A client's key must not open the console. To be asked again once the secrets are read.
    ///
    /// # Errors
    /// When the two have a key in common.
    pub fn keys_apart(&self) -> Result<(), ConfigError> {
        let Console::Keys(console) = &self.settings.console else { return Ok(()) };
        let (clients, operators) = (self.keys.as_ref().and_then(Rotating::current), console.current());
        if clients.zip(operators).is_some_and(|(clients, operators)| operators.shares_with(&clients)) {
            return Err(wrong(CONSOLE, format!("has a key that {KEYS} has as well, and a client's key must not open the console")));
        }
        Ok(())
    }
}

fn names(list: &str) -> Vec<String> {
    list.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

fn at_most_once(list: &str) -> Result<Vec<String>, ConfigError> {
    let names = names(list);
    match names.iter().find(|name| !channels::REMOTE.contains(&name.as_str())) {
        Some(other) => Err(wrong(AT_MOST_ONCE, format!("names {other:?}; there are {}", channels::REMOTE.join(", ")))),
        None => Ok(names),
    }
}

fn channel_names(list: &str) -> Result<Vec<String>, ConfigError> {
    let names = names(list);
    if names.is_empty() {
        return Err(wrong(CHANNELS, format!("names no channel; there are {}", channels::KNOWN.join(", "))));
    }
    if let Some(unknown) = names.iter().find(|name| !channels::KNOWN.contains(&name.as_str())) {
        return Err(wrong(CHANNELS, format!("names {unknown:?}, which is no channel; there are {}", channels::KNOWN.join(", "))));
    }
    if names.iter().collect::<HashSet<_>>().len() < names.len() {
        return Err(wrong(CHANNELS, "names a channel twice"));
    }
    Ok(names)
}

fn listen(role: &Role, value: Option<&str>, port: Option<&str>) -> Result<SocketAddr, ConfigError> {
    match role {
        Role::Dev { port, .. } => Ok((Ipv4Addr::LOCALHOST, *port).into()),
        Role::Functions => {
            let port = port.ok_or_else(|| wrong(PORT, "is not set; the Functions host sets it, or set it to the port to listen on"))?;
            let port: u16 = port.parse().map_err(|_| wrong(PORT, "must be a port number"))?;
            Ok((Ipv4Addr::LOCALHOST, port).into())
        }
        Role::Api | Role::Worker | Role::Migrate | Role::Operator | Role::Replay => {
            let value = value.unwrap_or("0.0.0.0:8080");
            let address = value.parse().or_else(|_| value.parse::<u16>().map(|port| (Ipv4Addr::UNSPECIFIED, port).into()));
            address.map_err(|_| wrong(LISTEN, "must be ADDRESS:PORT or PORT, as in 0.0.0.0:8080"))
        }
    }
}

fn log_filter(text: &str) -> Result<Targets, ConfigError> {
    // A lone word that is no level would be a target, and nothing else would be logged.
    let stray = text.split(',').map(str::trim).find(|part| !part.contains('=') && part.parse::<LevelFilter>().is_err());
    match (text.parse(), stray) {
        (Ok(filter), None) => Ok(filter),
        (Ok(_), Some(stray)) => Err(wrong(LOG, format!("must be a level, or TARGET=LEVEL separated by commas: {stray:?} is no level"))),
        (Err(error), _) => Err(wrong(LOG, format!("must be a level, or TARGET=LEVEL separated by commas: {error}"))),
    }
}

/// The Functions host checks its own keys, and who is not asked for orders needs none.
fn keys(role: &Role, list: Option<&str>, secrets: &mut Secrets) -> Result<Option<Rotating<Keys>>, ConfigError> {
    match (role, list) {
        (Role::Functions | Role::Worker | Role::Migrate | Role::Operator | Role::Replay, _) | (Role::Dev { .. }, None) => Ok(None),
        (Role::Api | Role::Dev { .. }, Some(list)) => {
            secrets.read(KEYS, list, |list| Keys::parse(list).map_err(|error| error.to_string())).map(Some)
        }
        (Role::Api, None) => Err(wrong(KEYS, "is not set, and nobody else checks who calls; set it to what `orders keys new` prints")),
    }
}

/// On a laptop it is open, unless somebody wants it locked there as well. Who does not show it needs no keys for it.
fn console(role: &Role, list: Option<&str>, secrets: &mut Secrets) -> Result<Console, ConfigError> {
    match (role, list) {
        (Role::Worker | Role::Migrate | Role::Operator | Role::Replay, _) => Ok(Console::Off),
        (_, Some(list)) => secrets.read(CONSOLE, list, |list| Keys::parse(list).map_err(|error| error.to_string())).map(Console::Keys),
        (Role::Dev { .. }, None) => Ok(Console::Open),
        (_, None) => Ok(Console::Off),
    }
}

fn duration(
    get: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    default: Duration,
    least: u64,
    most: u64,
) -> Result<Duration, ConfigError> {
    let Some(text) = get(name) else { return Ok(default) };
    match humantime::parse_duration(&text) {
        Ok(value) if (Duration::from_secs(least)..=Duration::from_secs(most)).contains(&value) => Ok(value),
        _ => {
            let (least, most) = (Duration::from_secs(least), Duration::from_secs(most));
            let (least, most) = (humantime::format_duration(least), humantime::format_duration(most));
            Err(wrong(name, format!("must be a duration from {least} to {most}, as in 90s, 15m, 24h, 30days")))
        }
    }
}
