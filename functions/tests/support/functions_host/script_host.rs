//! One script host: host.json and functions as they were when it started, and the handler process that is its own.

use super::{
    Options, Shared,
    client::{self, TransportError, within},
    dispatcher::{Dispatcher, Start, State},
    functions::{self, Function, IndexingError},
    guid,
    handler::Spec,
    host_json::HostJson,
    port,
    readiness::{self, Limits},
    reply::{Fault, Reply, Verdict, judge},
};
use axum::{
    body::{Body, Bytes},
    http::{Method, Request, StatusCode, Uri, header, request::Builder},
};
use http_body_util::{BodyExt, Limited};
use reqwest::Url;
use std::{convert::Infallible, future, path::Path, sync::Arc, time::Duration};
use uuid::Uuid;

/// How the body of an envelope is framed (contract §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// In Azure: `Transfer-Encoding: chunked`, no length.
    Chunked,
    /// Under `func start`.
    ContentLength,
}

/// The host hears of a process's end within this time. A failure goes on only then: else whether the next call meets the
/// dead process or the next one would be chance, and a message's deliveries could all be spent in between.
const NOTICE: Duration = Duration::from_millis(200);
/// .NET's `MaxAutomaticRedirections`.
const MAX_REDIRECTS: usize = 50;
/// What a reply may have; .NET's limit of 2 GiB is no help to a test.
pub const REPLY_LIMIT: usize = 128 * 1024 * 1024;

#[derive(Debug)]
pub struct ScriptHost {
    pub json: HostJson,
    /// In the order in which their routes are tried.
    pub functions: Vec<Function>,
    pub errors: Vec<IndexingError>,
    pub dispatcher: Dispatcher,
    limits: Limits,
    shared: Arc<Shared>,
}

impl ScriptHost {
    /// Reads the root and starts the handler; does not wait for it.
    pub fn start(shared: &Arc<Shared>, root: &Path) -> Result<Self, String> {
        let Options { settings, generation, .. } = &shared.options;
        let json = HostJson::read(root, settings, *generation)?;
        let (functions, errors) = functions::load(root, &json, settings);
        for error in &errors {
            shared.records.error(error.to_string());
        }
        if functions.is_empty() {
            return Err("No job functions found.".to_owned());
        }
        let limits = Limits {
            initialization: json.initialization_timeout,
            request: json.function_timeout.map(|timeout| timeout + shared.options.http_client_margin),
            slow: shared.options.slow_ping,
        };
        let spec = Spec::of(root, &json, settings, json.port.unwrap_or_else(port::free));
        let dispatcher = Dispatcher::start(spec, shared.client.clone(), limits, Arc::clone(&shared.records));
        Ok(Self { json, functions, errors, dispatcher, limits, shared: Arc::clone(shared) })
    }

    pub fn function(&self, name: &str) -> &Function {
        let found = self.functions.iter().find(|function| function.name == name);
        found.unwrap_or_else(|| panic!("there is no function {name}; in error: {:?}", self.errors))
    }

    pub fn is_stopped(&self) -> bool {
        matches!(self.dispatcher.state(), State::Stopped(_))
    }

    pub async fn ping(&self) -> Result<(), TransportError> {
        readiness::get(&self.shared.client, self.dispatcher.port, self.limits, &self.shared.records).await
    }

    /// The start of a request to the handler at this path and query.
    pub fn request(&self, method: Method, target: &str) -> Builder {
        Request::builder().method(method).uri(format!("http://127.0.0.1:{}{target}", self.dispatcher.port))
    }

    pub async fn send(&self, request: Request<Body>) -> Result<hyper::Response<hyper::body::Incoming>, TransportError> {
        self.shared.client.send(self.dispatcher.port, request, self.limits.request).await
    }

    /// Runs one invocation: waits until the handler is there, limits its time, and writes down how it ended.
    pub async fn invoke<T, F>(&self, function: &str, id: Uuid, work: impl FnOnce(Start) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let records = &self.shared.records;
        let result = match self.dispatcher.ready().await {
            Err(reason) => Err(Fault::NoHandler(reason)),
            Ok(start) => {
                let result = within(self.json.function_timeout, work(start)).await.unwrap_or_else(|_| {
                    self.dispatcher.timed_out(start);
                    Err(self.timed_out(function, id))
                });
                if matches!(result, Err(Fault::Transport(_) | Fault::TimedOut { .. })) {
                    let _ = tokio::time::timeout(NOTICE, self.dispatcher.over(start)).await;
                }
                result
            }
        };
        match &result {
            Ok(_) => records.info(format!("Executed 'Functions.{function}' (Succeeded, Id={id})")),
            Err(fault) => records.error(format!("Executed 'Functions.{function}' (Failed, Id={id}): {fault}")),
        }
        result
    }

