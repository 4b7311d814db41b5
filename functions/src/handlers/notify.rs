//! The Service Bus trigger: one message, as the Functions host hands it over.

use super::Answer;
use crate::{
    app::App,
    host::invocation::{Invocation, done},
    telemetry,
    work::notify,
};
use axum::extract::State;
use std::sync::Arc;
use tracing::Instrument;

pub async fn handle(State(app): State<Arc<App>>, invocation: Invocation) -> Answer {
    let message = invocation.message("message");
    // In the trace of whoever changed the order, as a worker's lines are; the host's own begins with the message.
    let span = telemetry::span("Notify", message.trace.or(invocation.trace), invocation.id.as_deref());
    notify::take(&app, &message.body, message.id.as_deref(), message.delivery_count).instrument(span).await?;
    Ok(done())
}
