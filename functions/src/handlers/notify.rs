//! The Service Bus trigger: one message, as the Functions host hands it over.

use super::Answer;
use crate::{
    app::App,
    host::invocation::{Invocation, done},
    work::notify,
};
use axum::extract::State;
use std::sync::Arc;

pub async fn handle(State(app): State<Arc<App>>, invocation: Invocation) -> Answer {
    let message = invocation.message("message");
    notify::take(&app, &message.body, message.id.as_deref(), message.delivery_count).await?;
    Ok(done())
}
