//! Reading requests: bodies, paths, queries and preconditions, each refused with what was wrong and where.

pub mod preconditions;

use crate::{
    app::App,
    domain::{
        fault::{At, Fault, Faults},
        id::OrderId,
        node::Node,
    },
    error::Problem,
};
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use percent_encoding::percent_decode_str;
use std::{borrow::Cow, sync::Arc, time::Duration};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

/// The largest body, in bytes; the order of it still makes an event that fits a Service Bus Standard message.
pub const BODY_LIMIT: usize = 256 * 1024;

/// A JSON body as text.
#[derive(Debug)]
pub struct JsonText {
    bytes: Bytes,
    /// For as long as the handler has the body, or what it made of it.
    _place: Option<OwnedSemaphorePermit>,
}

impl JsonText {
    /// # Errors
    /// 400 for malformed JSON, text that is not UTF-8, members that stand twice, more than 127 levels.
    pub fn parse(&self) -> Result<Node<'_>, Problem> {
        let text = std::str::from_utf8(&self.bytes)
            .map_err(|fault| Problem::syntax(format!("the body is not UTF-8 at byte {}", fault.valid_up_to())))?;
        Node::parse(text).map_err(|fault| Problem::syntax(format!("the body is not valid JSON: {fault}")))
    }
}

impl FromRequest<Arc<App>> for JsonText {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        check_media_type(request.headers())?;
        let body = request.into_body();
        let place = place(app, body.size_hint().upper()).await?;
        Ok(Self { bytes: read(body, BODY_LIMIT).await?, _place: place })
    }
}

/// A body of at most so many bytes needs no place; a connection's own buffer is as large.
const SMALL_BODY: usize = 8 * 1024;

/// How long a body waits for its place.
const PLACE_TIME: Duration = Duration::from_secs(5);

/// Room in memory for as much as the body may turn out to have at most, before any of it is read.
async fn place(app: &App, most: Option<u64>) -> Result<Option<OwnedSemaphorePermit>, Problem> {
    let size = most.and_then(|size| usize::try_from(size).ok()).map_or(BODY_LIMIT, |size| size.min(BODY_LIMIT));
    let (true, Ok(size)) = (size > SMALL_BODY, u32::try_from(size)) else { return Ok(None) };
    match tokio::time::timeout(PLACE_TIME, Arc::clone(&app.bodies).acquire_many_owned(size)).await {
        Ok(Ok(place)) => Ok(Some(place)),
        _ => Err(Problem::busy("too many large requests are under way; nothing was done for this one", 2)),
    }
}

/// How long a client may take to send a body.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Reads a body of at most `limit` bytes that comes within 30 seconds.
pub async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let Ok(read) = tokio::time::timeout(BODY_TIME, Limited::new(body, limit).collect()).await else {
        let detail = format!("a body has {} seconds to arrive", BODY_TIME.as_secs());
        return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "The body did not arrive in time", detail));
    };
    match read {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "The body is too large",
            format!("a body may have at most {limit} bytes"),
        )),
        Err(_) => Err(Problem::syntax("the body ended before it was complete")),
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let refuse =
        |detail: &str| Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "The body has a type we do not read", detail);
    let wanted = "send the body as Content-Type: application/json (or application/merge-patch+json), in UTF-8";
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    // Of two that contradict each other, somebody in between may have judged the other one.
    let (Some(value), None) = (types.next(), types.next()) else { return Err(refuse(wanted)) };
    let value = value.to_str().map_err(|_| refuse(wanted))?;
    let mut parts = value.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let known = ["application/json", "application/merge-patch+json"].iter().any(|known| media_type.eq_ignore_ascii_case(known));
    let utf8 = parts
        .filter_map(|part| part.split_once('='))
        .all(|(name, value)| !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8"));
    if !known || !utf8 {
        return Err(refuse(wanted));
    }
    if headers.get_all(header::CONTENT_ENCODING).iter().any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(refuse("send the body without a Content-Encoding"));
    }
    Ok(())
}

/// The `{id}` of the path.
#[derive(Debug, Clone, Copy)]
pub struct PathId(pub OrderId);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refuse =
            || Problem::new(StatusCode::BAD_REQUEST, "order-id", "This is no order id", "an order id is a UUID in its hyphenated form");
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| refuse())?;
        // `try_parse` takes braces, URNs and bare digits too; one spelling is enough.
        match Uuid::try_parse(&text) {
            Ok(id) if text.len() == 36 => Ok(Self(OrderId(id))),
            _ => Err(refuse()),
        }
    }
}

/// The query's parameters, decoded; each stands once. `code` is the Functions host's key and not ours to read.
#[derive(Debug)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// # Errors
    /// 400 that lists each parameter that is unknown, stands twice or is not UTF-8.
    pub fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let mut faults = Faults::default();
        let mut read: Vec<(String, String)> = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decode(name), decode(value)) else {
                faults.add(&At::Member(&At::Root, name), "format", "must be UTF-8 in percent-encoding");
                continue;
            };
            if name == "code" {
                continue;
            }
            if !known.contains(&name.as_str()) {
                let message = if known.is_empty() {
                    "is not known here".to_owned()
                } else {
                    format!("is not known here; known are {}", known.join(", "))
                };
                faults.add(&At::Member(&At::Root, &name), "unknown", message);
            } else if read.iter().any(|(earlier, _)| *earlier == name) {
                faults.add(&At::Member(&At::Root, &name), "conflict", "stands twice");
            } else {
                read.push((name, value));
            }
        }
        if faults.0.is_empty() { Ok(Self(read)) } else { Err(Problem::query(faults.0)) }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value as `parse` reads it; what it does not read is a fault.
    pub fn parse<T>(&self, name: &str, faults: &mut Vec<Fault>, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let value = self.get(name)?;
        parse(value).map_err(|message| faults.push(Fault { pointer: format!("/{name}"), code: "format", message })).ok()
    }
}

/// `application/x-www-form-urlencoded` decoding of one name or value (URL Standard §5.1), refusing what is not UTF-8 and
/// each `%` without two digits behind it.
pub fn decode(text: &str) -> Option<String> {
    let is_escape = |behind: &str| behind.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if !text.split('%').skip(1).all(is_escape) {
        return None;
    }
    let spaced: Cow<'_, str> = if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    percent_decode_str(&spaced).decode_utf8().ok().map(Cow::into_owned)
}

/// For functions that take no parameters.
#[derive(Debug, Clone, Copy)]
pub struct NoParameters;

impl<S: Send + Sync> FromRequestParts<S> for NoParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match parts.uri.query() {
            None => Ok(Self),
            query => Parameters::read(query, &[]).map(|_| Self),
        }
    }
}
