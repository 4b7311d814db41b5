//! What can go wrong with a broker, sorted by what there is to do about it.

use fe2o3_amqp::{
    connection::{ConnectionStopReason, OpenError},
    link::{
        DetachError, DispositionError, LinkStateError, ReceiverAttachError, RecvError, SendError, SenderAttachError, SessionStopReason,
    },
    session::BeginError,
};
use fe2o3_amqp_management::error::{AttachError, Error as ManagementError};
use fe2o3_amqp_types::{
    definitions::{self, ErrorCondition},
    primitives::Symbol,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The broker detached a link that was idle (`amqp:link:detach-forced`). Routine: a new link serves.
    Idle,
    /// The link or its session is gone; a new one may serve.
    Link,
    /// There is no connection, or it is gone.
    Connection,
    /// The token was refused, or none could be had.
    Unauthorized,
    /// There is no such topic or subscription, or it is disabled.
    NotFound,
    /// The broker throttles, is full or has a fault of its own.
    Busy,
    /// No answer in time: the outcome is not known.
    TimedOut,
    /// The message's lock ran out: it is somebody else's, or will be.
    LockLost,
    /// The broker will never take this message or request.
    Refused,
    /// What the broker sent is larger than it said when the link was attached, and has cost the link.
    TooLarge,
    /// This client was closed.
    Closed,
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("{text}")]
pub struct Error {
    pub kind: ErrorKind,
    text: String,
}

impl Error {
    pub(super) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    pub(super) fn timed_out(what: &str) -> Self {
        Self::new(ErrorKind::TimedOut, format!("no answer in time to {what}"))
    }

    pub(super) fn closed() -> Self {
        Self::new(ErrorKind::Closed, "the client was closed")
    }

    /// Whether a new link may serve where this one failed.
    pub(super) fn is_loss(&self) -> bool {
        matches!(self.kind, ErrorKind::Idle | ErrorKind::Link | ErrorKind::Connection | ErrorKind::TooLarge)
    }

    /// What the broker said; `otherwise` for a condition that says nothing in particular.
    pub(super) fn said(error: &definitions::Error, otherwise: ErrorKind) -> Self {
        let condition = condition(&error.condition);
        let text = match &error.description {
            Some(description) => format!("{condition}: {description}"),
            None => condition.clone(),
        };
        Self::new(kind_of(&condition).unwrap_or(otherwise), text)
    }

    fn session_stopped(reason: &SessionStopReason) -> Self {
        match reason {
            SessionStopReason::ConnectionStopped(reason) => Self::connection_stopped(reason),
            SessionStopReason::RemoteEndedWithError(error) | SessionStopReason::EndedWithError(error) => Self::said(error, ErrorKind::Link),
            SessionStopReason::Ended | SessionStopReason::RemoteEnded => Self::new(ErrorKind::Link, "the session ended"),
        }
    }

    fn connection_stopped(reason: &ConnectionStopReason) -> Self {
        match reason {
            ConnectionStopReason::ClosedWithError(error) | ConnectionStopReason::RemoteClosedWithError(error) => {
                Self { kind: ErrorKind::Connection, ..Self::said(error, ErrorKind::Connection) }
            }
            ConnectionStopReason::Closed | ConnectionStopReason::RemoteClosed => {
                Self::new(ErrorKind::Connection, "the connection was closed")
            }
        }
    }
}

/// The condition as the broker writes it, as in `amqp:not-found`.
pub(super) fn condition(condition: &ErrorCondition) -> String {
    match condition {
        ErrorCondition::AmqpError(error) => Symbol::from(error),
        ErrorCondition::ConnectionError(error) => Symbol::from(error),
        ErrorCondition::SessionError(error) => Symbol::from(error),
        ErrorCondition::LinkError(error) => Symbol::from(error),
        ErrorCondition::Custom(symbol) => symbol.clone(),
    }
    .into_inner()
}

