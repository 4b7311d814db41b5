//! Who this process is to Azure, and how it calls it.

use super::{AUTHORITIES, ConfigError, FEDERATED_TOKEN, IDENTITY_ENDPOINT, wrong};
use crate::{entra, https};
use azure_core::credentials::TokenCredential;
use std::{cell::OnceCell, path::PathBuf, sync::Arc};

/// Reads the settings through `get`. What it hands out is made when the first asks: a process that needs none of it has none.
pub(super) struct Azure<G> {
    get: G,
    https: OnceCell<reqwest::Client>,
}

impl<G: Fn(&str) -> Option<String>> Azure<G> {
    pub(super) fn new(get: G) -> Self {
        Self { get, https: OnceCell::new() }
    }

    /// What the platform offers.
    pub(super) fn offered(&self) -> entra::Source {
        entra::Source::offered((self.get)(FEDERATED_TOKEN).is_some(), (self.get)(IDENTITY_ENDPOINT).is_some())
    }

    pub(super) fn https(&self) -> Result<&reqwest::Client, ConfigError> {
        if let Some(client) = self.https.get() {
            return Ok(client);
        }
        let authorities = (self.get)(AUTHORITIES).map(PathBuf::from);
        let client = https::client(authorities.as_deref()).map_err(|fault| wrong(AUTHORITIES, fault))?;
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
