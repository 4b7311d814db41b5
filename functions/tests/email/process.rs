//! The real binary with a mail server: what it is told of the settings, and what it keeps to itself.

use super::peer::{Instead, Peer, Script};
use crate::support::{client::order, process};
use serde_json::{Value, json};
use std::process::Command;

#[test]
fn a_channel_without_its_server_ends_the_process_with_one_sentence_that_names_it() {
    let run = |settings: &[(&str, &str)]| {
        let output = Command::new(env!("CARGO_BIN_EXE_orders")).arg("worker").env_clear().envs(settings.iter().copied()).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let email = [("ORDERS_DATABASE", "sqlite:orders.sqlite"), ("NOTIFY_CHANNELS", "log,email")];
    let said = run(&email);
    assert!(said.starts_with("orders: EMAIL_SERVER is not set, and NOTIFY_CHANNELS names email") && said.lines().count() == 1, "{said}");
}

#[tokio::test]
async fn no_address_and_no_password_is_logged_at_any_level_even_if_the_server_repeats_them() {
    let refusal = Instead::Say("550 5.1.1 <marked@example.com> is unknown to marked-user");
    let peer =
        Peer::start(Script { login: Some(("mu@example.com", "marked-secret")), instead: vec![("RCPT", refusal)], ..Script::default() })
            .await;
    let folder = tempfile::tempdir().unwrap();
    let server = format!("smtp://mu%40example.com@127.0.0.1:{}", peer.port);
    let settings = [
        ("RUST_LOG", "trace"),
        ("NOTIFY_CHANNELS", "email"),
        ("EMAIL_SERVER", server.as_str()),
        ("EMAIL_FROM", "shop@example.com"),
        ("EMAIL_PASSWORD", "marked-secret"),
    ];
    let (dev, port) = process::dev(folder.path(), &settings).await;
    let http = reqwest::Client::new();
    let url = format!("http://127.0.0.1:{port}/api/orders");
    let mut body = order();
    body["customer"] = json!({ "name": "Marked Name", "email": "marked@example.com" });
    for wanted in ["delivery.failed", "delivery.succeeded"] {
        let placed: Value = http.post(&url).json(&body).send().await.unwrap().json().await.unwrap();
        let timeline = format!("{url}/{}/timeline", placed["id"].as_str().unwrap());
        let text = process::until(wanted, || async {
            let text = http.get(&timeline).send().await.unwrap().text().await.unwrap();
            text.contains(wanted).then_some(text)
        })
        .await;
        assert!(!text.contains("marked@"), "{text}");
    }
    assert_eq!(peer.received().len(), 1);
    let log = dev.end().await.join("\n");
    assert!(log.contains("the mail server refused the recipient: 550 5.1.1"), "{log}");
    for secret in ["Marked", "marked@", "marked-secret", "bWFya2VkLXNlY3JldA"] {
        assert!(!log.contains(secret), "the log holds {secret}: {log}");
    }
}
