//! `GET /api/health/live` and `GET /api/health/ready`

use super::{Answer, request::NoParameters};
use crate::{app::App, error::Problem, store::StoreError};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long a probe waits for a first connection to the database.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `live`, or `ready`.
    status: &'static str,
    /// What is away for all instances alike; requests that need it get 503.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outages: Vec<&'static str>,
}

pub async fn handle(State(app): State<Arc<App>>, Path(check): Path<String>, _: NoParameters) -> Answer {
    match check.as_str() {
        "live" => Ok(Json(Health { status: "live", outages: vec![] }).into_response()),
        "ready" => ready(&app).await,
        _ => Err(Problem::no_such_path()),
    }
}

/// Unready is this instance's own state. An outage that all instances share would take all of them out of service,
/// and with them the answer that says what is wrong.
async fn ready(app: &App) -> Answer {
    if app.is_draining() {
        return Err(unready("this instance is shutting down"));
    }
    let late = |_| Err(StoreError::Unavailable("cannot connect in time".into()));
    let mut outages = match timeout(PATIENCE, app.store.schema()).await.unwrap_or_else(late) {
        Ok(_) => vec![],
        Err(error @ StoreError::Schema { .. }) => return Err(unready(&error.to_string())),
        Err(error @ StoreError::Missing(_)) => {
            tracing::warn!(%error, "the database is not there");
            return Err(unready("the database has not been made yet: run `orders migrate`"));
        }
        Err(error) => {
            tracing::warn!(%error, "the database is away");
            vec![match error {
                StoreError::Refused(_) => "database: it refuses the login",
                StoreError::Paused(_) => "database: it is paused",
                StoreError::Unwritable(_) => "database: it takes no writes",
                _ => "database: it cannot be reached",
            }]
        }
    };
    // The client has logged what is out, once.
    if app.bus_outage().is_some() {
        outages.push("bus");
    }
    Ok(Json(Health { status: "ready", outages }).into_response())
}

fn unready(detail: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "This instance is not ready", detail)
}
