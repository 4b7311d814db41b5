//! Who this process is to Microsoft Entra ID: the one place that picks a credential.

use azure_core::{
    credentials::TokenCredential,
    http::{ClientOptions, Transport},
};
use azure_identity::{
    ClientAssertionCredentialOptions, DeveloperToolsCredential, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use std::sync::Arc;

/// Where tokens come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A service account of Kubernetes, federated.
    WorkloadIdentity,
    /// The identity of a Functions app or a virtual machine.
    ManagedIdentity,
    /// Whoever is logged in to `az` or `azd`.
    DeveloperTools,
}

impl Source {
    /// What the platform offers: AKS names a federated token's file, Functions and App Service name an endpoint that
    /// identifies, and a laptop has neither.
    pub fn offered(has_federated_token: bool, has_identity_endpoint: bool) -> Self {
        if has_federated_token {
            Self::WorkloadIdentity
        } else if has_identity_endpoint {
            Self::ManagedIdentity
        } else {
            Self::DeveloperTools
        }
    }
}

/// Asks nobody for a token yet. `client_id` says which of several identities; the source's own default without it.
///
/// # Errors
/// When the platform does not offer what the source needs, as a workload identity without `AZURE_TENANT_ID`.
pub fn credential(source: Source, client_id: Option<String>, https: &reqwest::Client) -> azure_core::Result<Arc<dyn TokenCredential>> {
    let client_options = client_options(https);
    Ok(match source {
        Source::WorkloadIdentity => {
            let credential_options = ClientAssertionCredentialOptions { client_options };
            let options = WorkloadIdentityCredentialOptions { client_id, credential_options, ..Default::default() };
            WorkloadIdentityCredential::new(Some(options))?
        }
        Source::ManagedIdentity => {
            let user_assigned_id = client_id.map(UserAssignedId::ClientId);
            ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions { user_assigned_id, client_options }))?
        }
        Source::DeveloperTools => DeveloperToolsCredential::new(None)?,
    })
}

/// Microsoft's clients, over our HTTPS.
pub fn client_options(https: &reqwest::Client) -> ClientOptions {
    ClientOptions { transport: Some(Transport::new(Arc::new(https.clone()))), ..ClientOptions::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pod_comes_before_the_app_and_the_app_before_the_developer() {
        assert_eq!(Source::offered(true, true), Source::WorkloadIdentity);
        assert_eq!(Source::offered(false, true), Source::ManagedIdentity);
        assert_eq!(Source::offered(false, false), Source::DeveloperTools);
    }
}
