//! The real binary as a process of its own.

use rustix::process::{Pid, Signal, kill_process};
use std::{path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// How long a test waits for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Process {
    pub child: Child,
    pub stdout: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts `orders` with these arguments and no settings but these.
    pub fn start(arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
        command.args(arguments).env_clear().envs(settings.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, stdout }
    }

    /// The next line of stdout that `wanted` makes something of.
    pub async fn line<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> T {
        let find = async {
            while let Some(line) = self.stdout.next_line().await.unwrap() {
                if let Some(found) = wanted(&line) {
                    return found;
                }
            }
            panic!("the process ended before it said what was waited for");
        };
        tokio::time::timeout(PATIENCE, find).await.expect("the process said it in time")
    }

    /// Ends it as an operator would, sees that it ends well, and gives what it logged since.
    pub async fn end(mut self) -> Vec<String> {
        let id = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).expect("it runs");
        kill_process(id, Signal::TERM).unwrap();
        let mut lines = Vec::new();
        while let Some(line) = self.stdout.next_line().await.unwrap() {
            lines.push(line);
        }
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{status}");
        lines
    }

    /// SIGKILL; gives what it logged since.
    pub async fn kill(mut self) -> Vec<String> {
        self.child.kill().await.unwrap();
        let mut lines = Vec::new();
        while let Some(line) = self.stdout.next_line().await.unwrap() {
            lines.push(line);
        }
        lines
    }
}

/// `orders dev` on a folder and a port that the system chooses; gives the port as well.
pub async fn dev(folder: &Path, settings: &[(&str, &str)]) -> (Process, u16) {
    let mut process = Process::start(&["dev", "--port", "0", "--data", folder.to_str().unwrap()], settings);
    let port = process.line(|line| line.strip_prefix("orders listens on http://localhost:")?.parse().ok()).await;
    (process, port)
}

/// Looks again and again until there is something; fails when it takes too long.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let mut rhythm = tokio::time::interval(Duration::from_millis(50));
    let find = async {
        loop {
            rhythm.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    tokio::time::timeout(PATIENCE, find).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}
