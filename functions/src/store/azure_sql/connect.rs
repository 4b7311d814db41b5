//! One connection: the way to the server, the login, and what the columns hold.

use super::{
    connection_string::{Encryption, Tls},
    fault::{Fault, broken},
};
use crate::domain::{id::OrderId, order::Stored, timestamp::Timestamp};
use azure_core::credentials::TokenCredential;
use secrecy::{ExposeSecret, SecretString};
use std::{sync::Arc, time::Duration};
use tiberius::{AuthMethod, Config, EncryptionLevel, Row, error::Error};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};
use uuid::Uuid;

pub(super) type Client = tiberius::Client<Compat<TcpStream>>;
/// The rows of each result, in the order of the statements.
pub(super) type Results = Vec<Vec<Row>>;

/// What Azure SQL asks of a token (Microsoft Entra, "Azure SQL Database").
const SCOPE: &str = "https://database.windows.net/.default";
/// Redirects that a login follows: Azure's gateway makes one.
const REDIRECTS: usize = 4;

/// A database and the way to it.
#[derive(Debug, Clone)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub database: String,
    pub login: Login,
    pub tls: Tls,
    /// Connections that this process has at most.
    pub connections: usize,
    /// How long a request waits for one of them.
    pub patience: Duration,
    /// A connection that nobody needed for so long is closed: a serverless database pauses only when it has none
    /// (Azure SQL Database, "Auto-pause").
    pub idle: Duration,
    /// How long a request waits for its answer, all tries together.
    pub deadline: Duration,
    /// Whom `migrate` lets in.
    pub users: Vec<User>,
}

#[derive(Debug, Clone)]
pub enum Login {
    Sql { user: String, password: SecretString },
    Entra(Arc<dyn TokenCredential>),
}

/// An Entra identity that may read and write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub client_id: Uuid,
}

/// Connects and logs in. `answer_within` bounds each answer, and there is no bound for all of it together.
pub(super) async fn open(server: &Server, answer_within: Duration) -> Result<Client, Fault> {
    let authentication = authentication(&server.login).await?;
    let (mut host, mut port) = (server.host.clone(), server.port);
    for _ in 0..=REDIRECTS {
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|error| Fault::Unreachable(error.to_string()))?;
        stream.set_nodelay(true).map_err(|error| Fault::Unreachable(error.to_string()))?;
        let config = config(server, &host, port, authentication.clone(), answer_within);
        match Box::pin(Client::connect(config, stream.compat_write())).await {
            // The certificate is checked against the name that the gateway gave.
            Err(Error::Routing { host: next, port: at }) => (host, port) = (next, at),
            Err(error) => return Err(Fault::connecting(error)),
            Ok(client) => return Ok(client),
        }
    }
    Err(Fault::Unacceptable(format!("it redirected the login more than {REDIRECTS} times")))
}

/// A token is asked for at each login; the credential keeps it and knows when it ends.
async fn authentication(login: &Login) -> Result<AuthMethod, Fault> {
    match login {
        Login::Sql { user, password } => Ok(AuthMethod::sql_server(user, password.expose_secret())),
        Login::Entra(credential) => {
            let token = credential.get_token(&[SCOPE], None).await;
            let token = token.map_err(|error| Fault::Refused(format!("no Entra token: {error}")))?;
            Ok(AuthMethod::aad_token(token.token.secret()))
        }
    }
}

fn config(server: &Server, host: &str, port: u16, authentication: AuthMethod, answer_within: Duration) -> Config {
    let mut config = Config::new();
    config.host(host);
    config.port(port);
    config.database(&server.database);
    config.application_name("orders");
    config.authentication(authentication);
    config.command_timeout(Some(answer_within));
    config.encryption(match server.tls.encryption {
        Encryption::Login => EncryptionLevel::Off,
        Encryption::All => EncryptionLevel::Required,
        Encryption::Strict => EncryptionLevel::Strict,
    });
    if server.tls.trust_any {
        config.trust_cert();
    }
    if let Some(authority) = &server.tls.authority {
        config.trust_cert_ca(authority.display());
    }
    if let Some(name) = &server.tls.host_name {
        config.hostname_in_certificate(name);
    }
    config
}

// What the columns hold, as domain values.

pub(super) fn uuid(row: &Row, column: usize) -> Result<Uuid, Fault> {
    required(row, column)
}

pub(super) fn number(row: &Row, column: usize) -> Result<u32, Fault> {
    let value: i32 = required(row, column)?;
    u32::try_from(value).map_err(broken)
}

pub(super) fn number_or_none(row: &Row, column: usize) -> Result<Option<u32>, Fault> {
    let value: Option<i32> = row.try_get(column).map_err(broken)?;
    value.map(u32::try_from).transpose().map_err(broken)
}

pub(super) fn moment(row: &Row, column: usize) -> Result<Timestamp, Fault> {
    required(row, column).map(Timestamp::from_millis)
}

pub(super) fn moment_or_none(row: &Row, column: usize) -> Result<Option<Timestamp>, Fault> {
    let millis: Option<i64> = row.try_get(column).map_err(broken)?;
    Ok(millis.map(Timestamp::from_millis))
}

/// Milliseconds.
pub(super) fn duration(row: &Row, column: usize) -> Result<Duration, Fault> {
    let millis: i64 = required(row, column)?;
    u64::try_from(millis).map(Duration::from_millis).map_err(broken)
}

pub(super) fn text(row: &Row, column: usize) -> Result<&str, Fault> {
    required(row, column)
}

pub(super) fn text_or_none(row: &Row, column: usize) -> Result<Option<&str>, Fault> {
    row.try_get(column).map_err(broken)
}

pub(super) fn bytes(row: &Row, column: usize) -> Result<&[u8], Fault> {
    required(row, column)
}

fn required<'a, T: tiberius::FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, Fault> {
    row.try_get(column).map_err(broken)?.ok_or_else(|| broken(format_args!("column {column} is null")))
}

/// A row of `id, version, document`.
pub(super) fn stored(row: &Row) -> Result<Stored, Fault> {
    Ok(Stored { id: OrderId(uuid(row, 0)?), version: number(row, 1)?, document: text(row, 2)?.into() })
}

/// An unsigned number as SQL Server keeps it. All that are kept are small.
pub(super) fn int(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
