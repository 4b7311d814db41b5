//! Where the orders are, and who this process is there.

use super::{CONNECTIONS, ConfigError, DATABASE, PATIENCE, USERS, duration, identity::Azure, wrong};
use crate::{
    entra,
    store::{Database, azure_sql},
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use uuid::Uuid;

pub(super) fn read<G: Fn(&str) -> Option<String>>(get: &G, azure: &Azure<&G>, dev_folder: Option<&Path>) -> Result<Database, ConfigError> {
    match (get(DATABASE), dev_folder) {
        (Some(value), _) => match value.strip_prefix("sqlite:") {
            Some(":memory:") => Err(wrong(DATABASE, "must name a file: a database in memory would be another one for each connection")),
            Some(path) if !path.is_empty() => Ok(Database::Sqlite(PathBuf::from(path))),
            None if value.contains('=') => azure_sql(&value, get, azure).map(|server| Database::AzureSql(Box::new(server))),
            _ => Err(wrong(DATABASE, "must have the form sqlite:PATH, or be a connection string of SQL Server")),
        },
        (None, Some(folder)) => Ok(Database::Sqlite(folder.join("orders.sqlite"))),
        (None, None) => Err(wrong(DATABASE, "is not set; it says where the orders are, as in sqlite:/var/lib/orders/orders.sqlite")),
    }
}

fn azure_sql<G: Fn(&str) -> Option<String>>(text: &str, get: &G, azure: &Azure<&G>) -> Result<azure_sql::Server, ConfigError> {
    let given = azure_sql::ConnectionString::parse(text).map_err(|error| wrong(DATABASE, error.to_string()))?;
    let connections = get(CONNECTIONS).map_or(Ok(10), |text| text.parse().map_err(drop));
    let connections = connections.ok().filter(|count| (1..=200).contains(count));
    Ok(azure_sql::Server {
        host: given.host,
        port: given.port,
        database: given.database,
        login: login(given.authentication, get, azure)?,
        tls: given.tls,
        connections: connections.ok_or_else(|| wrong(CONNECTIONS, "must be a number from 1 to 200"))?,
        idle: Duration::from_mins(1),
        deadline: Duration::from_secs(10),
        patience: duration(get, PATIENCE, Duration::from_secs(3), 0, 10)?,
        users: users(get(USERS).as_deref().unwrap_or_default())?,
    })
}

fn login<G: Fn(&str) -> Option<String>>(
    given: azure_sql::Authentication,
    get: &G,
    azure: &Azure<&G>,
) -> Result<azure_sql::Login, ConfigError> {
    let (identity, client_id) = match given {
        azure_sql::Authentication::Sql { user, password } => return Ok(azure_sql::Login::Sql { user, password }),
        azure_sql::Authentication::Entra { identity, client_id } => (identity, client_id),
    };
    let source = match identity {
        azure_sql::Identity::Managed => entra::Source::ManagedIdentity,
        azure_sql::Identity::Workload => entra::Source::WorkloadIdentity,
        azure_sql::Identity::Default => azure.offered(),
    };
    let client_id = client_id.or_else(|| get("AZURE_CLIENT_ID"));
    azure.credential(DATABASE, source, client_id).map(azure_sql::Login::Entra)
}

fn users(list: &str) -> Result<Vec<azure_sql::User>, ConfigError> {
    let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let user = |entry: &str| {
        let (name, id) = entry.split_once('=')?;
        let name = Some(name.trim()).filter(|name| (1..=128).contains(&name.chars().count()))?;
        Some(azure_sql::User { name: name.to_owned(), client_id: Uuid::parse_str(id.trim()).ok()? })
    };
    entries.map(|entry| user(entry).ok_or_else(|| wrong(USERS, "must be a list of NAME=CLIENT-ID, separated by commas"))).collect()
}
