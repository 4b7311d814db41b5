//! The administration port, asked over a real socket.

use super::{super::element::Element, super::serve, fake::Fake};
use crate::{
    clock::{Clock, SystemClock},
    transport::{Duplex, Tls},
};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

pub(super) struct Admin {
    address: SocketAddr,
    tls: Tls,
    _task: JoinSet<()>,
}

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: String,
    pub(super) base: String,
}

impl Reply {
    pub(super) fn xml(&self) -> Element {
        Element::parse(&self.body).unwrap_or_else(|complaint| panic!("{} {complaint}", self.body))
    }

    /// What an error says, which has its code twice.
    pub(super) fn detail(&self) -> String {
        let error = self.xml();
        assert_eq!((error.name.as_str(), error.value("Code")), ("Error", Some(self.status.to_string().as_str())));
        error.value("Detail").unwrap().to_owned()
    }
}

impl Admin {
    pub(super) async fn start(fake: Fake) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tls = Tls::generate(&[], SystemClock.now()).unwrap();
        let mut task = JoinSet::new();
        task.spawn(serve(listener, Some(tls.clone()), Arc::new(fake)));
        Self { address, tls, _task: task }
    }

    pub(super) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, "", "").await
    }

    pub(super) async fn put(&self, path: &str, body: &str) -> Reply {
        self.send("PUT", path, "", body).await
    }

    pub(super) async fn replace(&self, path: &str, body: &str) -> Reply {
        self.send("PUT", path, "If-Match: *\r\n", body).await
    }

    pub(super) async fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, "", "").await
    }

    pub(super) async fn send(&self, method: &str, path: &str, header: &str, body: &str) -> Reply {
        let stream = TcpStream::connect(self.address).await.unwrap();
        self.exchange(stream, method, path, header, body).await
    }

    pub(super) async fn get_securely(&self, path: &str) -> Reply {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.tls.authority().unwrap().as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TcpStream::connect(self.address).await.unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        self.exchange(stream, "GET", path, "", "").await
    }

    async fn exchange(&self, mut stream: impl Duplex, method: &str, path: &str, header: &str, body: &str) -> Reply {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        let request = format!("{head}{header}Content-Length: {}\r\n\r\n{body}", body.len());
        // A body that is too large is not read to its end.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let content_type = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, content_type: content_type.into(), body: body.into(), base: format!("http://{}", self.address) }
    }
}
