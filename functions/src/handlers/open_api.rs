//! `GET /api/openapi.json`: what the functions take and answer, as OpenAPI 3.1.

use super::{Answer, health::Health, request::NoParameters};
use crate::{
    domain::{
        fault::Fault,
        order::{CancelReason, Cancellation, Customer, Line, Order, Preferences},
        status::Status,
        timeline::{Entry, Kind, Timeline},
    },
    error::ProblemDetails,
};
use axum::{
    http::{HeaderValue, header},
    response::IntoResponse,
};
use std::sync::LazyLock;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Components, Content, Ref, ResponseBuilder,
        security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme},
    },
};

static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_pretty_json().unwrap_or_default());

pub async fn handle(_: NoParameters) -> Answer {
    let mut response = DOCUMENT.as_str().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

pub fn document() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Orders", description = "Takes orders, keeps them, and tells the customer."),
    modifiers(&InCommon),
    paths(create_order, list_orders, get_order, update_order, cancel_order, get_order_timeline, openapi, docs, health),
    components(schemas(
        Order,
        Customer,
        Line,
        Preferences,
        Cancellation,
        CancelReason,
        Status,
        Timeline,
        Entry,
        Kind,
        ProblemDetails,
        Fault,
        Health,
        NewOrder,
        NewLine,
        OrderChange,
        CustomerChange,
        CancelRequest,
        OrderPage,
        Check
    ))
)]
struct Api;

/// What the functions of orders have in common: the key, as a header or in the query, and the refusal without; the time
/// for a body.
struct InCommon;

impl Modify for InCommon {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let described = |name: &str| ApiKeyValue::with_description(name, "Not asked for by `orders dev`");
        let components = document.components.get_or_insert_with(Components::new);
        components.add_security_scheme("header", SecurityScheme::ApiKey(ApiKey::Header(described("x-functions-key"))));
        components.add_security_scheme("query", SecurityScheme::ApiKey(ApiKey::Query(described("code"))));
        let problem = |description: &str| {
            let content = Content::new(Some(Ref::from_schema_name("ProblemDetails")));
            ResponseBuilder::new().description(description).content("application/problem+json", content).build()
        };
        let keyed = document.paths.paths.iter_mut().filter(|(path, _)| path.starts_with("/api/orders"));
        for (_, item) in keyed {
            for operation in [&mut item.get, &mut item.post, &mut item.patch].into_iter().flatten() {
                let one_of = ["header", "query"].map(|scheme| SecurityRequirement::new(scheme, Vec::<String>::new()));
                operation.security = Some(one_of.into());
                let responses = &mut operation.responses.responses;
                responses.insert("401".into(), problem("No valid key").into());
                if operation.request_body.is_some() {
                    responses.insert("408".into(), problem("The body did not arrive in time").into());
                }
            }
        }
    }
}

/// What places an order. Either `customer` or `customerName`.
#[derive(utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "customer": { "name": "Ada Lovelace", "email": "ada@example.com" },
    "currency": "EUR",
    "lines": [{ "sku": "TEA-1", "name": "Assam, 250 g", "quantity": 2, "unitPrice": 1250 }]
}))]
#[expect(dead_code, reason = "only its schema is used; the domain reads the body itself, to find all faults at once")]
struct NewOrder {
    #[schema(nullable = false)]
    customer: Option<Customer>,
    /// For when only the name is known.
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    customer_name: Option<String>,
    /// ISO 4217, upper case.
    #[schema(example = "EUR")]
    currency: String,
    #[schema(min_items = 1, max_items = 100)]
    lines: Vec<NewLine>,
    #[schema(nullable = false)]
    notify: Option<Preferences>,
    /// Up to 20 pairs; names up to 40 characters, values up to 200.
    #[schema(nullable = false)]
    metadata: Option<std::collections::BTreeMap<String, String>>,
}

#[derive(utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct NewLine {
    #[schema(min_length = 1, max_length = 64, example = "TEA-1")]
    sku: String,
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    name: Option<String>,
    #[schema(minimum = 1, maximum = 10000, example = 2)]
    quantity: i64,
    /// Minor units of the currency.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64, example = 1250)]
    unit_price: i64,
}

/// A JSON merge-patch (RFC 7396).
#[derive(utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "status": "confirmed", "metadata": { "picker": "7" } }))]
#[expect(dead_code, reason = "only its schema is used")]
struct OrderChange {
    /// Any status but `cancelled`.
    #[schema(nullable = false)]
    status: Option<Status>,
    #[schema(nullable = false)]
    customer: Option<CustomerChange>,
    /// `null` takes a pair, or all of them, away.
    metadata: Option<std::collections::BTreeMap<String, Option<String>>>,
}

#[derive(utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct CustomerChange {
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    name: Option<String>,
    /// `null` takes the address away.
    #[schema(max_length = 254)]
    email: Option<String>,
}

