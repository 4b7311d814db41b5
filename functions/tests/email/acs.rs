//! What becomes of an e-mail at Azure Communication Services, by its documented exchange.

use super::{
    DELIVERY, Notes, email, notification, placed,
    service::{Reply, Service},
};
use crate::support::{client::order, tls::authorities};
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use orders::{
    channels::{
        Channel,
        email::{
            Email,
            server::{Acs, AcsLogin, Server},
        },
    },
    domain::{
        attempt::{Asked, Attempt},
        delivery::Notification,
        rotating::Rotating,
    },
    https,
};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc, time::Duration};
use time::OffsetDateTime;

/// An identity whose token is always the same.
#[derive(Debug)]
struct Identity;

#[async_trait::async_trait]
impl TokenCredential for Identity {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://communication.azure.com/.default"]);
        Ok(AccessToken::new("a-token", OffsetDateTime::UNIX_EPOCH + time::Duration::days(40_000)))
    }
}

fn client(path: Option<&Path>) -> reqwest::Client {
    Acs::client(&https::tls(&path.map(authorities).unwrap_or_default()).unwrap()).unwrap()
}

fn channel(service: &Service, login: AcsLogin) -> Email {
    email(Server::Acs(Acs { endpoint: service.url.parse().unwrap(), login, http: client(None) }))
}

fn operation(status: &str) -> Value {
    json!({ "id": DELIVERY.to_string(), "status": status })
}

fn accepted() -> Reply {
    Reply::Say(202, &["retry-after: 0"], operation("Running"))
}

async fn tell(service: &Service) -> (Attempt, Vec<String>) {
    let (email, notes) = (channel(service, AcsLogin::Entra(Arc::new(Identity))), Notes::default());
    let attempt = email.deliver(&notification(&placed(&order())), &notes).await;
    (attempt, notes.0.into_inner().unwrap())
}

async fn ask(service: &Service) -> Asked {
    channel(service, AcsLogin::Entra(Arc::new(Identity))).ask(&notification(&placed(&order())), None).await
}

#[tokio::test]
async fn an_e_mail_is_handed_over_under_the_deliverys_id_and_followed_to_its_end() {
    let running = Reply::Say(200, &["retry-after: 0"], operation("Running"));
    let service = Service::start([accepted(), running, Reply::Say(200, &[], operation("Succeeded"))]).await;
    let (attempt, notes) = tell(&service).await;
    assert_eq!(attempt, Attempt::Delivered { provider_id: Some(DELIVERY.to_string()) });
    assert_eq!(notes, [DELIVERY.to_string()], "the operation was written down before its end was known");
    let requests = service.requests();
    assert_eq!(requests[0].line, "POST /emails:send?api-version=2023-03-31 HTTP/1.1");
    assert_eq!(
        (requests[0].header("operation-id"), requests[0].header("authorization")),
        (DELIVERY.to_string().as_str(), "Bearer a-token")
    );
    assert_eq!(requests[2].line, format!("GET /emails/operations/{DELIVERY}?api-version=2023-03-31 HTTP/1.1"));
    let body: Value = serde_json::from_str(&requests[0].body).unwrap();
    assert_eq!(body["senderAddress"], "shop@example.com");
    assert_eq!(body["recipients"]["to"], json!([{ "address": "ada@example.com", "displayName": "Ada Lovelace" }]));
    assert_eq!(body["content"]["subject"], "Your order over 25.00 EUR");
    assert!(body["content"]["html"].as_str().unwrap().starts_with("<!doctype html>") && body["content"]["plainText"].is_string());
}

#[tokio::test]
async fn with_an_access_key_each_request_is_signed() {
    let service = Service::start([accepted(), Reply::Say(200, &[], operation("Succeeded"))]).await;
    let key = Rotating::pending();
    let email = channel(&service, AcsLogin::AccessKey(key.clone()));
    let unread = email.deliver(&notification(&placed(&order())), &Notes::default()).await;
    assert!(matches!(unread, Attempt::NotMade { .. }), "{unread:?}");
    key.replace(b"a key of the resource".to_vec());
    email.deliver(&notification(&placed(&order())), &Notes::default()).await;
    for request in service.requests() {
        let signed = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=";
        assert!(request.header("authorization").starts_with(signed), "{request:?}");
        assert!(request.header("x-ms-date").ends_with(" GMT") && !request.header("x-ms-content-sha256").is_empty(), "{request:?}");
    }
}

#[tokio::test]
async fn an_operation_that_takes_its_time_is_left_and_asked_for_later() {
    let service = Service::start([Reply::Say(202, &["retry-after: 20"], operation("Running"))]).await;
    let (attempt, _) = tell(&service).await;
    let Attempt::Unknown { provider_ref, retry_after, .. } = attempt else { panic!("{attempt:?}") };
    assert_eq!((provider_ref, retry_after), (Some(DELIVERY.to_string()), Some(Duration::from_secs(20))));
    let failed =
        json!({ "id": DELIVERY.to_string(), "status": "Failed", "error": { "code": "EmailDropped", "message": "ada@example.com" } });
    let later = Service::start([
        Reply::Say(200, &["retry-after: 7"], operation("Running")),
        Reply::Say(200, &[], operation("Succeeded")),
        Reply::Say(200, &[], failed),
        Reply::Say(404, &[], json!({ "error": { "code": "NotFound" } })),
        Reply::Say(503, &["retry-after: 9"], json!({})),
    ])
    .await;
    assert_eq!(ask(&later).await, Asked::UnderWay { retry_after: Some(Duration::from_secs(7)) });
    assert_eq!(ask(&later).await, Asked::Delivered { provider_id: Some(DELIVERY.to_string()) });
    assert_eq!(ask(&later).await, Asked::Failed { reason: "the e-mail service could not deliver it: EmailDropped".into() });
    assert_eq!(ask(&later).await, Asked::NotTaken);
    let reason = "the e-mail service does not say: 503".into();
    assert_eq!(ask(&later).await, Asked::Down { reason, retry_after: Some(Duration::from_secs(9)) });
}

