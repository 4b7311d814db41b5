//! The stand-in of the Functions host holds its own contract: what it sends, what it takes, and what it does not let pass.

mod broken;
mod handlers;
mod http;
mod life_cycle;
mod messages;
mod routes;

use crate::support::functions_host::{FunctionsHost, Options, Settings, Stage, records::Source};
use serde_json::{Value, json};

/// A host with the functions of the contract's examples, on a handler of `handlers.rs`.
pub struct Rig {
    pub host: FunctionsHost,
    pub stage: Stage,
}

pub fn http_function(route: &str, methods: &[&str]) -> Value {
    json!({ "bindings": [
        { "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "function", "methods": methods, "route": route },
        { "type": "http", "direction": "out", "name": "res" }
    ] })
}

/// As in the contract, §6.2.
pub fn notify_function() -> Value {
    json!({ "bindings": [{
        "type": "serviceBusTrigger", "direction": "in", "name": "message", "dataType": "binary",
        "topicName": "%ORDERS_TOPIC%", "subscriptionName": "%NOTIFY_SUBSCRIPTION%", "connection": "ServiceBus"
    }] })
}

pub fn stage() -> Stage {
    let executable = std::env::current_exe().unwrap();
    let host_json = json!({
        "version": "2.0",
        "customHandler": {
            "description": {
                "defaultExecutablePath": executable,
                "arguments": ["--exact", "stand_in::handlers::handler_process", "--nocapture"]
            },
            "enableForwardingHttpRequest": true,
            "enableProxyingHttpRequest": true
        },
        "functionTimeout": "00:00:30",
        "a key that no host knows": { "is": "passed over" }
    });
    Stage::empty(&host_json)
        .with_function("CreateOrder", &http_function("orders", &["post"]))
        .with_function("GetOrder", &http_function("orders/{id:guid}", &["get"]))
        .with_function("Notify", &notify_function())
}

pub fn settings(handler: &str) -> Settings {
    Settings::from([
        ("STAND_IN_HANDLER", handler),
        ("ORDERS_TOPIC", "orders"),
        ("NOTIFY_SUBSCRIPTION", "notify"),
        ("ServiceBus__fullyQualifiedNamespace", "contoso-orders.servicebus.windows.net"),
    ])
}

pub const KEY: &str = "abc=";

pub fn options(handler: &str) -> Options {
    Options { settings: settings(handler), keys: vec![KEY.to_owned()], ..Options::default() }
}

impl Rig {
    pub async fn start(options: Options) -> Self {
        Self::on(stage(), options).await
    }

    pub async fn on(stage: Stage, options: Options) -> Self {
        Self { host: FunctionsHost::start(stage.path(), options).await.unwrap(), stage }
    }

    /// The requests that the handler wrote down, each as `{method, target, headers: [[name, value]], body}`.
    pub fn received(&self) -> Vec<Value> {
        let lines = self.host.records().all().into_iter().filter(|record| record.source == Source::Stdout);
        lines.filter_map(|record| handlers::received(&record.text)).collect()
    }
}
