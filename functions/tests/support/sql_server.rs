//! A database of its own on the server that `ORDERS_TEST_SQL` names by a connection string.

use orders::{
    config::{Config, Role},
    store::{
        Database,
        azure_sql::{self, Server},
    },
};
use std::time::Duration;

pub struct TestDatabase {
    /// Where databases are made.
    master: Server,
    pub server: Server,
}

/// What the settings say of a server, as the binary reads them.
pub fn server(connection_string: &str) -> Server {
    let get = |name: &str| (name == "ORDERS_DATABASE").then(|| connection_string.to_owned());
    match Config::read(&Role::Migrate, get).unwrap().database {
        Database::AzureSql(server) => *server,
        Database::Sqlite(_) => panic!("it names no server"),
    }
}

/// The string itself, where it is set.
#[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of the binary")]
pub fn connection_string() -> Option<String> {
    std::env::var("ORDERS_TEST_SQL").ok().filter(|text| !text.is_empty())
}

impl TestDatabase {
    /// Nothing where no server is named.
    pub async fn create() -> Option<Self> {
        // Azure needs half a minute to make one.
        let master = Server { database: "master".into(), deadline: Duration::from_mins(3), ..server(&connection_string()?) };
        let name = format!("orders_test_{:x}", fastrand::u64(..));
        azure_sql::batch(&master, &format!("CREATE DATABASE {name}")).await.unwrap();
        let server = Server { database: name, deadline: Duration::from_secs(30), patience: Duration::from_secs(30), ..master.clone() };
        Some(Self { master, server })
    }

    /// On a server that a proxy can stand before: one on this machine.
    pub async fn create_nearby() -> Option<Self> {
        let host = connection_string().map(|text| server(&text).host);
        let Some("127.0.0.1" | "localhost") = host.as_deref() else {
            println!("ORDERS_TEST_SQL names no server on this machine");
            return None;
        };
        Self::create().await
    }

    /// Takes everything out of it, the schema too.
    pub async fn clear(&self) {
        let views = ["order_lines", "ledger"].map(|view| format!("DROP VIEW IF EXISTS dbo.{view}"));
        let tables = [
            "delivery_decisions",
            "delivery_attempts",
            "deliveries",
            "outbox",
            "orders",
            "idempotency",
            "rejected_messages",
            "circuits",
            "webhook_endpoints",
            "suppressions",
            "schema_migrations",
        ];
        let tables = tables.map(|table| format!("DROP TABLE IF EXISTS dbo.{table}"));
        azure_sql::batch(&self.server, &[views.join(";"), tables.join(";")].join(";")).await.unwrap();
    }

    pub async fn drop(self) {
        azure_sql::batch(&self.master, &format!("DROP DATABASE {}", self.server.database)).await.unwrap();
    }
}
