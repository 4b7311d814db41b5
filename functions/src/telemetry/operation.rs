//! One operation of a trace: a span that is handed on by its `traceparent` alone.

use super::tracer;
use crate::domain::trace::Trace;
use opentelemetry::{
    Context, KeyValue, Value,
    trace::{Span, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer},
};
use opentelemetry_sdk::trace;
use std::borrow::Cow;

/// Lasts from its beginning until it is dropped.
#[derive(Debug)]
pub struct Operation(Option<Box<trace::Span>>);

impl Operation {
    /// Below `parent`, or a trace's first. Neither `name` nor `attributes` is asked for where nothing is collected.
    pub(super) fn begin(
        kind: SpanKind,
        parent: Option<Trace>,
        name: impl FnOnce() -> Cow<'static, str>,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Self {
        let Some(tracer) = tracer() else { return Self(None) };
        let above = parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(context(parent)));
        let builder = tracer.span_builder(name()).with_kind(kind).with_attributes(attributes());
        Self(Some(Box::new(tracer.build_with_context(builder, &above))))
    }

    /// Where those stand in the trace whom this operation causes.
    pub fn trace(&self) -> Option<Trace> {
        let context = self.0.as_ref()?.span_context();
        context.is_valid().then(|| Trace {
            trace_id: u128::from_be_bytes(context.trace_id().to_bytes()),
            span_id: u64::from_be_bytes(context.span_id().to_bytes()),
            flags: context.trace_flags().to_u8(),
        })
    }

    pub(super) fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(key, value));
        }
    }

    /// It did not do what it was to do; `kind` is one of few words (`error.type` of the semantic conventions).
    pub(super) fn fail(&mut self, kind: &'static str, reason: &str) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new("error.type", kind));
            span.set_status(Status::error(reason.to_owned()));
        }
    }
}

fn context(trace: Trace) -> SpanContext {
    let (trace_id, span_id) = (TraceId::from(trace.trace_id), SpanId::from(trace.span_id));
    SpanContext::new(trace_id, span_id, TraceFlags::new(trace.flags), true, TraceState::NONE)
}
