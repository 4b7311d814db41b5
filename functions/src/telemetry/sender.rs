//! How telemetry leaves: the threads that collect it wait here for the runtime that everything else runs on.

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{runtime::Handle, time::timeout};

/// How long a collector may take for one request (`OTEL_EXPORTER_OTLP_TIMEOUT`'s default).
const PATIENCE: Duration = Duration::from_secs(10);
const SCOPE: &str = "https://monitor.azure.com//.default";

/// To one receiver; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    https: reqwest::Client,
    runtime: Handle,
    /// Where the receiver is Azure Monitor and wants to know who sends.
    credential: Option<Arc<dyn TokenCredential>>,
    is_out: Arc<AtomicBool>,
}

impl Sender {
    /// To be made within the runtime.
    pub(super) fn new(https: &reqwest::Client) -> Self {
        Self { https: https.clone(), runtime: Handle::current(), credential: None, is_out: Arc::default() }
    }

    #[cfg(feature = "application-insights")]
    pub(super) fn showing(self, credential: Arc<dyn TokenCredential>) -> Self {
        Self { credential: Some(credential), ..self }
    }

    /// Tells of an outage once, and of its end once.
    fn tell(&self, outage: Option<String>) {
        match (self.is_out.swap(outage.is_some(), Ordering::Relaxed), outage) {
            (false, Some(reason)) => tracing::warn!(reason, "telemetry is not taken; what cannot be kept is dropped"),
            (true, None) => tracing::info!("telemetry is taken again"),
            _ => {}
        }
    }
}

/// Says who sends, at the version of the endpoint that asks for it, as Microsoft's exporters do.
async fn show(request: &mut reqwest::Request, credential: &dyn TokenCredential) -> Result<(), HttpError> {
    let token = credential.get_token(&[SCOPE], None).await?;
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.token.secret()))?;
    value.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, value);
    let path = request.url().path().replace("/v2/track", "/v2.1/track");
    request.url_mut().set_path(&path);
    Ok(())
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut request = reqwest::Request::try_from(request)?;
        let (https, credential) = (self.https.clone(), self.credential.clone());
        let sending = async move {
            if let Some(credential) = credential {
                show(&mut request, credential.as_ref()).await?;
            }
            let answer = https.execute(request).await?;
            let mut response = Response::builder().status(answer.status());
            for (name, value) in answer.headers() {
                response = response.header(name, value);
            }
            Ok::<_, HttpError>(response.body(answer.bytes().await?)?)
        };
        let sent = self.runtime.spawn(async move { timeout(PATIENCE, sending).await }).await;
        let sent = match sent {
            Ok(Ok(sent)) => sent,
            Ok(Err(_)) => Err("it did not answer in time".into()),
            Err(ended) => Err(ended.into()),
        };
        self.tell(match &sent {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("it answered {}", response.status())),
            Err(error) => Some(error.to_string()),
        });
        sent
    }
}
