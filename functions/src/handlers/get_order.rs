//! `GET /api/orders/{id}`

use super::{
    Answer, order_answer,
    request::{NoParameters, PathId, preconditions::is_current},
};
use crate::{app::App, error::Problem};
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
};
use futures_util::stream;
use std::{convert::Infallible, sync::Arc};

pub async fn handle(State(app): State<Arc<App>>, PathId(id): PathId, _: NoParameters, headers: HeaderMap) -> Answer {
    let stored = app.store.order(id).await?.ok_or_else(Problem::no_such_order)?;
    if is_current(&headers, stored.version) {
        let mut response = order_answer(StatusCode::NOT_MODIFIED, stored.version, &stored.document);
        // Of no known length: else a HEAD would be told that a GET gets 0 bytes (RFC 9110 §8.6).
        *response.body_mut() = Body::from_stream(stream::empty::<Result<Bytes, Infallible>>());
        response.headers_mut().remove(header::CONTENT_TYPE);
        return Ok(response);
    }
    Ok(order_answer(StatusCode::OK, stored.version, &stored.document))
}
