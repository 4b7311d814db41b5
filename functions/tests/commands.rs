//! The real binary: what it says, what it refuses, how it ends.

use crate::support::{
    client::order,
    process::{self, Process},
};
use orders::config::SETTINGS;
use serde_json::{Value, json};
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    process::{Command, Output},
};

fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_orders")).args(arguments).env_clear().envs(settings.iter().copied()).output().unwrap()
}

/// Where a process that logs JSON listens.
async fn address(process: &mut Process) -> String {
    process
        .line(|line| {
            let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            (record["message"] == "listening").then(|| record["address"].as_str().unwrap().to_owned())
        })
        .await
}

#[test]
fn a_bad_setting_ends_the_process_with_one_sentence_that_names_it() {
    let file = ("ORDERS_DATABASE", "sqlite:orders.sqlite");
    for (arguments, settings, sentence) in [
        (&["api"][..], &[][..], "orders: ORDERS_DATABASE is not set"),
        (&["api"], &[file], "orders: ORDERS_KEYS is not set"),
        (&["worker"], &[("ORDERS_DATABASE", "mysql:x")], "orders: ORDERS_DATABASE must have the form sqlite:PATH"),
        (&["worker"], &[file, ("ORDERS_LISTEN", "here")], "orders: ORDERS_LISTEN must be ADDRESS:PORT or PORT"),
        (&["functions"], &[file], "orders: FUNCTIONS_CUSTOMHANDLER_PORT is not set"),
        (&["dev"], &[("NOTIFY_CHANNELS", "pigeon")], "orders: NOTIFY_CHANNELS names \"pigeon\""),
        (&["dev"], &[("WEBHOOK_KEY_BAD", "garbage")], "orders: WEBHOOK_KEY_BAD must be one key, or two with a space between"),
        (
            &["dev"],
            &[("WEBHOOK_KEY_V", "keyvault:x")],
            "orders: WEBHOOK_KEY_V names a secret of a key vault, and ORDERS_KEY_VAULT is not set",
        ),
        (&["dev"], &[("WEBHOOK_KEY_V", "keyvault:")], "orders: WEBHOOK_KEY_V must be keyvault:NAME"),
        (
            &["dev"],
            &[("ORDERS_KEYS", "a=0123456789abcdef0123456789abcdef"), ("ORDERS_CONSOLE_KEY", "b=0123456789abcdef0123456789abcdef")],
            "orders: ORDERS_CONSOLE_KEY has a key that ORDERS_KEYS has as well",
        ),
        (&["migrate"], &[], "orders: ORDERS_DATABASE is not set"),
        (&["worker"], &[("ORDERS_DATABASE", "sqlite::memory:")], "orders: ORDERS_DATABASE must name a file"),
        (&["worker"], &[file, ("RUST_LOG", "blah")], "orders: RUST_LOG must be a level"),
        (&["worker"], &[file, ("NOTIFY_CHANNELS", ",")], "orders: NOTIFY_CHANNELS names no channel"),
        (&["worker"], &[file, ("NOTIFY_CHANNELS", "file"), ("NOTIFY_FILE", "/nope/x")], "orders: NOTIFY_FILE cannot be written"),
        (&["worker"], &[file, ("NOTIFY_CHANNELS", "file"), ("NOTIFY_FILE", "/dev/null")], "orders: NOTIFY_FILE is not a regular file"),
        (&["worker"], &[file, ("SSL_CERT_FILE", "/nope")], "orders: SSL_CERT_FILE cannot be read"),
    ] {
        let output = run(arguments, settings);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(said.starts_with(sentence) && said.trim_end().lines().count() == 1, "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?} went on");
    }
}

#[test]
fn a_setting_that_is_not_utf_8_is_named_and_not_taken_for_unset() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
    command.arg("worker").env_clear().env("ORDERS_DATABASE", "sqlite:orders.sqlite");
    let output = command.env("ORDERS_TOPIC", OsStr::from_bytes(b"orders\xff")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "orders: ORDERS_TOPIC is not UTF-8\n");
}

#[test]
fn a_command_that_only_looks_needs_the_database_and_no_mail_server() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("orders.sqlite").display());
    let settings = [("ORDERS_DATABASE", database.as_str()), ("NOTIFY_CHANNELS", "log,email")];
    assert!(run(&["migrate"], &settings).status.success());
    for arguments in [&["deliveries", "list"][..], &["webhooks", "list"], &["suppressions", "list"], &["dlq", "list"]] {
        let output = run(arguments, &settings);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let replay = String::from_utf8(run(&["dlq", "replay", "--all"], &settings).stderr).unwrap();
    assert!(replay.contains("EMAIL_SERVER is not set"), "it tells customers itself: {replay}");
}