/// The conditions of AMQP 1.0 (§2.8.15 to §2.8.18) and of Service Bus that ask for something other than what was done anyway.
pub(super) fn kind_of(condition: &str) -> Option<ErrorKind> {
    Some(match condition {
        "amqp:link:detach-forced" => ErrorKind::Idle,
        "amqp:connection:forced" => ErrorKind::Connection,
        "amqp:unauthorized-access" | "com.microsoft:auth-failed" => ErrorKind::Unauthorized,
        "amqp:not-found" | "com.microsoft:entity-disabled" => ErrorKind::NotFound,
        "com.microsoft:server-busy"
        | "com.microsoft:timeout"
        | "com.microsoft:operation-cancelled"
        | "amqp:resource-limit-exceeded"
        | "amqp:internal-error" => ErrorKind::Busy,
        "com.microsoft:message-lock-lost" | "com.microsoft:session-lock-lost" | "com.microsoft:message-not-found" => ErrorKind::LockLost,
        "amqp:link:message-size-exceeded"
        | "amqp:not-allowed"
        | "amqp:not-implemented"
        | "amqp:decode-error"
        | "amqp:invalid-field"
        | "com.microsoft:argument-error"
        | "com.microsoft:argument-out-of-range" => ErrorKind::Refused,
        _ => return None,
    })
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        Self::new(ErrorKind::Connection, format!("the connection cannot be opened: {error}"))
    }
}

impl From<BeginError> for Error {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::ConnectionStopped(reason) => Self::connection_stopped(&reason),
            BeginError::RemoteEndedWithError(error) => Self::said(&error, ErrorKind::Link),
            other => Self::new(ErrorKind::Connection, other.to_string()),
        }
    }
}

impl From<SenderAttachError> for Error {
    fn from(error: SenderAttachError) -> Self {
        match error {
            SenderAttachError::RemoteClosedWithError(error) => Self::said(&error, ErrorKind::Link),
            SenderAttachError::SessionStopped(reason) => Self::session_stopped(&reason),
            other => Self::new(ErrorKind::Link, other.to_string()),
        }
    }
}

impl From<ReceiverAttachError> for Error {
    fn from(error: ReceiverAttachError) -> Self {
        match error {
            ReceiverAttachError::RemoteClosedWithError(error) => Self::said(&error, ErrorKind::Link),
            ReceiverAttachError::SessionStopped(reason) => Self::session_stopped(&reason),
            other => Self::new(ErrorKind::Link, other.to_string()),
        }
    }
}

impl From<AttachError> for Error {
    fn from(error: AttachError) -> Self {
        match error {
            AttachError::Sender(error) => error.into(),
            AttachError::Receiver(error) => error.into(),
        }
    }
}

impl From<LinkStateError> for Error {
    fn from(error: LinkStateError) -> Self {
        match error {
            LinkStateError::RemoteDetachedWithError(error) | LinkStateError::RemoteClosedWithError(error) => {
                Self::said(&error, ErrorKind::Link)
            }
            LinkStateError::SessionStopped(reason) => Self::session_stopped(&reason),
            other => Self::new(ErrorKind::Link, other.to_string()),
        }
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        match error {
            SendError::LinkStateError(error) => error.into(),
            SendError::Detached(error) => detached(error).into(),
            other => Self::new(ErrorKind::Refused, other.to_string()),
        }
    }
}

fn detached(error: DetachError) -> LinkStateError {
    error.into()
}

impl From<RecvError> for Error {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::LinkStateError(error) => error.into(),
            RecvError::MessageSizeExceeded(exceeded) => Self::new(
                ErrorKind::TooLarge,
                format!("the broker sends more than the {} bytes that it says it sends over this link at most", exceeded.max_size),
            ),
            other => Self::new(ErrorKind::Link, other.to_string()),
        }
    }
}

impl From<DispositionError> for Error {
    fn from(error: DispositionError) -> Self {
        LinkStateError::from(error).into()
    }
}

impl From<ManagementError> for Error {
    fn from(error: ManagementError) -> Self {
        match error {
            ManagementError::Send(error) => error.into(),
            ManagementError::Recv(error) => error.into(),
            ManagementError::Disposition(error) => error.into(),
            other => Self::new(ErrorKind::Link, other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_says_what_there_is_to_do() {
        for (name, kind) in [
            ("amqp:link:detach-forced", ErrorKind::Idle),
            ("amqp:not-found", ErrorKind::NotFound),
            ("com.microsoft:server-busy", ErrorKind::Busy),
            ("com.microsoft:message-lock-lost", ErrorKind::LockLost),
            ("com.example:whatever", ErrorKind::Link),
        ] {
            let error = definitions::Error::new(ErrorCondition::Custom(name.into()), Some("why".to_owned()), None);
            let said = Error::said(&error, ErrorKind::Link);
            assert_eq!((said.kind, said.to_string()), (kind, format!("{name}: why")));
        }
    }
}
