//! Every path and the function behind it; what each request is wrapped in.

use crate::{
    app::{App, fresh_trace},
    domain::trace::Trace,
    error::Problem,
    handlers::{
        cancel_order, create_order, docs, get_order, get_order_timeline, health, list_orders, notify, open_api, sweep, update_order,
    },
};
use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use std::{any::Any, sync::Arc};
use tower_http::catch_panic::CatchPanicLayer;

/// The HTTP functions, alike on every host.
pub fn http(app: Arc<App>) -> Router {
    wrapped(functions().with_state(app))
}

/// The HTTP functions and what the Functions host calls besides: its readiness probe and the other triggers.
pub fn functions_host(app: Arc<App>) -> Router {
    let triggers = Router::new()
        .route("/", get(|| async { StatusCode::OK }))
        .route("/Notify", post(notify::handle))
        .route("/Sweep", post(sweep::handle));
    wrapped(functions().merge(triggers).with_state(app))
}

fn functions() -> Router<Arc<App>> {
    Router::new()
        .route("/api/orders", post(create_order::handle).get(list_orders::handle))
        .route("/api/orders/{id}", get(get_order::handle).patch(update_order::handle))
        .route("/api/orders/{id}/cancel", post(cancel_order::handle))
        .route("/api/orders/{id}/timeline", get(get_order_timeline::handle))
        .route("/api/openapi.json", get(open_api::handle))
        .route("/api/docs", get(docs::index))
        .route("/api/docs/{*file}", get(docs::asset))
        .route("/api/health/{check}", get(health::handle))
        .fallback(|| async { Problem::no_such_path() })
        .method_not_allowed_fallback(|| async {
            let detail = "the Allow header names the methods that work here";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "This method does not work here", detail)
        })
}

fn wrapped(router: Router) -> Router {
    router.layer(CatchPanicLayer::custom(panicked)).layer(middleware::from_fn(finish))
}

fn panicked(_: Box<dyn Any + Send>) -> Response<Body> {
    Problem::internal("a handler panicked; the panic itself is in the log").into_response()
}

/// Gives the request its trace; writes the problem details, if any; logs what is worth it.
async fn finish(mut request: Request, next: Next) -> Response {
    let trace = trace_of(request.headers());
    request.extensions_mut().insert(trace);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        tracing::debug!(%method, path, status = response.status().as_u16(), trace = trace.id(), "answered");
        return response;
    };
    let (status, code, cause) = (problem.status.as_u16(), problem.code, problem.cause.as_deref());
    match status {
        500 => tracing::error!(%method, path, status, code, cause, trace = trace.id(), "failed"),
        501.. => tracing::warn!(%method, path, status, code, cause, trace = trace.id(), "could not be done"),
        _ => tracing::debug!(%method, path, status, code, trace = trace.id(), "refused"),
    }
    let allow = response.headers_mut().remove(header::ALLOW);
    let mut finished = problem.finish(&path, trace);
    if let Some(allow) = allow {
        finished.headers_mut().insert(header::ALLOW, allow);
    }
    finished
}

fn trace_of(headers: &HeaderMap) -> Trace {
    let sent = headers.get("traceparent").and_then(|value| value.to_str().ok()).and_then(|text| Trace::parse(text).ok());
    sent.map_or_else(fresh_trace, |trace| trace.child(fastrand::u64(1..)))
}
