use super::{Duplex, Tls, amqp, secured, websocket};
use crate::clock::{Clock, SystemClock};
use futures_util::{SinkExt, StreamExt};
use std::{io, net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest, http::Uri},
};

fn tls() -> Tls {
    Tls::generate(&["sb-admin.default.svc".to_owned()], SystemClock.now()).unwrap()
}

/// Answers one connection with what it sent, in capitals, until the client is done.
async fn capitals(tls: Option<Tls>) -> (SocketAddr, JoinHandle<io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        let mut stream = amqp(stream, tls.as_ref()).await?;
        let mut buffer = vec![0; 4096];
        loop {
            let count = stream.read(&mut buffer).await?;
            if count == 0 {
                return stream.shutdown().await;
            }
            buffer[..count].make_ascii_uppercase();
            stream.write_all(&buffer[..count]).await?;
            stream.flush().await?;
        }
    });
    (address, task)
}

async fn secure(address: SocketAddr, authority: &str, name: &str) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await
}

async fn upgrade<S: Duplex>(stream: S, path: &str, subprotocol: &str) -> tungstenite::Result<WebSocketStream<S>> {
    let uri: Uri = format!("ws://127.0.0.1{path}").parse().unwrap();
    let mut request = uri.into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", subprotocol.parse().unwrap());
    client_async(request, stream).await.map(|(socket, _)| socket)
}

async fn echoes(mut stream: impl Duplex) {
    stream.write_all(b"AMQP hello").await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"AMQP HELLO");
    stream.shutdown().await.unwrap();
}

async fn binary(mut socket: WebSocketStream<impl Duplex>) {
    for part in ["am", "qp ", "over websocket"] {
        socket.send(Message::binary(part)).await.unwrap();
    }
    let mut answer = Vec::new();
    while answer.len() < 19 {
        match socket.next().await.unwrap().unwrap() {
            Message::Binary(bytes) => answer.extend_from_slice(&bytes),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(answer, b"AMQP OVER WEBSOCKET");
    socket.send(Message::Ping("alive".into())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("alive".into()));
    socket.close(None).await.unwrap();
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
}

#[tokio::test]
async fn one_port_takes_plain_tls_and_both_kinds_of_websocket() {
    let tls = tls();
    let authority = tls.authority().unwrap().to_owned();

    let (address, task) = capitals(Some(tls.clone())).await;
    echoes(TcpStream::connect(address).await.unwrap()).await;
    task.await.unwrap().unwrap();

    let (address, task) = capitals(Some(tls.clone())).await;
    echoes(secure(address, &authority, "localhost").await.unwrap()).await;
    task.await.unwrap().unwrap();

    let (address, task) = capitals(Some(tls.clone())).await;
    binary(upgrade(TcpStream::connect(address).await.unwrap(), websocket::PATH, "amqp").await.unwrap()).await;
    task.await.unwrap().unwrap();

    let (address, task) = capitals(Some(tls)).await;
    let stream = secure(address, &authority, "127.0.0.1").await.unwrap();
    binary(upgrade(stream, "/$servicebus/websocket/", "AMQPWSB10").await.unwrap()).await;
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn more_than_one_buffer_passes_a_websocket_whole() {
    let (address, task) = capitals(None).await;
    let socket = upgrade(TcpStream::connect(address).await.unwrap(), websocket::PATH, "amqp").await.unwrap();
    let (mut sink, mut source) = socket.split();
    let sent = vec![b'a'; 300_000];
    let sending = tokio::spawn(async move { sink.send(Message::binary(sent)).await.map(|()| sink) });
    let mut received = Vec::new();
    while received.len() < 300_000 {
        received.extend_from_slice(&source.next().await.unwrap().unwrap().into_data());
    }
    assert!(received.iter().all(|byte| *byte == b'A') && received.len() == 300_000, "{} bytes", received.len());
    sending.await.unwrap().unwrap().close().await.unwrap();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_websocket_of_another_kind_is_refused() {
    let status = |error: tungstenite::Error| match error {
        tungstenite::Error::Http(response) => (response.status().as_u16(), String::from_utf8(response.body().clone().unwrap()).unwrap()),
        other => panic!("{other}"),
    };
    let (address, task) = capitals(None).await;
    let refused = upgrade(TcpStream::connect(address).await.unwrap(), "/chat", "amqp").await.unwrap_err();
    assert_eq!(status(refused), (404, "AMQP over WebSocket is at /$servicebus/websocket".into()));
    task.await.unwrap().unwrap_err();

    let (address, task) = capitals(None).await;
    let refused = upgrade(TcpStream::connect(address).await.unwrap(), websocket::PATH, "mqtt").await.unwrap_err();
    assert_eq!(status(refused), (400, "the subprotocol must be one of amqp, AMQPWSB10".into()));
    task.await.unwrap().unwrap_err();

    let (address, task) = capitals(None).await;
    let mut socket = upgrade(TcpStream::connect(address).await.unwrap(), websocket::PATH, "amqp").await.unwrap();
    socket.send(Message::text("AMQP")).await.unwrap();
    assert_eq!(task.await.unwrap().unwrap_err().to_string(), "AMQP comes in binary messages, and this is a text");
}

#[tokio::test]
async fn a_tls_handshake_needs_the_authority_and_a_name_that_the_certificate_has() {
    let (one, other) = (tls(), tls());
    let (address, task) = capitals(Some(one.clone())).await;
    secure(address, other.authority().unwrap(), "localhost").await.unwrap_err();
    task.await.unwrap().unwrap_err();

    let (address, task) = capitals(Some(one.clone())).await;
    secure(address, one.authority().unwrap(), "elsewhere.example").await.unwrap_err();
    task.await.unwrap().unwrap_err();

    let (address, task) = capitals(Some(one.clone())).await;
    echoes(secure(address, one.authority().unwrap(), "sb-admin.default.svc").await.unwrap()).await;
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_tls_handshake_without_tls_says_so() {
    let (address, task) = capitals(None).await;
    secure(address, tls().authority().unwrap(), "localhost").await.unwrap_err();
    assert_eq!(task.await.unwrap().unwrap_err().to_string(), "the client began a TLS handshake, and TLS is not on");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_let_go() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _silent = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    assert_eq!(secured(stream, None).await.err().unwrap().kind(), io::ErrorKind::TimedOut);
}

#[test]
fn a_given_certificate_is_checked_when_it_is_read() {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other = rcgen::KeyPair::generate().unwrap();
    assert!(Tls::from_pem(&key.cert.pem(), &key.signing_key.serialize_pem()).unwrap().authority().is_none());
    let complaint = |certificate: &str, key: &str| Tls::from_pem(certificate, key).unwrap_err().to_string();
    assert_eq!(complaint("", &other.serialize_pem()), "the file of the certificate has no certificate");
    assert!(complaint(&key.cert.pem(), "none").starts_with("the private key is not in PEM form: "));
    assert!(complaint(&key.cert.pem(), &other.serialize_pem()).starts_with("the certificate and the private key can't be used: "));
}
