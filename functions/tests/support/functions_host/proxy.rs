//! An HTTP function called the newer way: the client's request streamed through YARP (contract §1.1).

use super::{
    Shared, answer,
    client::TransportError,
    forward::joined,
    guid,
    reply::Fault,
    script_host::{ScriptHost, fresh_traceparent},
};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header, request::Parts},
};
use futures_util::stream;
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::Incoming;
use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

/// `RequestUtilities`: what concerns one connection alone.
const HOP_BY_HOP: [&str; 11] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];
const RETRIES: u32 = 10;
/// YARP gives up when nothing moves for so long.
const IDLE: Duration = Duration::from_mins(4);
/// How `http_body_util::LengthLimitError` reads at the end of the chain of causes.
const LIMIT_REACHED: &str = "length limit exceeded";

pub async fn proxy(
    shared: &Arc<Shared>,
    script: &Arc<ScriptHost>,
    function: &str,
    client: SocketAddr,
    request: Request<Body>,
) -> Response<Body> {
    let id = guid();
    let begun = Instant::now();
    let (parts, body) = request.into_parts();
    let exchange = async |start| {
        reach(script.dispatcher.port).await?;
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let mut outgoing = script.request(parts.method.clone(), target);
        *outgoing.headers_mut().expect("a valid request") = headers(shared, &parts, &id.to_string(), script.dispatcher.port, client.ip());
        let body = Body::new(Limited::new(body, shared.body_limit()));
        let response = timeout(IDLE, script.send(outgoing.body(body).expect("a valid request"))).await;
        Ok((start, response.map_err(|_| TransportError::TimedOut(IDLE))??))
    };
    match script.invoke(function, id, exchange).await {
        Ok((start, response)) => {
            let (mut parts, body) = response.into_parts();
            for name in HOP_BY_HOP {
                parts.headers.remove(name);
            }
            let deadline = script.json.function_timeout.map(|limit| begun + limit);
            let (script, function) = (Arc::clone(script), function.to_owned());
            let expired = move || script.expire(&function, id, start);
            Response::from_parts(parts, streamed(body, deadline, expired))
        }
        Err(Fault::Transport(TransportError::Broken(reason))) if reason.contains(LIMIT_REACHED) => answer(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => answer(StatusCode::BAD_GATEWAY),
    }
}

/// Waits until the port takes connections, as `RetryProxyHandler` does: longer each time, from 50 to 250 ms.
async fn reach(port: u16) -> Result<(), TransportError> {
    for retry in 1..=RETRIES {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok() {
            return Ok(());
        }
        sleep(Duration::from_millis(u64::from((50 * retry).min(250)))).await;
    }
    Err(TransportError::Refused(port))
}

fn headers(shared: &Shared, parts: &Parts, id: &str, port: u16, client: IpAddr) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in parts.headers.keys().filter(|name| !HOP_BY_HOP.contains(&name.as_str())) {
        headers.insert(name, joined(name, &parts.headers, None));
    }
    let host = headers.get(header::HOST).cloned();
    let mut set = |name: &'static str, text: &str| headers.insert(name, HeaderValue::from_str(text).expect("visible characters"));
    set("host", &format!("127.0.0.1:{port}"));
    set("x-forwarded-for", &client.to_string());
    set("x-forwarded-proto", "http");
    set("x-azure-functions-hostversion", shared.options.generation.version());
    set("x-azure-functions-invocationid", id);
    set("x-ms-invocation-id", id);
    if let Some(host) = host {
        headers.insert("x-forwarded-host", host);
    }
    if shared.options.traceparent && !headers.contains_key("traceparent") {
        headers.insert("traceparent", HeaderValue::from_str(&fresh_traceparent()).expect("visible characters"));
    }
    headers
}

/// The body as it comes; a failure on the way breaks the client's connection. `expired` is called when the function has
/// used up its time.
fn streamed(body: Incoming, deadline: Option<Instant>, expired: impl FnOnce() + Send + 'static) -> Body {
    let frames = stream::unfold(Some((body, expired)), move |state| async move {
        let (mut body, expired) = state?;
        let until = deadline.unwrap_or_else(|| Instant::now() + IDLE).min(Instant::now() + IDLE);
        match tokio::time::timeout_at(until, body.frame()).await {
            Ok(None) => None,
            Ok(Some(Ok(frame))) => Some((Ok(frame), Some((body, expired)))),
            Ok(Some(Err(error))) => Some((Err(Box::<dyn Error + Send + Sync>::from(error)), None)),
            Err(elapsed) => {
                if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                    expired();
                }
                Some((Err(elapsed.into()), None))
            }
        }
    });
    Body::new(StreamBody::new(frames))
}
