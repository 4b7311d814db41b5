//! An HTTP function called the older way: the client's request rebuilt, the answer read whole (contract §1.1, §5.2, §5.3).

use super::{
    Shared, answer,
    client::{self, TransportError},
    guid,
    reply::Fault,
    script_host::{REPLY_LIMIT, ScriptHost, fresh_traceparent},
    target,
};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts},
};
use http_body_util::{BodyExt, Limited};

/// .NET counts these to the content; only length and type are carried over.
const CONTENT_HEADERS: [HeaderName; 9] = [
    header::ALLOW,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_LOCATION,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::EXPIRES,
];

pub async fn forward(shared: &Shared, script: &ScriptHost, function: &str, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok()).unwrap_or(0);
    let body = if length > 0 {
        match Limited::new(body, shared.body_limit()).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return answer(StatusCode::BAD_REQUEST),
        }
    } else {
        Bytes::new()
    };
    let id = guid();
    let exchange = async {
        if parts.headers.contains_key(header::TRANSFER_ENCODING) {
            let reason = "'Transfer-Encoding: chunked' header can not be used when content object is not specified.";
            return Err(Fault::from(TransportError::Broken(reason.to_owned())));
        }
        let mut request = script.request(parts.method.clone(), &target::forwarded(parts.uri.path(), parts.uri.query()));
        *request.headers_mut().expect("a valid request") = headers(shared, &parts, &id.to_string(), body.len());
        let response = script.send(request.body(Body::from(body)).expect("a valid request")).await?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, REPLY_LIMIT).collect().await;
        let body = body.map_err(|error| TransportError::Broken(client::causes(error.as_ref())))?.to_bytes();
        Ok(Response::from_parts(parts, body))
    };
    match script.invoke(function, id, |_| exchange).await {
        Ok(response) => {
            let (mut parts, body) = response.into_parts();
            parts.headers.remove(header::TRANSFER_ENCODING);
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, Body::from(body))
        }
        Err(_) => answer(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn headers(shared: &Shared, parts: &Parts, id: &str, body_length: usize) -> HeaderMap {
    let options = &shared.options;
    let mut headers = HeaderMap::new();
    for name in parts.headers.keys().filter(|name| !CONTENT_HEADERS.contains(name)) {
        headers.insert(name, joined(name, &parts.headers, None));
    }
    for (name, value) in [
        (HeaderName::from_static("x-azure-functions-hostversion"), options.generation.version()),
        (HeaderName::from_static("x-azure-functions-invocationid"), id),
        (header::USER_AGENT, &options.generation.user_agent()),
    ] {
        headers.insert(&name, joined(&name, &parts.headers, Some(value)));
    }
    if options.traceparent && !headers.contains_key("traceparent") {
        headers.insert("traceparent", value(&fresh_traceparent()));
    }
    let bodiless = [Method::GET, Method::HEAD, Method::OPTIONS, Method::DELETE, Method::CONNECT].contains(&parts.method);
    if body_length > 0 {
        headers.insert(header::CONTENT_LENGTH, body_length.into());
        if let Some(kind) = parts.headers.get(header::CONTENT_TYPE) {
            headers.insert(header::CONTENT_TYPE, kind.clone());
        }
    } else if !bodiless {
        headers.insert(header::CONTENT_LENGTH, 0.into());
    }
    headers
}

/// .NET's client writes the values of one name in one line; what the host adds comes last.
pub fn joined(name: &HeaderName, headers: &HeaderMap, added: Option<&str>) -> HeaderValue {
    let separator = match *name {
        header::COOKIE => "; ",
        header::USER_AGENT => " ",
        _ => ", ",
    };
    let sent = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let values: Vec<&[u8]> = sent.chain(added.map(str::as_bytes)).collect();
    HeaderValue::from_bytes(&values.join(separator.as_bytes())).expect("header values joined are one")
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("visible characters")
}