#[tokio::test]
async fn a_worker_that_receives_from_nowhere_says_so_as_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("orders.sqlite").display());
    let settings = [("ORDERS_DATABASE", database.as_str()), ("ORDERS_LISTEN", "127.0.0.1:0")];
    let mut worker = Process::start(&["worker"], &settings);
    let said = worker.line(|line| serde_json::from_str::<Value>(line).ok().filter(|record| record["level"] == "ERROR")).await;
    let message = said["message"].as_str().unwrap();
    assert!(message.contains("this worker receives nothing") && message.contains("ServiceBus"), "{message}");
    worker.end().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_appended_to_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told.jsonl");
    let (dev, port) = process::dev(folder.path(), &[("NOTIFY_CHANNELS", "file"), ("NOTIFY_FILE", told.to_str().unwrap())]).await;
    // Somebody puts something in its place that nobody reads from.
    drop(std::fs::remove_file(&told));
    assert!(Command::new("mkfifo").arg(&told).status().unwrap().success());
    let http = reqwest::Client::builder().timeout(process::PATIENCE).build().unwrap();
    let url = format!("http://127.0.0.1:{port}/api/orders");
    let placed: Value = http.post(&url).json(&order()).send().await.unwrap().json().await.unwrap();
    let timeline = format!("{url}/{}/timeline", placed["id"].as_str().unwrap());
    process::until("the attempt fails and says why", || async {
        let text = http.get(&timeline).send().await.unwrap().text().await.unwrap();
        text.contains("delivery.retrying").then_some(())
    })
    .await;
    // An operator's command beside it sees why; a client does not.
    let database = format!("sqlite:{}", folder.path().join("orders.sqlite").display());
    let output = run(&["timeline", placed["id"].as_str().unwrap()], &[("ORDERS_DATABASE", &database)]);
    let whole = String::from_utf8(output.stdout).unwrap();
    assert!(whole.contains("not a regular file"), "{whole}");
    let text = http.get(&timeline).send().await.unwrap().text().await.unwrap();
    assert!(!text.contains("not a regular file") && text.contains("it could not be told"), "{text}");
    dev.end().await;
}

#[test]
fn help_lists_every_setting_and_openapi_prints_the_description() {
    let help = String::from_utf8(run(&["--help"], &[]).stdout).unwrap();
    for setting in SETTINGS {
        assert!(help.contains(setting.name), "--help lacks {}", setting.name);
    }
    let description: Value = serde_json::from_slice(&run(&["openapi"], &[]).stdout).unwrap();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
}

#[tokio::test]
async fn a_second_dev_on_the_same_folder_says_so_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (first, _) = process::dev(folder.path(), &[]).await;
    let output = run(&["dev", "--port", "0", "--data", folder.path().to_str().unwrap()], &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("another `orders dev` uses the folder"), "{said}");
    first.end().await;
    let (again, _) = process::dev(folder.path(), &[]).await;
    again.end().await;
}

#[tokio::test]
async fn no_name_and_no_address_is_logged_at_any_level() {
    let folder = tempfile::tempdir().unwrap();
    let (dev, port) = process::dev(folder.path(), &[("RUST_LOG", "trace")]).await;
    let http = reqwest::Client::new();
    let url = format!("http://127.0.0.1:{port}/api/orders");
    let mut body = order();
    body["customer"] = json!({ "name": "Marked Name", "email": "marked@example.com" });
    let placed: Value = http.post(&url).json(&body).send().await.unwrap().json().await.unwrap();
    let id = placed["id"].as_str().unwrap();
    http.get(format!("{url}?customer=Marked+Name&code=marked-key")).send().await.unwrap();
    body["customer"]["email"] = json!("marked");
    http.post(&url).json(&body).send().await.unwrap();
    let timeline = format!("{url}/{id}/timeline");
    process::until("the customer is told", || async {
        let text = http.get(&timeline).send().await.unwrap().text().await.unwrap();
        (text.matches("delivery.succeeded").count() == 2).then_some(())
    })
    .await;
    let log = dev.end().await.join("\n");
    assert!(log.contains(id), "the order is in the log");
    for secret in ["Marked", "marked"] {
        assert!(!log.contains(secret), "the log holds {secret}: {log}");
    }
}

