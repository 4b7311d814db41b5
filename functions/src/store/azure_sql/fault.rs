//! What goes wrong with a server or the way to it, and whether trying again may help.

use super::super::StoreError;
use tiberius::error::{Error, IoErrorKind};

#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// All connections are in use.
    Full,
    /// No connection could be made.
    Unreachable(String),
    /// The server's certificate is not trusted, or the server cannot do what is asked of it.
    Unacceptable(String),
    /// The server does not let us in, or nobody vouches for us.
    Refused(String),
    /// A connection broke while it was used: what was asked may have been done.
    Lost(String),
    /// The server refused a statement; its number says why.
    Server {
        number: u32,
        message: String,
    },
    Schema {
        found: i64,
        wanted: i64,
    },
    /// The server answered what this code does not understand.
    Broken(String),
}

/// Numbers of the server's errors (Azure SQL Database, "Troubleshoot common connection issues"; Microsoft.Data.SqlClient,
/// the list of its retry logic).
mod number {
    /// The database is paused, or between two homes.
    pub(super) const NOT_AVAILABLE: u32 = 40_613;
    pub(super) const DEADLOCK: u32 = 1205;
    /// Login failed; no such database, or not for us; no login from this address; no public access.
    pub(super) const REFUSED: [u32; 11] = [4060, 18_452, 18_456, 18_470, 18_486, 18_487, 18_488, 40_532, 40_615, 40_914, 47_073];
    /// A transaction was open before the request. It is rolled back, and the request is as good as not made.
    pub(super) const STRAY_TRANSACTION: u32 = 266;
    pub(super) const TRANSIENT: [u32; 19] = [
        STRAY_TRANSACTION,
        1204,
        DEADLOCK,
        1222,
        4060,
        4221,
        10_928,
        10_929,
        40_143,
        40_197,
        40_501,
        40_540,
        NOT_AVAILABLE,
        42_108,
        42_109,
        49_918,
        49_919,
        49_920,
        615,
    ];
}

impl Fault {
    /// What went wrong before a connection stood.
    pub(super) fn connecting(error: Error) -> Self {
        match error {
            Error::Server(token) => Self::Server { number: token.code(), message: token.message().to_owned() },
            Error::Tls(message) => Self::Unacceptable(first_sentence(&message)),
            Error::Io { message, .. } => Self::Unreachable(message),
            other => Self::Unacceptable(other.to_string()),
        }
    }

    /// What went wrong on a connection that stood.
    pub(super) fn using(error: Error) -> Self {
        match error {
            Error::Server(token) => Self::Server { number: token.code(), message: token.message().to_owned() },
            Error::Io { kind: IoErrorKind::TimedOut, message } => Self::Lost(format!("no answer in time: {message}")),
            Error::Io { message, .. } | Error::Tls(message) => Self::Lost(message),
            other => Self::Broken(other.to_string()),
        }
    }

    /// Whether the same may go well in a moment.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Lost(_) => true,
            Self::Server { number, .. } => number::TRANSIENT.contains(number),
            Self::Full | Self::Unacceptable(_) | Self::Refused(_) | Self::Schema { .. } | Self::Broken(_) => false,
        }
    }

    /// Whether a statement that ended so was certainly not carried out.
    pub(super) fn is_certain(&self) -> bool {
        match self {
            Self::Lost(_) | Self::Broken(_) => false,
            // A deadlock's victim is rolled back; the other transient errors can come from a server on its way out.
            Self::Server { number, .. } => *number == number::DEADLOCK || !self.is_transient(),
            _ => true,
        }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Full => Self::Full,
            Fault::Unreachable(reason) | Fault::Unacceptable(reason) => Self::Unavailable(format!("cannot connect: {reason}")),
            Fault::Refused(reason) => Self::Refused(reason),
            Fault::Lost(reason) => Self::Unavailable(format!("the connection broke: {reason}")),
            Fault::Server { number: number::NOT_AVAILABLE, message } => Self::Paused(message),
            Fault::Server { number, message } if number::REFUSED.contains(&number) => Self::Refused(format!("{number}: {message}")),
            Fault::Server { number, message } if number::TRANSIENT.contains(&number) => Self::Unavailable(format!("{number}: {message}")),
            Fault::Server { number, message } => Self::Broken(format!("{number}: {message}")),
            Fault::Schema { found, wanted } => Self::Schema { found, wanted },
            Fault::Broken(reason) => Self::Broken(reason),
        }
    }
}

/// The library's advice for programmers begins with its second sentence.
fn first_sentence(message: &str) -> String {
    message.split(". ").next().unwrap_or(message).to_owned()
}

pub(super) fn broken(error: impl std::fmt::Display) -> Fault {
    Fault::Broken(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(number: u32) -> Fault {
        Fault::Server { number, message: "text".into() }
    }

    #[test]
    fn errors_are_told_apart_by_their_numbers() {
        assert!(matches!(server(40_613).into(), StoreError::Paused(_)));
        assert!(matches!(server(18_456).into(), StoreError::Refused(_)));
        assert!(matches!(server(10_928).into(), StoreError::Unavailable(_)));
        assert!(matches!(server(2627).into(), StoreError::Broken(_)));
        assert!([1205, 40_197, 40_501, 40_613, 49_918, 49_919, 49_920, 10_928, 10_929].iter().all(|number| server(*number).is_transient()));
        assert!([18_456, 2601, 2627, 208].iter().all(|number| !server(*number).is_transient()));
    }

    #[test]
    fn only_a_lost_connection_or_a_leaving_server_leaves_doubt() {
        assert!(server(1205).is_certain() && server(2627).is_certain() && Fault::Unreachable("x".into()).is_certain());
        assert!(!server(40_197).is_certain() && !Fault::Lost("x".into()).is_certain());
    }
}