    /// A function used up its time after its answer had begun.
    pub fn expire(&self, function: &str, id: Uuid, start: Start) {
        self.dispatcher.timed_out(start);
        let fault = self.timed_out(function, id);
        self.shared.records.error(format!("Executed 'Functions.{function}' (Failed, Id={id}): {fault}"));
    }

    fn timed_out(&self, function: &str, id: Uuid) -> Fault {
        let limit = self.json.function_timeout.unwrap_or_default();
        Fault::TimedOut { function: function.to_owned(), limit, hint: self.shared.why_it_hung(id) }
    }

    /// Posts an envelope, and judges what comes back.
    pub async fn post(&self, function: &str, envelope: String) -> (Uuid, Result<Reply, Fault>) {
        let id = guid();
        let result = self.invoke(function, id, |_| self.exchange(function, id, envelope)).await;
        if let Ok(reply) = &result {
            for line in &reply.logs {
                self.shared.records.info(line.as_str());
            }
        }
        (id, result)
    }

    async fn exchange(&self, function: &str, id: Uuid, envelope: String) -> Result<Reply, Fault> {
        let (mut method, mut target) = (Method::POST, format!("/{function}"));
        for _ in 0..=MAX_REDIRECTS {
            let body = (method == Method::POST).then(|| envelope.clone());
            let response = self.send(self.envelope_request(&method, &target, id, body)).await?;
            let (parts, body) = response.into_parts();
            if !self.json.forwarding
                && let Some((next_method, next)) = redirect(parts.status, &method, &target, parts.headers.get(header::LOCATION))
            {
                (method, target) = (next_method, next);
                continue;
            }
            let body = Limited::new(body, REPLY_LIMIT).collect().await;
            let body = body.map_err(|error| TransportError::Broken(client::causes(error.as_ref())))?.to_bytes();
            return match judge(parts.status, &parts.headers, &body) {
                Verdict::Success(reply) => Ok(reply),
                Verdict::Failure(fault) => Err(fault),
                Verdict::Never(what) => {
                    self.shared.hangs(id, what);
                    future::pending().await
                }
            };
        }
        Err(Fault::Invalid(format!("more than {MAX_REDIRECTS} redirects")))
    }

    fn envelope_request(&self, method: &Method, target: &str, id: Uuid, body: Option<String>) -> Request<Body> {
        let Options { generation, framing, traceparent, .. } = &self.shared.options;
        let mut request = self
            .request(method.clone(), target)
            .header("X-Azure-Functions-HostVersion", generation.version())
            .header("X-Azure-Functions-InvocationId", id.to_string())
            .header(header::USER_AGENT, generation.user_agent());
        if *traceparent {
            request = request.header("traceparent", fresh_traceparent());
        }
        let body = match body {
            None => Body::empty(),
            Some(text) => {
                request = request.header(header::CONTENT_TYPE, "application/json; charset=utf-8");
                match framing {
                    Framing::ContentLength => Body::from(text),
                    Framing::Chunked => Body::from_stream(futures_util::stream::iter([Ok::<_, Infallible>(Bytes::from(text))])),
                }
            }
        };
        request.body(body).expect("a valid request")
    }
}

/// Where .NET's client goes next, and with which method: POST becomes GET but for 307 and 308.
fn redirect(status: StatusCode, method: &Method, target: &str, location: Option<&header::HeaderValue>) -> Option<(Method, String)> {
    let method = match status.as_u16() {
        301..=303 if method == Method::POST => Method::GET,
        301..=303 | 307 | 308 => method.clone(),
        _ => return None,
    };
    let base = Url::parse("http://127.0.0.1").and_then(|base| base.join(target)).ok()?;
    let next = base.join(location?.to_str().ok()?).ok()?;
    next.as_str().parse::<Uri>().ok()?.path_and_query().map(|target| (method, target.to_string()))
}

/// As .NET's client adds it while an activity is under way.
pub fn fresh_traceparent() -> String {
    format!("00-{:032x}-{:016x}-01", fastrand::u128(1..), fastrand::u64(1..))
}
