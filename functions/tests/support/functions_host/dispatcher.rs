//! Keeps one handler process alive on one port, and says whether it can be called (contract §2.2–2.5).

use super::{
    client::HandlerClient,
    handler::{Handler, Spec},
    readiness::{self, Limits},
    records::Records,
    restarts::Errors,
};
use std::{process::ExitStatus, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

/// Exit codes with a meaning of their own.
const DONE: i32 = 0;
const RESTART_ME: i32 = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Initializing,
    Initialized,
    WorkerProcessRestarting,
    /// For good, for this reason.
    Stopped(String),
}

/// A process among those started one after the other, from 1.
pub type Start = u32;

#[derive(Debug, Clone)]
struct Seen {
    state: State,
    start: Start,
    pid: Option<u32>,
}

#[derive(Debug)]
enum Command {
    /// A function's time-out: the process of that start is killed, and the next one started.
    TimedOut(Start),
    /// For this reason.
    Stop(&'static str),
}

/// Why there is no handler after [`Dispatcher::stop`].
pub const ASKED_TO: &str = "stopped";

#[derive(Debug)]
pub struct Dispatcher {
    pub port: u16,
    seen: watch::Receiver<Seen>,
    commands: mpsc::UnboundedSender<Command>,
    initialization: Duration,
    records: Arc<Records>,
}

impl Dispatcher {
    pub fn start(spec: Spec, client: HandlerClient, limits: Limits, records: Arc<Records>) -> Self {
        let (changed, seen) = watch::channel(Seen { state: State::Initializing, start: 0, pid: None });
        let (commands, received) = mpsc::unbounded_channel();
        let port = spec.port;
        let keeper = Keeper { spec, client, limits, records: Arc::clone(&records), changed, received, errors: Errors::default() };
        tokio::spawn(keeper.run());
        Self { port, seen, commands, initialization: limits.initialization, records }
    }

    pub fn state(&self) -> State {
        self.seen.borrow().state.clone()
    }

    /// The process that runs at the moment.
    pub fn pid(&self) -> Option<u32> {
        self.seen.borrow().pid
    }

    pub fn starts(&self) -> Start {
        self.seen.borrow().start
    }

    /// Waits until the handler can be called; as an invocation does, for four times the `initializationTimeout`. When
    /// that is over the host stops.
    pub async fn ready(&self) -> Result<Start, String> {
        let mut seen = self.seen.clone();
        let settled = async {
            let settled = seen.wait_for(|seen| matches!(seen.state, State::Initialized | State::Stopped(_))).await;
            settled.map(|seen| seen.clone())
        };
        match tokio::time::timeout(4 * self.initialization, settled).await {
            Ok(Ok(Seen { state: State::Stopped(reason), .. })) => Err(reason),
            Ok(Ok(seen)) => Ok(seen.start),
            Ok(Err(_)) => Err("the host is gone".to_owned()),
            Err(_) => {
                let state = self.state();
                self.records
                    .error(format!("Final functionDispatcher state: {state:?}. Initialization timed out and host is shutting down"));
                let _ = self.commands.send(Command::Stop("Initialization timed out"));
                Err(self.stopped().await)
            }
        }
    }

    pub fn timed_out(&self, start: Start) {
        let _ = self.commands.send(Command::TimedOut(start));
    }

    /// Kills the handler and waits until it is gone.
    pub async fn stop(&self) {
        let _ = self.commands.send(Command::Stop(ASKED_TO));
        self.stopped().await;
    }

    /// Waits until there is no handler, and none will be started; says why.
    pub fn stopped(&self) -> impl Future<Output = String> + Send + use<> {
        let mut seen = self.seen.clone();
        async move {
            match seen.wait_for(|seen| matches!(seen.state, State::Stopped(_))).await.map(|seen| seen.state.clone()) {
                Ok(State::Stopped(reason)) => reason,
                _ => "the host is gone".to_owned(),
            }
        }
    }

    /// Waits until it is known here that the process of that start is over.
    pub async fn over(&self, start: Start) {
        let mut seen = self.seen.clone();
        let _ = seen.wait_for(|seen| seen.start > start || seen.pid.is_none()).await;
    }

