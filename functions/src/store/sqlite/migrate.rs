//! Bringing the file's schema up to what this binary needs.

use super::{
    super::{Result, SCHEMA_WANTED, StoreError},
    connect::{self, broken, fault},
};
use crate::domain::timestamp::Timestamp;
use sqlx::{Connection, Row, SqliteConnection, migrate::Migrator};
use std::{collections::HashMap, path::Path};

/// Embedded and checksummed at compile time.
static MIGRATIONS: Migrator = sqlx::migrate!("functions/src/store/migrations/sqlite");

/// Applies what is missing in one transaction that holds the write lock: of several callers one applies, the others
/// find it done.
pub(super) async fn run(path: &Path, now: Timestamp) -> Result<Vec<String>> {
    let mut connection = connect::creator(path).await?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(|error| fault(&error))?;
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS schema_migrations (
             version     INTEGER PRIMARY KEY,
             description TEXT    NOT NULL,
             checksum    BLOB    NOT NULL,
             applied_at  INTEGER NOT NULL
         ) STRICT",
    )
    .execute(&mut *transaction)
    .await
    .map_err(|error| fault(&error))?;
    let known: HashMap<i64, Vec<u8>> = sqlx::query_as("SELECT version, checksum FROM schema_migrations")
        .fetch_all(&mut *transaction)
        .await
        .map_err(|error| fault(&error))?
        .into_iter()
        .collect();
    let mut applied = Vec::new();
    for migration in MIGRATIONS.iter() {
        match known.get(&migration.version) {
            Some(checksum) if *checksum == *migration.checksum => continue,
            Some(_) => {
                return Err(broken(format_args!("migration {} of the database differs from the one in this binary", migration.version)));
            }
            None => {}
        }
        sqlx::raw_sql(migration.sql.clone()).execute(&mut *transaction).await.map_err(|error| fault(&error))?;
        sqlx::query("INSERT INTO schema_migrations (version, description, checksum, applied_at) VALUES (?, ?, ?, ?)")
            .bind(migration.version)
            .bind(migration.description.as_ref())
            .bind(migration.checksum.as_ref())
            .bind(now.millis())
            .execute(&mut *transaction)
            .await
            .map_err(|error| fault(&error))?;
        applied.push(format!("{:04} {}", migration.version, migration.description));
    }
    transaction.commit().await.map_err(|error| fault(&error))?;
    connection.close().await.map_err(|error| fault(&error))?;
    Ok(applied)
}

/// The version the file has; an error when that is not enough.
pub(super) async fn check(connection: &mut SqliteConnection) -> Result<i64> {
    let table = sqlx::query("SELECT 1 FROM sqlite_schema WHERE name = 'schema_migrations'")
        .fetch_optional(&mut *connection)
        .await
        .map_err(|error| fault(&error))?;
    let found: i64 = match table {
        None => 0,
        Some(_) => sqlx::query("SELECT coalesce(max(version), 0) FROM schema_migrations")
            .fetch_one(connection)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(|error| fault(&error))?,
    };
    if found < SCHEMA_WANTED { Err(StoreError::Schema { found, wanted: SCHEMA_WANTED }) } else { Ok(found) }
}
