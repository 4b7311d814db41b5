use super::{
    arrangement::{KEY, Running},
    client::JSON,
};
use crate::support::client::{Answer, order};
use reqwest::Method;

/// Alone a problem document of that kind; behind a host the host's own answer, which is empty.
fn assert_refused(running: &Running, answer: &Answer, alone: (u16, &str), behind: u16, what: &str) {
    if running.is_hosted() {
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (behind, ""), "{what}");
    } else {
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), alone, "{what}");
    }
}

pub async fn a_wrong_method_is_a_405_or_the_hosts_404(running: &Running) {
    let id = running.place().await;
    for (method, path, allow) in [
        (Method::PUT, "/api/orders".to_owned(), "GET,HEAD,POST"),
        (Method::DELETE, format!("/api/orders/{id}"), "GET,HEAD,PATCH"),
        (Method::POST, "/api/health/ready".to_owned(), "GET,HEAD"),
    ] {
        let answer = running.call(method.clone(), &path, &[], "").await;
        assert_refused(running, &answer, (405, "method"), 404, &format!("{method} {path}"));
        let mut allowed: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(","), running.by(allow, "", ""), "{method} {path}");
    }
}

pub async fn an_unknown_path_is_a_404_of_whoever_routes(running: &Running) {
    for path in ["/", "/api", "/api/order", "/orders", "/api/orders/x/y", "/Notify"] {
        assert_refused(running, &running.get(path).await, (404, "no-such-path"), 404, path);
    }
    // These the host routes, and the handler refuses.
    for path in ["/api/orders/", "/api/health/alive", "/api/docs/no-such-file.js"] {
        let answer = running.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (404, "no-such-path"), "{path}");
    }
}

pub async fn without_a_key_there_are_no_orders(running: &Running) {
    let id = running.place().await;
    for (method, path) in [
        (Method::POST, "/api/orders".to_owned()),
        (Method::GET, "/api/orders".to_owned()),
        (Method::GET, format!("/api/orders/{id}")),
        (Method::PATCH, format!("/api/orders/{id}")),
        (Method::POST, format!("/api/orders/{id}/cancel")),
        (Method::GET, format!("/api/orders/{id}/timeline")),
    ] {
        let wrong = [JSON, ("x-functions-key", "wrong")];
        for (headers, query) in [(&[JSON][..], ""), (&[JSON], "?code=wrong"), (&wrong, ""), (&wrong, &format!("?code={KEY}"))] {
            let answer = running.knock(method.clone(), &format!("{path}{query}"), headers, order().to_string()).await;
            assert_refused(running, &answer, (401, "no-key"), 401, &format!("{method} {path}{query}"));
        }
    }
    let by_query = running.knock(Method::POST, &format!("/api/orders?code={KEY}"), &[JSON], order().to_string()).await;
    assert_eq!(by_query.status, 201, "{}", by_query.text);
}

pub async fn head_works_where_no_host_routes(running: &Running) {
    let path = format!("/api/orders/{}", running.place().await);
    let answer = running.call(Method::HEAD, &path, &[], "").await;
    assert_eq!((answer.status.as_u16(), answer.header("etag")), running.by((200, "\"1\""), (404, ""), (404, "")));
}