#[tokio::test]
async fn the_custom_handler_answers_where_the_host_said_and_logs_json_on_stdout() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("orders.sqlite").display());
    let settings = [("ORDERS_DATABASE", database.as_str()), ("FUNCTIONS_CUSTOMHANDLER_PORT", "0")];
    let mut handler = Process::start(&[], &settings);
    let address = address(&mut handler).await;
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let http = reqwest::Client::new();
    assert_eq!(http.get(format!("http://{address}/")).send().await.unwrap().status(), 200);
    // Nobody has migrated: the database is not there. A client may send the host's header as well; the host's comes last.
    let request = http
        .get(format!("http://{address}/api/orders?code=secret-key"))
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .header("X-Azure-Functions-InvocationId", "a-clients-own")
        .header("X-Azure-Functions-InvocationId", "0e2f4c1e-6b8e-4a8f-9d0b-1f0f6f3a7c55");
    assert_eq!(request.send().await.unwrap().status(), 503);
    let records: Vec<Value> = handler.end().await.iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    let within = records.iter().find(|record| record["status"] == 503).expect("the 503 is logged");
    assert_eq!(
        (&within["span"]["function"], &within["span"]["trace"], &within["span"]["invocation"]),
        (&json!("ListOrders"), &json!("4bf92f3577b34da6a3ce929d0e0e4736"), &json!("0e2f4c1e-6b8e-4a8f-9d0b-1f0f6f3a7c55"))
    );
    assert!(!json!(records).to_string().contains("secret-key"), "a key is logged");
}

#[tokio::test]
async fn a_client_cannot_write_into_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("orders.sqlite").display());
    let key = "0123456789abcdef0123456789abcdef";
    let keys = format!("test={key}");
    let settings =
        [("ORDERS_DATABASE", database.as_str()), ("RUST_LOG", "debug"), ("ORDERS_LISTEN", "127.0.0.1:0"), ("ORDERS_KEYS", &keys)];
    let mut api = Process::start(&["api"], &settings);
    let at = address(&mut api).await;
    let handler_settings = [("ORDERS_DATABASE", database.as_str()), ("RUST_LOG", "debug"), ("FUNCTIONS_CUSTOMHANDLER_PORT", "0")];
    let mut handler = Process::start(&[], &handler_settings);
    let behind_host = address(&mut handler).await;
    let http = reqwest::Client::new();
    for (address, invocation) in [(&at, "Marked Name"), (&at, "0e2f4c1e-6b8e-4a8f-9d0b-1f0f6f3a7c55"), (&behind_host, "Marked Name")] {
        // The database is not there, so that the list is a 503 and worth a line.
        for path in ["/api/orders", "/api/orders/Marked%20Name", "/Marked%20Name"] {
            let request = http.get(format!("http://{address}{path}")).header("x-functions-key", key);
            request.header("X-Azure-Functions-InvocationId", invocation).send().await.unwrap();
        }
    }
    for process in [api, handler] {
        let log = process.end().await.join("\n");
        assert!(log.contains("ListOrders") && log.contains("\"route\":\"/api/orders/{id}\""), "{log}");
        for foreign in ["Marked", "0e2f4c1e"] {
            assert!(!log.contains(foreign), "the log holds {foreign}: {log}");
        }
    }
}

#[tokio::test]
async fn api_and_worker_share_one_file_once_it_is_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("orders.sqlite").display());
    let entry = String::from_utf8(run(&["keys", "new", "test"], &[]).stdout).unwrap();
    let (keys, key) = (entry.trim(), entry.trim().strip_prefix("test=").unwrap());
    let settings =
        [("ORDERS_DATABASE", database.as_str()), ("ORDERS_LISTEN", "127.0.0.1:0"), ("ORDERS_KEYS", keys), ("SWEEP_MAX_SLEEP", "1s")];
    assert!(run(&["migrate"], &settings).status.success());
    let mut api = Process::start(&["api"], &settings);
    let mut worker = Process::start(&["worker"], &settings);
    let (api_at, worker_at) = (address(&mut api).await, address(&mut worker).await);
    let http = reqwest::Client::new();
    let place = |address: &str| http.post(format!("http://{address}/api/orders")).header("x-functions-key", key).json(&order()).send();
    assert_eq!(place(&api_at).await.unwrap().status(), 201);
    assert_eq!(place(&worker_at).await.unwrap().status(), 404, "a worker answers probes alone");
    for address in [api_at, worker_at] {
        assert_eq!(http.get(format!("http://{address}/api/health/ready")).send().await.unwrap().status(), 200);
    }
    api.end().await;
    worker.end().await;
}
