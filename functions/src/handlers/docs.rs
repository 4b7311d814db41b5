//! `GET /api/docs`: Swagger UI, served from the binary, which holds it compressed.

use super::{Answer, request::NoParameters};
use crate::error::Problem;
use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, header},
    response::IntoResponse,
};
use flate2::read::GzDecoder;
use std::{
    io::{self, Read},
    sync::{Arc, LazyLock},
};
use utoipa_swagger_ui::Config;

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| Arc::new(Config::new(["/api/openapi.json"])));

/// Everything the page needs comes from here; its styles are inline.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:";

pub async fn index(headers: HeaderMap, _: NoParameters) -> Answer {
    file("index.html", &headers)
}

pub async fn asset(Path(path): Path<String>, headers: HeaderMap, _: NoParameters) -> Answer {
    file(&path, &headers)
}

fn file(path: &str, asked: &HeaderMap) -> Answer {
    let found = utoipa_swagger_ui::serve(path, Arc::clone(&CONFIG)).map_err(|error| Problem::internal(error.to_string()))?;
    let file = found.ok_or_else(Problem::no_such_path)?;
    let page = path == "index.html";
    let as_it_is = file.gzpipped && !page && takes_gzip(asked);
    let mut bytes = if file.gzpipped && !as_it_is {
        unzipped(&file.bytes).map_err(|error| Problem::internal(error.to_string()))?
    } else {
        file.bytes.into_owned()
    };
    if page {
        bytes = with_base(&bytes);
    }
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::try_from(file.content_type).map_err(|error| Problem::internal(error.to_string()))?);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if as_it_is {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// Whether the client named gzip among the codings that it takes, and did not refuse it with a weight of nothing (RFC 9110,
/// section 12.5.3).
fn takes_gzip(asked: &HeaderMap) -> bool {
    let values = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        named && !parts.any(|weight| weight.strip_prefix("q=").and_then(|weight| weight.parse().ok()) == Some(0.0))
    })
}

fn unzipped(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut text)?;
    Ok(text)
}

/// The page names its parts relative to itself, and is itself at a path without a trailing slash.
fn with_base(page: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(page).replacen("<head>", "<head><base href=\"/api/docs/\">", 1).into_bytes()
}
