//! Whatever a client sends, it learns what was wrong; nothing it sends is our fault.

use crate::support::{Service, client::order};
use axum::{
    body::{Body, Bytes},
    http::{Method, Request},
};
use proptest::{prelude::*, test_runner::TestRunner};
use std::convert::Infallible;

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn what_cannot_be_read_is_a_400_that_says_where() {
    let service = Service::start().await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for (body, hint) in [
        (&b"{\"currency\":"[..], "line 1 column"),
        (b"", "EOF"),
        (b"{} {}", "trailing"),
        (b"{\"currency\":\"EUR\",\"currency\":\"USD\"}", "stands twice"),
        (deep.as_bytes(), "recursion"),
        (b"{\"currency\":\"\xff\"}", "not UTF-8 at byte 13"),
        (b"{\"currency\":\"\\ud800\"}", "line 1 column"),
        (b"\xef\xbb\xbf{}", "line 1 column 1"),
    ] {
        let answer = service.call(Method::POST, "/api/orders", &[JSON], Bytes::copy_from_slice(body)).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (400, "syntax"), "{}", answer.text);
        assert!(answer.json()["detail"].as_str().unwrap().contains(hint), "{}", answer.text);
    }
}

#[tokio::test]
async fn only_uncompressed_utf_8_json_is_read() {
    let service = Service::start().await;
    let body = order().to_string();
    for headers in [
        &[][..],
        &[("content-type", "text/plain")],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "application/json; charset=latin-1")],
        &[JSON, ("content-encoding", "gzip")],
        &[JSON, ("content-encoding", "identity"), ("content-encoding", "gzip")],
        &[JSON, ("content-type", "text/plain")],
        &[JSON, JSON],
    ] {
        let answer = service.call(Method::POST, "/api/orders", headers, body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (415, "media-type"), "{headers:?}");
    }
    for headers in [&[("content-type", "Application/JSON; charset=\"UTF-8\"")][..], &[JSON, ("content-encoding", "identity")]] {
        assert_eq!(service.call(Method::POST, "/api/orders", headers, body.clone()).await.status, 201, "{headers:?}");
    }
}

#[tokio::test]
async fn a_body_may_have_256_kib_with_or_without_a_length() {
    let service = Service::start().await;
    let padded = |size: usize| {
        let body = order().to_string();
        format!("{body}{}", " ".repeat(size - body.len()))
    };
    for (size, status) in [(256 * 1024, 201), (256 * 1024 + 1, 413)] {
        let sized = service.call(Method::POST, "/api/orders", &[JSON], padded(size)).await;
        assert_eq!(sized.status, status, "{}", sized.text);
        let pieces: Vec<_> = padded(size).as_bytes().chunks(1000).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece))).collect();
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        let streamed = Request::post("/api/orders").header(JSON.0, JSON.1).body(body).unwrap();
        assert_eq!(service.send(streamed).await.status, status);
    }
}

#[tokio::test]
async fn a_wrong_method_names_the_right_ones_and_an_unknown_path_is_not_found() {
    let service = Service::start().await;
    let id = service.place().await;
    for (method, path, allow) in [
        (Method::PUT, "/api/orders".to_owned(), "GET,HEAD,POST"),
        (Method::DELETE, format!("/api/orders/{id}"), "GET,HEAD,PATCH"),
        (Method::GET, format!("/api/orders/{id}/cancel"), "POST"),
        (Method::POST, format!("/api/orders/{id}/timeline"), "GET,HEAD"),
        (Method::POST, "/api/health/ready".to_owned(), "GET,HEAD"),
        (Method::POST, "/api/openapi.json".to_owned(), "GET,HEAD"),
        (Method::PATCH, "/api/docs".to_owned(), "GET,HEAD"),
    ] {
        let answer = service.call(method.clone(), &path, &[], Body::empty()).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (405, "method"), "{method} {path}");
        let mut allowed: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(","), allow, "{method} {path}");
    }
    for path in ["/api", "/api/orders/", "/api/order", "/api/health/alive", "/api/docs/no-such-file.js", "/orders", "/api/orders/x/y"] {
        let answer = service.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (404, "no-such-path"), "{path}");
        assert_eq!(answer.json()["instance"], path);
    }
}

