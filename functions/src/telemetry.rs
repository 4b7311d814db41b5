//! Where the log goes: stdout, one line a record. The Functions host takes every line on stderr for an error.

use crate::domain::trace::Trace;
use std::io::{self, IsTerminal};
use tracing::Span;
use tracing_subscriber::{EnvFilter, fmt};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For machines: JSON.
    Json,
    /// For a person at a terminal.
    Readable,
}

/// Sets up the log of this process, once. `filter` is in the form of `RUST_LOG`.
pub fn start(form: Form, filter: &str) {
    let filter = EnvFilter::new(filter);
    let log = fmt().with_env_filter(filter).with_writer(io::stdout);
    match form {
        Form::Json => log.json().flatten_event(true).with_current_span(true).with_span_list(false).init(),
        Form::Readable => log.compact().with_target(false).with_ansi(io::stdout().is_terminal()).init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panicked: {}", panic.payload_as_str().unwrap_or("no message"));
    }));
}

/// What every line within says besides itself: which function is at work, in whose trace, and in which invocation of
/// the Functions host. At the level of errors, so that no filter takes it from a line that passes.
pub fn span(function: &'static str, trace: Option<Trace>, invocation: Option<&str>) -> Span {
    tracing::error_span!("in", function, trace = trace.map(Trace::id), invocation)
}
