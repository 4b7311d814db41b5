//! `POST /api/orders/{id}/cancel`

use super::{
    Answer, order_answer,
    request::{JsonText, NoParameters, PathId, preconditions::IfMatch},
    update_order::{refused, write},
};
use crate::{
    app::App,
    domain::{change::Cancel, trace::Trace},
    error::Problem,
};
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use std::sync::Arc;

pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(trace): Extension<Trace>,
    PathId(id): PathId,
    _: NoParameters,
    headers: HeaderMap,
    body: JsonText,
) -> Answer {
    let cancel = Cancel::parse(&body.parse()?).map_err(Problem::validation)?;
    let stored = app.store.order(id).await?.ok_or_else(Problem::no_such_order)?;
    IfMatch::check(&headers, stored.version)?;
    let order = stored.order().map_err(|error| Problem::internal(error.to_string()))?;
    match order.cancel(&cancel, app.now()).map_err(refused)? {
        Some(changed) => write(&app, &stored, changed, trace).await,
        None => Ok(order_answer(StatusCode::OK, stored.version, &stored.document)),
    }
}