#[derive(utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "customer", "note": "ordered twice" }))]
#[expect(dead_code, reason = "only its schema is used")]
struct CancelRequest {
    reason: CancelReason,
    #[schema(nullable = false, min_length = 1, max_length = 500)]
    note: Option<String>,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct OrderPage {
    items: Vec<Order>,
    /// Absent on the last page.
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// Place an order
#[utoipa::path(post, path = "/api/orders", request_body = NewOrder,
    params(("Idempotency-Key" = Option<String>, Header, description = "Up to 255 characters; a repeat within 24 hours gets the first answer")),
    responses(
        (status = 201, description = "Placed; with Idempotency-Replayed: true, placed before", body = Order, headers(("Location" = String), ("ETag" = String))),
        (status = 400, description = "The body, the query or the key cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "A request with this key is still under way", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "Not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "Not valid, or the key belongs to another request", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "Try again after Retry-After", body = ProblemDetails, content_type = "application/problem+json")))]
#[expect(dead_code, reason = "carries the description")]
fn create_order() {}

/// List orders, newest first
#[utoipa::path(get, path = "/api/orders",
    params(
        ("status" = Option<Status>, Query),
        ("customer" = Option<String>, Query, description = "The exact name or e-mail address"),
        ("createdFrom" = Option<String>, Query, description = "RFC 3339, inclusive"),
        ("createdTo" = Option<String>, Query, description = "RFC 3339, exclusive"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "The most orders that a page has; 50 when absent. A page of large orders ends earlier"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses(
        (status = 200, description = "A page; Link: rel=\"next\" when there is another", body = OrderPage),
        (status = 400, description = "A parameter is unknown, stands twice or is not valid", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "Try again after Retry-After", body = ProblemDetails, content_type = "application/problem+json")))]
#[expect(dead_code, reason = "carries the description")]
fn list_orders() {}

/// Read an order
#[utoipa::path(get, path = "/api/orders/{id}",
    params(("id" = uuid::Uuid, Path), ("If-None-Match" = Option<String>, Header)),
    responses(
        (status = 200, description = "The order", body = Order, headers(("ETag" = String))),
        (status = 304, description = "Still the version in If-None-Match"),
        (status = 400, description = "Not an order id, or a query", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "No such order", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "Try again after Retry-After", body = ProblemDetails, content_type = "application/problem+json")))]
#[expect(dead_code, reason = "carries the description")]
fn get_order() {}

/// Change an order's status, contact or metadata
#[utoipa::path(patch, path = "/api/orders/{id}",
    request_body(content((OrderChange = "application/merge-patch+json"), (OrderChange = "application/json"))),
    params(("id" = uuid::Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the order as you know it")),
    responses(
        (status = 200, description = "The order after the change", body = Order, headers(("ETag" = String))),
        (status = 400, description = "Cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "No such order", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "The order cannot take this step", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "The order has changed meanwhile", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "Not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "Not valid", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 428, description = "If-Match is missing", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "Try again after Retry-After", body = ProblemDetails, content_type = "application/problem+json")))]
#[expect(dead_code, reason = "carries the description")]
fn update_order() {}

/// Cancel an order
#[utoipa::path(post, path = "/api/orders/{id}/cancel", request_body = CancelRequest,
    params(("id" = uuid::Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the order as you know it")),
    responses(
        (status = 200, description = "The cancelled order", body = Order, headers(("ETag" = String))),
        (status = 400, description = "Cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "No such order", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "Too late to cancel", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "The order has changed meanwhile", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "Not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "Not valid", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 428, description = "If-Match is missing", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "Try again after Retry-After", body = ProblemDetails, content_type = "application/problem+json")))]
#[expect(dead_code, reason = "carries the description")]
fn cancel_order() {}

/// What happened to an order, and whether the customer was told
#[utoipa::path(get, path = "/api/orders/{id}/timeline", params(("id" = uuid::Uuid, Path)),
    responses(
        (status = 200, description = "Oldest first", body = Timeline),
        (status = 400, description = "Not an order id, or a query", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "No such order", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "Try again after Retry-After", body = ProblemDetails, content_type = "application/problem+json")))]
#[expect(dead_code, reason = "carries the description")]
fn get_order_timeline() {}

/// This description
#[utoipa::path(get, path = "/api/openapi.json", responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json")))]
#[expect(dead_code, reason = "carries the description")]
fn openapi() {}

/// This description as a page
#[utoipa::path(get, path = "/api/docs", responses((status = 200, description = "Swagger UI", content_type = "text/html")))]
#[expect(dead_code, reason = "carries the description")]
fn docs() {}

/// Which of the probes' questions
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum Check {
    Live,
    Ready,
}

/// Whether this instance is up
#[utoipa::path(get, path = "/api/health/{check}", params(("check" = Check, Path)),
    responses(
        (status = 200, description = "It is; outages that all instances share are named", body = Health),
        (status = 404, description = "No such check", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "Starting, draining, or the schema is too old", body = ProblemDetails, content_type = "application/problem+json")))]
#[expect(dead_code, reason = "carries the description")]
fn health() {}
