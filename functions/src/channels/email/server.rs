//! Where e-mail is handed in, as `EMAIL_SERVER` says it.

use crate::domain::rotating::{Rotating, Secret};
use azure_core::credentials::TokenCredential;
use lettre::{
    message::Mailbox,
    transport::smtp::client::{Certificate, CertificateStore, TlsParameters},
};
use reqwest::{Client, Url, redirect};
use std::{fmt, net::IpAddr, sync::Arc, time::Duration};
use tokio_rustls::rustls::{ClientConfig, pki_types::CertificateDer};

/// For one request to Communication Services and its answer.
const REQUEST: Duration = Duration::from_secs(10);

/// All that the channel needs.
#[derive(Debug, Clone)]
pub struct Settings {
    pub server: Server,
    /// Who the e-mail comes from: an address, or a name with an address in angle brackets.
    pub from: Mailbox,
}

#[derive(Debug, Clone)]
pub enum Server {
    Smtp(Smtp),
    /// Azure Communication Services Email.
    Acs(Acs),
}

/// A mail server that takes submissions (RFC 6409).
#[derive(Clone)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    /// User and password; none: the server asks for no login.
    pub login: Option<(String, Secret)>,
    /// Whom to trust, with [`Tls::Required`] and [`Tls::Implicit`].
    pub trust: Option<TlsParameters>,
    pub patience: Patience,
}

/// How long a mail server may take. RFC 5321 §4.5.3.2 allows minutes for each step, which no lease lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For each step before the message is handed over.
    pub step: Duration,
    /// For the answer to the whole message; a server that scans what it takes needs a while.
    pub answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { step: Duration::from_secs(10), answer: Duration::from_mins(10) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// For a server on this machine alone.
    None,
    /// STARTTLS (RFC 3207); a server that does not offer it is not used.
    Required,
    /// From the first byte on (RFC 8314 §3.3).
    Implicit,
}

#[derive(Debug, Clone)]
pub struct Acs {
    /// `https://NAME.communication.azure.com`, without a path.
    pub endpoint: Url,
    pub login: AcsLogin,
    /// Follows no redirect, uses no proxy, and has time limits.
    pub http: Client,
}

#[derive(Clone)]
pub enum AcsLogin {
    Entra(Arc<dyn TokenCredential>),
    /// One of the resource's two access keys, decoded.
    AccessKey(Rotating<Vec<u8>>),
}

impl Smtp {
    /// The authorities that the web trusts, and these.
    ///
    /// # Errors
    /// A sentence without a subject, when one of them cannot be used.
    pub fn trust(host: &str, authorities: &[CertificateDer<'_>]) -> Result<TlsParameters, String> {
        let mut trusted = TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::WebpkiRoots);
        for authority in authorities {
            let authority = Certificate::from_der(authority.to_vec());
            trusted = trusted.add_root_certificate(authority.map_err(|error| format!("has a certificate that cannot be used: {error}"))?);
        }
        trusted.build().map_err(|error| error.to_string())
    }
}

impl Acs {
    /// # Errors
    /// When there is no client to be had.
    pub fn client(tls: &ClientConfig) -> Result<Client, String> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(REQUEST)
            .timeout(REQUEST);
        client.build().map_err(|error| error.to_string())
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").field("host", &self.host).field("port", &self.port).field("tls", &self.tls).finish_non_exhaustive()
    }
}

/// A key is not shown.
impl fmt::Debug for AcsLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Entra(_) => "Entra",
            Self::AccessKey(_) => "AccessKey",
        })
    }
}

/// What `EMAIL_SERVER` names, before anybody asked for passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Smtp { host: String, port: u16, tls: Tls, user: Option<String> },
    Acs(Url),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("must have the form smtp://HOST:PORT, smtps://USER@HOST:PORT or https://NAME.communication.azure.com")]
    Shape,
    #[error("holds a password; it has a setting of its own")]
    Password,
    #[error("may be http:// on this machine alone: what is sent has a key or a token in it")]
    Plain,
}

impl Address {
    /// `smtp` is plain for a loopback host unless `?tls=required` follows, and STARTTLS for any other.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let url = Url::parse(text).map_err(|_| Malformed::Shape)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(Malformed::Shape)?.trim_matches(['[', ']']).to_owned();
        if url.password().is_some() {
            return Err(Malformed::Password);
        }
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(Malformed::Shape);
        }
        let user = match url.username() {
            "" => None,
            user => Some(percent_encoding::percent_decode_str(user).decode_utf8().map_err(|_| Malformed::Shape)?.into_owned()),
        };
        let tls = match (url.scheme(), url.query()) {
            ("smtps", None) => Tls::Implicit,
            ("smtp", None) if is_loopback(&host) => Tls::None,
            ("smtp", None | Some("tls=required")) => Tls::Required,
            ("http", None) if user.is_none() && !is_loopback(&host) => return Err(Malformed::Plain),
            ("http" | "https", None) if user.is_none() => return Ok(Self::Acs(url)),
            _ => return Err(Malformed::Shape),
        };
        // Message submission (RFC 6409 §3.1) and submission over TLS (RFC 8314 §7.3).
        let port = url.port().unwrap_or(if tls == Tls::Implicit { 465 } else { 587 });
        Ok(Self::Smtp { host, port, tls, user })
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smtp(host: &str, port: u16, tls: Tls, user: Option<&str>) -> Address {
        Address::Smtp { host: host.to_owned(), port, tls, user: user.map(str::to_owned) }
    }

    #[test]
    fn only_a_server_on_this_machine_is_spoken_to_without_tls() {
        for (text, address) in [
            ("smtp://mail.example.com", smtp("mail.example.com", 587, Tls::Required, None)),
            ("smtp://user%40example.com@mail.example.com:25", smtp("mail.example.com", 25, Tls::Required, Some("user@example.com"))),
            ("smtps://user@mail.example.com", smtp("mail.example.com", 465, Tls::Implicit, Some("user"))),
            ("smtp://localhost:1025", smtp("localhost", 1025, Tls::None, None)),
            ("smtp://[::1]:1025", smtp("::1", 1025, Tls::None, None)),
            ("smtp://127.0.0.1:1025?tls=required", smtp("127.0.0.1", 1025, Tls::Required, None)),
        ] {
            assert_eq!(Address::parse(text), Ok(address), "{text}");
        }
        assert!(matches!(Address::parse("https://contoso.communication.azure.com/"), Ok(Address::Acs(_))));
        assert!(matches!(Address::parse("http://127.0.0.1:9000"), Ok(Address::Acs(_))));
        assert_eq!(Address::parse("http://contoso.communication.azure.com"), Err(Malformed::Plain));
    }

    #[test]
    fn what_is_no_server_and_what_holds_a_password_is_refused() {
        assert_eq!(Address::parse("smtps://user:secret@mail.example.com"), Err(Malformed::Password));
        for text in
            ["mail.example.com", "smtp://", "imap://mail.example.com", "https://contoso.communication.azure.com/emails", "smtp://h?tls=off"]
        {
            assert_eq!(Address::parse(text), Err(Malformed::Shape), "{text}");
        }
    }
}
