//! Custom handlers, right and wrong, each a process of its own: this test binary, started with a setting that says which.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{Response, StatusCode},
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::{future, net::TcpListener, process, thread, time::Duration};

/// Not a test but a handler, when it is started as one.
#[test]
fn handler_process() {
    let Some(kind) = setting("STAND_IN_HANDLER") else { return };
    let port: u16 = setting("FUNCTIONS_CUSTOMHANDLER_PORT").and_then(|port| port.parse().ok()).expect("the host says where to listen");
    println!("environment {}", environment());
    match kind.as_str() {
        "exits with 0" => process::exit(0),
        "crashes" => {
            say_on_stderr("first\nsecond\nthird\nthe last words");
            process::exit(3);
        }
        "never binds" => park(),
        "never answers" => {
            // The kernel takes the connections.
            let _listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
            park()
        }
        "speaks no HTTP" => serve_garbage(&TcpListener::bind(("127.0.0.1", port)).unwrap()),
        "listens on IPv6" => serve(&TcpListener::bind(("::1", port)).unwrap(), kind),
        _ => serve(&TcpListener::bind(("127.0.0.1", port)).unwrap(), kind),
    }
}

#[expect(clippy::disallowed_methods, reason = "here this binary is a process that the host configures")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn environment() -> Value {
    let names =
        ["FUNCTIONS_CUSTOMHANDLER_PORT", "FUNCTIONS_CUSTOMHANDLER_WORKER_ID", "FUNCTIONS_HTTPWORKER_PORT", "FUNCTIONS_HTTPWORKER_ID"];
    let more = ["FUNCTIONS_APP_ROOT_PATH", "ORDERS_TOPIC", "PATH"];
    let mut all: serde_json::Map<_, _> = names.into_iter().chain(more).map(|name| (name.to_owned(), json!(setting(name)))).collect();
    all.insert("directory".into(), json!(std::env::current_dir().unwrap()));
    all.into()
}

#[expect(clippy::print_stderr, reason = "that is what this handler does wrong")]
fn say_on_stderr(text: &str) {
    eprintln!("{text}");
}

fn park() -> ! {
    loop {
        thread::park();
    }
}

fn serve_garbage(listener: &TcpListener) -> ! {
    use std::io::{Read, Write};
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"220 mail.example.com ESMTP\r\n");
    }
}

fn serve(listener: &TcpListener, kind: String) {
    listener.set_nonblocking(true).unwrap();
    let listener = listener.try_clone().unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let router = Router::new().fallback(move |request: Request| answer(kind.clone(), request));
        axum::serve(listener, router).await.unwrap();
    });
}

async fn answer(kind: String, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if parts.uri.path() == "/" {
        if kind == "is slow at /" {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        return reply(404, None, "");
    }
    let Ok(body) = body.collect().await else { return reply(400, None, "") };
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let headers: Vec<_> =
        parts.headers.iter().map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())])).collect();
    let got = json!({ "method": parts.method.as_str(), "target": parts.uri.to_string(), "headers": headers, "body": text });
    println!("received {got}");
    if parts.uri.path().starts_with("/api/") {
        return http(&parts.headers, &got);
    }
    trigger(&kind, parts.uri.path()).await
}

/// A plain HTTP request gets what it asks for by headers of its own.
fn http(headers: &axum::http::HeaderMap, got: &Value) -> Response<Body> {
    let status = headers.get("want-status").map_or(200, |value| value.to_str().unwrap().parse().unwrap());
    let mut response = match headers.get("want-body").map(|value| value.to_str().unwrap()) {
        Some("streamed") => {
            let pieces = futures_util::stream::iter(["one ", "two ", "three"].map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece))));
            Response::new(Body::from_stream(pieces))
        }
        Some("unfinished") => {
            let pieces = futures_util::stream::unfold(true, async |is_first| {
                if !is_first {
                    future::pending::<()>().await;
                }
                Some((Ok::<_, std::io::Error>(Bytes::from("begun")), false))
            });
            Response::new(Body::from_stream(pieces))
        }
        Some("crash") => process::exit(7),
        Some(other) => panic!("{other}"),
        None => reply(200, Some("application/json"), &got.to_string()),
    };
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    let headers = response.headers_mut();
    headers.insert("location", "/api/elsewhere".parse().unwrap());
    headers.append("set-cookie", "a=1".parse().unwrap());
    headers.append("set-cookie", "b=2".parse().unwrap());
    response
}

async fn trigger(kind: &str, path: &str) -> Response<Body> {
    let json = Some("application/json");
    match kind {
        "replies with nothing" => reply(200, json, ""),
        "replies 204" => reply(204, None, ""),
        "replies null" => reply(200, json, "null"),
        "replies with text" => reply(200, Some("text/plain"), "{}"),
        "replies without a type" => reply(200, None, "{}"),
        "replies with malformed JSON" => reply(200, json, "{\"Outputs\":"),
        "replies with an array" => reply(200, json, "[]"),
        "replies 500" => reply(500, json, "{}"),
        "redirects" if path == "/Notify" => {
            let mut response = reply(302, json, "{}");
            response.headers_mut().insert("location", "elsewhere?x=1".parse().unwrap());
            response
        }
        "exits with 0 when called" => process::exit(0),
        "asks for a restart" => process::exit(200),
        "crashes when called" => process::exit(101),
        "never replies" => future::pending().await,
        "logs on stderr" => {
            say_on_stderr("INFO a message was taken in");
            say_on_stderr("WARN it was a strange one");
            reply(200, json, "{}")
        }
        "fails twice" if count() <= 2 => reply(503, json, "{}"),
        "says and gives" => reply(
            200,
            json,
            r#"{"Outputs":{"res":{"statusCode":"201","headers":{"X-A":"1"},"body":{"a":1}}},"Logs":["a line"],"ReturnValue":7}"#,
        ),
        _ => reply(200, json, "{}"),
    }
}

/// How often this process was called, this call included.
fn count() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed) + 1
}

fn reply(status: u16, content_type: Option<&str>, body: &str) -> Response<Body> {
    let mut response = Response::builder().status(status);
    if let Some(kind) = content_type {
        response = response.header("content-type", kind);
    }
    response.body(Body::from(body.to_owned())).unwrap()
}

/// What one line of a handler's stdout says that it received.
pub fn received(line: &str) -> Option<Value> {
    serde_json::from_str(line.split_once("received ")?.1).ok()
}

/// What one line of a handler's stdout says of its environment.
pub fn environment_of(line: &str) -> Option<Value> {
    serde_json::from_str(line.split_once("environment ")?.1).ok()
}
