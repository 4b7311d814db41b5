//! Where the log goes: stdout, one line a record. The Functions host takes every line on stderr for an error.

use crate::domain::trace::Trace;
use std::{
    fmt::Result,
    io::{self, IsTerminal},
};
use tracing::{Event, Level, Span, Subscriber};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::{
        self, FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    layer::SubscriberExt,
    registry::{LookupSpan, Scope},
    util::SubscriberInitExt,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For machines: JSON.
    Json,
    /// For a person at a terminal.
    Readable,
    /// The same on stderr, beside a command's output.
    Aside,
}

const SILENCED: [&str; 3] = [
    // There tiberius logs each row, with customers' names in it, and as an error what is tried again and goes well.
    "tiberius::tds::stream::token",
    // That a collector is away is told once, by us.
    "opentelemetry_sdk",
    "opentelemetry-otlp",
];

/// There Azure's client logs each failed answer, and what follows from it is told by us. Whoever names it hears it.
const QUIETENED: &str = "typespec_client_core::http::policies::logging";

/// Sets up the log of this process, once.
pub fn start(form: Form, filter: &Targets) {
    let usual = filter.default_level().unwrap_or(LevelFilter::OFF);
    let filter = Targets::new()
        .with_default(usual)
        .with_target(QUIETENED, usual.min(LevelFilter::WARN))
        .with_targets(filter)
        .with_targets(SILENCED.map(|target| (target, LevelFilter::OFF)));
    let (log, filtered) = (fmt::layer(), tracing_subscriber::registry().with(filter));
    match form {
        Form::Json => filtered.with(log.json().flatten_event(true).with_current_span(true).with_span_list(false)).init(),
        Form::Aside => filtered.with(log.with_writer(io::stderr).with_ansi(io::stderr().is_terminal()).event_format(ForPeople)).init(),
        Form::Readable => filtered.with(log.with_ansi(io::stdout().is_terminal()).event_format(ForPeople)).init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panicked: {}", panic.payload_as_str().unwrap_or("no message"));
    }));
}

/// The log of a command that prints something itself: what goes wrong, beside its output.
pub fn start_aside() {
    start(Form::Aside, &Targets::new().with_default(Level::WARN));
}

/// What every line within says besides itself: which function is at work, in whose trace, and in which invocation of
/// the Functions host. At the level of errors, so that no filter takes it from a line that passes.
pub fn span(function: &'static str, trace: Option<Trace>, invocation: Option<&str>) -> Span {
    tracing::error_span!("in", function, trace = trace.map(Trace::id), invocation)
}

/// One line a record: when, how bad, what. Where something went wrong, also in which function and trace.
struct ForPeople;

impl<S: Subscriber + for<'a> LookupSpan<'a>, N: for<'a> FormatFields<'a> + 'static> FormatEvent<S, N> for ForPeople {
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut line: Writer<'_>, event: &Event<'_>) -> Result {
        let level = *event.metadata().level();
        SystemTime.format_time(&mut line)?;
        if line.has_ansi_escapes() {
            let colour = match level {
                Level::ERROR => 31,
                Level::WARN => 33,
                Level::INFO => 32,
                _ => 90,
            };
            write!(line, " \x1b[{colour}m{level:>5}\x1b[0m ")?;
        } else {
            write!(line, " {level:>5} ")?;
        }
        context.format_fields(line.by_ref(), event)?;
        if level <= Level::WARN {
            for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
                if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                    write!(line, " {}", fields.fields)?;
                }
            }
        }
        writeln!(line)
    }
}
