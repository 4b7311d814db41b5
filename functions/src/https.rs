//! Whom this process trusts, and the client that Azure's logins and vaults, and whoever collects telemetry, are called with.

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

/// Trusts the authorities that the web trusts, and those in the PEM file.
///
/// # Errors
/// A sentence without a subject, when the file cannot be read or holds no certificates.
pub fn tls(authorities: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(path) = authorities {
        let of_the_web = roots.len();
        let unreadable = |error: &dyn Display| format!("names {}, which holds no certificates: {error}", path.display());
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))? {
            roots.add(certificate.map_err(|error| unreadable(&error))?).map_err(|error| unreadable(&error))?;
        }
        if roots.len() == of_the_web {
            return Err(unreadable(&"there is no PEM in it"));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("authorities.pem");
        let subject = format!("names {}, which holds no certificates: ", path.display());
        assert!(tls(Some(&path)).unwrap_err().starts_with(&subject));
        std::fs::write(&path, "these are none").unwrap();
        assert_eq!(tls(Some(&path)).unwrap_err(), format!("{subject}there is no PEM in it"));
        assert!(tls(None).is_ok());
    }
}
