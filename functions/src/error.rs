//! What a client is told when something is refused or fails: problem details (RFC 9457).
//!
//! The one table from our errors to statuses. A cause goes to the log, never to the client.

use crate::{
    domain::{fault::Fault, trace::Trace},
    store::StoreError,
};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// `type` is this and the code: a stable name, not an address.
pub const TYPE_PREFIX: &str = "urn:problem-type:order-management:";

/// A refusal on its way out; `finish` adds what only the request knows.
#[derive(Debug, Clone)]
pub struct Problem {
    pub status: StatusCode,
    pub code: &'static str,
    pub title: &'static str,
    pub detail: String,
    pub errors: Vec<Fault>,
    /// Seconds, for `Retry-After`.
    pub retry_after: Option<u16>,
    /// For the log alone.
    pub cause: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemDetails {
    /// A stable name of the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:problem-type:order-management:validation")]
    kind: String,
    #[schema(example = "The order is not valid")]
    title: &'static str,
    #[schema(example = 422)]
    status: u16,
    detail: String,
    /// The path that was asked for.
    #[schema(example = "/api/orders")]
    instance: String,
    /// Quote it when you ask about this problem.
    trace_id: String,
    /// All faults of the body or the query at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, title, detail: detail.into(), errors: Vec::new(), retry_after: None, cause: None }
    }

    pub fn syntax(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "syntax", "The request cannot be read", detail)
    }

    pub fn validation(errors: Vec<Fault>) -> Self {
        let count = errors.len();
        let detail = if count == 1 { "one field is not valid".to_owned() } else { format!("{count} fields are not valid") };
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "validation", "The request is not valid", detail) }
    }

    pub fn query(errors: Vec<Fault>) -> Self {
        let title = "The query is not valid";
        Self { errors, ..Self::new(StatusCode::BAD_REQUEST, "query", title, "each parameter is known, stands once and has a valid value") }
    }

    pub fn no_such_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no-such-path", "There is nothing here", "no function answers at this path")
    }

    pub fn no_such_order() -> Self {
        Self::new(StatusCode::NOT_FOUND, "order-not-found", "There is no such order", "no order has this id")
    }

    pub fn no_key() -> Self {
        let detail = "send a valid key as the header x-functions-key, or as the query parameter code";
        Self::new(StatusCode::UNAUTHORIZED, "no-key", "A key is needed", detail)
    }

    pub fn busy(detail: &str, seconds: u16) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The service cannot do this at the moment", detail);
        Self { retry_after: Some(seconds), ..problem }
    }

    pub fn internal(cause: impl Into<String>) -> Self {
        let detail = "the fault is ours and has been logged under the trace id";
        let problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong here", detail);
        Self { cause: Some(cause.into()), ..problem }
    }

    /// The answer, for this request.
    pub fn finish(self, path: &str, trace: Trace) -> Response {
        let details = ProblemDetails {
            kind: format!("{TYPE_PREFIX}{}", self.code),
            title: self.title,
            status: self.status.as_u16(),
            detail: self.detail,
            instance: path.to_owned(),
            trace_id: trace.id(),
            errors: self.errors,
        };
        let mut response = (self.status, Json(details)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110 §11.6.1: a 401 names what would be accepted.
            let wanted = if self.code == "no-console-key" {
                "ApiKey header=\"x-orders-console-key\""
            } else {
                "ApiKey header=\"x-functions-key\", query=\"code\""
            };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(wanted));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let cause = error.to_string();
        let problem = match error {
            StoreError::Full => Self::busy("more requests wait than can be served; nothing was done for this one", 1),
            StoreError::Deadline => Self::busy(
                "no answer in time; the request may have taken effect: repeat it with the same Idempotency-Key, or read first",
                2,
            ),
            StoreError::Paused(_) => Self::busy("the database is waking up; nothing is known to have been done", 20),
            StoreError::Unavailable(_) | StoreError::Refused(_) => {
                Self::busy("the database cannot be used at the moment; nothing is known to have been done", 5)
            }
            StoreError::Unwritable(_) => Self::busy("the database takes no writes at the moment; nothing is known to have been done", 5),
            StoreError::Schema { .. } | StoreError::Missing(_) => Self::busy("the database is not ready for this version yet", 10),
            StoreError::Broken(_) => return Self::internal(cause),
        };
        Self { cause: Some(cause), ..problem }
    }
}

/// The answer is written by the router's outermost layer, which knows the path and the trace.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
