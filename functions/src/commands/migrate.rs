//! `orders migrate`: brings the database's schema up to what this binary needs.

use crate::{
    clock::{Clock, SystemClock},
    config::{Config, Role},
    store, telemetry,
};

pub async fn run() -> anyhow::Result<()> {
    let config = Config::from_environment(&Role::Migrate)?;
    telemetry::start(telemetry::Form::Json, &config.log_filter);
    let applied = store::open(&config.database).migrate(SystemClock.now()).await?;
    for migration in &applied {
        tracing::info!(migration, "applied");
    }
    tracing::info!(applied = applied.len(), "the schema is up to date");
    Ok(())
}
