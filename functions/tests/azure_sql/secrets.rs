//! What the log never shows, however much is logged.

use super::{Peer, addition, connecting::Tokens, login_any, now, open, server, stored, with_schema};
use crate::support::process::Process;
use orders::store::azure_sql::{Login, Server};
use std::{
    io,
    sync::{Arc, Mutex},
};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_trace_of_a_login_shows_neither_token_nor_password() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let peer = Peer::start(login_any, with_schema(|_| stored())).await;
    let by_password = server(&peer);
    let by_token = Server { login: Login::Entra(Arc::new(Tokens::default())), ..server(&peer) };
    for server in [by_password, by_token] {
        tracing::trace!(?server, "shown");
        open(server).add_order(addition().await, now()).await.unwrap();
    }
    assert_eq!(
        peer.look(|seen| (seen.logins[0].password.clone(), seen.logins[1].token.clone())),
        ("pa55-w0rd".into(), Some("t0k3n-0".into()))
    );
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("tiberius"), "the library logs at this level");
    assert!(!text.contains("pa55-w0rd") && !text.contains("t0k3n"), "{text}");
}

#[tokio::test]
async fn a_process_that_logs_everything_shows_no_password() {
    let peer = Peer::start(login_any, with_schema(|_| stored())).await;
    let database = format!("{};User Id=orders;Password=pa55-w0rd", peer.connection_string());
    let settings = [("ORDERS_DATABASE", database.as_str()), ("ORDERS_LISTEN", "127.0.0.1:0"), ("RUST_LOG", "trace")];
    let process = Process::start(&["worker"], &settings);
    peer.until(|seen| seen.requests.len() > 1).await;
    let log = process.end().await.join("\n");
    assert!(log.contains("tiberius"), "the library logs at this level");
    assert!(!log.contains("pa55-w0rd"), "{log}");
    assert!(!log.contains("TokenRow"), "rows hold what customers are called: {log}");
}
