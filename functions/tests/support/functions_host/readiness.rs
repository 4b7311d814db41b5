//! `GET /` on the handler: before the first invocation, and now and then afterwards (contract §2.3, §8).

use super::{
    client::{HandlerClient, TransportError},
    records::Records,
};
use axum::{body::Body, http::Request};
use std::{
    net::{Ipv6Addr, TcpStream},
    time::Duration,
};
use tokio::time::{Instant, sleep};

const TICK: Duration = Duration::from_millis(25);

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// `initializationTimeout`, counted in ticks: what a request takes is not counted.
    pub initialization: Duration,
    /// `HttpClient.Timeout`: `functionTimeout` and a minute; none when that is unlimited.
    pub request: Option<Duration>,
    /// The stand-in's own judgement, not the host's: an answer to `GET /` that takes longer is complained of.
    pub slow: Duration,
}

/// Polls until anything answers.
///
/// # Errors
/// Why the handler is not ready.
pub async fn wait(client: &HandlerClient, port: u16, limits: Limits, records: &Records) -> Result<(), String> {
    let ticks = limits.initialization.as_nanos().div_ceil(TICK.as_nanos());
    for _ in 0..ticks {
        match get(client, port, limits, records).await {
            Ok(()) => return Ok(()),
            Err(TransportError::Refused(_)) => sleep(TICK).await,
            Err(error @ TransportError::TimedOut(_)) => {
                return Err(format!("it takes connections at 127.0.0.1:{port} and never answers GET /: {error}"));
            }
            Err(TransportError::Broken(error)) => {
                records.warn(format!("GET / was answered with something that is not HTTP, which the host takes for ready: {error}"));
                return Ok(());
            }
        }
    }
    let elsewhere = TcpStream::connect((Ipv6Addr::LOCALHOST, port)).is_ok();
    let hint = if elsewhere { ", but at [::1]; bind IPv4" } else { "" };
    Err(format!("nothing listens at 127.0.0.1:{port} after {:?}{hint}", limits.initialization))
}

/// One `GET /`, with no header of the host's; its status means nothing.
pub async fn get(client: &HandlerClient, port: u16, limits: Limits, records: &Records) -> Result<(), TransportError> {
    let begun = Instant::now();
    let request = Request::get(format!("http://127.0.0.1:{port}/")).body(Body::empty()).expect("a valid request");
    client.send(port, request, limits.request).await?;
    let took = begun.elapsed();
    if took > limits.slow {
        records.warn(format!("GET / took {took:?}: every start waits for it, and nothing limits that"));
    }
    Ok(())
}
