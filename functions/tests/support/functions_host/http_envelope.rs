//! An HTTP function that is called by envelope: with neither flag, or with a binding too many (contract §3.8, §4.2).

use super::{
    Shared, answer,
    envelope::{self, BindingData, Sys},
    functions::Function,
    script_host::ScriptHost,
    target,
    value::{Clr, leaked},
};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header, request::Parts},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use http_body_util::{BodyExt, Limited};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub async fn call(
    shared: &Shared,
    script: &ScriptHost,
    function: &Function,
    values: BTreeMap<String, String>,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let has_length = parts.headers.get(header::CONTENT_LENGTH).is_some_and(|value| value != "0");
    let body = match Limited::new(body, shared.body_limit()).collect().await {
        Ok(body) => has_length.then(|| body.to_bytes()),
        Err(_) => return answer(StatusCode::BAD_REQUEST),
    };
    let envelope = envelope(function, &parts, values, body.as_deref());
    match script.post(&function.name, envelope).await.1 {
        Ok(reply) => response(reply.outputs.get("res")).unwrap_or_else(|| answer(StatusCode::INTERNAL_SERVER_ERROR)),
        Err(_) => answer(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn envelope(function: &Function, parts: &Parts, values: BTreeMap<String, String>, body: Option<&[u8]>) -> String {
    let query: Map<String, Value> =
        target::merged(parts.uri.query().unwrap_or_default()).into_iter().map(|(name, values)| (name, values.join(",").into())).collect();
    let headers: Map<String, Value> = parts
        .headers
        .keys()
        .map(|name| (name.to_string(), parts.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect()))
        .collect();
    let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = text(header::CONTENT_TYPE).to_lowercase();
    let body = body.map(|bytes| {
        let is_binary = kind.starts_with("application/octet-stream") || kind.starts_with("multipart/");
        if is_binary { BASE64_STANDARD.encode(bytes) } else { String::from_utf8_lossy(bytes).into_owned() }
    });
    let mut request = json!({
        "Url": format!("http://{}{}", text(header::HOST), parts.uri),
        "Method": parts.method.as_str(),
        "Query": query,
        "Headers": headers,
        "Params": values,
        "Identities": []
    });
    let mut metadata = BindingData::default();
    if let Some(body) = body {
        if let Ok(Value::Object(members)) = serde_json::from_str(&body) {
            members.iter().filter_map(|(name, value)| Some((name, leaked(value)?))).for_each(|(name, value)| metadata.put(name, value));
        }
        request["Body"] = body.into();
    }
    for (name, value) in query.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("code")) {
        metadata.put(name, Clr::Other(value.clone()));
    }
    for (name, value) in values {
        metadata.put(&name, Clr::text(value));
    }
    metadata.put("Query", Clr::Object(query));
    metadata.put("Headers", Clr::Object(headers));
    metadata.put("sys", Sys::of(&function.name).clr());
    let Value::Object(request) = request else { unreachable!("it was made as an object") };
    envelope::envelope(&function.binding, &Clr::Object(request), &metadata)
}

/// `Outputs.res` as the client gets it; `None` for a shape that cannot be read.
fn response(output: Option<&Value>) -> Option<Response<Body>> {
    let Some(output) = output else { return Some(Response::new(Body::from("{}"))) };
    let members = output.as_object()?;
    let member = |name: &str| members.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let status = member("statusCode").or_else(|| member("status")).and_then(|status| match status {
        Value::String(text) => text.parse().ok(),
        other => u16::try_from(other.as_u64()?).ok(),
    });
    let mut headers = HeaderMap::new();
    for (name, value) in member("headers").and_then(Value::as_object).into_iter().flatten() {
        headers.insert(HeaderName::try_from(name).ok()?, HeaderValue::from_str(value.as_str()?).ok()?);
    }
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
    let body = match member("body") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => serde_json::to_string_pretty(other).ok()?,
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
    *response.headers_mut() = headers;
    Some(response)
}
