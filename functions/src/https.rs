//! Whom this process trusts, and the client that Azure's logins and vaults, and whoever collects telemetry, are called with.

use reqwest::redirect::Policy;
use std::{sync::Arc, time::Duration};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::CertificateDer};

/// How long a server may take to be reached, and then to say something.
const CONNECT: Duration = Duration::from_secs(10);
const READ: Duration = Duration::from_secs(30);

/// Trusts the authorities that the web trusts, and these.
///
/// # Errors
/// A sentence without a subject, when one of them cannot be used.
pub fn tls(authorities: &[CertificateDer<'_>]) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for authority in authorities {
        roots.add(authority.clone().into_owned()).map_err(|error| format!("has a certificate that cannot be used: {error}"))?;
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider())).with_safe_default_protocol_versions();
    Ok(Arc::new(tls.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth()))
}

/// Follows no redirect and uses no proxy: what it carries is for the host that was named. Opens no connection yet.
///
/// # Errors
/// A sentence, when there is no client to be had.
pub fn client(tls: &ClientConfig) -> Result<reqwest::Client, String> {
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls.clone()).redirect(Policy::none()).no_proxy();
    client.connect_timeout(CONNECT).read_timeout(READ).build().map_err(|error| error.to_string())
}
