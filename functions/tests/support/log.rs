//! A process whose log is read while it runs, so that it never waits for its reader.

use super::process::Process;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::{sync::oneshot, task::JoinHandle};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Asked,
    Killed,
}

#[derive(Debug)]
pub struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    end: oneshot::Sender<End>,
    reading: JoinHandle<()>,
}

impl Log {
    pub fn of(mut process: Process) -> Self {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let (end, mut ended) = oneshot::channel();
        let read = Arc::clone(&lines);
        let reading = tokio::spawn(async move {
            let how = loop {
                tokio::select! {
                    line = process.stdout.next_line() => {
                        let line = line.unwrap().expect("it runs until it is ended");
                        read.lock().unwrap().push(line);
                    }
                    how = &mut ended => break how,
                }
            };
            let rest = if how == Ok(End::Killed) { process.kill().await } else { process.end().await };
            read.lock().unwrap().extend(rest);
        });
        Self { lines, end, reading }
    }

    /// Of a process that logs JSON; also where it says that it listens.
    pub async fn listening(mut process: Process) -> (Self, String) {
        let listens = |line: &str| {
            let record: Value = serde_json::from_str(line).ok()?;
            (record["message"] == "listening").then(|| record["address"].as_str().unwrap().to_owned())
        };
        let address = process.line(listens).await;
        (Self::of(process), address)
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Ends the process as an operator would, and gives all that it logged.
    pub async fn end(self) -> Vec<String> {
        self.finish(End::Asked).await
    }

    /// SIGKILL.
    pub async fn kill(self) -> Vec<String> {
        self.finish(End::Killed).await
    }

    async fn finish(self, how: End) -> Vec<String> {
        let _ = self.end.send(how);
        self.reading.await.unwrap();
        std::mem::take(&mut *self.lines.lock().unwrap())
    }
}
