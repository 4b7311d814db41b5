//! One thread that writes and syncs what has come together meanwhile.

use super::JournalError;
use std::{
    fs::File,
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};
use tokio::sync::watch;

/// Bytes that may wait to be written.
const WAITING: usize = 16 * 1024 * 1024;

/// What was appended, to be awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    appended: u64,
    closing: bool,
    broken: Option<String>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// For the thread: there is something to write, or nothing more will come.
    come: Condvar,
    /// For those who append: there is room again.
    gone: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// How much is on disk, or why no more will be.
    progress: watch::Receiver<Result<u64, String>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(path: PathBuf, file: File) -> Result<Self, JournalError> {
        let shared = Arc::<Shared>::default();
        let (sender, progress) = watch::channel(Ok(0));
        let of_thread = shared.clone();
        let fault = JournalError::io(&path);
        let work = move || {
            if let Err(error) = write(file, &of_thread, &sender) {
                let reason = format!("{}: {error}", path.display());
                tracing::error!(reason, "The journal broke; messages are not kept from here on");
                of_thread.lock().broken = Some(reason.clone());
                of_thread.gone.notify_all();
                let _ = sender.send_replace(Err(reason));
            }
        };
        let thread = thread::Builder::new().name("journal".into()).spawn(work).map_err(fault)?;
        Ok(Self { shared, progress, thread: Some(thread) })
    }

    pub(super) fn append(&self, frame: &[u8]) -> Result<Ticket, JournalError> {
        let full = |waiting: &mut Waiting| waiting.broken.is_none() && waiting.bytes.len() > WAITING;
        let mut waiting = self.shared.gone.wait_while(self.shared.lock(), full).unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = &waiting.broken {
            return Err(JournalError::Broken(reason.clone()));
        }
        waiting.bytes.extend_from_slice(frame);
        waiting.appended += 1;
        let ticket = Ticket(waiting.appended);
        drop(waiting);
        self.shared.come.notify_one();
        Ok(ticket)
    }

    pub(super) async fn durable(&self, ticket: Ticket) -> Result<(), JournalError> {
        let mut progress = self.progress.clone();
        let reached = |progress: &Result<u64, String>| progress.as_ref().map_or(true, |written| *written >= ticket.0);
        let broken = |reason: &str| JournalError::Broken(reason.to_owned());
        match &*progress.wait_for(reached).await.map_err(|_| broken("its thread ended"))? {
            Ok(_) => Ok(()),
            Err(reason) => Err(broken(reason)),
        }
    }
}

/// What was appended is on disk afterwards.
impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.come.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported, and there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

fn write(mut file: File, shared: &Shared, progress: &watch::Sender<Result<u64, String>>) -> io::Result<()> {
    let mut batch = Vec::new();
    loop {
        let nothing = |waiting: &mut Waiting| waiting.bytes.is_empty() && !waiting.closing;
        let mut waiting = shared.come.wait_while(shared.lock(), nothing).unwrap_or_else(PoisonError::into_inner);
        if waiting.bytes.is_empty() {
            return Ok(());
        }
        batch.clear();
        std::mem::swap(&mut batch, &mut waiting.bytes);
        let appended = waiting.appended;
        drop(waiting);
        shared.gone.notify_all();
        file.write_all(&batch)?;
        file.sync_data()?;
        let _ = progress.send_replace(Ok(appended));
    }
}

#[cfg(test)]
mod tests {
    use super::{Ticket, Writer};
    use std::{fs::File, io::Write};

    #[tokio::test]
    async fn a_journal_that_broke_says_so_to_all_who_wait_and_come() {
        // A file that can't be written, since it is open for reading.
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let writer = Writer::start(path.to_path_buf(), File::open(&path).unwrap()).unwrap();
        let ticket = writer.append(b"record").unwrap();
        let error = writer.durable(ticket).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("the journal broke: {}: ", path.display())), "{error}");
        assert_eq!(writer.append(b"record").unwrap_err().to_string(), error);
        assert_eq!(writer.durable(Ticket(9)).await.unwrap_err().to_string(), error);
    }

    #[tokio::test]
    async fn what_is_appended_is_written_in_order() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"0").unwrap();
        let writer = Writer::start(file.path().to_path_buf(), file.reopen().unwrap()).unwrap();
        let tickets: Vec<Ticket> = (0..1_000).map(|_| writer.append(b"x").unwrap()).collect();
        writer.durable(tickets[999]).await.unwrap();
        assert!(tickets.is_sorted());
        assert_eq!(std::fs::read(file.path()).unwrap().len(), 1_000);
    }
}
