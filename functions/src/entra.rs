//! Who this process is to Microsoft Entra ID: the one place that picks a credential.

use azure_core::credentials::TokenCredential;
use azure_identity::{
    DeveloperToolsCredential, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
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
    /// What the platform offers: AKS sets `AZURE_FEDERATED_TOKEN_FILE`, Functions and App Service set
    /// `IDENTITY_ENDPOINT`, and a laptop sets neither. `get` reads the environment.
    pub fn offered(get: impl Fn(&str) -> Option<String>) -> Self {
        if get("AZURE_FEDERATED_TOKEN_FILE").is_some() {
            Self::WorkloadIdentity
        } else if get("IDENTITY_ENDPOINT").is_some() {
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
pub fn credential(source: Source, client_id: Option<String>) -> azure_core::Result<Arc<dyn TokenCredential>> {
    Ok(match source {
        Source::WorkloadIdentity => {
            WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions { client_id, ..Default::default() }))?
        }
        Source::ManagedIdentity => {
            let user_assigned_id = client_id.map(UserAssignedId::ClientId);
            ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions { user_assigned_id, ..Default::default() }))?
        }
        Source::DeveloperTools => DeveloperToolsCredential::new(None)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pod_comes_before_the_app_and_the_app_before_the_developer() {
        let offered = |set: &'static [&str]| Source::offered(move |name| set.contains(&name).then(|| "x".to_owned()));
        assert_eq!(offered(&["IDENTITY_ENDPOINT", "AZURE_FEDERATED_TOKEN_FILE"]), Source::WorkloadIdentity);
        assert_eq!(offered(&["IDENTITY_ENDPOINT"]), Source::ManagedIdentity);
        assert_eq!(offered(&[]), Source::DeveloperTools);
    }
}
