//! A collector of traces and metrics: OTLP 1.x over HTTP, in protobuf.

use super::{https, process::PATIENCE};
use axum::{Router, body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{metric::Data, number_data_point},
    resource::v1::Resource,
};
use prost::Message;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::sync::watch;

pub type Attributes = BTreeMap<String, String>;

#[derive(Debug, Clone)]
pub struct Span {
    pub service: String,
    pub name: String,
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub attributes: Attributes,
    pub is_error: bool,
}

/// The last value of a series; of a histogram, how many values it has.
#[derive(Debug, Clone)]
pub struct Point {
    pub name: String,
    pub attributes: Attributes,
    pub value: f64,
}

#[derive(Default)]
pub struct Seen {
    pub spans: Vec<Span>,
    /// As they came, oldest first.
    pub points: Vec<Point>,
}

pub struct Collector {
    pub url: String,
    seen: Arc<Mutex<Seen>>,
    changed: watch::Receiver<()>,
}

#[derive(Clone)]
struct Inner {
    seen: Arc<Mutex<Seen>>,
    change: watch::Sender<()>,
}

impl Collector {
    pub async fn start() -> Self {
        let (change, changed) = watch::channel(());
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let inner = Inner { seen: Arc::clone(&seen), change };
        let router = Router::new().route("/v1/traces", post(traces)).route("/v1/metrics", post(metrics)).with_state(inner);
        let port = https::plain(router).await;
        Self { url: format!("http://127.0.0.1:{port}"), seen, changed }
    }

    /// How a process finds it, and that it is impatient.
    pub fn settings(&self) -> [(&str, &str); 3] {
        [("OTEL_EXPORTER_OTLP_ENDPOINT", &self.url), ("OTEL_BSP_SCHEDULE_DELAY", "100"), ("OTEL_METRIC_EXPORT_INTERVAL", "200")]
    }

    /// Waits until what was collected holds what is looked for.
    pub async fn until<T>(&self, what: &str, look: impl Fn(&Seen) -> Option<T>) -> T {
        let mut changed = self.changed.clone();
        let wait = async {
            loop {
                if let Some(found) = look(&self.seen.lock().unwrap()) {
                    return found;
                }
                changed.changed().await.unwrap();
            }
        };
        let found = tokio::time::timeout(PATIENCE, wait).await;
        found.unwrap_or_else(|_| {
            let seen = self.seen.lock().unwrap();
            panic!("not collected: {what}; but {:#?} and {:#?}", seen.spans, seen.points.iter().rev().take(60).collect::<Vec<_>>())
        })
    }

    /// Waits for the span of this name, and gives it with those above it, as far as they were collected.
    pub async fn lineage(&self, name: &str) -> Vec<Span> {
        self.until(name, |seen| {
            let mut lineage = vec![seen.spans.iter().find(|span| span.name == name)?.clone()];
            while let Some(parent) = seen.spans.iter().find(|span| lineage.last().is_some_and(|last| last.parent == span.id)) {
                lineage.push(parent.clone());
            }
            // What is above is exported by another process, perhaps later.
            lineage.last().is_some_and(|first| first.name.starts_with("POST ")).then_some(lineage)
        })
        .await
    }

    /// Waits for a series whose last value is as wanted.
    pub async fn point(&self, name: &str, attributes: &[(&str, &str)], wanted: impl Fn(f64) -> bool) -> Point {
        let is_meant = |point: &&Point| {
            let has = |(key, value): &(&str, &str)| point.attributes.get(*key).is_some_and(|known| known == value);
            point.name == name && attributes.iter().all(has)
        };
        self.until(name, |seen| seen.points.iter().rev().find(is_meant).filter(|point| wanted(point.value)).cloned()).await
    }
}

async fn traces(State(inner): State<Inner>, body: Bytes) -> Bytes {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    for resource in request.resource_spans {
        let service = service(resource.resource.as_ref());
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            inner.seen.lock().unwrap().spans.push(Span {
                service: service.clone(),
                name: span.name,
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                attributes: attributes(&span.attributes),
                is_error: span.status.is_some_and(|status| status.code == 2),
            });
        }
    }
    inner.change.send_replace(());
    Bytes::new()
}

async fn metrics(State(inner): State<Inner>, body: Bytes) -> Bytes {
    let request = ExportMetricsServiceRequest::decode(body).unwrap();
    for resource in request.resource_metrics {
        for metric in resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
            let number = |point: &opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| {
                #[expect(clippy::cast_precision_loss, reason = "counts of tests are small")]
                let value = match point.value {
                    Some(number_data_point::Value::AsDouble(value)) => value,
                    Some(number_data_point::Value::AsInt(value)) => value as f64,
                    None => f64::NAN,
                };
                (attributes(&point.attributes), value)
            };
            #[expect(clippy::cast_precision_loss, reason = "counts of tests are small")]
            let points: Vec<_> = match &metric.data {
                Some(Data::Gauge(gauge)) => gauge.data_points.iter().map(number).collect(),
                Some(Data::Sum(sum)) => sum.data_points.iter().map(number).collect(),
                Some(Data::Histogram(histogram)) => {
                    histogram.data_points.iter().map(|point| (attributes(&point.attributes), point.count as f64)).collect()
                }
                other => panic!("{other:?} is not made here"),
            };
            let points = points.into_iter().map(|(attributes, value)| Point { name: metric.name.clone(), attributes, value });
            inner.seen.lock().unwrap().points.extend(points);
        }
    }
    inner.change.send_replace(());
    Bytes::new()
}

fn service(resource: Option<&Resource>) -> String {
    attributes(&resource.unwrap().attributes).remove("service.name").unwrap()
}

fn attributes(given: &[KeyValue]) -> Attributes {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    given.iter().filter_map(|pair| Some((pair.key.clone(), text(pair.value.as_ref()?.value.as_ref()?)))).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
