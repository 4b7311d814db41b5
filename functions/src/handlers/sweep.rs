//! The timer trigger: takes up what was left.

use super::Answer;
use crate::{app::App, host::invocation::done, work::sweep};
use axum::extract::State;
use std::sync::Arc;

pub async fn handle(State(app): State<Arc<App>>) -> Answer {
    sweep::once(&app).await?;
    Ok(done())
}
