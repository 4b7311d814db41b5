//! The way to the server and the login.

use super::{DEADLINE, addition, asked, login_any, now, open, server, stored, with_schema};
use crate::support::{
    Service,
    tds::{Cell, Column, Peer, Reply, Set, Welcome},
};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    time::OffsetDateTime,
};
use orders::{
    app::{App, Settings},
    channels::Channels,
    router,
    store::{
        Added, StoreError,
        azure_sql::{Login, Server, Tls, User},
    },
};
use serde_json::json;
use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

/// Gives a fresh token each time that it is asked.
#[derive(Debug, Default)]
pub struct Tokens(AtomicUsize);

#[async_trait::async_trait]
impl TokenCredential for Tokens {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://database.windows.net/.default"]);
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        Ok(AccessToken::new(format!("t0k3n-{number}"), OffsetDateTime::UNIX_EPOCH))
    }
}

#[tokio::test]
async fn a_login_carries_a_token_and_no_password() {
    let peer = Peer::start(login_any, with_schema(|_| stored())).await;
    let store = open(Server { login: Login::Entra(Arc::new(Tokens::default())), ..server(&peer) });
    assert_eq!(store.add_order(addition().await, now()).await.unwrap(), Added::Stored);
    let logins = peer.look(|seen| seen.logins.clone());
    assert_eq!(logins.len(), 1);
    assert_eq!((logins[0].token.as_deref(), logins[0].password.as_str()), (Some("t0k3n-0"), ""));
    assert_eq!(logins[0].database, "orders");
}

#[tokio::test]
async fn a_redirect_of_the_gateway_is_followed_with_the_same_token() {
    let home = Peer::start(login_any, with_schema(|_| stored())).await;
    let port = home.port;
    let gateway = Peer::start(move |_, _| Welcome::Route("localhost", port), |_, _| Reply::Drop).await;
    // Each has an authority of its own; the database's is the one to trust at the end of the way.
    let tls = Tls { trust_any: true, authority: None, ..server(&gateway).tls };
    let store = open(Server { login: Login::Entra(Arc::new(Tokens::default())), tls, ..server(&gateway) });
    store.add_order(addition().await, now()).await.unwrap();
    let token = |peer: &Peer| peer.look(|seen| seen.logins[0].token.clone());
    assert_eq!((token(&gateway), token(&home)), (Some("t0k3n-0".into()), Some("t0k3n-0".into())));
    assert_eq!(home.look(|seen| seen.logins[0].server.clone()), "localhost");
    assert_eq!((asked(&gateway).len(), asked(&home).len()), (0, 1));
}

#[tokio::test]
async fn a_gateway_that_sends_in_circles_is_left() {
    let own: Arc<OnceLock<u16>> = Arc::default();
    let port = Arc::clone(&own);
    let gateway = Peer::start(move |_, _| Welcome::Route("localhost", *port.get().unwrap()), |_, _| Reply::Drop).await;
    own.set(gateway.port).unwrap();
    let error = open(server(&gateway)).add_order(addition().await, now()).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(why) if why.contains("redirected")), "{error}");
    assert_eq!(gateway.look(|seen| seen.logins.len()), 5);
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_or_another_name_is_refused_before_the_login() {
    let peer = Peer::start(login_any, with_schema(|_| stored())).await;
    let right = server(&peer).tls;
    let unknown = Tls { authority: None, ..right.clone() };
    let other_name = Tls { host_name: Some("contoso.database.windows.net".into()), ..right.clone() };
    for tls in [unknown, other_name] {
        let store = open(Server { tls, ..server(&peer) });
        let refused = store.add_order(addition().await, now()).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Unavailable(why) if why.contains("certificate")), "{refused}");
    }
    assert_eq!(peer.look(|seen| (seen.logins.len(), seen.accepted)), (0, 2), "no login, and no second try");
    let named = Tls { host_name: Some("localhost".into()), ..right };
    let store = open(Server { host: "127.0.0.1".into(), tls: named, ..server(&peer) });
    store.add_order(addition().await, now()).await.unwrap();
}

