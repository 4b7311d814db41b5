//! A client's request on its way through the host, forwarded or proxied (contract §1.1, §5.2, §5.3).

use super::{KEY, Rig, http_function, options, settings};
use crate::support::functions_host::{Generation, Options, functions::Shape, functions::Trigger};
use reqwest::{Client, Method, RequestBuilder, Response, redirect::Policy};
use serde_json::{Value, json};
use std::{collections::BTreeMap, convert::Infallible};

const ID: &str = "7F3C1C58-5A0E-4A39-8A3A-2F0B8F6D9E01";

async fn rig(generation: Generation) -> Rig {
    Rig::start(Options { generation, ..options("is right") }).await
}

fn request(rig: &Rig, method: Method, target: &str) -> RequestBuilder {
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    client.request(method, format!("{}{target}", rig.host.base_url())).header("x-functions-key", KEY)
}

/// What the handler received, by the echo in its answer.
async fn echo(request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

fn headers(received: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let pairs: Vec<_> = received["headers"].as_array().unwrap().iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
    let headers: BTreeMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(headers.len(), pairs.len(), "a name stands twice: {pairs:?}");
    headers
}

/// The client's request of §5.2.
fn create_order(rig: &Rig) -> RequestBuilder {
    let client = Client::new();
    client
        .post(format!("{}/api/orders?x=1&x=2&code=abc%3D", rig.host.base_url()))
        .header("Host", "func-orders.azurewebsites.net")
        .header("Content-Type", "application/json")
        .header("Content-Language", "en")
        .header("Accept", "application/json")
        .header("Idempotency-Key", "6f9c")
        .header("User-Agent", "curl/8.5.0")
        .body(r#"{"customerId":"c-42","n":1}"#)
}

#[tokio::test]
async fn a_forwarded_request_arrives_as_in_the_contracts_example() {
    let rig = rig(Generation::Forwarding).await;
    let received = echo(create_order(&rig)).await;
    assert_eq!(received["method"], "POST");
    assert_eq!(received["target"], "/api/orders?x=1%2C2&code=abc%3D");
    assert_eq!(received["body"], r#"{"customerId":"c-42","n":1}"#);
    let mut headers = headers(&received);
    let (id, trace) = (headers.remove("x-azure-functions-invocationid").unwrap(), headers.remove("traceparent").unwrap());
    assert_eq!((id.len(), trace.len()), (36, 55));
    let expected = [
        ("host", "func-orders.azurewebsites.net"),
        ("accept", "application/json"),
        ("idempotency-key", "6f9c"),
        ("user-agent", "curl/8.5.0 Azure-Functions-Host/4.1037.0.0"),
        ("x-azure-functions-hostversion", "4.1037.0.0"),
        ("content-length", "27"),
        ("content-type", "application/json"),
    ];
    assert_eq!(headers, expected.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect());

    let path = format!("/api/orders/{ID}");
    assert_eq!(echo(request(&rig, Method::GET, &path)).await["target"], path);
}

#[tokio::test]
async fn a_proxied_request_arrives_as_it_was_sent() {
    let rig = rig(Generation::Proxying).await;
    let received = echo(create_order(&rig)).await;
    assert_eq!(received["target"], "/api/orders?x=1&x=2&code=abc%3D");
    assert_eq!(received["body"], r#"{"customerId":"c-42","n":1}"#);
    let mut headers = headers(&received);
    let (id, again) = (headers.remove("x-azure-functions-invocationid"), headers.remove("x-ms-invocation-id"));
    assert!(id.is_some() && id == again && headers.remove("traceparent").is_some());
    let expected = [
        ("host", format!("127.0.0.1:{}", rig.host.handler_port())),
        ("x-forwarded-host", "func-orders.azurewebsites.net".into()),
        ("x-forwarded-for", "127.0.0.1".into()),
        ("x-forwarded-proto", "http".into()),
        ("accept", "application/json".into()),
        ("idempotency-key", "6f9c".into()),
        ("user-agent", "curl/8.5.0".into()),
        ("x-azure-functions-hostversion", "4.1052.200.0".into()),
        ("content-language", "en".into()),
        ("content-length", "27".into()),
        ("content-type", "application/json".into()),
    ];
    assert_eq!(headers, expected.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
}

#[tokio::test]
async fn what_a_client_says_in_the_hosts_name_stays_first_or_is_overwritten() {
    for (generation, is_kept) in [(Generation::Forwarding, true), (Generation::Proxying, false)] {
        let rig = rig(generation).await;
        let forged = request(&rig, Method::POST, "/api/orders")
            .header("X-Azure-Functions-InvocationId", "forged")
            .header("X-Azure-Functions-HostVersion", "forged")
            .header("traceparent", "the client's own")
            .header("X-Twice", "a")
            .header("X-Twice", "b")
            .header("Connection", "x-hop")
            .header("TE", "trailers")
            .header("Content-Encoding", "gzip");
        let received = echo(forged.body("zipped")).await;
        let list = received["headers"].as_array().unwrap().clone();
        let all = |name: &str| -> Vec<&str> { list.iter().filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap()).collect() };
        let id = all("x-azure-functions-invocationid").join("|");
        assert_eq!((id.starts_with("forged, "), id.len()), (is_kept, if is_kept { 44 } else { 36 }), "{generation:?}: {id}");
        let version = generation.version();
        let wanted = if is_kept { format!("forged, {version}") } else { version.to_owned() };
        assert_eq!(all("x-azure-functions-hostversion"), [wanted]);
        assert_eq!(all("traceparent"), ["the client's own"]);
        assert_eq!(all("x-twice"), ["a, b"], "one line a name");
        assert_eq!(all("te").is_empty(), !is_kept, "hop by hop");
        assert_eq!(all("content-encoding").is_empty(), is_kept, "content headers");
    }
}

#[tokio::test]
async fn a_chunked_body_passes_where_the_host_proxies_and_fails_where_it_forwards() {
    for (generation, status) in [(Generation::Forwarding, 500), (Generation::Proxying, 200)] {
        let rig = rig(generation).await;
        let pieces = futures_util::stream::iter(["{\"n\":", "1}"].map(Ok::<_, Infallible>));
        let response = request(&rig, Method::POST, "/api/orders").body(reqwest::Body::wrap_stream(pieces)).send().await.unwrap();
        assert_eq!(response.status(), status, "{generation:?}");
        let text = response.text().await.unwrap();
        if status == 200 {
            let received: Value = serde_json::from_str(&text).unwrap();
            assert_eq!((&received["body"], &headers(&received)["transfer-encoding"]), (&json!("{\"n\":1}"), &"chunked".to_owned()));
        } else {
            assert_eq!(text, "");
            assert!(rig.host.complaints()[0].contains("'Transfer-Encoding: chunked' header can not be used"));
        }
    }
}

#[tokio::test]
async fn a_post_without_a_body_has_a_length_of_zero_and_a_get_has_none() {
    let rig = rig(Generation::Forwarding).await;
    let post = headers(&echo(request(&rig, Method::POST, "/api/orders").header("Content-Type", "application/json")).await);
    assert_eq!((post.get("content-length").map(String::as_str), post.get("content-type")), (Some("0"), None));
    let get = headers(&echo(request(&rig, Method::GET, &format!("/api/orders/{ID}"))).await);
    assert_eq!(get.get("content-length"), None);
}

#[tokio::test]
async fn any_status_is_passed_back_with_all_headers_and_counts_as_a_success() {
    for generation in [Generation::Forwarding, Generation::Proxying] {
        let rig = rig(generation).await;
        for status in [201, 302, 304, 404, 500, 503] {
            let response = request(&rig, Method::POST, "/api/orders").header("Want-Status", status.to_string()).send().await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{generation:?}");
            assert_eq!(response.headers()["location"], "/api/elsewhere");
            assert_eq!(response.headers().get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
        }
        assert_eq!(rig.host.complaints(), [""; 0], "{generation:?}");
    }
}

#[tokio::test]
async fn a_streamed_answer_is_read_whole_when_forwarded_and_passed_on_when_proxied() {
    for (generation, length) in [(Generation::Forwarding, Some("13")), (Generation::Proxying, None)] {
        let rig = rig(generation).await;
        let response = request(&rig, Method::POST, "/api/orders").header("Want-Body", "streamed").send().await.unwrap();
        let header = response.headers().get("content-length").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!((header.as_deref(), response.text().await.unwrap().as_str()), (length, "one two three"), "{generation:?}");
    }
}

/// One request during which the handler dies, or uses up its time.
async fn fails(rig: &Rig, want: &str) -> Result<Response, reqwest::Error> {
    request(rig, Method::POST, "/api/orders").header("Want-Body", want).send().await
}

#[tokio::test]
async fn a_handler_that_dies_or_never_ends_its_answer_is_a_500_or_a_broken_connection() {
    for (generation, status) in [(Generation::Forwarding, 500), (Generation::Proxying, 502)] {
        let short = settings("is right").with("AzureFunctionsJobHost__functionTimeout", "00:00:01.5");
        let rig = Rig::start(Options { generation, settings: short, ..options("is right") }).await;
        assert_eq!(fails(&rig, "crash").await.unwrap().status(), status, "{generation:?}");
        let unfinished = fails(&rig, "unfinished").await.unwrap();
        match generation {
            Generation::Forwarding => assert_eq!((unfinished.status().as_u16(), unfinished.text().await.unwrap().as_str()), (500, "")),
            Generation::Proxying => assert!(unfinished.status() == 200 && unfinished.bytes().await.is_err()),
        }
        let complaints = rig.host.complaints().join("\n");
        assert!(complaints.contains("exit status: 7") && complaints.contains("was exceeded by function: CreateOrder"), "{complaints}");
        rig.host.started(3).await;
        rig.host.ready().await.unwrap();
        assert_eq!(rig.host.starts(), 3, "{generation:?}: once for the crash, once for the time-out");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_is_no_news_to_a_forwarded_request() {
    let rig = rig(Generation::Forwarding).await;
    rig.host.ready().await.unwrap();
    let call = request(&rig, Method::POST, "/api/orders").body("left alone");
    let call = tokio::spawn(call.send());
    let is_it = |record: &crate::support::functions_host::records::Record| record.text.contains("left alone").then_some(());
    rig.host.records().wait_for("the request arrives", is_it).await;
    call.abort();
    let is_done = |record: &crate::support::functions_host::records::Record| record.text.contains("CreateOrder' (Succeeded").then_some(());
    rig.host.records().wait_for("the invocation ends", is_done).await;
}

#[tokio::test]
async fn one_binding_too_many_turns_the_request_into_an_envelope() {
    let mut function = http_function("orders/{id}", &["put"]);
    let output = json!({ "type": "serviceBus", "direction": "out", "name": "events", "topicName": "orders", "connection": "ServiceBus" });
    function["bindings"].as_array_mut().unwrap().push(output);
    let rig = Rig::on(super::stage().with_function("ReplaceOrder", &function), options("says and gives")).await;
    let functions = rig.host.functions();
    let replace = functions.iter().find(|function| function.name == "ReplaceOrder").unwrap();
    assert!(matches!(replace.trigger, Trigger::Http { shape: Shape::Envelope, .. }));

    let response =
        request(&rig, Method::PUT, "/api/orders/7?x=1&x=2&code=secret").body(r#"{"note":"n","id":"of the body"}"#).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["x-a"].to_str().unwrap()), (201, "1"));
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(response.text().await.unwrap(), "{\n  \"a\": 1\n}");

    let received = &rig.received()[0];
    assert_eq!((&received["method"], &received["target"]), (&json!("POST"), &json!("/ReplaceOrder")));
    let envelope: Value = serde_json::from_str(received["body"].as_str().unwrap()).unwrap();
    let request = &envelope["Data"]["req"];
    assert_eq!((&request["Method"], &request["Params"], &request["Query"]["x"]), (&json!("PUT"), &json!({ "id": "7" }), &json!("1,2")));
    assert_eq!(request["Body"], r#"{"note":"n","id":"of the body"}"#);
    assert_eq!(request["Headers"]["x-functions-key"], json!([KEY]));
    let metadata = &envelope["Metadata"];
    assert_eq!((&metadata["note"], &metadata["id"], &metadata["x"]), (&json!("\"n\""), &json!("\"7\""), &json!("\"1,2\"")));
    assert!(metadata.get("code").is_none() && metadata["sys"]["MethodName"] == "ReplaceOrder");
}
