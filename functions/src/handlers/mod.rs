//! One file a function, named as its folder: parse, decide, store, answer.

pub mod cancel_order;
pub mod console;
pub mod console_events;
pub mod console_order;
pub mod console_retry;
pub mod create_order;
pub mod docs;
pub mod get_order;
pub mod get_order_timeline;
pub mod health;
pub mod list_orders;
pub mod notify;
pub mod open_api;
pub mod request;
pub mod sweep;
pub mod update_order;

use crate::{domain::order::Document, error::Problem};
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// How a handler answers: a refusal is a value like any other.
pub type Answer = Result<Response, Problem>;

/// An order as the answer, with its version as the entity tag (RFC 9110 §8.8.3).
fn order_answer(status: StatusCode, version: u32, document: &Document) -> Response {
    let mut response = (status, Body::from(document.to_string())).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(etag) = HeaderValue::try_from(format!("\"{version}\"")) {
        headers.insert(header::ETAG, etag);
    }
    response
}
