//! What Azure Communication Services answers, and what there is to do about it.

use reqwest::{Response, StatusCode, header::RETRY_AFTER};
use serde::Deserialize;
use std::time::Duration;

/// More than any answer has.
const LIMIT: usize = 64 * 1024;
/// The longest between two questions that is waited inside one attempt.
pub(super) const LONGEST_POLL: Duration = Duration::from_secs(5);

/// An operation's state (`EmailSendResult`).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) status: Status,
    pub(super) error: Option<Detail>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Status {
    NotStarted,
    Running,
    Succeeded,
    Failed,
    Canceled,
    /// One that a later version of the service has.
    #[serde(other)]
    Other,
}

/// Code and message; the message may hold addresses.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Detail {
    #[serde(default)]
    pub(super) code: String,
}

#[derive(Debug, Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: Detail,
}

/// One answer, read whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl Answer {
    pub(super) async fn read(mut response: Response) -> Result<Self, reqwest::Error> {
        let status = response.status();
        let retry_after =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LIMIT {
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self { status, retry_after, body })
    }

    pub(super) fn operation(&self) -> Option<Operation> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Status and the service's own code: no message of it, since those quote addresses.
    pub(super) fn reason(&self) -> String {
        let refusal: Refusal = serde_json::from_slice(&self.body).unwrap_or_default();
        match word(&refusal.error.code) {
            Some(code) => format!("{} {code}", self.status.as_u16()),
            None => self.status.as_u16().to_string(),
        }
    }
}

/// A code as it may stand in a reason.
pub(super) fn word(code: &str) -> Option<&str> {
    let is_code = !code.is_empty() && code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    is_code.then_some(code)
}
