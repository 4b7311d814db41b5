//! Requests over HTTP, as the semantic conventions for HTTP servers (1.37) have them.

use super::{instruments, operation::Operation, tracer};
use crate::domain::trace::Trace;
use opentelemetry::{KeyValue, StringValue, trace::SpanKind};
use std::{borrow::Cow, time::Instant};

/// A request under way.
#[derive(Debug)]
pub struct Request {
    began: Instant,
    operation: Option<Operation>,
    method: &'static str,
    route: Option<StringValue>,
    /// Which order the path names.
    order: Option<String>,
}

/// Watches a request; `None` where nothing is collected. `route` is the path's pattern, and `sent` the trace that the
/// client sent.
pub fn request(sent: Option<Trace>, method: &str, route: Option<&str>, path: &str) -> Option<Request> {
    if tracer().is_none() && instruments().is_none() {
        return None;
    }
    let method = known(method);
    let route = route.map(|route| StringValue::from(route.to_owned()));
    let order = route.as_ref().filter(|route| route.as_str().starts_with("/api/orders/{id}")).and_then(|_| path.split('/').nth(3));
    let operation = is_traced(path).then(|| {
        let name = || route.as_ref().map_or(Cow::Borrowed(method), |route| format!("{method} {route}").into());
        let attributes = || {
            let mut attributes = vec![
                KeyValue::new("http.request.method", method),
                KeyValue::new("url.scheme", "http"),
                KeyValue::new("url.path", path.to_owned()),
            ];
            attributes.extend(route.clone().map(|route| KeyValue::new("http.route", route)));
            attributes
        };
        Operation::begin(SpanKind::Server, sent, name, attributes)
    });
    Some(Request { began: Instant::now(), operation, method, order: order.map(str::to_owned), route })
}

impl Request {
    /// Where those stand in the trace whom this request causes.
    pub fn trace(&self) -> Option<Trace> {
        self.operation.as_ref()?.trace()
    }

    /// `location` is the path of what the request made.
    pub fn answered(self, status: u16, location: Option<&str>) {
        let Self { began, operation, method, route, order } = self;
        let failed = (status >= 500).then(|| StringValue::from(status.to_string()));
        if let Some(instruments) = instruments() {
            let mut attributes = vec![
                KeyValue::new("http.request.method", method),
                KeyValue::new("url.scheme", "http"),
                KeyValue::new("http.response.status_code", i64::from(status)),
            ];
            attributes.extend(route.map(|route| KeyValue::new("http.route", route)));
            attributes.extend(failed.clone().map(|failed| KeyValue::new("error.type", failed)));
            instruments.requests.record(began.elapsed().as_secs_f64(), &attributes);
        }
        let Some(mut operation) = operation else { return };
        operation.set("http.response.status_code", i64::from(status));
        if let Some(order) = order.or_else(|| location.and_then(|path| path.rsplit('/').next()).map(str::to_owned)) {
            operation.set("order.id", order);
        }
        if let Some(failed) = failed {
            operation.fail("server", failed.as_str());
        }
    }
}

/// Probes say nothing in a trace, and the Functions host records its own calls: what they cause is traced by itself.
fn is_traced(path: &str) -> bool {
    path.starts_with("/api/") && !path.starts_with("/api/health/")
}

/// Whatever clients make up is one method more, and not one a client (semantic conventions, `http.request.method`).
fn known(method: &str) -> &'static str {
    ["GET", "POST", "PATCH", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"]
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("_OTHER")
}
