//! Secrets out of a key vault: read before anybody is answered, read again while the process runs, and never shown.

use crate::{
    support::{
        process::{Process, until},
        tls::authorities,
        vault::{FAR_AWAY, TOKEN, Vault},
    },
    webhooks::receiver::Receiver,
};
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use orders::{
    https,
    key_vault::{KeyVault, Wanted},
};
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use std::{process::Command, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

const OLD: &str = "old-0123456789abcdef0123456789ab";
const NEXT: &str = "next0123456789abcdef0123456789/=";
const SECRET: &str = "orders-api-keys";
const OPERATOR: &str = "0perator-0123456789abcdef0123456";
const CONSOLE: &str = "orders-console-keys";

fn settings<'a>(vault: &'a Vault, database: &'a str) -> Vec<(&'a str, &'a str)> {
    let more = [
        ("ORDERS_DATABASE", database),
        ("ORDERS_KEYS", "keyvault:orders-api-keys"),
        ("ORDERS_KEY_VAULT_REFRESH", "1s"),
        ("ORDERS_LISTEN", "127.0.0.1:0"),
        ("RUST_LOG", "trace"),
    ];
    vault.settings().into_iter().chain(more).collect()
}

#[tokio::test]
async fn a_key_is_rotated_without_a_restart_and_the_last_good_ones_stand_while_the_vault_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("orders.sqlite").display());
    let vault = Vault::start().await;
    vault.put(SECRET, &format!("old={OLD}"));
    vault.put(CONSOLE, &format!("ada=earlier-{OLD}"));
    let mut settings = settings(&vault, &database);
    settings.push(("ORDERS_CONSOLE_KEY", "keyvault:orders-console-keys"));
    let migrate = Command::new(env!("CARGO_BIN_EXE_orders")).arg("migrate").env_clear().envs(settings[5..6].iter().copied()).status();
    assert!(migrate.unwrap().success());
    let mut api = Process::start(&["api"], &settings);
    let mut log = Vec::new();
    let address = loop {
        let line = api.line(|line| Some(line.to_owned())).await;
        log.push(line);
        let address = log.last().and_then(|line| line.split_once("\"address\":\"")).and_then(|(_, rest)| rest.split_once('"'));
        if let Some((address, _)) = address {
            break address.to_owned();
        }
    };
    // What is logged is read all the time: nobody writes into a full pipe.
    let client = reqwest::Client::new();
    let with = |key: &'static str| {
        let request = client.get(format!("http://{address}/api/orders")).header("x-functions-key", key);
        async move { request.send().await.unwrap().status() }
    };
    let operator = |key: &'static str| {
        let request = client.post(format!("http://{address}/api/console/deliveries/none/retry")).header("x-orders-console-key", key);
        async move { request.send().await.unwrap().status() }
    };
    let story = async {
        assert_eq!(operator(OPERATOR).await, StatusCode::UNAUTHORIZED);
        vault.put(CONSOLE, &format!("ada={OPERATOR}"));
        until("the operator's next key is taken", || async { (operator(OPERATOR).await != StatusCode::UNAUTHORIZED).then_some(()) }).await;
        assert_eq!((with(OLD).await, with(NEXT).await), (StatusCode::OK, StatusCode::UNAUTHORIZED));
        vault.put(SECRET, &format!("next={NEXT}"));
        until("the next key is taken", || async { (with(NEXT).await == StatusCode::OK).then_some(()) }).await;
        assert_eq!(with(OLD).await, StatusCode::UNAUTHORIZED);
        vault.put(SECRET, "these are no keys");
        vault.asked(2).await;
        assert_eq!(with(NEXT).await, StatusCode::OK);
        vault.refuse(Some(StatusCode::FORBIDDEN));
        vault.asked(2).await;
        assert_eq!(with(NEXT).await, StatusCode::OK);
    };
    tokio::select! {
        () = story => {}
        () = async { loop { log.push(api.line(|line| Some(line.to_owned())).await); } } => {}
    }
    log.extend(api.end().await);
    let log = log.join("\n");
    assert!(log.contains("a secret was replaced") && log.contains("a secret could not be read"), "{log}");
    assert!(log.contains("reqwest"), "the client logs at this level");
    for secret in [OLD, NEXT, OPERATOR, TOKEN, "h3ad3r"] {
        assert!(!log.contains(secret), "{secret} was logged");
    }
    assert!(vault.tokens()[0].contains("client_id=the-client-id"), "{:?}", vault.tokens());
}

#[tokio::test]
async fn without_its_secrets_the_api_ends_with_one_sentence_before_it_listens() {
    let vault = Vault::start().await;
    let settings = settings(&vault, "sqlite:unused");
    let said = async |settings: &[(&str, &str)]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_orders"));
        let output = command.arg("api").env_clear().envs(settings.iter().copied()).env("RUST_LOG", "info").output().await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(!String::from_utf8(output.stdout).unwrap().contains("listening"));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        said
    };
    let subject = format!("orders: ORDERS_KEYS names the secret orders-api-keys of {}/, ", vault.url);
    let missing = said(&settings).await;
    assert_eq!(missing.trim_end(), format!("{subject}which does not have it"));
    vault.put(SECRET, "a=short");
    let unusable = said(&settings).await;
    assert!(unusable.starts_with(&format!("{subject}whose value has a key named \"a\" of fewer than 32")), "{unusable}");
    vault.refuse(Some(StatusCode::FORBIDDEN));
    let forbidden = said(&settings).await;
    assert_eq!(forbidden.trim_end(), format!("{subject}which does not let this identity read it"));
    vault.refuse(None);
    vault.put(SECRET, &format!("client={OLD}"));
    vault.put(CONSOLE, &format!("ada={OLD}"));
    let both = said(&[&settings[..], &[("ORDERS_CONSOLE_KEY", "keyvault:orders-console-keys")]].concat()).await;
    assert!(both.starts_with("orders: ORDERS_CONSOLE_KEY has a key that ORDERS_KEYS has as well"), "{both}");
    let away: Vec<_> =
        settings.iter().map(|pair| if pair.0 == "ORDERS_KEY_VAULT" { (pair.0, "https://127.0.0.1:1") } else { *pair }).collect();
    let away = said(&away).await;
    assert!(
        away.starts_with("orders: ORDERS_KEYS names the secret orders-api-keys of https://127.0.0.1:1/, which cannot be asked: "),
        "{away}"
    );
}

