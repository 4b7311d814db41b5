//! Handing a letter to Azure Communication Services Email over REST (version 2023-03-31).
//!
//! Sending is a long-running operation. Its id is the delivery's, so that a repeat names the same operation, and so that
//! the service can be asked about an attempt of which nothing else is left. An operation that failed stays so: what an
//! operator has tried again after that is another one.

mod answer;
mod signature;

use super::{
    letter::Letter,
    server::{Acs, AcsLogin},
};
use crate::{
    channels::{HandOver, Journal, marked},
    domain::{
        attempt::{Asked, Attempt},
        delivery::Notification,
    },
};
use answer::{Answer, LONGEST_POLL, Operation, Status, word};
use lettre::Address;
use reqwest::{
    Client, Method, StatusCode, Url,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::time::{Duration, SystemTime};
use uuid::{Builder, Uuid};

const VERSION: &str = "2023-03-31";
/// How long one attempt stays with an operation that is under way; the next attempt asks for it.
const STAY: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Service {
    http: Client,
    endpoint: Url,
    login: AcsLogin,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Email<'a> {
    sender_address: String,
    content: Content<'a>,
    recipients: Recipients<'a>,
    /// No pixel and no rewritten link: what became of the e-mail is not read off the customer.
    user_engagement_tracking_disabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    subject: &'a str,
    plain_text: &'a str,
    html: &'a str,
}

#[derive(Serialize)]
struct Recipients<'a> {
    to: [Recipient<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Recipient<'a> {
    address: &'a str,
    display_name: &'a str,
}

/// Why there is no answer.
enum Fault {
    /// Nothing was sent, for a reason on our side: there is no key or no token to log in with.
    NotMade(String),
    /// Nothing was sent: there was no connection.
    NotReached(String),
    /// It may have arrived.
    Lost(String),
}

impl Service {
    pub(super) fn new(settings: &Acs) -> Self {
        Self { http: settings.http.clone(), endpoint: settings.endpoint.clone(), login: settings.login.clone() }
    }

    /// What the delivery's operation is called.
    pub(super) fn operation(notification: &Notification<'_>) -> Uuid {
        let id = notification.delivery_id.0;
        if notification.failures == 0 {
            return id;
        }
        let digest = Sha256::new().chain_update(id.as_bytes()).chain_update(notification.failures.to_be_bytes()).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Builder::from_custom_bytes(bytes).into_uuid()
    }

    pub(super) fn address(&self) -> String {
        self.endpoint.host_str().unwrap_or_default().to_owned()
    }

    /// Hands over one letter and stays a while to hear what became of it.
    pub(super) async fn send(&self, id: Uuid, from: &Address, to: (&str, &str), letter: &Letter, journal: &dyn Journal) -> Attempt {
        let email = Email {
            sender_address: from.to_string(),
            content: Content { subject: &letter.subject, plain_text: &letter.text, html: &letter.html },
            recipients: Recipients { to: [Recipient { address: to.0, display_name: to.1 }] },
            user_engagement_tracking_disabled: true,
        };
        let body = match serde_json::to_vec(&email) {
            Ok(body) => body,
            Err(error) => return Attempt::Unsendable { reason: format!("the e-mail cannot be written as JSON: {error}") },
        };
        let answer = match self.call(Method::POST, "emails:send", id, Some((body, journal.hand_over()))).await {
            Ok(answer) => answer,
            Err(Fault::NotMade(reason)) => return Attempt::NotMade { reason },
            Err(Fault::NotReached(reason)) => return Attempt::Down { reason, retry_after: None },
            Err(Fault::Lost(reason)) => return Attempt::Unknown { reason, provider_ref: None, retry_after: None },
        };
        match answer.status {
            // A conflict: the operation is known from an earlier attempt.
            StatusCode::ACCEPTED | StatusCode::CONFLICT => {
                journal.sent(&id.to_string()).await;
                self.follow(id, answer.retry_after).await
            }
            _ => refused(&answer),
        }
    }

    /// What became of the operation of that name.
    pub(super) async fn ask(&self, id: Uuid) -> Asked {
        let answer = match self.call(Method::GET, &format!("emails/operations/{id}"), id, None).await {
            Ok(answer) => answer,
            Err(Fault::NotMade(reason)) => return Asked::NotMade { reason },
            Err(Fault::NotReached(reason) | Fault::Lost(reason)) => return Asked::Down { reason, retry_after: None },
        };
        match (answer.status, answer.operation()) {
            (StatusCode::OK, Some(operation)) => asked(&operation, answer.retry_after),
            (StatusCode::NOT_FOUND, _) => Asked::NotTaken,
            _ => Asked::Down { reason: format!("the e-mail service does not say: {}", answer.reason()), retry_after: answer.retry_after },
        }
    }

    /// Asks until the operation has ended, for at most [`STAY`].
    async fn follow(&self, id: Uuid, first: Option<Duration>) -> Attempt {
        let until = tokio::time::Instant::now() + STAY;
        let mut wait = first.unwrap_or(Duration::from_secs(1));
        loop {
            let under_way = |reason: String, retry_after| Attempt::Unknown { reason, provider_ref: Some(id.to_string()), retry_after };
            // Whoever is told to come back much later need not keep a place meanwhile.
            if wait > LONGEST_POLL || tokio::time::Instant::now() + wait > until {
                return under_way("the e-mail service has it and has not finished".into(), Some(wait));
            }
            tokio::time::sleep(wait).await;
            match self.ask(id).await {
                Asked::Delivered { provider_id } => return Attempt::Delivered { provider_id },
                Asked::Failed { reason } => return Attempt::Permanent { reason },
                Asked::UnderWay { retry_after } => wait = retry_after.unwrap_or(Duration::from_secs(1)),
                Asked::Down { reason, retry_after } => return under_way(reason, retry_after),
                Asked::NotMade { reason } => return under_way(reason, None),
                Asked::NotTaken | Asked::CannotBeAsked => return under_way("the e-mail service does not know it yet".into(), None),
            }
        }
    }

    async fn call(&self, method: Method, path: &str, id: Uuid, sent: Option<(Vec<u8>, &HandOver)>) -> Result<Answer, Fault> {
        let mut url = self.endpoint.clone();
        url.set_path(path);
        url.set_query(Some(&format!("api-version={VERSION}")));
        let mut request = self.http.request(method.clone(), url.clone()).header("x-ms-client-request-id", id.to_string());
        let body = sent.as_ref().map_or(&[][..], |(body, _)| body);
        request = signature::authorise(request, &self.login, (&method, &url, body), &now()).await.map_err(Fault::NotMade)?;
        let hand_over = sent.as_ref().map(|(_, hand_over)| *hand_over);
        if let Some((body, hand_over)) = sent {
            request = request.header("Operation-Id", id.to_string()).header(CONTENT_TYPE, "application/json");
            request = request.header(CONTENT_LENGTH, body.len()).body(marked(body, hand_over));
        }
        let failed = |error: reqwest::Error| {
            let error = error.without_url();
            if hand_over.is_some_and(|hand_over| !hand_over.has_begun()) || error.is_connect() || error.is_builder() {
                Fault::NotReached(format!("the e-mail service cannot be reached: {}", cause(&error)))
            } else {
                Fault::Lost(format!("the e-mail service did not answer: {}", cause(&error)))
            }
        };
        Answer::read(request.send().await.map_err(failed)?).await.map_err(failed)
    }
}

/// The innermost cause says what happened; the outer ones say that something did.
fn cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn asked(operation: &Operation, retry_after: Option<Duration>) -> Asked {
    let code = operation.error.as_ref().and_then(|error| word(&error.code)).unwrap_or("without a code");
    match operation.status {
        Status::Succeeded => Asked::Delivered { provider_id: Some(operation.id.clone()) },
        Status::Failed => Asked::Failed { reason: format!("the e-mail service could not deliver it: {code}") },
        Status::Canceled => Asked::Failed { reason: format!("the e-mail service cancelled it: {code}") },
        Status::NotStarted | Status::Running | Status::Other => Asked::UnderWay { retry_after },
    }
}

/// An answer to sending by which nothing was taken.
fn refused(answer: &Answer) -> Attempt {
    let (reason, retry_after) = (format!("the e-mail service refused it: {}", answer.reason()), answer.retry_after);
    match answer.status.as_u16() {
        // It may have gone wrong after it was taken.
        500 | 502 | 504 => Attempt::Unknown { reason, provider_ref: None, retry_after },
        // But for a key, token or role that is wrong, which is an operator's to mend, and too much at once.
        status @ 400..=499 if ![401, 403, 408, 429].contains(&status) => Attempt::Permanent { reason },
        _ => Attempt::Down { reason, retry_after },
    }
}

/// An HTTP date (RFC 9110 §5.6.7).
#[expect(clippy::disallowed_methods, reason = "the service compares the date with its own clock, whatever clock the orders have")]
fn now() -> String {
    httpdate::fmt_http_date(SystemTime::now())
}
