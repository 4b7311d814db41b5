//! Who may see the console's data, and change what it changes.

use crate::{
    app::{App, Console},
    error::Problem,
};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, StatusCode, header, request::Parts, uri::Authority},
};
use std::{net::IpAddr, sync::Arc};

/// The operators' keys have a header of their own: a client's key must not read all orders.
const KEY: &str = "x-orders-console-key";

/// An operator, as far as a key tells.
#[derive(Debug, Clone, Copy)]
pub struct Operator;

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = Problem;

    /// # Errors
    /// 404 where the console is off, as if it were not there; 401 without a valid key where there are keys; 403 for a
    /// change that another site's page asks for, and without keys for anything under another machine's name.
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        match &app.settings.console {
            Console::Off => return Err(Problem::no_such_path()),
            Console::Open if is_for_this_machine(&parts.headers) => {}
            Console::Open => {
                let detail = "without a key this is for the machine that it runs on, as localhost or 127.0.0.1";
                return Err(Problem::new(StatusCode::FORBIDDEN, "another-site", "Another site's page asked for this", detail));
            }
            Console::Keys(keys) => {
                let keys = keys.current().ok_or_else(no_key)?;
                let name = parts.headers.get(KEY).and_then(|key| keys.name_of(key.as_bytes())).ok_or_else(no_key)?;
                tracing::debug!(key = name, "an operator came");
            }
        }
        if parts.method != Method::GET && is_from_another_site(&parts.headers) {
            let detail = "this is done from the console's own page, or without a browser";
            return Err(Problem::new(StatusCode::FORBIDDEN, "another-site", "Another site's page asked for this", detail));
        }
        Ok(Self)
    }
}

/// Browsers say whose page asks (Fetch Metadata Request Headers §2.3); where nobody is asked for a key this is what keeps
/// a page on the web from pressing buttons here.
fn is_from_another_site(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
}

/// A site whose name was made to lead here (DNS rebinding) is the same origin to its browser, and still says its name.
fn is_for_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let Some(authority) = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()) else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn no_key() -> Problem {
    let detail = "send an operator's key as the header x-orders-console-key";
    Problem::new(StatusCode::UNAUTHORIZED, "no-console-key", "An operator's key is needed", detail)
}
