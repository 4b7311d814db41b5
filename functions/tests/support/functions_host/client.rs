//! The host's HTTP client towards the handler: HTTP/1.1, connections kept alive, to 127.0.0.1 alone.

use axum::{body::Body, http::Request};
use hyper::{Response, body::Incoming};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use std::{error::Error, time::Duration};

#[derive(Debug, Clone)]
pub struct HandlerClient(Client<HttpConnector, Body>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    #[error("Connection refused (127.0.0.1:{0})")]
    Refused(u16),
    #[error("An error occurred while sending the request: {0}")]
    Broken(String),
    #[error("The request was canceled due to the configured HttpClient.Timeout of {0:?} elapsing.")]
    TimedOut(Duration),
}

impl Default for HandlerClient {
    fn default() -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        // .NET writes names as they were given, in mixed case; nothing here can, and this is the nearest.
        builder.http1_title_case_headers(true);
        Self(builder.build_http())
    }
}

impl HandlerClient {
    /// The head of the answer, within the limit of the whole client when there is one.
    pub async fn send(&self, port: u16, request: Request<Body>, limit: Option<Duration>) -> Result<Response<Incoming>, TransportError> {
        let answer = within(limit, self.0.request(request)).await?;
        answer.map_err(|error| if error.is_connect() { TransportError::Refused(port) } else { TransportError::Broken(causes(&error)) })
    }
}

/// Waits at most so long, for ever without a limit.
pub async fn within<T>(limit: Option<Duration>, work: impl Future<Output = T>) -> Result<T, TransportError> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, work).await.map_err(|_| TransportError::TimedOut(limit)),
        None => Ok(work.await),
    }
}

/// An error with what caused it.
pub fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
