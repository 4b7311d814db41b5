//! The operator's commands, as processes of their own.

use super::{KEY, near, receiver::Receiver, service};
use crate::support::Service;
use serde_json::{Value, json};
use std::process::{Command, Output};

/// Runs `orders` with the settings of a service on this database.
async fn orders(service: &Service, arguments: &[&str]) -> Output {
    let database = format!("sqlite:{}", service.folder.path().join("orders.sqlite").display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
    command.args(arguments).env_clear();
    command.env("ORDERS_DATABASE", database).env("NOTIFY_CHANNELS", "webhook").env("WEBHOOK_KEY_ERP", KEY).env("WEBHOOK_KEY_ONE", KEY);
    command.env("WEBHOOK_REACH", "private");
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn said(service: &Service, arguments: &[&str]) -> String {
    let output = orders(service, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn refused(service: &Service, arguments: &[&str]) -> String {
    let output = orders(service, arguments).await;
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_is_registered_tried_listed_and_removed() {
    let (service, receiver) = (service(near(), false).await, Receiver::start().await);
    let url = format!("http://localhost:{}/hooks", receiver.port);
    let added = said(&service, &["webhooks", "add", "erp", &url, "--key", "WEBHOOK_KEY_ERP"]).await;
    assert_eq!(added, "erp is told of order.created, order.shipped, order.cancelled\n");
    let tried = said(&service, &["webhooks", "test", "erp"]).await;
    let request = receiver.requests().remove(0);
    assert_eq!(tried, format!("erp took the message {}\n", request.headers["webhook-id"]));
    assert_eq!(serde_json::from_str::<Value>(&request.body).unwrap()["type"], "webhook.test");
    said(&service, &["webhooks", "add", "erp", &url, "--key", "WEBHOOK_KEY_ERP", "--events", "order.delivered"]).await;
    let listed = lines(&said(&service, &["webhooks", "list", "--json"]).await);
    assert_eq!((listed.len(), listed[0]["keyName"].as_str()), (1, Some("WEBHOOK_KEY_ERP")));
    assert_eq!((&listed[0]["events"], &listed[0]["state"]), (&json!(["order.delivered"]), &json!("up")));
    let table = said(&service, &["webhooks", "list"]).await;
    assert!(table.contains("order.delivered") && table.ends_with("  up\n") && !table.contains("whsec_"), "{table}");
    receiver.answer_next([super::receiver::Answer::Says("500 Internal Server Error", vec![])]);
    let failed = refused(&service, &["webhooks", "test", "erp"]).await;
    assert!(failed.contains("erp was not told: the receiver answered 500"), "{failed}");
    receiver.answer_next([super::receiver::Answer::Says("410 Gone", vec![])]);
    let gone = refused(&service, &["webhooks", "test", "erp"]).await;
    assert!(gone.contains("an order's message disables the endpoint"), "{gone}");
    assert!(said(&service, &["webhooks", "list"]).await.ends_with("  up\n"), "a test changes nothing");
    assert_eq!(said(&service, &["webhooks", "remove", "erp"]).await, "erp is removed\n");
    assert!(refused(&service, &["webhooks", "remove", "erp"]).await.contains("there is no webhook endpoint named erp"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_that_succeeds_has_what_waits_for_the_endpoint_told() {
    let (service, receiver) = (service(near(), false).await, Receiver::start().await);
    // The command's time is the world's, and the service's the test's.
    service.clock.advance(std::time::Duration::from_hours(24 * 36_500));
    service.registers(&receiver).await;
    receiver.answer_next([super::receiver::Answer::Says("503 Service Unavailable", vec!["retry-after: 43200".into()])]);
    service.tell().await;
    service.sweep().await;
    assert_eq!(receiver.requests().len(), 1);
    said(&service, &["webhooks", "test", "erp"]).await;
    service.sweep().await;
    assert_eq!((receiver.requests().len(), service.entries().await[0].state.as_str()), (3, "succeeded"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_could_not_work_is_not_registered_and_a_key_is_not_repeated() {
    let service = service(near(), false).await;
    let add = async |name, url, key| refused(&service, &["webhooks", "add", name, url, "--key", key]).await;
    assert!(add("ERP", "https://example.com", "WEBHOOK_KEY_ERP").await.contains("\"ERP\" is no name"));
    assert!(add("erp", "ftp://example.com", "WEBHOOK_KEY_ERP").await.contains("the URL must begin with https://"));
    assert!(add("erp", "https://169.254.169.254", "WEBHOOK_KEY_ERP").await.contains("webhooks are not sent to"));
    let told = add("erp", "https://example.com", KEY).await;
    assert!(told.contains("--key must name") && !told.contains(KEY), "{told}");
    assert!(add("erp", "https://example.com", "ORDERS_KEYS").await.contains("--key must name"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_finds_what_failed_has_it_tried_again_and_gives_it_up() {
    let (service, receiver) = (service(near(), false).await, Receiver::start().await);
    service.registers(&receiver).await;
    let ok = service.tell().await;
    receiver.answer_next([super::receiver::Answer::Says("410 Gone", vec![])]);
    let gone = service.tell().await;
    let all = lines(&said(&service, &["deliveries", "list", "--json"]).await);
    assert_eq!(all.iter().map(|entry| entry["state"].as_str().unwrap()).collect::<Vec<_>>(), ["failed", "succeeded"]);
    let table = said(&service, &["deliveries", "list", "--state", "failed", "--reason", "410"]).await;
    assert!(table.lines().count() == 2 && table.contains(&gone) && !table.contains(&ok), "{table}");
    let id = all[0]["id"].as_str().unwrap();
    let shown = said(&service, &["deliveries", "show", id]).await;
    assert!(shown.contains("recipient          erp") && shown.contains("410 Gone"), "{shown}");
    assert!(refused(&service, &["deliveries", "retry"]).await.contains("say which: ids, filters, or --all"));
    assert!(refused(&service, &["deliveries", "show", "17"]).await.contains("\"17\" is no id"));

    let would = said(&service, &["deliveries", "retry", "--all", "--dry-run"]).await;
    assert!(would.contains(&format!("{id}  would be tried again")) && would.ends_with("1 would be tried again\n"), "{would}");
    assert_eq!(service.entries().await[0].state.as_str(), "failed", "nothing was done");
    service.registers(&receiver).await;
    let done = said(&service, &["deliveries", "retry", "--order", &gone, "--because", "it is back"]).await;
    assert_eq!(done, format!("{id}  will be tried again\n1 of 1 done\n"));
    // The command's time is the world's, and the service's the test's.
    service.clock.advance(std::time::Duration::from_hours(24 * 36_500));
    service.sweep().await;
    let kinds = service.timeline(&gone).await;
    assert!(kinds.contains(&"delivery.reopened".to_owned()), "{kinds:?}");
    assert_eq!((receiver.requests().len(), service.entries().await[0].state.as_str()), (3, "succeeded"));

    receiver.answer_next([super::receiver::Answer::Says("500 Internal Server Error", vec![])]);
    let given_up = service.tell().await;
    let done = said(&service, &["deliveries", "abandon", "--order", &given_up]).await;
    assert!(done.ends_with("1 of 1 done\n"), "{done}");
    let timeline = said(&service, &["timeline", &given_up]).await;
    assert!(timeline.contains("delivery.abandoned") && timeline.contains("an operator decided so"), "{timeline}");
    let whole: Value = serde_json::from_str(&said(&service, &["timeline", &given_up, "--json"]).await).unwrap();
    let told = service.get(&format!("/api/orders/{given_up}/timeline")).await.json();
    let reasons = |timeline: &Value| {
        let entries = timeline["entries"].as_array().unwrap().iter().filter(|entry| entry["endpoint"] == "erp");
        let mut reasons: Vec<_> = entries.map(|entry| (entry["kind"].clone(), entry["reason"].clone())).collect();
        reasons.sort_by_key(|(kind, _)| kind.to_string());
        reasons
    };
    let (abandoned, retrying) = (json!("delivery.abandoned"), json!("delivery.retrying"));
    let answer = json!("the receiver answered 500 Internal Server Error");
    assert_eq!(reasons(&whole), [(abandoned.clone(), json!("an operator decided so")), (retrying.clone(), answer)]);
    let public = [(abandoned, json!("decided by an operator")), (retrying, json!("the receiver refused it"))];
    assert_eq!(reasons(&told), public, "a client reads no answer of a receiver's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_says_of_each_delivery_what_it_does_and_that_there_are_more() {
    let (service, receiver) = (service(near(), false).await, Receiver::start().await);
    service.registers(&receiver).await;
    service.tell().await;
    receiver.answer_next([super::receiver::Answer::Says("410 Gone", vec![])]);
    service.tell().await;
    let [failed, succeeded] = service.entries().await.iter().map(|entry| entry.id.to_string()).collect::<Vec<_>>().try_into().unwrap();
    for dry_run in [&["--dry-run"][..], &[]] {
        let said = said(&service, &[&["deliveries", "retry", &succeeded], dry_run].concat()).await;
        assert!(said.starts_with(&format!("{succeeded}  stays: it has succeeded\n0 ")), "{said}");
        let said = self::said(&service, &[&["deliveries", "abandon", &failed], dry_run].concat()).await;
        assert!(said.starts_with(&format!("{failed}  stays: it has failed already\n0 ")), "{said}");
    }
    let nobody = "01a20e84-231a-7311-b976-c30bdc517d87";
    let output = orders(&service, &["deliveries", "retry", &failed, nobody, "--limit", "1", "--because", "they mended it"]).await;
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{failed}  will be tried again\n1 of 2 done\n"));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("orders: there is no delivery {nobody}\n"));
    assert_eq!(output.status.code(), Some(1));
    let listed = said(&service, &["deliveries", "list", "--reason", "MENDED", "--channel", "webhook:erp"]).await;
    assert!(listed.lines().count() == 2 && listed.contains(&failed) && listed.contains("they mended it"), "{listed}");
    assert_eq!(said(&service, &["deliveries", "list", "--channel", "webhook:crm"]).await.lines().count(), 1);
    let output = orders(&service, &["deliveries", "list", "--channel", "pigeon"]).await;
    let refused = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && refused.contains("there are log, file, email, webhook"), "{refused}");
    let output = orders(&service, &["deliveries", "list", "--limit", "1"]).await;
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 2);
    assert!(String::from_utf8(output.stderr).unwrap().contains("there are more than these 1: raise --limit"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_in_doubt_is_marked_and_found() {
    let (service, receiver) = (service(near(), false).await, Receiver::start().await);
    service.registers(&receiver).await;
    receiver.answer_next([super::receiver::Answer::Says("502 Bad Gateway", vec![])]);
    service.tell().await;
    service.tell().await;
    let listed = said(&service, &["deliveries", "list", "--in-doubt"]).await;
    assert!(listed.lines().count() == 2 && listed.contains("pending, in doubt"), "{listed}");
    let listed = said(&service, &["deliveries", "list", "--state", "paused"]).await;
    assert!(listed.lines().count() == 2 && !listed.contains("in doubt"), "{listed}");
    let outage = lines(&said(&service, &["webhooks", "list", "--json"]).await).remove(0);
    assert_eq!((&outage["state"], &outage["reason"]), (&json!("down"), &json!("the receiver answered 502 Bad Gateway")));
}