#[derive(Debug)]
struct Identity;

#[async_trait::async_trait]
impl TokenCredential for Identity {
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let expires_on = azure_core::time::OffsetDateTime::from_unix_timestamp(FAR_AWAY).unwrap();
        Ok(AccessToken::new(TOKEN, expires_on))
    }
}

fn vault_at(vault: &Vault, every: Duration, wanted: Vec<Wanted>) -> KeyVault {
    let client = https::client(&https::tls(&authorities(&vault.authority)).unwrap()).unwrap();
    KeyVault::new(&vault.url, Arc::new(Identity), &client, every, wanted).unwrap()
}

#[tokio::test]
async fn a_secret_that_a_row_names_is_asked_for_once_and_read_again_with_the_others() {
    let vault = Vault::start().await;
    let here = vault_at(&vault, Duration::from_millis(50), vec![]);
    let check = |text: &str| if text.is_empty() || text == "garbage" { Err("must be good".to_owned()) } else { Ok(()) };
    let named = async || here.named("a webhook endpoint", "erp-key", check).await.map(|value| value.expose_secret().to_owned());
    let missing = named().await.unwrap_err().to_string();
    assert_eq!(missing, format!("a webhook endpoint names the secret erp-key of {}/, which does not have it", vault.url));
    vault.put("erp-key", "garbage");
    assert!(named().await.unwrap_err().to_string().ends_with("whose value must be good"));
    vault.put("erp-key", "first");
    assert_eq!(named().await.unwrap(), "first");
    vault.put("erp-key", "second");
    assert_eq!(named().await.unwrap(), "first", "nobody is asked at each use");
    let stop = CancellationToken::new();
    let (keeper, token) = (here.clone(), stop.clone());
    let keeping = tokio::spawn(async move { keeper.keep(&token).await });
    until("its next version is read", || async { (named().await.unwrap() == "second").then_some(()) }).await;
    vault.put("erp-key", "garbage");
    vault.asked(2).await;
    assert_eq!(named().await.unwrap(), "second", "what cannot be used does not take the place of what can");
    vault.refuse(Some(StatusCode::FORBIDDEN));
    vault.asked(2).await;
    assert_eq!(named().await.unwrap(), "second", "the last good value stands");
    stop.cancel();
    keeping.await.unwrap();
}

#[tokio::test]
async fn a_webhook_is_signed_with_a_key_out_of_the_vault() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("orders.sqlite").display());
    let (vault, receiver) = (Vault::start().await, Receiver::start().await);
    let orders = async |arguments: &[&str], with_vault: bool| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_orders"));
        command.args(arguments).env_clear().envs([("ORDERS_DATABASE", database.as_str()), ("WEBHOOK_REACH", "private")]);
        if with_vault {
            command.envs(vault.settings());
        }
        let output = command.output().await.unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    orders(&["migrate"], false).await;
    let url = format!("http://127.0.0.1:{}/", receiver.port);
    let added = orders(&["webhooks", "add", "erp", &url, "--key", "keyvault:erp-key"], false).await;
    assert!(added.contains("note: keyvault:erp-key names a secret of a key vault, and ORDERS_KEY_VAULT is not set"), "{added}");
    let unsigned = orders(&["webhooks", "test", "erp"], true).await;
    assert!(
        unsigned.contains("a webhook endpoint names the secret erp-key of") && unsigned.contains("which does not have it"),
        "{unsigned}"
    );
    vault.put("erp-key", "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=");
    let told = orders(&["webhooks", "test", "erp"], true).await;
    assert!(told.contains("erp took the message"), "{told}");
    assert!(receiver.requests()[0].headers["webhook-signature"].starts_with("v1,"));
}

#[tokio::test]
async fn a_process_that_may_not_wait_for_its_vault_has_its_secrets_as_soon_as_the_vault_is_there() {
    let vault = Vault::start().await;
    let (wanted, password) = Wanted::new("SOME_PASSWORD", "password".into(), |text| Ok::<_, String>(text.to_owned()));
    let here = vault_at(&vault, Duration::from_millis(50), vec![wanted]);
    let stop = CancellationToken::new();
    let token = stop.clone();
    let keeping = tokio::spawn(async move { here.keep(&token).await });
    vault.asked(2).await;
    assert!(password.current().is_none());
    vault.put("password", "pa55-w0rd");
    until("the secret is read", || async { (password.current()?.as_str() == "pa55-w0rd").then_some(()) }).await;
    vault.put("password", "pa55-w0rd-2");
    until("its next version is read", || async { (password.current()?.as_str() == "pa55-w0rd-2").then_some(()) }).await;
    stop.cancel();
    keeping.await.unwrap();
}
