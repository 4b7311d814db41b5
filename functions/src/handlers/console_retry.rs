//! `POST /api/console/deliveries/{id}/retry`: an operator wants further attempts.

use super::{Answer, console::access::Operator, request::NoParameters};
use crate::{
    app::App,
    domain::id::DeliveryId,
    error::Problem,
    store::ledger::{Decision, Wanted},
};
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use std::sync::Arc;
use uuid::Uuid;

pub async fn handle(State(app): State<Arc<App>>, _: Operator, Path(id): Path<String>, _: NoParameters) -> Answer {
    let id = DeliveryId(Uuid::try_parse(&id).map_err(|_| no_such_delivery())?);
    let decided = app.store.decide(vec![id], Decision::Reopened, "retried from the console".into(), app.now()).await?;
    if decided.is_empty() {
        let wanted = Wanted { ids: vec![id], limit: 1, ..Wanted::default() };
        return Err(match app.store.deliveries(&wanted).await?.as_slice() {
            [] => no_such_delivery(),
            _ => Problem::new(StatusCode::CONFLICT, "delivery-state", "Nothing to retry", "it has succeeded, or an attempt is under way"),
        });
    }
    app.sweep_bell.notify_one();
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn no_such_delivery() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "delivery-not-found", "There is no such delivery", "no delivery has this id")
}
