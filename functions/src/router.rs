//! Every path and the function behind it; what each request is wrapped in.

use crate::{
    app::{App, fresh_trace},
    domain::{rotating::Rotating, trace::Trace},
    error::Problem,
    handlers::{
        cancel_order, console, console_events, console_order, console_retry, create_order, docs, get_order, get_order_timeline, health,
        list_orders, notify, open_api, request::decode, sweep, update_order,
    },
    keys::Keys,
    telemetry,
};
use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use std::{any::Any, sync::Arc};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;
use uuid::Uuid;

/// The HTTP functions, alike on every host; for those who have one of the keys, where there are keys.
pub fn http(app: Arc<App>, keys: Option<Rotating<Keys>>) -> Router {
    let orders = match keys {
        Some(keys) => orders().route_layer(middleware::from_fn_with_state(keys, ask_for_key)),
        None => orders(),
    };
    wrapped(orders.merge(console()).merge(descriptions()).merge(health()).with_state(app), Caller::Anybody)
}

/// The HTTP functions and what the Functions host calls besides: its readiness probe and the other triggers. It has
/// checked the keys.
pub fn functions_host(app: Arc<App>) -> Router {
    let triggers = Router::new()
        .route("/", get(|| async { StatusCode::OK }))
        .route("/Notify", post(notify::handle))
        .route("/Sweep", post(sweep::handle));
    wrapped(orders().merge(console()).merge(descriptions()).merge(health()).merge(triggers).with_state(app), Caller::FunctionsHost)
}

/// What a worker answers: probes alone.
pub fn worker(app: Arc<App>) -> Router {
    wrapped(health().with_state(app), Caller::Anybody)
}

fn orders() -> Router<Arc<App>> {
    Router::new()
        .route("/api/orders", post(create_order::handle).get(list_orders::handle))
        .route("/api/orders/{id}", get(get_order::handle).patch(update_order::handle))
        .route("/api/orders/{id}/cancel", post(cancel_order::handle))
        .route("/api/orders/{id}/timeline", get(get_order_timeline::handle))
}

/// For operators, who have keys of their own; the handlers ask for them on every host.
fn console() -> Router<Arc<App>> {
    Router::new()
        .route("/api/console", get(console::handle))
        .route("/api/console/events", get(console_events::handle))
        .route("/api/console/orders/{id}", get(console_order::handle))
        .route("/api/console/deliveries/{id}/retry", post(console_retry::handle))
}

fn descriptions() -> Router<Arc<App>> {
    Router::new()
        .route("/api/openapi.json", get(open_api::handle))
        .route("/api/docs", get(docs::index))
        .route("/api/docs/", get(docs::index))
        .route("/api/docs/{*file}", get(docs::asset))
}

fn health() -> Router<Arc<App>> {
    Router::new().route("/api/health/{check}", get(health::handle))
}

/// The function's name, for the log; a test holds these names against the folders.
pub fn function_at(method: &Method, path: &str) -> &'static str {
    match (method.as_str(), path) {
        ("POST", "/api/orders") => "CreateOrder",
        ("GET" | "HEAD", "/api/orders") => "ListOrders",
        ("GET" | "HEAD", "/api/orders/{id}") => "GetOrder",
        ("PATCH", "/api/orders/{id}") => "UpdateOrder",
        ("POST", "/api/orders/{id}/cancel") => "CancelOrder",
        ("GET" | "HEAD", "/api/orders/{id}/timeline") => "GetOrderTimeline",
        ("GET" | "HEAD", "/api/console") => "Console",
        ("GET" | "HEAD", "/api/console/events") => "ConsoleEvents",
        ("GET" | "HEAD", "/api/console/orders/{id}") => "ConsoleOrder",
        ("POST", "/api/console/deliveries/{id}/retry") => "ConsoleRetry",
        ("GET" | "HEAD", "/api/openapi.json") => "OpenApi",
        ("GET" | "HEAD", "/api/docs" | "/api/docs/" | "/api/docs/{*file}") => "Docs",
        ("GET" | "HEAD", "/api/health/{check}") => "Health",
        ("POST", "/Notify") => "Notify",
        ("POST", "/Sweep") => "Sweep",
        _ => "none",
    }
}

