//! Requests and their answers over a pair of links, as `$cbs` and `$management` want them.
//!
//! The library hands out the next answer, whoever asked: so one task owns the links, makes one call at a time and never
//! gives one up half-way. After a call that was not answered in time the links are dropped.

use super::error::{Error, ErrorKind, kind_of};
use fe2o3_amqp::{link::ErrorRecovery, session::SessionHandle};
use fe2o3_amqp_management::{client::MgmtClient, error::Error as ManagementError, request::Request, response::Response};
use fe2o3_amqp_types::{
    messaging::{ApplicationProperties, Body, Message},
    primitives::{SimpleValue, Value},
};
use std::time::Duration;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use uuid::Uuid;

/// How long one call may take, and how long a caller waits for its turn and the answer.
const CALL: Duration = Duration::from_secs(15);
const TURN: Duration = Duration::from_secs(30);
const CLOSING: Duration = Duration::from_secs(2);
/// Calls that wait for their turn at most.
const QUEUE: usize = 64;

#[derive(Debug)]
pub(super) struct Ask {
    pub(super) operation: &'static str,
    pub(super) properties: Vec<(&'static str, SimpleValue)>,
    pub(super) body: Value,
}

#[derive(Debug)]
pub(super) struct Answer {
    status: i64,
    condition: Option<String>,
    description: Option<String>,
    body: Body<Value>,
}

impl Answer {
    /// The body, when the status is 2xx.
    pub(super) fn success(self) -> Result<Body<Value>, Error> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        let by_status = match self.status {
            401 | 403 => ErrorKind::Unauthorized,
            404 => ErrorKind::NotFound,
            410 => ErrorKind::LockLost,
            429 | 500.. => ErrorKind::Busy,
            _ => ErrorKind::Refused,
        };
        let kind = self.condition.as_deref().and_then(kind_of).unwrap_or(by_status);
        let condition = self.condition.map(|condition| format!(" {condition}")).unwrap_or_default();
        let description = self.description.map(|description| format!(": {description}")).unwrap_or_default();
        Err(Error::new(kind, format!("status {}{condition}{description}", self.status)))
    }
}

impl Request for Ask {
    /// Not used: the properties say it.
    const OPERATION: &'static str = "";
    type Response = Answer;
    type Body = Value;

    fn encode_application_properties(&mut self) -> Option<ApplicationProperties> {
        let operation = SimpleValue::String(self.operation.to_owned());
        let properties = self.properties.drain(..).map(|(name, value)| (name.to_owned(), value));
        Some(ApplicationProperties([("operation".to_owned(), operation)].into_iter().chain(properties).collect()))
    }

    fn encode_body(self) -> Value {
        self.body
    }
}

impl Response for Answer {
    const STATUS_CODE: u16 = 200;
    type Body = Body<Value>;
    type Error = ManagementError;

    fn decode_message(message: Message<Body<Value>>) -> Result<Self, ManagementError> {
        Self::from_message(message)
    }

    /// Takes every status: which of them are a success is for the caller to say. `$cbs` and `$management` name it differently.
    fn from_message(message: Message<Body<Value>>) -> Result<Self, ManagementError> {
        let properties = message.application_properties.unwrap_or_default().0;
        let text = |names: [&str; 2]| {
            names.iter().find_map(|name| match properties.get(*name) {
                Some(SimpleValue::String(text)) => Some(text.clone()),
                Some(SimpleValue::Symbol(symbol)) => Some(symbol.as_str().to_owned()),
                _ => None,
            })
        };
        let status = ["statusCode", "status-code"].iter().find_map(|name| match properties.get(*name)? {
            SimpleValue::Int(status) => Some(i64::from(*status)),
            SimpleValue::Uint(status) => Some(i64::from(*status)),
            SimpleValue::Long(status) => Some(*status),
            SimpleValue::Ushort(status) => Some(i64::from(*status)),
            _ => None,
        });
        Ok(Self {
            status: status.ok_or(ManagementError::StatusCodeNotFound)?,
            condition: text(["errorCondition", "error-condition"]),
            description: text(["statusDescription", "status-description"]),
            body: message.body,
        })
    }
}

/// A way to the task that makes the calls. The task ends with the session, or when the last of these is dropped.
#[derive(Debug, Clone)]
pub(super) struct Calls(mpsc::Sender<Call>);

#[derive(Debug)]
struct Call {
    ask: Ask,
    reply: oneshot::Sender<Result<Answer, Error>>,
}

impl Calls {
    /// Attaches to `node`, as in `$cbs` or `orders/Subscriptions/notify/$management`, on a session of its own.
    pub(super) async fn attach(mut session: SessionHandle<()>, node: &str) -> Result<Self, Error> {
        let client = MgmtClient::builder()
            .management_node_address(node)
            .client_node_addr(format!("{node}-reply-{}", Uuid::new_v4()))
            .attach(&mut session)
            .await?;
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(serve(client, session, receiver));
        Ok(Self(sender))
    }

    pub(super) async fn call(&self, ask: Ask) -> Result<Body<Value>, Error> {
        let gone = || Error::new(ErrorKind::Link, "the request links are gone");
        let operation = ask.operation;
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.0.send(Call { ask, reply }).await.map_err(|_| gone())?;
            answer.await.map_err(|_| gone())?
        };
        timeout(TURN, asked).await.map_err(|_| Error::timed_out(operation))??.success()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Waits until the links or their session are gone.
    pub(super) async fn closed(&self) {
        self.0.closed().await;
    }
}

async fn serve(mut client: MgmtClient, mut session: SessionHandle<()>, mut calls: mpsc::Receiver<Call>) {
    loop {
        let next = tokio::select! {
            _ = session.on_end() => return,
            next = calls.recv() => next,
        };
        let Some(Call { ask, reply }) = next else { break };
        if reply.is_closed() {
            continue;
        }
        let operation = ask.operation;
        // A call on a session that has just ended may never return.
        let called = tokio::select! {
            biased;
            called = timeout(CALL, client.call(ask)) => called,
            _ = session.on_end() => return,
        };
        let (answer, usable) = match called {
            Ok(Ok(answer)) => (Ok(answer), true),
            Ok(Err(error)) => {
                let usable = is_usable(&error);
                (Err(error.into()), usable)
            }
            Err(_) => (Err(Error::timed_out(operation)), false),
        };
        // Whoever asked may have stopped waiting.
        drop(reply.send(answer));
        if !usable {
            return;
        }
    }
    drop(timeout(CLOSING, client.close()).await);
    drop(timeout(CLOSING, session.end()).await);
}

fn is_usable(error: &ManagementError) -> bool {
    let recovery = match error {
        ManagementError::Send(error) => error.recovery(),
        ManagementError::Recv(error) => error.recovery(),
        ManagementError::Disposition(_) => ErrorRecovery::NewLink,
        _ => ErrorRecovery::UseLink,
    };
    recovery.link_is_usable()
}
