//! What becomes of an e-mail at each step of the conversation with a mail server.

use super::{
    DELIVERY, email,
    peer::{Instead, Offers, Peer, Script},
    placed, tell,
};
use crate::support::tls::authorities;
use lettre::transport::smtp::client::TlsParameters;
use orders::{
    channels::{
        Channel,
        email::{
            Email,
            server::{Patience, Server, Smtp, Tls},
        },
    },
    domain::{attempt::Attempt, rotating::Rotating},
};
use serde_json::json;
use std::{path::Path, time::Duration};

fn server(peer: &Peer, tls: Tls) -> Smtp {
    Smtp {
        host: "127.0.0.1".into(),
        port: peer.port,
        tls,
        login: None,
        trust: Some(trust(Some(&peer.authority()))),
        patience: Patience::default(),
    }
}

fn trust(path: Option<&Path>) -> TlsParameters {
    Smtp::trust("127.0.0.1", &path.map(authorities).unwrap_or_default()).unwrap()
}

fn channel(peer: &Peer) -> Email {
    email(Server::Smtp(server(peer, Tls::None)))
}

async fn peer(instead: &[(&'static str, Instead)]) -> Peer {
    Peer::start(Script { instead: instead.to_vec(), ..Script::default() }).await
}

fn reason(attempt: &Attempt) -> &str {
    match attempt {
        Attempt::Delivered { .. } => panic!("it was delivered"),
        Attempt::Transient { reason, .. }
        | Attempt::Down { reason, .. }
        | Attempt::NotMade { reason }
        | Attempt::Permanent { reason }
        | Attempt::Unsendable { reason }
        | Attempt::Unknown { reason, .. } => reason,
    }
}

#[tokio::test]
async fn an_e_mail_arrives_whole_with_an_id_that_is_the_deliverys() {
    let peer = peer(&[]).await;
    assert_eq!(tell(&channel(&peer)).await, Attempt::Delivered { provider_id: Some("4F1B2".into()) });
    let mail = peer.received().pop().unwrap();
    assert_eq!((mail.from.as_str(), mail.to.as_slice()), ("shop@example.com", &["ada@example.com".to_owned()][..]));
    for line in [
        format!("Message-ID: <{DELIVERY}@example.com>\r\n").as_str(),
        "From: Shop <shop@example.com>\r\n",
        "To: \"Ada Lovelace\" <ada@example.com>\r\n",
        "Subject: Your order over 25.00 EUR\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Content-Language: en\r\n",
        "Content-Type: multipart/alternative;",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "Content-Type: text/html; charset=utf-8\r\n",
    ] {
        assert!(mail.text.contains(line), "{line} is missing in {}", mail.text);
    }
}

#[tokio::test]
async fn the_same_delivery_has_the_same_message_id_on_each_attempt() {
    let peer = peer(&[(".", Instead::Say("451 4.3.0 try later"))]).await;
    let email = channel(&peer);
    assert!(matches!(tell(&email).await, Attempt::Transient { .. }));
    tell(&email).await;
    tell(&email).await;
    let id = |text: &str| text.lines().find(|line| line.starts_with("Message-ID:")).map(str::to_owned).unwrap();
    let mails = peer.received();
    assert_eq!((mails.len(), id(&mails[0].text)), (2, id(&mails[1].text)));
}

#[tokio::test]
async fn several_e_mails_go_over_one_connection() {
    let peer = peer(&[]).await;
    let email = channel(&peer);
    for _ in 0..3 {
        assert!(matches!(tell(&email).await, Attempt::Delivered { .. }));
    }
    assert_eq!((peer.received().len(), peer.connections()), (3, 1));
}

#[tokio::test]
async fn a_connection_that_the_server_gave_up_meanwhile_is_opened_again() {
    for instead in [Instead::HangUp, Instead::Say("421 4.4.2 idle for too long")] {
        let peer = Peer::start(Script::default()).await;
        let email = channel(&peer);
        assert!(matches!(tell(&email).await, Attempt::Delivered { .. }));
        peer.then("MAIL", instead);
        assert!(matches!(tell(&email).await, Attempt::Delivered { .. }));
        assert_eq!((peer.received().len(), peer.connections()), (2, 2));
    }
}

#[tokio::test]
async fn a_refused_recipient_is_refused_for_good_and_the_connection_goes_on() {
    let peer = peer(&[("RCPT", Instead::Say("550 5.1.1 <ada@example.com>: Recipient address rejected: User unknown"))]).await;
    let email = channel(&peer);
    let refused = tell(&email).await;
    assert!(matches!(refused, Attempt::Permanent { .. }), "{refused:?}");
    assert_eq!(reason(&refused), "the mail server refused the recipient: 550 5.1.1 (address) Recipient address rejected: User unknown");
    assert!(matches!(tell(&email).await, Attempt::Delivered { .. }));
    assert_eq!((peer.received().len(), peer.connections()), (1, 1));
}

#[tokio::test]
async fn what_is_refused_for_now_may_be_tried_again() {
    // Greylisting (RFC 6647) is an answer of 450 or 451 to the recipient.
    let peer = peer(&[
        ("RCPT", Instead::Say("450 4.2.0 <ada@example.com>: Greylisted, come back in 300 seconds")),
        (".", Instead::Say("452 4.3.1 insufficient system storage")),
    ])
    .await;
    let email = channel(&peer);
    for said in ["the mail server refused the recipient: 450", "the mail server refused the message: 452"] {
        let attempt = tell(&email).await;
        assert!(matches!(attempt, Attempt::Transient { .. }) && reason(&attempt).starts_with(said), "{attempt:?}");
        assert!(!reason(&attempt).contains("ada@"), "{attempt:?}");
    }
    assert!(matches!(tell(&email).await, Attempt::Delivered { .. }));
}

#[tokio::test]
async fn a_message_that_is_refused_as_a_whole_is_refused_for_good() {
    for step in ["DATA", "."] {
        let peer = peer(&[(step, Instead::Say("554 5.7.1 looks like spam"))]).await;
        let attempt = tell(&channel(&peer)).await;
        assert!(matches!(attempt, Attempt::Permanent { .. }), "{step}: {attempt:?}");
        assert_eq!(reason(&attempt), "the mail server refused the message: 554 5.7.1 looks like spam");
    }
}

#[tokio::test]
async fn nobody_knows_whether_a_server_that_hangs_up_after_the_message_has_it() {
    let peer = peer(&[(".", Instead::HangUp)]).await;
    let attempt = tell(&channel(&peer)).await;
    assert!(matches!(attempt, Attempt::Unknown { provider_ref: None, .. }), "{attempt:?}");
    assert_eq!(peer.received().len(), 1, "it has it indeed");
}

#[tokio::test]
async fn a_server_that_hangs_up_before_the_message_was_said_has_nothing() {
    for step in ["EHLO", "MAIL", "RCPT", "DATA"] {
        let peer = peer(&[(step, Instead::HangUp)]).await;
        let attempt = tell(&channel(&peer)).await;
        assert!(matches!(attempt, Attempt::Down { .. }), "{step}: {attempt:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_turns_all_away_is_down() {
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let nowhere = Smtp { host: "127.0.0.1".into(), port: unused, tls: Tls::None, login: None, trust: None, patience: Patience::default() };
    let attempt = tell(&email(Server::Smtp(nowhere))).await;
    assert!(matches!(attempt, Attempt::Down { .. }), "{attempt:?}");
    let full = peer(&[("EHLO", Instead::Say("421 4.7.0 too many connections"))]).await;
    let attempt = tell(&channel(&full)).await;
    assert!(matches!(attempt, Attempt::Down { .. }) && reason(&attempt).contains("421 4.7.0 too many connections"), "{attempt:?}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_not_waited_for() {
    let short = Patience { step: Duration::from_millis(300), answer: Duration::from_millis(300) };
    for step in ["EHLO", "MAIL", "RCPT", "DATA", "."] {
        let peer = peer(&[(step, Instead::Hang)]).await;
        let attempt = tell(&email(Server::Smtp(Smtp { patience: short, ..server(&peer, Tls::None) }))).await;
        let may_have_it = matches!(attempt, Attempt::Unknown { .. });
        assert!(may_have_it == (step == ".") && (may_have_it || matches!(attempt, Attempt::Down { .. })), "{step}: {attempt:?}");
        assert!(reason(&attempt).contains("no answer within 300ms"), "{step}: {attempt:?}");
    }
}

#[tokio::test]
async fn tls_is_spoken_where_it_is_wanted_in_either_way() {
    for (offers, tls) in [(Offers::StartTls, Tls::Required), (Offers::Tls, Tls::Implicit)] {
        let peer = Peer::start(Script { offers, login: Some(("user", "secret")), ..Script::default() }).await;
        let login = Some(("user".to_owned(), Rotating::of("secret".into())));
        let email = email(Server::Smtp(Smtp { login, ..server(&peer, tls) }));
        for _ in 0..2 {
            assert!(matches!(tell(&email).await, Attempt::Delivered { .. }), "{tls:?}");
        }
        assert!(peer.received().iter().all(|mail| mail.in_tls), "{tls:?}");
        assert_eq!(peer.connections(), 1, "{tls:?}");
    }
}

#[tokio::test]
async fn without_the_tls_that_is_wanted_nothing_is_said() {
    let plain = Peer::start(Script { login: Some(("user", "secret")), ..Script::default() }).await;
    let login = || Some(("user".to_owned(), Rotating::of("secret".into())));
    let attempt = tell(&email(Server::Smtp(Smtp { login: login(), ..server(&plain, Tls::Required) }))).await;
    assert!(matches!(attempt, Attempt::Down { .. }) && reason(&attempt).contains("STARTTLS is not supported"), "{attempt:?}");
    for (offers, tls) in [(Offers::StartTls, Tls::Required), (Offers::Tls, Tls::Implicit)] {
        let peer = Peer::start(Script { offers, login: Some(("user", "secret")), ..Script::default() }).await;
        let strangers = Smtp { login: login(), trust: Some(trust(None)), ..server(&peer, tls) };
        let attempt = tell(&email(Server::Smtp(strangers))).await;
        assert!(matches!(attempt, Attempt::Down { .. }) && reason(&attempt).contains("UnknownIssuer"), "{attempt:?}");
        assert!(peer.received().is_empty());
    }
}

#[tokio::test]
async fn a_login_that_is_refused_is_the_operators_to_mend() {
    let peer = Peer::start(Script { login: Some(("user", "secret")), ..Script::default() }).await;
    let wrong = Smtp { login: Some(("user".into(), Rotating::of("wrong".into()))), ..server(&peer, Tls::None) };
    for server in [wrong, server(&peer, Tls::None)] {
        let attempt = tell(&email(Server::Smtp(server))).await;
        assert!(matches!(attempt, Attempt::Down { .. }) && reason(&attempt).contains("53"), "{attempt:?}");
        assert!(!reason(&attempt).contains("wrong"), "{attempt:?}");
    }
}

#[tokio::test]
async fn a_sender_that_the_server_does_not_let_us_be_is_the_operators_to_mend_and_its_size_the_messages() {
    for (said, kind) in [
        ("550 5.7.60 not allowed to send as this sender", "Down"),
        ("553 5.1.8 sender address rejected", "Down"),
        ("552 5.3.4 message too big for this system", "Permanent"),
        ("555 5.5.4 parameters not recognised", "Permanent"),
        ("452 4.3.1 insufficient system storage", "Transient"),
    ] {
        let peer = peer(&[("MAIL", Instead::Say(said))]).await;
        let attempt = tell(&channel(&peer)).await;
        assert!(format!("{attempt:?}").starts_with(kind) && reason(&attempt).contains(said), "{attempt:?}");
    }
}

#[tokio::test]
async fn the_password_is_asked_for_at_each_login() {
    let peer = Peer::start(Script { login: Some(("user", "secret")), ..Script::default() }).await;
    let password = Rotating::pending();
    let email = email(Server::Smtp(Smtp { login: Some(("user".into(), password.clone())), ..server(&peer, Tls::None) }));
    let attempt = tell(&email).await;
    assert!(matches!(attempt, Attempt::NotMade { .. }) && reason(&attempt).contains("not read out of the key vault yet"), "{attempt:?}");
    assert_eq!(peer.connections(), 0);
    password.replace("wrong".into());
    assert!(reason(&tell(&email).await).contains("53"));
    password.replace("secret".into());
    assert!(matches!(tell(&email).await, Attempt::Delivered { .. }));
}

#[tokio::test]
async fn an_address_that_the_server_cannot_take_fails_and_says_why() {
    let peer = peer(&[]).await;
    let email = channel(&peer);
    for (address, kind, why) in
        [("ädä@example.com", "Permanent", "letters beyond ASCII"), ("a,b@example.com", "Unsendable", "none that e-mail can be sent to")]
    {
        let order = placed(&json!({
            "customer": { "name": "Ada", "email": address },
            "currency": "EUR",
            "lines": [{ "sku": "TEA-1", "quantity": 1, "unitPrice": 1 }]
        }));
        let attempt = email.deliver(&super::notification(&order), &super::Notes::default()).await;
        assert!(format!("{attempt:?}").starts_with(kind) && reason(&attempt).contains(why), "{attempt:?}");
    }
}
