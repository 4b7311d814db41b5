//! `GET /api/docs`: Swagger UI, served from the binary.

use super::{Answer, request::NoParameters};
use crate::error::Problem;
use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::IntoResponse,
};
use std::sync::{Arc, LazyLock};
use utoipa_swagger_ui::Config;

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| Arc::new(Config::new(["/api/openapi.json"])));

/// Everything the page needs comes from here; its styles are inline.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:";

pub async fn index(_: NoParameters) -> Answer {
    file("index.html")
}

pub async fn asset(Path(path): Path<String>, _: NoParameters) -> Answer {
    file(&path)
}

fn file(path: &str) -> Answer {
    let found = utoipa_swagger_ui::serve(path, Arc::clone(&CONFIG)).map_err(|error| Problem::internal(error.to_string()))?;
    let file = found.ok_or_else(Problem::no_such_path)?;
    let bytes = if path == "index.html" { with_base(&file.bytes) } else { file.bytes.into_owned() };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::try_from(file.content_type).map_err(|error| Problem::internal(error.to_string()))?);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}

/// The page names its parts relative to itself, and is itself at a path without a trailing slash.
fn with_base(page: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(page).replacen("<head>", "<head><base href=\"/api/docs/\">", 1).into_bytes()
}
