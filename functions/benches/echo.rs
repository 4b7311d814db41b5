//! What an order costs before it is an order: axum alone, which reads the same JSON into types and writes it back.

use axum::{Json, Router, http::StatusCode, routing::post};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    customer: Customer,
    currency: String,
    lines: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
struct Customer {
    name: String,
    email: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    sku: String,
    name: String,
    quantity: u32,
    unit_price: u64,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "0".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let echo = post(async |Json(order): Json<Order>| (StatusCode::CREATED, Json(order)));
    axum::serve(listener, Router::new().route("/api/orders", echo)).await
}
