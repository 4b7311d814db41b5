//! Where traces and metrics go: to a collector by OTLP, to Azure Monitor, to both, or nowhere.

use super::{RECORDER, Recorder, metrics::Instruments, sender::Sender};
use azure_core::credentials::TokenCredential;
use opentelemetry::{KeyValue, metrics::MeterProvider, trace::TracerProvider};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    metrics::{MeterProviderBuilder, PeriodicReader, SdkMeterProvider},
    trace::{BatchSpanProcessor, SdkTracerProvider, TracerProviderBuilder},
};
use secrecy::SecretString;
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

const SCOPE: &str = "orders";
/// How long what is left may take to leave at the very end.
const LEAVE: Duration = Duration::from_secs(5);

/// Who collects. How exactly is said by `OTEL_*` variables, which OpenTelemetry's SDK reads itself.
#[derive(Debug, Clone)]
pub struct Collectors {
    pub traces: bool,
    pub metrics: bool,
    pub application_insights: Option<ApplicationInsights>,
    pub https: reqwest::Client,
}

#[derive(Debug, Clone)]
pub struct ApplicationInsights {
    /// As the portal gives it.
    pub connection: SecretString,
    /// Who this process is there; without it, the key in the connection string is enough.
    pub credential: Option<Arc<dyn TokenCredential>>,
}

/// What is to be ended, so that nothing is lost that was recorded last.
#[derive(Debug)]
pub struct Exporting {
    tracers: SdkTracerProvider,
    meters: SdkMeterProvider,
}

/// Records from here on; once a process, within its runtime. `role` is what this process is called, unless
/// `OTEL_SERVICE_NAME` calls it something else.
///
/// # Errors
/// A sentence about the variables that say how.
pub fn export(collectors: &Collectors, role: &str) -> Result<Exporting, String> {
    let resource = resource(role);
    let mut tracers = SdkTracerProvider::builder().with_resource(resource.clone());
    let mut meters = SdkMeterProvider::builder().with_resource(resource);
    let unusable = |error: &dyn std::fmt::Display| format!("the OTEL_EXPORTER_OTLP_ variables cannot be used: {error}");
    let sender = Sender::new(&collectors.https);
    if collectors.traces {
        let exporter = SpanExporter::builder().with_http().with_http_client(sender.clone()).build();
        tracers = tracers.with_span_processor(BatchSpanProcessor::builder(exporter.map_err(|error| unusable(&error))?).build());
    }
    if collectors.metrics {
        let exporter = MetricExporter::builder().with_http().with_http_client(sender).build();
        meters = meters.with_reader(PeriodicReader::builder(exporter.map_err(|error| unusable(&error))?).build());
    }
    let is_traced = collectors.traces || has_application_insights(collectors);
    let is_measured = collectors.metrics || has_application_insights(collectors);
    let (tracers, meters) = application_insights(collectors, tracers, meters)?;
    let (tracers, meters) = (tracers.build(), meters.build());
    let tracer = is_traced.then(|| tracers.tracer(SCOPE));
    let meter = is_measured.then(|| {
        let meter = meters.meter(SCOPE);
        let instruments = Instruments::new(&meter);
        (meter, instruments)
    });
    if RECORDER.set(Recorder { tracer, meter }).is_err() {
        return Err("this process is observed already".into());
    }
    Ok(Exporting { tracers, meters })
}

fn resource(role: &str) -> Resource {
    let given = Resource::builder().build();
    let name = given.get(&"service.name".into()).map(|name| name.to_string()).filter(|name| !name.starts_with("unknown_service"));
    Resource::builder()
        .with_service_name(name.unwrap_or_else(|| format!("orders-{role}")))
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", Uuid::new_v4().to_string()),
        ])
        .build()
}

fn has_application_insights(collectors: &Collectors) -> bool {
    cfg!(feature = "application-insights") && collectors.application_insights.is_some()
}

#[cfg(feature = "application-insights")]
fn application_insights(
    collectors: &Collectors,
    tracers: TracerProviderBuilder,
    meters: MeterProviderBuilder,
) -> Result<(TracerProviderBuilder, MeterProviderBuilder), String> {
    use opentelemetry_application_insights::Exporter;
    use secrecy::ExposeSecret;
    let Some(given) = &collectors.application_insights else { return Ok((tracers, meters)) };
    let sender = Sender::new(&collectors.https);
    let sender = match &given.credential {
        Some(credential) => sender.showing(Arc::clone(credential)),
        None => sender,
    };
    let exporter = || {
        Exporter::new_from_connection_string(given.connection.expose_secret().trim_end_matches(';'), sender.clone())
            .map_err(|error| format!("APPLICATIONINSIGHTS_CONNECTION_STRING cannot be used: {error}"))
    };
    let tracers = tracers.with_span_processor(BatchSpanProcessor::builder(exporter()?).build());
    Ok((tracers, meters.with_reader(PeriodicReader::builder(exporter()?).build())))
}

#[cfg(not(feature = "application-insights"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature it may fail")]
fn application_insights(
    collectors: &Collectors,
    tracers: TracerProviderBuilder,
    meters: MeterProviderBuilder,
) -> Result<(TracerProviderBuilder, MeterProviderBuilder), String> {
    if collectors.application_insights.is_some() {
        tracing::warn!("APPLICATIONINSIGHTS_CONNECTION_STRING is set, and this binary was built without application-insights");
    }
    Ok((tracers, meters))
}

impl Exporting {
    /// Sends what was recorded last.
    pub async fn end(self) {
        let ended = tokio::task::spawn_blocking(move || {
            // A collector that is away was told of.
            drop(self.tracers.shutdown_with_timeout(LEAVE));
            drop(self.meters.shutdown_with_timeout(LEAVE));
        });
        if ended.await.is_err() {
            tracing::warn!("what was recorded last may not have left");
        }
    }
}
