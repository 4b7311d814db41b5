//! `GET /api/orders`

use super::{
    Answer,
    request::{Parameters, decode},
};
use crate::{
    app::App,
    domain::{
        page::{Cursor, DEFAULT_LIMIT, MAX_LIMIT, Page, Query},
        status::Status,
        timestamp::Timestamp,
    },
    error::Problem,
};
use axum::{
    extract::{OriginalUri, State},
    http::{HeaderValue, header},
    response::IntoResponse,
};
use std::sync::Arc;

const KNOWN: [&str; 6] = ["status", "customer", "createdFrom", "createdTo", "limit", "cursor"];

pub async fn handle(State(app): State<Arc<App>>, OriginalUri(uri): OriginalUri) -> Answer {
    let parameters = Parameters::read(uri.query(), &KNOWN)?;
    let page = app.store.orders(&query(&parameters)?).await?;
    let mut response = json(&page).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(next) = page.next {
        let link = format!("<{}?{}>; rel=\"next\"", uri.path(), next_query(uri.query(), next));
        headers.insert(header::LINK, HeaderValue::try_from(link).map_err(|error| Problem::internal(error.to_string()))?);
    }
    Ok(response)
}

fn query(parameters: &Parameters) -> Result<Query, Problem> {
    let mut faults = Vec::new();
    let moment = |text: &str| Timestamp::parse(text).map_err(|fault| fault.to_string());
    let query = Query {
        status: parameters
            .parse("status", &mut faults, |text| Status::parse(text).ok_or_else(|| format!("must be one of {}", Status::names()))),
        customer: parameters.parse("customer", &mut faults, |text| {
            if text.is_empty() { Err("must be a customer's whole name or e-mail address".into()) } else { Ok(text.to_owned()) }
        }),
        created_from: parameters.parse("createdFrom", &mut faults, moment),
        created_to: parameters.parse("createdTo", &mut faults, moment),
        limit: parameters
            .parse("limit", &mut faults, |text| match text.parse() {
                Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
                _ => Err(format!("must be a whole number from 1 to {MAX_LIMIT}")),
            })
            .unwrap_or(DEFAULT_LIMIT),
        after: parameters.parse("cursor", &mut faults, |text| Cursor::parse(text).map_err(|fault| fault.to_string())),
    };
    if faults.is_empty() { Ok(query) } else { Err(Problem::query(faults)) }
}

/// The orders are JSON already; only what stands around them is added.
fn json(page: &Page) -> String {
    let documents: usize = page.items.iter().map(|stored| stored.document.len() + 1).sum();
    let mut text = String::with_capacity(documents + 64);
    text.push_str("{\"items\":[");
    for (number, stored) in page.items.iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        text.push_str(&stored.document);
    }
    text.push(']');
    if let Some(cursor) = page.next {
        text.push_str(",\"nextCursor\":\"");
        text.push_str(&cursor.to_string());
        text.push('"');
    }
    text.push('}');
    text
}

/// The same query with the next cursor; a key does not belong into a link.
fn next_query(query: Option<&str>, next: Cursor) -> String {
    let kept = query.unwrap_or_default().split('&').filter(|pair| {
        let name = decode(pair.split('=').next().unwrap_or_default());
        !pair.is_empty() && !matches!(name.as_deref(), Some("cursor" | "code"))
    });
    kept.map(str::to_owned).chain([format!("cursor={next}")]).collect::<Vec<_>>().join("&")
}
