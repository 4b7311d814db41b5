//! `GET /api/console/events`: what the page shows, again and again as it changes.

use super::{
    Answer,
    console::{access::Operator, view},
    request::NoParameters,
};
use crate::{app::App, error::Problem};
use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use std::{convert::Infallible, sync::Arc, time::Duration};

/// Between two looks at the store. Nothing is asked while nobody looks at the page.
const RHYTHM: Duration = Duration::from_secs(1);
/// The longest silence: what stands between us and the page may close a connection that nothing goes over.
const SILENCE: Duration = Duration::from_secs(15);

/// Server-sent events (HTML Standard §9.2) for whoever accepts them, where answers may go on; else one JSON text, to be
/// asked for again.
pub async fn handle(State(app): State<Arc<App>>, _: Operator, _: NoParameters, headers: HeaderMap) -> Answer {
    let streamed = headers.get_all(header::ACCEPT).iter().filter_map(|accepted| accepted.to_str().ok()).any(names_events);
    let first = view::snapshot(&app).await?;
    let mut response = if streamed && app.settings.streams { follow(app, first)? } else { Json(first).into_response() };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Among other media ranges, and with parameters (RFC 9110 §12.5.1); whoever takes anything gets JSON.
fn names_events(accepted: &str) -> bool {
    let types = accepted.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
    types.into_iter().any(|range| range.eq_ignore_ascii_case("text/event-stream"))
}

struct Following {
    app: Arc<App>,
    drawn: view::Content,
    /// To be sent before anything is looked at.
    pending: Option<String>,
}

fn follow(app: Arc<App>, first: view::Snapshot) -> Result<Response, Problem> {
    let pending = Some(event(&first).map_err(|error| Problem::internal(error.to_string()))?);
    let following = Following { app, drawn: first.content, pending };
    let body = Body::from_stream(stream::unfold(following, |mut following| async move {
        let text = following.next().await?;
        Some((Ok::<_, Infallible>(text), following))
    }));
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

impl Following {
    /// The next event, or a comment when there is none for long. `None` ends the answer: the page comes again.
    async fn next(&mut self) -> Option<String> {
        if let Some(text) = self.pending.take() {
            return Some(text);
        }
        let silent_since = tokio::time::Instant::now();
        while silent_since.elapsed() < SILENCE {
            tokio::time::sleep(RHYTHM).await;
            if self.app.is_draining() {
                return None;
            }
            let snapshot = match view::snapshot(&self.app).await {
                Ok(snapshot) => snapshot,
                Err(error) => {
                    tracing::warn!(%error, "the console cannot be kept up to date");
                    return None;
                }
            };
            if snapshot.content != self.drawn {
                let text = event(&snapshot).ok();
                self.drawn = snapshot.content;
                return text;
            }
        }
        Some(": still here\n\n".to_owned())
    }
}

/// JSON has no line breaks outside of strings, and inside they are escaped: one line of data.
fn event(snapshot: &view::Snapshot) -> serde_json::Result<String> {
    serde_json::to_string(snapshot).map(|json| format!("data: {json}\n\n"))
}
