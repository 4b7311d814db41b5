//! The host's own HTTP side: routes, keys, the limit of a body (contract §5.1).

use super::{
    Shared, answer,
    forward::forward,
    functions::{AuthLevel, Function, Shape, Trigger},
    http_envelope,
    proxy::proxy,
    script_host::ScriptHost,
    target,
};
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{Response, StatusCode, header},
};
use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;

/// Listens on a free port of 127.0.0.1 until the host stops.
pub async fn start(shared: &Arc<Shared>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let router = Router::new().fallback(handle).with_state(Arc::clone(shared)).into_make_service_with_connect_info::<SocketAddr>();
    let stopping = shared.stopping.clone();
    tokio::spawn(axum::serve(listener, router).with_graceful_shutdown(async move { stopping.cancelled().await }).into_future());
    Ok(address)
}

async fn handle(State(shared): State<Arc<Shared>>, ConnectInfo(client): ConnectInfo<SocketAddr>, request: Request) -> Response<Body> {
    let script = shared.script();
    let Some((function, values)) = route(&script, &request) else { return answer(StatusCode::NOT_FOUND) };
    let Trigger::Http { auth, shape, .. } = function.trigger else { return answer(StatusCode::NOT_FOUND) };
    if !is_allowed(&shared, auth, &request) {
        return answer(StatusCode::UNAUTHORIZED);
    }
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > shared.body_limit()) {
        return answer(StatusCode::PAYLOAD_TOO_LARGE);
    }
    match shape {
        Shape::Proxied => {
            let name = function.name.clone();
            proxy(&shared, &script, &name, client, request).await
        }
        // Not dropped with the client's connection: the handler is not told of it.
        Shape::Forwarded | Shape::Envelope => {
            let (shared, script, function) = (Arc::clone(&shared), Arc::clone(&script), function.clone());
            let work = tokio::spawn(async move {
                if shape == Shape::Forwarded {
                    forward(&shared, &script, &function.name, request).await
                } else {
                    http_envelope::call(&shared, &script, &function, values, request).await
                }
            });
            work.await.unwrap_or_else(|_| answer(StatusCode::INTERNAL_SERVER_ERROR))
        }
    }
}

/// The first function, by name, whose route and method are the request's.
fn route<'a>(script: &'a ScriptHost, request: &Request) -> Option<(&'a Function, BTreeMap<String, String>)> {
    script.functions.iter().find_map(|function| {
        let Trigger::Http { methods, route, .. } = &function.trigger else { return None };
        let has_method = methods.is_empty() || methods.iter().any(|method| method == request.method().as_str());
        has_method.then(|| route.matches(request.uri().path())).flatten().map(|values| (function, values))
    })
}

/// The key is the header's when there is one, else the query's.
fn is_allowed(shared: &Shared, auth: AuthLevel, request: &Request) -> bool {
    let key = match request.headers().get("x-functions-key") {
        Some(key) => key.to_str().ok().map(str::to_owned),
        None => target::merged(request.uri().query().unwrap_or_default())
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("code"))
            .map(|(_, values)| values.join(",")),
    };
    match auth {
        AuthLevel::Anonymous => true,
        AuthLevel::Function => key.is_some_and(|key| shared.options.keys.contains(&key)),
        AuthLevel::Admin => false,
    }
}
