//! Who this process is to Azure, whom it trusts, and how it calls Azure.

use super::{AUTHORITIES, ConfigError, FEDERATED_TOKEN, IDENTITY_ENDPOINT, files, wrong};
use crate::{entra, https};
use azure_core::credentials::TokenCredential;
use std::{cell::OnceCell, sync::Arc};
use tokio_rustls::rustls::{ClientConfig, pki_types::CertificateDer};

/// Reads the settings through `get`. What it hands out is made when the first asks: a process that needs none of it has none.
pub(super) struct Azure<G> {
    get: G,
    authorities: OnceCell<Vec<CertificateDer<'static>>>,
    tls: OnceCell<Arc<ClientConfig>>,
    https: OnceCell<reqwest::Client>,
}

impl<G: Fn(&str) -> Option<String>> Azure<G> {
    pub(super) fn new(get: G) -> Self {
        Self { get, authorities: OnceCell::new(), tls: OnceCell::new(), https: OnceCell::new() }
    }

    /// What the platform offers.
    pub(super) fn offered(&self) -> entra::Source {
        entra::Source::offered((self.get)(FEDERATED_TOKEN).is_some(), (self.get)(IDENTITY_ENDPOINT).is_some())
    }

    /// Whom to trust besides those whom the web trusts. The file is read once.
    pub(super) fn authorities(&self) -> Result<&[CertificateDer<'static>], ConfigError> {
        if let Some(authorities) = self.authorities.get() {
            return Ok(authorities);
        }
        let authorities = files::authorities(&self.get)?;
        Ok(self.authorities.get_or_init(|| authorities))
    }

    /// For every connection of this process that speaks TLS, but for those to mail servers and SQL Server.
    pub(super) fn tls(&self) -> Result<&Arc<ClientConfig>, ConfigError> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls);
        }
        let tls = https::tls(self.authorities()?).map_err(|fault| wrong(AUTHORITIES, fault))?;
        Ok(self.tls.get_or_init(|| tls))
    }

    pub(super) fn https(&self) -> Result<&reqwest::Client, ConfigError> {
        if let Some(client) = self.https.get() {
            return Ok(client);
        }
        let client = https::client(self.tls()?).map_err(|fault| wrong(AUTHORITIES, format!("cannot be used: {fault}")))?;
        Ok(self.https.get_or_init(|| client))
    }

    /// The credential that `variable` asks for.
    pub(super) fn credential(
        &self,
        variable: &'static str,
        source: entra::Source,
        client_id: Option<String>,
    ) -> Result<Arc<dyn TokenCredential>, ConfigError> {
        entra::credential(source, client_id, self.https()?)
            .map_err(|error| wrong(variable, format!("names an identity that is not there: {error}")))
    }
}
