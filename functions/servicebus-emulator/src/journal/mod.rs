//! What the broker has, kept in a folder over a restart.
//!
//! One file, `journal`, is appended to: frames of records, each with its length and checksum. A thread writes what has come
//! together and syncs it once. Opening reads the file, cuts what a crash left unfinished at its end, and writes what is still
//! there into a new file, so that the old one doesn't grow for ever; while the emulator runs, it does grow.

mod file;
mod live;
mod record;
mod writer;

pub use record::{Entry, Record, State};
pub use writer::Ticket;

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};
use writer::Writer;

#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    #[error("{}: {reason}", path.display())]
    Io { path: PathBuf, reason: String },
    #[error("{} is in use by another emulator", .0.display())]
    InUse(PathBuf),
    #[error("{} is no journal of this version of the emulator", .0.display())]
    Foreign(PathBuf),
    #[error("records of {0} bytes are more than a journal takes at once")]
    TooLarge(usize),
    /// Nothing is written from then on.
    #[error("the journal broke: {0}")]
    Broken(String),
}

impl JournalError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| Self::Io { path, reason: error.to_string() }
    }
}

/// Every record since the journal was opened last, in the order in which things happened: what became of each message, as the
/// broker knows it. The journal may be in use.
pub fn history(folder: &Path) -> Result<Vec<Record>, JournalError> {
    let mut records = Vec::new();
    file::each(folder, |record| records.push(record))?;
    Ok(records)
}

#[derive(Debug)]
pub struct Journal {
    writer: Writer,
    /// Holds the lock on the folder.
    _lock: File,
}

impl Journal {
    /// Makes the folder if need be. The records are what is still there: a [`Record::Counter`] for every entity, then a
    /// [`Record::Stored`] for every message in the order of entities and sequence numbers, then a [`Record::Session`] for every
    /// session with a state.
    pub fn open(folder: &Path) -> Result<(Self, Vec<Record>), JournalError> {
        fs::create_dir_all(folder).map_err(JournalError::io(folder))?;
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(JournalError::io(&path))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => JournalError::InUse(folder.to_owned()),
            TryLockError::Error(error) => JournalError::io(&path)(error),
        })?;
        let records = file::read(folder)?;
        let journal = file::replace(folder, &records)?;
        Ok((Self { writer: Writer::start(folder.join(file::NAME), journal)?, _lock: lock }, records))
    }

    /// Takes records that count together or not at all. Waits while 16 MiB have not been written yet.
    ///
    /// # Errors
    /// `TooLarge`, or `Broken` since an earlier record.
    pub fn append(&self, records: &[Record]) -> Result<Ticket, JournalError> {
        self.writer.append(&file::frame(records)?)
    }

    /// Completes when the records behind the ticket are on disk.
    ///
    /// # Errors
    /// `Broken`
    pub async fn durable(&self, ticket: Ticket) -> Result<(), JournalError> {
        self.writer.durable(ticket).await
    }
}

#[cfg(test)]
mod tests;