    /// Waits until that many processes have been started.
    pub async fn started(&self, starts: Start) {
        let mut seen = self.seen.clone();
        let _ = seen.wait_for(|seen| seen.start >= starts || matches!(seen.state, State::Stopped(_))).await;
    }
}

struct Keeper {
    spec: Spec,
    client: HandlerClient,
    limits: Limits,
    records: Arc<Records>,
    changed: watch::Sender<Seen>,
    received: mpsc::UnboundedReceiver<Command>,
    errors: Errors,
}

/// Why one process is over.
enum End {
    Exited(ExitStatus),
    NotReady(String),
    TimedOut,
    Stop(&'static str),
}

impl Keeper {
    async fn run(mut self) {
        let reason = self.keep().await;
        self.changed.send_modify(|seen| {
            seen.state = State::Stopped(reason);
            seen.pid = None;
        });
    }

    /// One process after the other; gives the reason for which there is none any more.
    async fn keep(&mut self) -> String {
        loop {
            let mut handler = match Handler::spawn(&self.spec, &self.records) {
                Ok(handler) => handler,
                Err(error) => {
                    let file = self.spec.executable.display();
                    self.records.error(format!("Failed to start Worker Channel. Process fileName: {file}: {error}"));
                    return self.wait_for_stop().await;
                }
            };
            self.changed.send_modify(|seen| {
                seen.start += 1;
                seen.pid = handler.id();
            });
            let counted = match self.live(&mut handler).await {
                End::Stop(reason) => {
                    handler.kill().await;
                    return reason.to_owned();
                }
                End::Exited(status) => match status.code() {
                    Some(DONE) => {
                        self.records.warn("the handler exited with code 0: it is not started again, and every later invocation fails");
                        return self.wait_for_stop().await;
                    }
                    Some(RESTART_ME) => false,
                    _ => {
                        let errors = handler.last_errors().await;
                        self.records
                            .error(format!("Language Worker Process exited. Pid={:?}. {status}. {errors}", self.changed.borrow().pid));
                        true
                    }
                },
                End::NotReady(reason) => {
                    self.records.error(format!("the handler is not ready: {reason}"));
                    handler.kill().await;
                    true
                }
                End::TimedOut => {
                    self.set(State::WorkerProcessRestarting);
                    handler.kill().await;
                    false
                }
            };
            if counted && self.errors.count(Instant::now()) {
                let reason = "Exceeded http worker restart retry count. Shutting down Functions Host";
                self.records.error(reason);
                return reason.to_owned();
            }
            self.set(State::WorkerProcessRestarting);
        }
    }

    async fn live(&mut self, handler: &mut Handler) -> End {
        let start = self.changed.borrow().start;
        let readiness = readiness::wait(&self.client, self.spec.port, self.limits, &self.records);
        tokio::pin!(readiness);
        let (mut is_ready, mut is_done) = (false, false);
        loop {
            tokio::select! {
                // A process that is gone is not asked whether it is ready.
                biased;
                command = self.received.recv() => match command {
                    Some(Command::TimedOut(of)) if of == start => return End::TimedOut,
                    Some(Command::TimedOut(_)) => {}
                    Some(Command::Stop(reason)) => return End::Stop(reason),
                    None => return End::Stop(ASKED_TO),
                },
                status = handler.ended(), if !is_done => match status {
                    // Nothing tells the readiness poll of it.
                    Ok(status) if status.code() == Some(DONE) && !is_ready => is_done = true,
                    Ok(status) => return End::Exited(status),
                    Err(error) => return End::NotReady(error.to_string()),
                },
                ready = &mut readiness, if !is_ready => match ready {
                    Ok(()) => {
                        is_ready = true;
                        self.changed.send_modify(|seen| seen.state = State::Initialized);
                    }
                    Err(reason) => return End::NotReady(reason),
                },
            }
        }
    }

    fn set(&self, state: State) {
        self.changed.send_modify(|seen| {
            seen.state = state;
            seen.pid = None;
        });
    }

    /// The state stays what it is; there is no process, and nothing starts one.
    async fn wait_for_stop(&mut self) -> String {
        self.changed.send_modify(|seen| seen.pid = None);
        loop {
            match self.received.recv().await {
                Some(Command::Stop(reason)) => return reason.to_owned(),
                Some(Command::TimedOut(_)) => {}
                None => return ASKED_TO.to_owned(),
            }
        }
    }
}
