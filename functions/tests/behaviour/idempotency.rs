use super::{arrangement::Running, client::JSON};
use crate::support::client::order;
use reqwest::Method;
use serde_json::json;

pub async fn a_repeat_gets_the_first_answer_again(running: &Running) {
    let key = [("idempotency-key", "\"repeated\"")];
    let first = running.post("/api/orders", &key, &order()).await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed")), (201, ""));
    let again = running.post("/api/orders", &key, &order()).await;
    assert_eq!((again.status.as_u16(), again.header("idempotency-replayed"), &again.text), (201, "true", &first.text));
    for name in ["location", "etag", "content-type"] {
        assert_eq!(again.header(name), first.header(name));
    }
}

pub async fn a_key_belongs_to_one_request(running: &Running) {
    let key = [("idempotency-key", "used-before")];
    assert_eq!(running.post("/api/orders", &key, &order()).await.status, 201);
    let mut other = order();
    other["lines"][0]["quantity"] = json!(3);
    let refused = running.post("/api/orders", &key, &other).await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (422, "idempotency-key-reused"));
}

pub async fn a_key_sent_twice_is_one_key_behind_a_host(running: &Running) {
    let headers = [JSON, ("idempotency-key", "one"), ("idempotency-key", "two")];
    let answer = running.call(Method::POST, "/api/orders", &headers, order().to_string()).await;
    // .NET joins the values of one name into "one, two".
    assert_eq!(answer.status.as_u16(), running.by(400, 201, 201), "{}", answer.text);
}
