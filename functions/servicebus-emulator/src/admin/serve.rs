//! The HTTP side.

use super::{
    Namespace,
    answer::{Answer, answer},
    request::Request,
};
use crate::transport::{self, Duplex, Tls};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Response, StatusCode, body::Incoming, header::CONTENT_TYPE, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, io, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time,
};

/// Connections at once. Further ones wait.
const CONNECTIONS: usize = 256;
/// How long a request may take to arrive, and a connection may be idle.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of a request's body. The largest description has some kilobytes.
const BODY: usize = 256 * 1024;

/// Serves HTTP, and HTTPS on the same port if there is `tls`. Runs until it is dropped, and its connections end with it.
pub async fn serve(listener: TcpListener, tls: Option<Tls>, namespace: Arc<dyn Namespace>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, tls.clone(), namespace.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "A connection to the administration port can't be accepted");
                    time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: TcpStream, tls: Option<Tls>, namespace: Arc<dyn Namespace>) {
    if let Err(error) = exchange(stream, tls, namespace).await {
        tracing::debug!(%error, "A connection to the administration port broke");
    }
}

async fn exchange(stream: TcpStream, tls: Option<Tls>, namespace: Arc<dyn Namespace>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (stream, secure): (Box<dyn Duplex>, bool) = transport::secured(stream, tls.as_ref()).await?;
    let service = service_fn(move |request| {
        let namespace = namespace.clone();
        async move { Ok::<_, Infallible>(respond(&*namespace, request, secure).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    http.serve_connection(TokioIo::new(stream), service).await.map_err(io::Error::other)
}

async fn respond(namespace: &dyn Namespace, request: hyper::Request<Incoming>, secure: bool) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let answer = match Request::of(head.method.clone(), &head.uri, &head.headers, secure) {
        Err((status, complaint)) => Answer::error(status, &complaint),
        Ok(request) => match text(body).await {
            Err((status, complaint)) => Answer::error(status, &complaint),
            Ok(body) => answer(namespace, &request, &body),
        },
    };
    tracing::debug!(method = %head.method, uri = %head.uri, status = answer.status, "Administration");
    let mut response = Response::new(Full::new(answer.body.into()));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(answer.content_type));
    response
}

async fn text(body: Incoming) -> Result<String, (u16, String)> {
    let Ok(read) = time::timeout(PATIENCE, Limited::new(body, BODY).collect()).await else {
        return Err((408, format!("The body didn't come within {} s.", PATIENCE.as_secs())));
    };
    let bytes = read.map_err(|error| match error.downcast_ref::<http_body_util::LengthLimitError>() {
        Some(_) => (413, format!("The body has more than {BODY} bytes.")),
        None => (400, format!("The body broke off: {error}")),
    })?;
    String::from_utf8(bytes.to_bytes().into()).map_err(|_| (400, "The body is not UTF-8.".into()))
}
