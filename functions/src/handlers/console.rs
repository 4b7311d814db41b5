//! `GET /api/console`: the operators' page, whole: styles and script are in it.

pub(super) mod access;
pub(super) mod view;

use super::{Answer, request::NoParameters};
use crate::{app::App, error::Problem};
use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{Html, IntoResponse},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};
use std::sync::{Arc, LazyLock};

const PAGE: &str = include_str!("console/page.html");

/// The page's own script and no other; styles anywhere, since an e-mail's are inline; nothing from elsewhere. An e-mail is
/// shown in a frame that inherits this and is a sandbox besides.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let script = PAGE.split_once("<script>").and_then(|(_, rest)| rest.split_once("</script>")).map_or("", |(script, _)| script);
    let hash = BASE64_STANDARD.encode(Sha256::digest(script));
    format!(
        "default-src 'none'; script-src 'sha256-{hash}'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// Needs no key: there is nothing of an order in it.
pub async fn handle(State(app): State<Arc<App>>, _: NoParameters) -> Answer {
    if app.settings.console.is_off() {
        return Err(Problem::no_such_path());
    }
    let mut response = Html(PAGE).into_response();
    let headers = response.headers_mut();
    let policy = HeaderValue::try_from(POLICY.as_str()).map_err(|error| Problem::internal(error.to_string()))?;
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}
