//! What receivers answer, and what follows.

use super::{
    near,
    receiver::{Answer, Receiver},
    service,
};
use crate::support::Service;
use orders::domain::timestamp::Timestamp;
use serde_json::Value;
use std::time::{Duration, Instant};

/// One order told to a receiver that answers so; what the timeline says of it.
async fn told_to(answer: Answer) -> (Service, Receiver, Value) {
    let (service, receiver) = (service(near(), false).await, Receiver::start().await);
    service.registers(&receiver).await;
    receiver.answer_next([answer]);
    let id = service.tell().await;
    let told = service.told(&id).await.pop().unwrap();
    (service, receiver, told)
}

fn says(status: &'static str) -> Answer {
    Answer::Says(status, vec![])
}

async fn is_down(service: &Service) -> bool {
    !service.app.store.outages().await.unwrap().is_empty()
}

#[tokio::test]
async fn a_receiver_that_hangs_or_never_ends_its_answer_may_have_taken_it() {
    for answer in [Answer::Hang, Answer::Drip] {
        let began = Instant::now();
        let (service, receiver, told) = told_to(answer).await;
        assert!(began.elapsed() < Duration::from_secs(10), "its time is limited");
        assert_eq!((told["kind"].as_str(), told["reason"].as_str()), (Some("delivery.unknown"), Some("no answer in time")));
        assert!(is_down(&service).await && told["nextAttemptAt"].is_string());
        assert_eq!(receiver.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_receiver_that_was_not_handed_the_message_in_time_has_not_taken_it() {
    // The connection stands, and nobody speaks TLS on it.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let service = service(near(), true).await;
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    service.register("erp", &url, "WEBHOOK_KEY_ONE", &[orders::domain::delivery::News::Created]).await;
    let id = service.tell().await;
    let told = service.told(&id).await.pop().unwrap();
    assert_eq!((told["kind"].as_str(), told["reason"].as_str()), (Some("delivery.retrying"), Some("no connection: not in time")));
    assert!(is_down(&service).await);
}

#[tokio::test]
async fn a_receiver_that_breaks_off_may_have_taken_it() {
    let (service, receiver, told) = told_to(Answer::Reset).await;
    assert_eq!(told["kind"], "delivery.unknown");
    assert!(told["reason"].as_str().unwrap().starts_with("the connection broke: "), "{told}");
    // Sent again, it bears the same id.
    service.clock.advance(Duration::from_secs(10));
    service.sweep().await;
    let ids: Vec<_> = receiver.requests().into_iter().map(|request| request.headers["webhook-id"].clone()).collect();
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]));
    assert!(!is_down(&service).await);
}

#[tokio::test]
async fn what_a_receiver_says_beyond_its_head_is_not_read() {
    let (_, receiver, told) = told_to(Answer::Floods(10_000_000)).await;
    assert_eq!(told["kind"], "delivery.succeeded");
    assert!(receiver.flooded() < 9_000_000, "{} bytes were taken", receiver.flooded());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Receiver::start().await;
    let location = format!("location: http://127.0.0.1:{}/", other.port);
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let (service, _, told) = told_to(Answer::Says(status, vec![location.clone()])).await;
        assert_eq!(told["kind"], "delivery.retrying");
        assert_eq!(told["reason"], format!("the receiver answered {status}, and redirects are not followed"));
        assert!(!is_down(&service).await, "it answered");
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn gone_disables_the_endpoint() {
    let (service, receiver, told) = told_to(says("410 Gone")).await;
    assert_eq!(told["kind"], "delivery.failed");
    let endpoint = service.app.store.webhook_endpoints().await.unwrap().remove(0);
    assert_eq!(endpoint.disabled.unwrap().reason, "its receiver answered 410 Gone");
    let next = service.tell().await;
    assert_eq!((service.told(&next).await.len(), receiver.requests().len()), (0, 1), "it is told nothing any more");
}

#[tokio::test]
async fn a_wish_to_be_left_alone_is_respected() {
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let (service, receiver, told) = told_to(Answer::Says(status, vec!["retry-after: 600".into()])).await;
        assert_eq!(told["kind"], "delivery.retrying");
        let next = Timestamp::parse(told["nextAttemptAt"].as_str().unwrap()).unwrap();
        assert!(next.since(service.app.now()) >= Duration::from_mins(10), "{told}");
        service.clock.advance(Duration::from_secs(599));
        assert_eq!(service.sweep().await.attempted, 0);
        // Nor is anything else sent there before.
        service.tell().await;
        assert_eq!(receiver.requests().len(), 1);
        service.clock.advance(Duration::from_secs(2));
        service.sweep().await;
        service.sweep().await;
        assert_eq!(receiver.requests().len(), 3);
    }
}

#[tokio::test]
async fn a_wish_to_be_left_alone_costs_nothing_of_the_horizon() {
    let wish = Answer::Says("503 Service Unavailable", vec!["retry-after: 43200".into()]);
    let (service, receiver, _) = told_to(wish.clone()).await;
    for answer in [wish.clone(), wish, says("204 No Content")] {
        service.clock.advance(Duration::from_hours(13));
        // Another message is taken, so that it is not the circuit that keeps this one.
        receiver.answer_next([says("204 No Content"), answer]);
        service.tell().await;
        service.sweep().await;
    }
    assert_eq!(receiver.requests().len(), 7);
    assert!(service.entries().await.iter().all(|entry| entry.state.as_str() == "succeeded"));
}

#[tokio::test]
async fn a_refusal_is_tried_again_and_holds_up_nobody_else() {
    for status in ["400 Bad Request", "401 Unauthorized", "404 Not Found", "500 Internal Server Error"] {
        let (service, receiver, told) = told_to(says(status)).await;
        assert_eq!((told["kind"].as_str(), is_down(&service).await), (Some("delivery.retrying"), false));
        service.tell().await;
        assert_eq!(receiver.requests().len(), 2);
    }
}

#[tokio::test]
async fn an_endpoint_that_is_gone_or_has_no_key_says_so() {
    let (service, receiver) = (service(near(), false).await, Receiver::start().await);
    let url = format!("http://localhost:{}", receiver.port);
    service.register("erp", &url, "WEBHOOK_KEY_NONE", &[orders::domain::delivery::News::Created]).await;
    let id = service.tell().await;
    assert_eq!(service.told(&id).await[0]["reason"], "WEBHOOK_KEY_NONE is not set");
    service.app.store.remove_webhook_endpoint("erp".into(), service.app.now()).await.unwrap();
    service.clock.advance(Duration::from_mins(1));
    service.sweep().await;
    assert_eq!(service.told(&id).await[1]["reason"], "there is no webhook endpoint named erp");
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_registration_is_not_disabled_by_what_was_said_to_the_one_before() {
    let patient = orders::channels::webhook::Settings { register_for: Duration::from_mins(1), ..near() };
    let (service, before, after) = (service(patient, false).await, Receiver::start().await, Receiver::start().await);
    service.registers(&before).await;
    service.tell().await;
    service.clock.advance(Duration::from_secs(1));
    service.registers(&after).await;
    // The process still knows the former registration.
    before.answer_next([says("410 Gone")]);
    service.tell().await;
    assert_eq!(before.requests().len(), 2);
    assert_eq!(service.app.store.webhook_endpoints().await.unwrap()[0].disabled, None);
    service.tell().await;
    assert_eq!(after.requests().len(), 1, "it was looked up again");
}