#[tokio::test]
async fn a_repeat_that_the_service_knows_already_is_followed_like_the_first() {
    let conflict = Reply::Say(409, &["retry-after: 0"], json!({ "error": { "code": "Conflict" } }));
    let service = Service::start([conflict, Reply::Say(200, &[], operation("Succeeded"))]).await;
    assert!(matches!(tell(&service).await.0, Attempt::Delivered { .. }));
}

#[tokio::test]
async fn what_is_tried_again_after_the_service_failed_it_is_another_operation() {
    let service = Service::start((0..4).map(|_| Reply::Say(429, &[], json!({})))).await;
    let email = channel(&service, AcsLogin::AccessKey(Rotating::of(b"key".to_vec())));
    let order = placed(&order());
    for failures in [0, 1, 1, 2] {
        email.deliver(&Notification { failures, ..notification(&order) }, &Notes::default()).await;
    }
    let ids: Vec<_> = service.requests().iter().map(|request| request.header("operation-id").to_owned()).collect();
    assert_eq!((ids[0].as_str(), &ids[1]), (DELIVERY.to_string().as_str(), &ids[2]), "a repeat has the id of what it repeats");
    assert!(ids[1] != ids[0] && ids[3] != ids[1] && ids.iter().all(|id| uuid::Uuid::parse_str(id).is_ok()), "{ids:?}");
}

#[tokio::test]
async fn a_service_that_hangs_up_after_the_request_may_have_taken_it() {
    let service = Service::start([Reply::HangUp]).await;
    let (attempt, notes) = tell(&service).await;
    assert!(matches!(attempt, Attempt::Unknown { provider_ref: None, .. }) && notes.is_empty(), "{attempt:?}");
    // While it is followed, it is in the service's hands already.
    let service = Service::start([accepted(), Reply::HangUp]).await;
    assert!(matches!(tell(&service).await.0, Attempt::Unknown { provider_ref: Some(_), .. }));
}

#[tokio::test]
async fn a_refusal_says_what_there_is_to_do_about_it_and_names_nobody() {
    let refusal = |code: &str| json!({ "error": { "code": code, "message": "ada@example.com is wrong" } });
    let replies = [
        (400, "InvalidRecipient", "Permanent"),
        (401, "Denied", "Down"),
        (403, "Forbidden", "Down"),
        (413, "TooLarge", "Permanent"),
        (429, "TooManyRequests", "Down"),
        (500, "Internal", "Unknown"),
        (503, "Unavailable", "Down"),
    ];
    for (status, code, kind) in replies {
        let service = Service::start([Reply::Say(status, &["retry-after: 30"], refusal(code))]).await;
        let said = format!("{:?}", tell(&service).await.0);
        assert!(said.starts_with(kind) && said.contains(&format!("{status} {code}")) && !said.contains("ada@"), "{said}");
        assert!(kind == "Permanent" || said.contains("30s"), "{said}");
    }
}

#[tokio::test]
async fn an_identity_without_a_token_says_nothing_of_the_service() {
    #[derive(Debug)]
    struct Nobody;

    #[async_trait::async_trait]
    impl TokenCredential for Nobody {
        async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
            Err(azure_core::Error::with_message(azure_core::error::ErrorKind::Credential, "no identity here"))
        }
    }

    let service = Service::start([]).await;
    let email = channel(&service, AcsLogin::Entra(Arc::new(Nobody)));
    let order = placed(&order());
    let attempt = email.deliver(&notification(&order), &Notes::default()).await;
    assert!(matches!(&attempt, Attempt::NotMade { reason } if reason.contains("Entra ID gives no token")), "{attempt:?}");
    assert!(matches!(email.ask(&notification(&order), None).await, Asked::NotMade { .. }));
}

#[tokio::test]
async fn a_service_that_is_not_there_is_down() {
    let url = { format!("http://{}", tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()) };
    let email = email(Server::Acs(Acs {
        endpoint: url.parse().unwrap(),
        login: AcsLogin::AccessKey(Rotating::of(b"key".to_vec())),
        http: client(None),
    }));
    let attempt = email.deliver(&notification(&placed(&order())), &Notes::default()).await;
    assert!(matches!(attempt, Attempt::Down { .. }), "{attempt:?}");
}

#[tokio::test]
async fn the_service_is_who_its_certificate_says() {
    let (port, authority) = crate::support::https::with_tls(axum::Router::new()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authority.pem");
    std::fs::write(&path, authority).unwrap();
    let tell = async |authorities: Option<&Path>| {
        let (endpoint, login) = (format!("https://127.0.0.1:{port}").parse().unwrap(), AcsLogin::AccessKey(Rotating::of(b"key".to_vec())));
        let email = email(Server::Acs(Acs { endpoint, login, http: client(authorities) }));
        format!("{:?}", email.deliver(&notification(&placed(&order())), &Notes::default()).await)
    };
    let (trusted, stranger) = (tell(Some(&path)).await, tell(None).await);
    assert!(trusted.starts_with("Permanent") && trusted.contains("404"), "{trusted}");
    assert!(stranger.starts_with("Down") && stranger.contains("certificate"), "{stranger}");
}