/// Who calls, and with it who can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    FunctionsHost,
    Anybody,
}

fn wrapped(router: Router, caller: Caller) -> Router {
    router
        .fallback(|| async { Problem::no_such_path() })
        .method_not_allowed_fallback(|| async {
            let detail = "the Allow header names the methods that work here";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "This method does not work here", detail)
        })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(caller, finish))
}

fn panicked(_: Box<dyn Any + Send>) -> Response<Body> {
    Problem::internal("a handler panicked; the panic itself is in the log").into_response()
}

/// Where the Functions host looks for a key: the header, else the query.
async fn ask_for_key(State(keys): State<Rotating<Keys>>, request: Request, next: Next) -> Response {
    let Some(keys) = keys.current() else { return Problem::no_key().into_response() };
    let name = match request.headers().get("x-functions-key") {
        Some(key) => keys.name_of(key.as_bytes()),
        None => code(request.uri()).and_then(|key| keys.name_of(key.as_bytes())),
    };
    let Some(name) = name else { return Problem::no_key().into_response() };
    tracing::debug!(key = name, "came with a key");
    next.run(request).await
}

fn code(uri: &Uri) -> Option<String> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(name, _)| decode(name).is_some_and(|name| name == "code")).find_map(|(_, value)| decode(value))
}

/// Gives the request its trace; writes the problem details, if any; logs what is worth it.
async fn finish(State(caller): State<Caller>, mut request: Request, next: Next) -> Response {
    let sent = trace_sent(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let function = route.map_or("none", |route| function_at(&method, route));
    let watched = telemetry::request(sent, method.as_str(), route, &path);
    let here = || sent.map_or_else(fresh_trace, |trace| trace.child(fastrand::u64(1..)));
    let trace = watched.as_ref().and_then(telemetry::Request::trace).unwrap_or_else(here);
    request.extensions_mut().insert(trace);
    let invocation = if caller == Caller::FunctionsHost { invocation(request.headers()) } else { None };
    let span = telemetry::span(function, Some(trace), invocation);
    let response = answer(request, next, method, trace).instrument(span).await;
    if let Some(watched) = watched {
        let location = response.headers().get(header::LOCATION).and_then(|path| path.to_str().ok());
        watched.answered(response.status().as_u16(), location);
    }
    response
}

/// The host's name for its call. A client may send the header too; the host's own value comes last.
fn invocation(headers: &HeaderMap) -> Option<&str> {
    let last = headers.get_all("x-azure-functions-invocationid").iter().next_back()?.to_str().ok()?;
    (last.len() == 36 && Uuid::try_parse(last).is_ok()).then_some(last)
}

/// Into the log goes the route and not the path, which the client has written.
async fn answer(request: Request, next: Next, method: Method, trace: Trace) -> Response {
    let (uri, matched) = (request.uri().clone(), request.extensions().get::<MatchedPath>().cloned());
    let route = matched.as_ref().map_or("none", MatchedPath::as_str);
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        tracing::debug!(%method, route, status = response.status().as_u16(), "answered");
        return response;
    };
    let (status, code, cause) = (problem.status.as_u16(), problem.code, problem.cause.as_deref());
    match status {
        500 => tracing::error!(%method, route, status, code, cause, "failed"),
        501.. => tracing::warn!(%method, route, status, code, cause, "could not be done"),
        _ => tracing::debug!(%method, route, status, code, "refused"),
    }
    let allow = response.headers_mut().remove(header::ALLOW);
    let mut finished = problem.finish(uri.path(), trace);
    if let Some(allow) = allow {
        finished.headers_mut().insert(header::ALLOW, allow);
    }
    finished
}

fn trace_sent(headers: &HeaderMap) -> Option<Trace> {
    headers.get("traceparent").and_then(|value| value.to_str().ok()).and_then(|text| Trace::parse(text).ok())
}
