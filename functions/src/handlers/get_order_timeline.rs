//! `GET /api/orders/{id}/timeline`

use super::{
    Answer,
    request::{NoParameters, PathId},
};
use crate::{app::App, error::Problem};
use axum::{Json, extract::State, response::IntoResponse};
use std::sync::Arc;

pub async fn handle(State(app): State<Arc<App>>, PathId(id): PathId, _: NoParameters) -> Answer {
    let timeline = app.store.timeline(id).await?.ok_or_else(Problem::no_such_order)?;
    Ok(Json(timeline.for_clients()).into_response())
}