#[tokio::test]
async fn asking_after_its_health_connects_once_and_asks_an_idle_database_nothing() {
    let peer = Peer::start(login_any, with_schema(|_| stored())).await;
    let store = open(server(&peer));
    for _ in 0..5 {
        store.schema().await.unwrap();
    }
    assert_eq!(peer.look(|seen| (seen.accepted, seen.requests.len())), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slow_login_is_waited_for_by_who_needs_the_database_and_not_by_a_probe() {
    let (hold, released) = std::sync::mpsc::channel::<()>();
    let released = Mutex::new(released);
    let slowly = move |_: &_, _| {
        tokio::task::block_in_place(|| released.lock().unwrap().recv()).unwrap_err();
        Welcome::Accept
    };
    let peer = Peer::start(slowly, with_schema(|_| stored())).await;
    let store = open(Server { deadline: Duration::from_secs(30), ..server(&peer) });
    let waits = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.schema().await }
    });
    let service = Service::start().await;
    let app = Arc::new(App::new(store, None, Channels::default(), Arc::clone(&service.clock) as _, Settings::default()));
    let service = Service { router: router::http(Arc::clone(&app), None), app, ..service };
    let ready = service.get("/api/health/ready").await;
    assert_eq!(ready.json(), json!({ "status": "ready", "outages": ["database: it cannot be reached"] }));
    drop(hold);
    waits.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_that_nobody_needs_is_closed_so_that_the_database_can_pause() {
    let peer = Peer::start(login_any, with_schema(|_| stored())).await;
    let store = open(Server { idle: Duration::from_millis(200), ..server(&peer) });
    store.add_order(addition().await, now()).await.unwrap();
    peer.until(|seen| seen.closed == 1).await;
    store.add_order(addition().await, now()).await.unwrap();
    assert_eq!(peer.look(|seen| (seen.accepted, seen.requests.len())), (2, 4));
}

#[tokio::test]
async fn when_all_connections_are_taken_a_request_waits_only_so_long() {
    let peer = Peer::start(login_any, with_schema(|_| Reply::Hang)).await;
    let patience = Duration::from_millis(100);
    let store = open(Server { connections: 1, patience, ..server(&peer) });
    let first = tokio::spawn({
        let (store, addition) = (Arc::clone(&store), addition().await);
        async move { store.add_order(addition, now()).await }
    });
    peer.until(|seen| seen.requests.len() == 2).await;
    let began = std::time::Instant::now();
    assert!(matches!(store.add_order(addition().await, now()).await.unwrap_err(), StoreError::Full));
    assert!((patience..DEADLINE).contains(&began.elapsed()));
    assert!(matches!(first.await.unwrap().unwrap_err(), StoreError::Deadline));
}

#[tokio::test]
async fn migrating_lets_the_named_identities_in() {
    let peer = Peer::start(login_any, |request, _| {
        let sql = request.sql.as_str();
        if sql.contains("sp_getapplock") {
            Reply::Sets(vec![Set(vec![Column::Int], vec![vec![Cell::Int(0)]])])
        } else if sql.contains("SELECT version, checksum") {
            Reply::Sets(vec![Set(vec![Column::BigInt, Column::Binary], vec![])])
        } else {
            Reply::Sets(vec![])
        }
    })
    .await;
    let users =
        vec![User { name: "orders-api".into(), client_id: Uuid::from_u128(1) }, User { name: "o'w".into(), client_id: Uuid::from_u128(2) }];
    let applied = open(Server { users, ..server(&peer) }).migrate(now()).await.unwrap();
    assert_eq!(applied, ["0001 orders", "0002 outbox", "0003 deliveries", "0004 ledger"]);
    let admitted: Vec<_> = asked(&peer).into_iter().filter(|request| request.sql.contains("CREATE USER")).collect();
    let named: Vec<_> = admitted.iter().map(|request| (request.text(1), request.parameters[1].clone().unwrap())).collect();
    let id = |n| Uuid::from_u128(n).to_bytes_le().to_vec();
    assert_eq!(named, [("orders-api".to_owned(), id(1)), ("o'w".to_owned(), id(2))]);
    assert!(admitted[0].sql.contains("TYPE = E") && !admitted[0].sql.contains("db_owner"));
}
