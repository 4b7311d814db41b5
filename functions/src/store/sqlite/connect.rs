//! Connections, the pool of readers, and what SQLite's errors mean to us.

use super::{
    super::{Result, StoreError},
    migrate,
};
use crate::domain::{id::OrderId, order::Stored, timestamp::Timestamp};
use sqlx::{
    ConnectOptions, Row, Sqlite, SqliteConnection, SqlitePool,
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use uuid::Uuid;

/// How long a statement waits for another process that holds the file.
const BUSY: Duration = Duration::from_secs(5);

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .synchronous(SqliteSynchronous::Full)
        .pragma("temp_store", "memory")
        .disable_statement_logging()
}

/// For the one writer. Its cache of statements holds a text for each size of batch.
pub(super) async fn writer(path: &Path) -> Result<SqliteConnection> {
    let options = options(path).journal_mode(SqliteJournalMode::Wal).statement_cache_capacity(512);
    options.connect().await.map_err(|error| not_opened(path, &error))
}

/// The same, for the one command that may create the file.
pub(super) async fn creator(path: &Path) -> Result<SqliteConnection> {
    let options = options(path).journal_mode(SqliteJournalMode::Wal).create_if_missing(true);
    options.connect().await.map_err(|error| fault(&error))
}

pub(super) async fn reader(path: &Path) -> Result<SqliteConnection> {
    let mut connection = options(path).read_only(true).connect().await.map_err(|error| not_opened(path, &error))?;
    migrate::check(&mut connection).await?;
    Ok(connection)
}

/// Connections for what is read seldom; opened when first needed.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    pool: SqlitePool,
    /// Whether the schema was seen to be enough. It only ever rises.
    is_checked: AtomicBool,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .acquire_timeout(BUSY)
            .test_before_acquire(false)
            .connect_lazy_with(options(path).read_only(true));
        Self { path: path.to_owned(), pool, is_checked: AtomicBool::new(false) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// # Errors
    /// As long as the schema is too old for what would be read, too.
    pub(super) async fn get(&self) -> Result<PoolConnection<Sqlite>> {
        let mut connection = self.pool.acquire().await.map_err(|error| not_opened(&self.path, &error))?;
        if !self.is_checked.load(Ordering::Relaxed) {
            migrate::check(&mut connection).await?;
            self.is_checked.store(true, Ordering::Relaxed);
        }
        Ok(connection)
    }
}

/// Primary result codes (sqlite.org/rescode.html), the low byte of the extended ones.
mod code {
    pub(super) const ERROR: i32 = 1;
    pub(super) const READONLY: i32 = 8;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const MISMATCH: i32 = 20;
    pub(super) const MISUSE: i32 = 21;
    pub(super) const RANGE: i32 = 25;
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}

/// What is wrong with the file, the disk or the lock is an outage; what is wrong with a statement or a row is a defect.
pub(super) fn fault(error: &sqlx::Error) -> StoreError {
    match primary_code(error) {
        Some(code::ERROR | code::CONSTRAINT | code::MISMATCH | code::MISUSE | code::RANGE) => StoreError::Broken(error.to_string()),
        Some(code::READONLY | code::FULL) => StoreError::Unwritable(error.to_string()),
        Some(_) => StoreError::Unavailable(error.to_string()),
        None => match error {
            sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) | sqlx::Error::Encode(_) => {
                StoreError::Broken(error.to_string())
            }
            _ => StoreError::Unavailable(error.to_string()),
        },
    }
}

/// A file that nobody has made yet is told apart from one that cannot be reached, and from a folder that is not mounted.
fn not_opened(path: &Path, error: &sqlx::Error) -> StoreError {
    let is_missing = || !path.exists() && path.parent().is_some_and(|folder| folder.as_os_str().is_empty() || folder.is_dir());
    if primary_code(error) == Some(code::CANTOPEN) && is_missing() {
        return StoreError::Missing(path.display().to_string());
    }
    fault(error)
}

pub(super) fn broken(error: impl std::fmt::Display) -> StoreError {
    StoreError::Broken(error.to_string())
}

// What the columns hold, as domain values.

pub(super) fn uuid(row: &SqliteRow, column: usize) -> Result<Uuid> {
    let bytes: &[u8] = row.try_get(column).map_err(|error| fault(&error))?;
    Uuid::from_slice(bytes).map_err(broken)
}

pub(super) fn number(row: &SqliteRow, column: usize) -> Result<u32> {
    let value: i64 = row.try_get(column).map_err(|error| fault(&error))?;
    u32::try_from(value).map_err(broken)
}

pub(super) fn number_or_none(row: &SqliteRow, column: usize) -> Result<Option<u32>> {
    let value: Option<i64> = row.try_get(column).map_err(|error| fault(&error))?;
    value.map(u32::try_from).transpose().map_err(broken)
}

pub(super) fn moment(row: &SqliteRow, column: usize) -> Result<Timestamp> {
    row.try_get(column).map(Timestamp::from_millis).map_err(|error| fault(&error))
}

pub(super) fn moment_or_none(row: &SqliteRow, column: usize) -> Result<Option<Timestamp>> {
    let millis: Option<i64> = row.try_get(column).map_err(|error| fault(&error))?;
    Ok(millis.map(Timestamp::from_millis))
}

pub(super) fn text(row: &SqliteRow, column: usize) -> Result<&str> {
    row.try_get(column).map_err(|error| fault(&error))
}

pub(super) fn text_or_none(row: &SqliteRow, column: usize) -> Result<Option<&str>> {
    row.try_get(column).map_err(|error| fault(&error))
}

/// A row of `id, version, document`.
pub(super) fn stored(row: &SqliteRow) -> Result<Stored> {
    Ok(Stored { id: OrderId(uuid(row, 0)?), version: number(row, 1)?, document: text(row, 2)?.into() })
}
