//! What happens, for operators: the log on stdout, and traces and metrics to whoever collects them, where somebody does.
//!
//! The rest of the code calls plain functions here and names no OpenTelemetry. Where nothing is collected nothing of it is
//! built, and each of these functions looks at one word in memory.

mod attempts;
mod export;
mod gauges;
mod log;
mod metrics;
mod operation;
mod requests;
mod sender;

pub use attempts::{Attempted, attempt, claimed, process, publish};
pub use export::{ApplicationInsights, Collectors, Exporting, export};
pub use gauges::{observe, swept};
pub use log::{Form, span, start, start_aside};
pub use metrics::{batch, lock_lost, rejected, taken_over};
pub use operation::Operation;
pub use requests::{Request, request};

use metrics::Instruments;
use opentelemetry::metrics::Meter;
use opentelemetry_sdk::trace::SdkTracer;
use std::sync::OnceLock;

/// What there is to record with; set once, when a process that is to be observed starts.
static RECORDER: OnceLock<Recorder> = OnceLock::new();

#[derive(Debug)]
struct Recorder {
    tracer: Option<SdkTracer>,
    meter: Option<(Meter, Instruments)>,
}

fn tracer() -> Option<&'static SdkTracer> {
    RECORDER.get()?.tracer.as_ref()
}

fn meter() -> Option<&'static Meter> {
    RECORDER.get()?.meter.as_ref().map(|(meter, _)| meter)
}

fn instruments() -> Option<&'static Instruments> {
    RECORDER.get()?.meter.as_ref().map(|(_, instruments)| instruments)
}
