//! `GET /api/console/orders/{id}`: one order with its timeline, its deliveries and its e-mails.

use super::{
    Answer,
    console::{access::Operator, view},
    request::{NoParameters, PathId},
};
use crate::app::App;
use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header},
    response::IntoResponse,
};
use std::sync::Arc;

pub async fn handle(State(app): State<Arc<App>>, _: Operator, PathId(id): PathId, _: NoParameters) -> Answer {
    let mut response = Json(view::detail(&app, id).await?).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
