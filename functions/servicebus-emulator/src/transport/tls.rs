//! TLS with a given certificate, or with one of an authority that lives as long as the process.

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use std::{io, sync::Arc};
use time::{Duration, OffsetDateTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
    server::TlsStream,
};

/// Clients differ in how much they take: 825 days is the least that is known.
const VALID: Duration = Duration::days(365);
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the certificate is not in PEM form: {0}")]
    Certificate(rustls::pki_types::pem::Error),
    #[error("the file of the certificate has no certificate")]
    NoCertificate,
    #[error("the private key is not in PEM form: {0}")]
    Key(rustls::pki_types::pem::Error),
    #[error("the certificate and the private key can't be used: {0}")]
    Pair(#[from] rustls::Error),
    #[error("a certificate can't be made: {0}")]
    Generate(#[from] rcgen::Error),
}

#[derive(Debug, Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    authority: Option<String>,
}

impl Tls {
    /// Certificates, the server's own first, and the key of that one, both in PEM form.
    pub fn from_pem(certificates: &str, key: &str) -> Result<Self, TlsError> {
        let chain =
            CertificateDer::pem_slice_iter(certificates.as_bytes()).collect::<Result<Vec<_>, _>>().map_err(TlsError::Certificate)?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        Self::new(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(TlsError::Key)?, None)
    }

    /// A certificate for this machine and for more DNS names or addresses, of an authority that is made for it. `now` is in
    /// milliseconds since the Unix epoch; the certificate is valid from a day before on, since clocks differ, for 365 days.
    pub fn generate(names: &[String], now: i64) -> Result<Self, TlsError> {
        let from = OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(now) - Duration::DAY;
        let valid = |mut parameters: CertificateParams, name: &str| {
            parameters.not_before = from;
            parameters.not_after = from + VALID;
            parameters.distinguished_name.push(DnType::CommonName, name);
            parameters
        };
        let mut parameters = valid(CertificateParams::default(), "Service Bus emulator, made at its start");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority_key = KeyPair::generate()?;
        let authority = parameters.self_signed(&authority_key)?;
        let issuer = Issuer::new(parameters, authority_key);

        let names: Vec<String> = LOCAL.iter().map(|name| (*name).to_owned()).chain(names.iter().cloned()).collect();
        let mut parameters = valid(CertificateParams::new(names)?, "Service Bus emulator");
        parameters.use_authority_key_identifier_extension = true;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &issuer)?;
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Self::new(vec![certificate.into()], key, Some(authority.pem()))
    }

    fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>, authority: Option<String>) -> Result<Self, TlsError> {
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Self { config: Arc::new(config), authority })
    }

    /// The certificate of the authority that was made, in PEM form: what clients have to trust.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        TlsAcceptor::from(self.config.clone()).accept(stream).await
    }
}
