//! The promises of the service, one module a subject. One binary, so that they build and run together.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and may say what it counted"
)]
#![expect(unreachable_pub, reason = "a test binary has no outside")]

#[cfg(feature = "application-insights")]
mod application_insights;
mod asking;
mod azure_sql;
mod behaviour;
mod bindings;
mod boundaries;
mod change_order;
mod commands;
mod console;
mod create_order;
mod email;
mod event_schemas;
mod functions_host;
mod get_and_list_orders;
mod hanging_up;
mod health;
mod idempotency;
mod key_vault;
mod keys;
mod memory;
mod messaging;
mod notify;
mod open_api;
mod order_properties;
mod preconditions;
mod refusals;
mod relay;
mod service_bus;
mod stand_in;
mod store_promises;
mod support;
mod survives_kill;
mod telemetry;
mod walkthrough;
mod webhooks;
