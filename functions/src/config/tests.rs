use super::*;
use std::path::Path;

fn complaint(role: &Role, pairs: &[(&str, &str)]) -> String {
    let get = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Config::read(role, get).unwrap_err().to_string()
}

#[test]
fn a_bad_setting_is_one_sentence_that_names_the_variable() {
    let file = ("ORDERS_DATABASE", "sqlite:x");
    let key = ("ORDERS_KEYS", "test=0123456789abcdef0123456789abcdef");
    assert!(complaint(&Role::Api, &[]).starts_with("ORDERS_DATABASE is not set"));
    assert!(complaint(&Role::Api, &[file]).starts_with("ORDERS_KEYS is not set"));
    assert!(complaint(&Role::Api, &[file, ("ORDERS_KEYS", "secret")]).starts_with("ORDERS_KEYS must be a list"));
    assert!(complaint(&Role::Api, &[("ORDERS_DATABASE", "postgres:x")]).starts_with("ORDERS_DATABASE must"));
    let server = ("ORDERS_DATABASE", "Server=s;Database=d;User Id=u;Password=secret");
    assert_eq!(complaint(&Role::Api, &[("ORDERS_DATABASE", "Server=s;Password=secret")]), "ORDERS_DATABASE names no Database");
    assert!(complaint(&Role::Api, &[server, ("ORDERS_DATABASE_CONNECTIONS", "0")]).starts_with("ORDERS_DATABASE_CONNECTIONS must"));
    assert!(complaint(&Role::Api, &[server, ("ORDERS_DATABASE_WAIT", "1m")]).starts_with("ORDERS_DATABASE_WAIT must"));
    assert!(complaint(&Role::Api, &[server, ("ORDERS_DATABASE_USERS", "api")]).starts_with("ORDERS_DATABASE_USERS must"));
    assert!(complaint(&Role::Api, &[file, key, ("ORDERS_LISTEN", "here")]).starts_with("ORDERS_LISTEN must"));
    assert!(complaint(&Role::Functions, &[file]).starts_with("FUNCTIONS_CUSTOMHANDLER_PORT is not set"));
    assert!(complaint(&Role::Api, &[file, key, ("NOTIFY_CHANNELS", "log,pigeon")]).starts_with("NOTIFY_CHANNELS names \"pigeon\""));
    assert!(complaint(&Role::Api, &[file, key, ("NOTIFY_AT_MOST_ONCE", "log")]).starts_with("NOTIFY_AT_MOST_ONCE names \"log\""));
    assert!(complaint(&Role::Api, &[file, key, ("WEBHOOK_REACH", "far")]).starts_with("WEBHOOK_REACH must be public or private"));
    let authorities = ("SSL_CERT_FILE", "/nowhere");
    let said = complaint(&Role::Api, &[file, key, ("NOTIFY_CHANNELS", "webhook"), authorities]);
    assert!(said.starts_with("SSL_CERT_FILE cannot be read: /nowhere"), "{said}");
    assert!(complaint(&Role::Api, &[file, key, ("ORDERS_LEASE", "0s")]).starts_with("ORDERS_LEASE must be a duration from 1s"));
    assert!(complaint(&Role::Api, &[file, key, ("SWEEP_SCHEDULE", "hourly")]).starts_with("SWEEP_SCHEDULE must"));
    assert!(complaint(&Role::Api, &[file, key, ("RUST_LOG", "orders=loud")]).starts_with("RUST_LOG must be a level"));
    assert!(complaint(&Role::Api, &[file, key, ("RUST_LOG", "info,blah")]).ends_with("\"blah\" is no level"));
    assert!(complaint(&Role::Api, &[file, key, ("ORDERS_RELAY", "maybe")]).starts_with("ORDERS_RELAY must"));
}

#[test]
fn dev_needs_no_setting_and_keeps_everything_in_its_folder() {
    let role = Role::Dev { port: 7071, data: ".orders".into() };
    let config = Config::read(&role, |_| None).unwrap();
    assert!(matches!(&config.database, Database::Sqlite(path) if path == Path::new(".orders/orders.sqlite")));
    assert_eq!(config.notify_file, Path::new(".orders/notifications.jsonl"));
    assert_eq!(config.listen.to_string(), "127.0.0.1:7071");
}
