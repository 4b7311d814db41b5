//! The client that Azure's logins and vaults, and whoever collects telemetry, are called with over HTTPS.

use reqwest::redirect::Policy;
use std::{fmt::Display, path::Path, sync::Arc, time::Duration};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

/// How long a server may take to be reached, and then to say something.
const CONNECT: Duration = Duration::from_secs(10);
const READ: Duration = Duration::from_secs(30);

/// Trusts the authorities that the web trusts, and those in the PEM file. It follows no redirect: what it carries is for
/// the host that was named. Opens no connection yet.
///
/// # Errors
/// A sentence without a subject, when the file holds no certificates.
pub fn client(authorities: Option<&Path>) -> Result<reqwest::Client, String> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(path) = authorities {
        let unreadable = |error: &dyn Display| format!("names {}, which holds no certificates: {error}", path.display());
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))? {
            roots.add(certificate.map_err(|error| unreadable(&error))?).map_err(|error| unreadable(&error))?;
        }
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider())).with_safe_default_protocol_versions();
    let tls = tls.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).redirect(Policy::none());
    client.connect_timeout(CONNECT).read_timeout(READ).build().map_err(|error| error.to_string())
}
