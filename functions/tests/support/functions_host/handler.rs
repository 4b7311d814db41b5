//! The handler as a process: its environment, its two streams, its end (contract §2.1, §2.6).

use super::{
    guid,
    host_json::HostJson,
    records::{Records, Source},
    settings::Settings,
};
use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinHandle,
};

/// The host waits so long for the process to be gone after it killed it.
const KILL_WAIT: Duration = Duration::from_secs(1);
/// The host quotes so many of the last lines on stderr when the process ends.
const QUOTED: usize = 3;

#[derive(Debug, Clone)]
pub struct Spec {
    pub executable: PathBuf,
    pub arguments: Vec<String>,
    pub directory: PathBuf,
    pub root: PathBuf,
    pub settings: Settings,
    pub port: u16,
}

impl Spec {
    pub fn of(root: &Path, host: &HostJson, settings: &Settings, port: u16) -> Self {
        Self {
            executable: host.executable.clone(),
            arguments: host.arguments.clone(),
            directory: host.working_directory.clone(),
            root: root.to_owned(),
            settings: settings.clone(),
            port,
        }
    }

    fn command(&self) -> Command {
        let (port, id) = (self.port.to_string(), guid().to_string());
        let expand = |text: &str| text.replace("%FUNCTIONS_CUSTOMHANDLER_PORT%", &port);
        let mut command = Command::new(expand(&self.executable.to_string_lossy()));
        command.args(self.arguments.iter().map(|argument| expand(argument))).current_dir(&self.directory);
        command.env_clear().envs(self.settings.iter());
        command.env("FUNCTIONS_CUSTOMHANDLER_PORT", &port).env("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", &id);
        command.env("FUNCTIONS_HTTPWORKER_PORT", &port).env("FUNCTIONS_HTTPWORKER_ID", &id);
        command.env("FUNCTIONS_APP_ROOT_PATH", &self.root);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

#[derive(Debug)]
pub struct Handler {
    child: Child,
    readers: Vec<JoinHandle<()>>,
    last_errors: Arc<Mutex<VecDeque<String>>>,
}

impl Handler {
    pub fn spawn(spec: &Spec, records: &Arc<Records>) -> io::Result<Self> {
        let mut child = spec.command().spawn()?;
        let last_errors = Arc::default();
        let readers = [
            child.stdout.take().map(|stream| tokio::spawn(read(stream, Source::Stdout, Arc::clone(records), Arc::clone(&last_errors)))),
            child.stderr.take().map(|stream| tokio::spawn(read(stream, Source::Stderr, Arc::clone(records), Arc::clone(&last_errors)))),
        ];
        Ok(Self { child, readers: readers.into_iter().flatten().collect(), last_errors })
    }

    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Safe to drop and call again.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// SIGKILL, without warning: the host knows no other way.
    pub async fn kill(&mut self) {
        let _ = self.child.start_kill();
        let _ = tokio::time::timeout(KILL_WAIT, self.child.wait()).await;
        self.drain().await;
    }

    /// What it said last on stderr, after all of it is read. A child of the handler's own may hold the streams open.
    pub async fn last_errors(&mut self) -> String {
        self.drain().await;
        Vec::from(self.last_errors.lock().unwrap_or_else(PoisonError::into_inner).clone()).join(" / ")
    }

    async fn drain(&mut self) {
        for reader in &mut self.readers {
            let _ = tokio::time::timeout(KILL_WAIT, reader).await;
        }
        self.readers.clear();
    }
}

async fn read(stream: impl AsyncRead + Unpin, source: Source, records: Arc<Records>, last_errors: Arc<Mutex<VecDeque<String>>>) {
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
        records.console(source, &line);
        if source == Source::Stderr {
            let mut last = last_errors.lock().unwrap_or_else(PoisonError::into_inner);
            last.push_back(line);
            if last.len() > QUOTED {
                last.pop_front();
            }
        }
    }
}
