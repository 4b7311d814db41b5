//! A mail server that follows a script: what it offers, what it refuses, where it hangs up. And what it was told.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// How it behaves; by default it takes everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Offers {
    #[default]
    Plain,
    StartTls,
    /// TLS from the first byte on.
    Tls,
}

/// What it does at one step, in place of saying yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instead {
    Say(&'static str),
    HangUp,
    /// Never answers.
    Hang,
}

#[derive(Debug, Default)]
pub struct Script {
    pub offers: Offers,
    /// User and password that it lets in; none: it asks for none.
    pub login: Option<(&'static str, &'static str)>,
    /// By the verb that it is said to, used up from the front; `.` is the end of a message.
    pub instead: Vec<(&'static str, Instead)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    pub text: String,
    pub in_tls: bool,
}

#[derive(Debug, Default)]
struct State {
    instead: Mutex<VecDeque<(&'static str, Instead)>>,
    received: Mutex<Vec<Received>>,
    connections: Mutex<usize>,
}

pub struct Peer {
    pub port: u16,
    state: Arc<State>,
    authority: PathBuf,
    _folder: TempDir,
}

impl Peer {
    pub async fn start(script: Script) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = folder.path().join("authority.pem");
        let acceptor = acceptor(&authority);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State { instead: Mutex::new(script.instead.into()), ..State::default() });
        let (here, offers, login) = (Arc::clone(&state), script.offers, script.login);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *here.connections.lock().unwrap() += 1;
                let talk = Talk { state: Arc::clone(&here), login, in_tls: offers == Offers::Tls, logged_in: false };
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    match offers {
                        // A client that goes away ends the conversation.
                        Offers::Tls => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                drop(talk.run(Box::new(stream), None, true).await);
                            }
                        }
                        Offers::StartTls => drop(talk.run(Box::new(stream), Some(acceptor), true).await),
                        Offers::Plain => drop(talk.run(Box::new(stream), None, true).await),
                    }
                });
            }
        });
        Self { port, state, authority, _folder: folder }
    }

    /// One more step of the script.
    pub fn then(&self, verb: &'static str, instead: Instead) {
        self.state.instead.lock().unwrap().push_back((verb, instead));
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        *self.state.connections.lock().unwrap()
    }

    /// What has to be trusted to speak TLS with it.
    pub fn authority(&self) -> PathBuf {
        self.authority.clone()
    }
}

fn acceptor(authority: &Path) -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    std::fs::write(authority, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config =
        ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider())).with_safe_default_protocol_versions().unwrap();
    TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap()))
}

struct Talk {
    state: Arc<State>,
    login: Option<(&'static str, &'static str)>,
    in_tls: bool,
    logged_in: bool,
}

impl Talk {
    /// Speaks until the client goes. With an acceptor STARTTLS is offered; `greet` is off after it.
    async fn run(mut self, stream: Box<dyn Both>, tls: Option<TlsAcceptor>, greet: bool) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        if greet {
            stream.write_all(b"220 peer.example ready\r\n").await?;
        }
        let (mut from, mut to) = (String::new(), Vec::new());
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let said = line.trim_end().to_owned();
            let verb = said.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            if let Some(instead) = self.instead(&verb) {
                match instead {
                    Instead::Say(answer) => stream.write_all(format!("{answer}\r\n").as_bytes()).await?,
                    Instead::HangUp => return Ok(()),
                    Instead::Hang => std::future::pending().await,
                }
                continue;
            }
            let answer = match verb.as_str() {
                "EHLO" => self.hello(tls.is_some()),
                "STARTTLS" if tls.is_some() => {
                    stream.write_all(b"220 go on\r\n").await?;
                    let secured = tls.unwrap().accept(stream.into_inner()).await?;
                    self.in_tls = true;
                    return Box::pin(self.run(Box::new(secured), None, false)).await;
                }
                "AUTH" => self.auth(&said),
                "MAIL" if self.login.is_some() && !self.logged_in => "530 5.7.0 Authentication required".to_owned(),
                "MAIL" => {
                    from = address(&said);
                    to.clear();
                    "250 2.1.0 Ok".to_owned()
                }
                "RCPT" => {
                    to.push(address(&said));
                    "250 2.1.5 Ok".to_owned()
                }
                "DATA" => {
                    stream.write_all(b"354 go ahead\r\n").await?;
                    let text = message(&mut stream).await?;
                    match self.instead(".") {
                        Some(Instead::Say(answer)) => answer.to_owned(),
                        instead => {
                            self.state.received.lock().unwrap().push(Received {
                                from: from.clone(),
                                to: to.clone(),
                                text,
                                in_tls: self.in_tls,
                            });
                            match instead {
                                Some(Instead::HangUp) => return Ok(()),
                                Some(Instead::Hang) => std::future::pending().await,
                                _ => "250 2.0.0 Ok: queued as 4F1B2".to_owned(),
                            }
                        }
                    }
                }
                "RSET" | "NOOP" => "250 2.0.0 Ok".to_owned(),
                "QUIT" => "221 2.0.0 Bye".to_owned(),
                _ => "502 5.5.2 Unknown".to_owned(),
            };
            stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
    }

    /// The first thing of the script, if it is said to this verb.
    fn instead(&self, verb: &str) -> Option<Instead> {
        let mut script = self.state.instead.lock().unwrap();
        if script.front().is_some_and(|(step, _)| *step == verb) { script.pop_front().map(|(_, instead)| instead) } else { None }
    }

    fn hello(&self, starttls: bool) -> String {
        let mut lines = vec!["peer.example", "8BITMIME"];
        lines.extend(starttls.then_some("STARTTLS"));
        lines.extend(self.login.map(|_| "AUTH PLAIN LOGIN"));
        let last = lines.len() - 1;
        let line = |(index, line)| format!("250{}{line}", if index == last { ' ' } else { '-' });
        lines.into_iter().enumerate().map(line).collect::<Vec<_>>().join("\r\n")
    }

    /// AUTH PLAIN (RFC 4616).
    fn auth(&mut self, said: &str) -> String {
        use base64::{Engine, prelude::BASE64_STANDARD};
        let wanted = self.login.map(|(user, password)| BASE64_STANDARD.encode(format!("\0{user}\0{password}")));
        self.logged_in = wanted.is_some() && said.strip_prefix("AUTH PLAIN ") == wanted.as_deref();
        if self.logged_in { "235 2.7.0 Authentication successful".to_owned() } else { "535 5.7.8 Authentication failed".to_owned() }
    }
}

fn address(said: &str) -> String {
    said.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(address, _)| address.to_owned()).unwrap_or_default()
}

/// Up to the line with the one dot; dots that were doubled are single again (RFC 5321 §4.5.2).
async fn message<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>) -> std::io::Result<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == ".\r\n" {
            return Ok(text);
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

trait Both: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Both for S {}
