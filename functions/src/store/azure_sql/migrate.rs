//! Bringing the database's schema up to what this binary needs.

use super::{
    super::{Result, SCHEMA_WANTED},
    connect::{self, Client, Results, Server, bytes},
    fault::{Fault, broken},
    users,
};
use crate::domain::timestamp::Timestamp;
use sqlx::migrate::Migrator;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Embedded and checksummed at compile time.
static MIGRATIONS: Migrator = sqlx::migrate!("functions/src/store/migrations/azure_sql");

/// How long to try: a serverless database needs a minute to wake, and the lock may be another's.
const DEADLINE: Duration = Duration::from_mins(3);
const PAUSE: Duration = Duration::from_secs(2);
const CONNECT: Duration = Duration::from_secs(30);
/// How long one statement may take; an index on a large table is built by one.
const STATEMENT: Duration = Duration::from_mins(30);

/// Applies what is missing under a lock of the database: of several callers one applies, the others find it done.
pub(super) async fn run(server: &Server, now: Timestamp) -> Result<Vec<String>> {
    let deadline = Instant::now() + DEADLINE;
    let mut applied = Vec::new();
    loop {
        match attempt(server, now, &mut applied).await {
            Ok(()) => return Ok(applied),
            Err(fault) if fault.is_transient() && Instant::now() + PAUSE < deadline => {
                tracing::info!(?fault, "the migration is tried again");
                sleep(PAUSE).await;
            }
            Err(fault) => return Err(fault.into()),
        }
    }
}

/// The lock is the connection's, and so is each transaction: both end with it, however this ends.
async fn attempt(server: &Server, now: Timestamp, applied: &mut Vec<String>) -> std::result::Result<(), Fault> {
    let connecting = timeout(CONNECT, connect::open(server, STATEMENT)).await;
    let mut client = connecting.unwrap_or_else(|_| Err(Fault::Unreachable("no connection in time".into())))?;
    lock(&mut client).await?;
    version_rows(&mut client).await?;
    let known = known(&mut client).await?;
    for migration in MIGRATIONS.iter() {
        match known.iter().find(|(version, _)| *version == migration.version) {
            Some((_, checksum)) if *checksum == *migration.checksum => continue,
            Some(_) => {
                return Err(broken(format_args!("migration {} of the database differs from the one in this binary", migration.version)));
            }
            None => {}
        }
        batch(&mut client, "SET XACT_ABORT ON; BEGIN TRANSACTION").await?;
        batch(&mut client, migration.sql.as_str()).await?;
        let record = "INSERT INTO dbo.schema_migrations (version, description, checksum, applied_at) VALUES (@P1, @P2, @P3, @P4)";
        let (description, checksum) = (migration.description.as_ref(), migration.checksum.as_ref());
        client.execute(record, &[&migration.version, &description, &checksum, &now.millis()]).await.map_err(Fault::using)?;
        batch(&mut client, "COMMIT").await?;
        applied.push(format!("{:04} {}", migration.version, migration.description));
    }
    users::admit(&mut client, &server.users).await?;
    client.close().await.map_err(Fault::using)
}

async fn lock(client: &mut Client) -> std::result::Result<(), Fault> {
    let results = batch(
        client,
        "DECLARE @got int;
         EXEC @got = sp_getapplock @Resource = N'orders-migrate', @LockMode = N'Exclusive', @LockOwner = N'Session', @LockTimeout = 120000;
         SELECT @got",
    )
    .await?;
    match results.first().and_then(|rows| rows.first()).map(|row| row.try_get::<i32, _>(0)) {
        Some(Ok(Some(0..))) => Ok(()),
        _ => Err(Fault::Unreachable("another migration did not end in time".into())),
    }
}

/// Readers then take the last committed version of a row instead of waiting for its writer. Azure SQL has it on from the
/// start; elsewhere it is turned on while nobody else is connected, so others lose their connection and try again.
async fn version_rows(client: &mut Client) -> std::result::Result<(), Fault> {
    let sql = "IF EXISTS (SELECT 1 FROM sys.databases WHERE name = DB_NAME() AND is_read_committed_snapshot_on = 0)
                   EXEC (N'ALTER DATABASE CURRENT SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE')";
    batch(client, sql).await.map(drop)
}

/// The versions that the database has, with their checksums.
async fn known(client: &mut Client) -> std::result::Result<Vec<(i64, Vec<u8>)>, Fault> {
    let results = batch(
        client,
        "IF OBJECT_ID(N'dbo.schema_migrations', N'U') IS NULL
             CREATE TABLE dbo.schema_migrations (
                 version     bigint        NOT NULL CONSTRAINT schema_migrations_version PRIMARY KEY,
                 description nvarchar(200) NOT NULL,
                 checksum    varbinary(64) NOT NULL,
                 applied_at  bigint        NOT NULL
             );
         SELECT version, checksum FROM dbo.schema_migrations",
    )
    .await?;
    let rows = results.into_iter().next_back().unwrap_or_default();
    rows.iter().map(|row| Ok((row.try_get(0).map_err(broken)?.unwrap_or(0), bytes(row, 1)?.to_vec()))).collect()
}

pub(super) async fn batch(client: &mut Client, sql: &str) -> std::result::Result<Results, Fault> {
    client.simple_query(sql).await.map_err(Fault::using)?.into_results().await.map_err(Fault::using)
}

/// The version the database has; an error when that is not enough.
pub(super) async fn check(client: &mut Client) -> std::result::Result<i64, Fault> {
    let sql = "IF OBJECT_ID(N'dbo.schema_migrations', N'U') IS NULL SELECT CAST(0 AS bigint)
               ELSE SELECT COALESCE(MAX(version), 0) FROM dbo.schema_migrations";
    let results = batch(client, sql).await?;
    let row = results.first().and_then(|rows| rows.first()).ok_or_else(|| broken("no schema version came back"))?;
    let found = row.try_get(0).map_err(broken)?.unwrap_or(0);
    if found < SCHEMA_WANTED { Err(Fault::Schema { found, wanted: SCHEMA_WANTED }) } else { Ok(found) }
}
