//! Why the broker does not do what was asked, in Service Bus's error conditions.

use crate::amqp::Error;

/// Bytes that an entity takes in: the least size that can be chosen in Azure.
pub(crate) const FULL: u64 = 1 << 30;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue.")]
    MessageLockLost,
    #[error("The session lock has expired or was lost. Accept the session again.")]
    SessionLockLost,
    #[error("The session '{0}' is locked by another receiver.")]
    SessionCannotBeLocked(String),
    #[error("No message has the sequence number {0} in the state asked for.")]
    MessageNotFound(i64),
    #[error("No session with messages became available within the time given.")]
    Timeout,
    #[error("The messaging entity '{0}' could not be found.")]
    NotFound(String),
    #[error("The messaging entity '{0}' already exists.")]
    AlreadyExists(String),
    #[error("{0}")]
    NotAllowed(String),
    #[error("{0}")]
    Argument(String),
    #[error("{0}")]
    NotImplemented(String),
    #[error("The entity '{0}' is full: it holds {FULL} bytes of messages.")]
    Full(String),
    #[error("The received message of {size} bytes exceeds the limit of {limit} bytes.")]
    TooLarge { size: usize, limit: u64 },
    #[error("The server was unable to process the request; please retry the operation.")]
    Busy,
}

impl Refusal {
    pub(crate) fn condition(&self) -> &'static str {
        match self {
            Self::MessageLockLost => "com.microsoft:message-lock-lost",
            Self::SessionLockLost => "com.microsoft:session-lock-lost",
            Self::SessionCannotBeLocked(_) => "com.microsoft:session-cannot-be-locked",
            Self::MessageNotFound(_) => "com.microsoft:message-not-found",
            Self::Timeout => "com.microsoft:timeout",
            Self::NotFound(_) => "amqp:not-found",
            Self::AlreadyExists(_) => "com.microsoft:entity-already-exists",
            Self::NotAllowed(_) => "amqp:not-allowed",
            Self::Argument(_) => "com.microsoft:argument-error",
            Self::NotImplemented(_) => "amqp:not-implemented",
            Self::Full(_) => "amqp:resource-limit-exceeded",
            Self::TooLarge { .. } => "amqp:link:message-size-exceeded",
            Self::Busy => "com.microsoft:server-busy",
        }
    }

    /// The status of a `$management` answer.
    pub(crate) fn status(&self) -> i32 {
        match self {
            Self::MessageLockLost | Self::SessionLockLost => 410,
            Self::MessageNotFound(_) | Self::NotFound(_) => 404,
            Self::SessionCannotBeLocked(_) | Self::AlreadyExists(_) => 409,
            Self::Timeout => 408,
            Self::Full(_) => 403,
            Self::NotAllowed(_) | Self::Argument(_) | Self::TooLarge { .. } => 400,
            Self::NotImplemented(_) => 501,
            Self::Busy => 503,
        }
    }

    pub(crate) fn error(&self) -> Error {
        Error::new(self.condition(), self.to_string())
    }
}