#[tokio::test]
async fn a_malformed_id_gets_a_problem_document() {
    let service = Service::start().await;
    for id in [
        "1",
        "01a20e84231a7311b976c30bdc517d87",
        "%7B01a20e84-231a-7311-b976-c30bdc517d87%7D",
        "%ff",
        "zzzzzzzz-231a-7311-b976-c30bdc517d87",
    ] {
        for path in [format!("/api/orders/{id}"), format!("/api/orders/{id}/timeline")] {
            let answer = service.get(&path).await;
            assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (400, "order-id"), "{path}");
        }
    }
}

#[tokio::test]
async fn a_query_is_known_unrepeated_and_readable_or_refused_with_all_its_faults() {
    let service = Service::start().await;
    let id = service.place().await;
    for path in [
        "/api/orders?colour=red".to_owned(),
        "/api/orders?limit=1&limit=2".to_owned(),
        "/api/orders?limit=0".to_owned(),
        "/api/orders?limit=201".to_owned(),
        "/api/orders?limit=".to_owned(),
        "/api/orders?status=open".to_owned(),
        "/api/orders?status=placed,placed".to_owned(),
        "/api/orders?customer=".to_owned(),
        "/api/orders?customer=%ff".to_owned(),
        "/api/orders?customer=%zz".to_owned(),
        "/api/orders?customer=100%".to_owned(),
        "/api/orders?customer=A%4".to_owned(),
        "/api/orders?%6=1".to_owned(),
        "/api/orders?createdFrom=yesterday".to_owned(),
        "/api/orders?cursor=abc".to_owned(),
        format!("/api/orders/{id}?expand=lines"),
        "/api/health/ready?x=1".to_owned(),
    ] {
        let answer = service.get(&path).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (400, "query"), "{path}");
        assert_eq!(answer.json()["errors"].as_array().unwrap().len(), 1, "{path}");
    }
    let answer = service.get("/api/orders?limit=0&status=open&cursor=x").await;
    assert_eq!(answer.json()["errors"].as_array().unwrap().len(), 3);
    for path in ["/api/orders?code=a-host-key".to_owned(), format!("/api/orders/{id}?code=a-host-key")] {
        assert_eq!(service.get(&path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_trace_that_the_client_began_is_the_trace_of_its_problem() {
    let service = Service::start().await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let answer = service.call(Method::GET, "/nowhere", &[("traceparent", traceparent)], Body::empty()).await;
    assert_eq!(answer.json()["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

/// A JSON value of any shape, with the names that mean something here among its members.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let names = prop_oneof![
        "customer|customerName|currency|lines|notify|metadata|status|reason|note|sku|name|email|quantity|unitPrice|channels",
        ".{0,8}"
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        prop_oneof![".{0,20}", "EUR|placed|shipped|cancelled|customer"].prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::vec((names.clone(), inner), 0..6)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

#[test]
fn no_body_is_ever_our_fault() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let service = runtime.block_on(Service::start());
    let id = runtime.block_on(service.place());
    let body = prop_oneof![any_json().prop_map(|json| json.to_string().into_bytes()), prop::collection::vec(any::<u8>(), 0..200)];
    TestRunner::default()
        .run(&body, |body| {
            for (method, path) in [
                (Method::POST, "/api/orders".to_owned()),
                (Method::PATCH, format!("/api/orders/{id}")),
                (Method::POST, format!("/api/orders/{id}/cancel")),
            ] {
                let answer = runtime.block_on(service.call(method, &path, &[JSON, ("if-match", "*")], body.clone()));
                prop_assert!(answer.status.as_u16() < 500, "{}", answer.text);
                if answer.status.as_u16() >= 400 {
                    answer.problem();
                }
            }
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn a_body_that_never_ends_is_not_waited_for() {
    let service = Service::start().await;
    let begun = futures_util::stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"{\"currency\":"))]);
    let endless = futures_util::StreamExt::chain(begun, futures_util::stream::pending());
    // From here on, time passes whenever nothing else happens.
    tokio::time::pause();
    let answer = service.call(Method::POST, "/api/orders", &[JSON], Body::from_stream(endless)).await;
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (408, "too-slow"), "{}", answer.text);
}
