//! The other ways in: TLS, WebSocket and the ATOM administration.

use crate::{
    client::{Client, message},
    support::World,
};
use servicebus_emulator::{Certificate, Options, amqp::DeliveryState};
use std::{net::Ipv4Addr, net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn trusting(authority: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots).with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// The status line and the body of an answer.
async fn http(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn a_client_that_trusts_the_generated_authority_speaks_amqp_over_tls() {
    let certificate = Some(Certificate::Generated { names: Vec::new() });
    let world = World::of(Options { amqp_tls: Some(any_port()), admin: None, certificate, ..Options::default() }).await;
    let tcp = TcpStream::connect(world.emulator.amqp_tls_address().unwrap()).await.unwrap();
    let connector = trusting(world.emulator.authority().unwrap());
    let stream = connector.connect(ServerName::try_from("localhost").unwrap(), tcp).await.unwrap();
    let mut client = Client::connect_over(Box::new(stream)).await;
    let sender = client.sender("orders").await;
    assert_eq!(client.publish(sender, &message("secret")).await, DeliveryState::Accepted);
    assert_eq!(client.receive("orders/Subscriptions/notify").await.text(), "secret");
}

#[tokio::test]
async fn counts_are_live_and_a_queue_made_at_run_time_works_until_it_is_deleted() {
    let world = World::of(Options { admin: Some(any_port()), ..Options::default() }).await;
    let admin = world.emulator.admin_address().unwrap();
    let mut client = world.connect().await;
    let sender = client.sender("orders").await;
    client.publish(sender, &message("one")).await;
    let (status, body) = http(admin, &get("/orders/Subscriptions/notify?api-version=2021-05")).await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(body.contains("ActiveMessageCount>1</"), "{body}");

    let entry = r#"<entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml"><QueueDescription xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"/></content></entry>"#;
    let length = entry.len();
    let put = format!("PUT /made?api-version=2021-05 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{entry}");
    assert_eq!(http(admin, &put).await.0, "HTTP/1.1 201 Created");
    let to_made = client.sender("made").await;
    assert_eq!(client.publish(to_made, &message("two")).await, DeliveryState::Accepted);
    let waiting = client.receiver("made").await;
    client.credit(waiting, 0, 5, false).await;
    client.delivery(waiting).await;
    let delete = "DELETE /made?api-version=2021-05 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    assert_eq!(http(admin, delete).await.0, "HTTP/1.1 200 OK");
    assert_eq!(client.detached(waiting).await.unwrap().condition, "amqp:not-found");
    let DeliveryState::Rejected(Some(error)) = client.publish(to_made, &message("three")).await else { panic!("taken") };
    assert_eq!(error.condition, "amqp:not-found");
    assert_eq!(http(admin, &get("/made?api-version=2021-05")).await.0, "HTTP/1.1 404 Not Found");
}
