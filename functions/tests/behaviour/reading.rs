use super::arrangement::Running;
use reqwest::Method;

pub async fn an_order_that_the_client_has_is_not_sent_again(running: &Running) {
    let path = format!("/api/orders/{}", running.place().await);
    for (tags, status) in [("\"1\"", 304), ("W/\"1\"", 304), ("\"7\", \"1\"", 304), ("*", 304), ("\"2\"", 200)] {
        let answer = running.call(Method::GET, &path, &[("if-none-match", tags)], "").await;
        assert_eq!((answer.status.as_u16(), answer.header("etag"), answer.text.is_empty()), (status, "\"1\"", status == 304), "{tags}");
    }
}

pub async fn an_order_that_is_not_there_is_not_found(running: &Running) {
    for path in ["/api/orders/01a20e84-231a-7311-b976-c30bdc517d87", "/api/orders/01a20e84-231a-7311-b976-c30bdc517d87/timeline"] {
        let answer = running.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (404, "order-not-found"), "{path}");
    }
}

pub async fn a_malformed_id_is_the_handlers_to_refuse(running: &Running) {
    let id = running.place().await;
    for path in ["/api/orders/1".to_owned(), format!("/api/orders/%7B{id}%7D"), format!("/api/orders/{}", id.replace('-', ""))] {
        let refused = running.get(&path).await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (400, "order-id"), "{path}");
    }
    // A host that forwards decodes the path, and cuts it at a question mark that was meant to be part of it.
    let cut = running.get(&format!("/api/orders/{id}%3Fmore")).await;
    assert_eq!(cut.status.as_u16(), running.by(400, 200, 400), "{}", cut.text);
}
