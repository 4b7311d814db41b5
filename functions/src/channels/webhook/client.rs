//! One request, with a limit to all of it.

use super::{
    super::marked,
    Settings,
    guard::{Judge, Refused},
    respond,
};
use crate::{channels::HandOver, domain::attempt::Attempt};
use reqwest::{
    Url,
    header::{CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT},
    redirect::Policy,
};
use std::{error::Error, time::Duration};
use tokio::sync::OnceCell;
use tokio_rustls::rustls::ClientConfig;

/// A connection that was idle for longer is not used again: many servers close theirs after 5 seconds, and a message that
/// meets the end of a connection may have been taken.
const IDLE: Duration = Duration::from_secs(4);

#[derive(Debug)]
pub(super) struct Client {
    settings: Settings,
    /// Made by the first attempt.
    client: OnceCell<reqwest::Client>,
}

impl Client {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, client: OnceCell::new() }
    }

    /// `seconds` is the Unix time that was signed. Of the answer, status and head are read, and never the body.
    pub(super) async fn post(
        &self,
        url: &str,
        id: &str,
        (seconds, signature): (i64, String),
        body: String,
        hand_over: &HandOver,
    ) -> Attempt {
        let refused = |reason: String| Attempt::Unsendable { reason };
        let url = match Url::parse(url) {
            Ok(url) => url,
            Err(error) => return refused(format!("the URL is none: {error}")),
        };
        if let Err(complaint) = self.settings.reach.check(&url) {
            return refused(format!("the URL {complaint}"));
        }
        let client = match self.client.get_or_try_init(async || client(&self.settings)).await {
            Ok(client) => client,
            Err(reason) => return Attempt::NotMade { reason },
        };
        let request = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("orders/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature)
            .header(CONTENT_LENGTH, body.len())
            .body(marked(body.into_bytes(), hand_over));
        match request.send().await {
            Ok(response) => respond::judge(response.status(), response.headers()),
            Err(error) => failed(&error, hand_over),
        }
    }
}

/// What was not sent, since there was no connection, was surely not taken; anything else may have been.
fn failed(error: &reqwest::Error, hand_over: &HandOver) -> Attempt {
    let mut causes = std::iter::successors(error.source(), |error| (*error).source());
    if let Some(refused) = causes.find_map(|cause| cause.downcast_ref::<Refused>()) {
        // The name may lead elsewhere in a while; where addresses differ by who asks, a moment's mistake is no verdict.
        return Attempt::NotMade { reason: format!("the host {refused}") };
    }
    let reason = reason(error);
    if !hand_over.has_begun() {
        return Attempt::Down { reason: format!("no connection: {reason}"), retry_after: None };
    }
    let reason = if error.is_timeout() { "no answer in time".to_owned() } else { format!("the connection broke: {reason}") };
    Attempt::Unknown { reason, provider_ref: None, retry_after: None }
}

/// The innermost cause says most, and names no URL.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "not in time".to_owned();
    }
    let last = std::iter::successors(error.source(), |error| (*error).source()).last();
    last.map_or_else(|| "for an unknown cause".to_owned(), ToString::to_string)
}

/// Goes to the host itself and never through a proxy, which would resolve the name for itself.
fn client(settings: &Settings) -> Result<reqwest::Client, String> {
    let tls = settings.tls.as_deref().ok_or("nobody said whom to trust")?;
    reqwest::Client::builder()
        .tls_backend_preconfigured(ClientConfig::clone(tls))
        .dns_resolver(Judge(settings.reach))
        .no_proxy()
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(settings.connect_within)
        .timeout(settings.answer_within)
        .pool_idle_timeout(IDLE)
        .build()
        .map_err(|error| error.to_string())
}
