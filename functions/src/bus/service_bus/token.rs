//! What a client shows to be let in: a shared access signature, or a token of Microsoft Entra ID.

use super::{
    error::{Error, ErrorKind},
    settings::Login,
};
use crate::domain::timestamp::Timestamp;
use azure_core::credentials::TokenCredential;
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use std::{sync::Arc, time::Duration};

/// How long Entra ID may take.
const PATIENCE: Duration = Duration::from_secs(20);
const SCOPE: &str = "https://servicebus.azure.net/.default";
/// All but the unreserved characters (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[derive(Debug)]
pub(super) struct Token {
    pub(super) secret: SecretString,
    /// As `$cbs` calls it.
    pub(super) kind: &'static str,
    pub(super) expires_at: Timestamp,
}

#[derive(Debug)]
pub(super) enum Credential {
    SharedKey { name: String, key: SecretString, life: Duration },
    Entra(Arc<dyn TokenCredential>),
}

impl Credential {
    pub(super) fn of(login: &Login, sas_life: Duration) -> Self {
        match login {
            Login::ConnectionString(given) => Self::SharedKey { name: given.key_name.clone(), key: given.key.clone(), life: sas_life },
            Login::Entra { credential, .. } => Self::Entra(Arc::clone(credential)),
        }
    }

    /// A token that is good for `audience`, an address below `sb://`.
    pub(super) async fn token(&self, audience: &str, now: Timestamp) -> Result<Token, Error> {
        match self {
            Self::SharedKey { name, key, life } => {
                let expires_at = now.plus(*life);
                let signature = shared_access_signature(audience, name, key.expose_secret(), expires_at.millis() / 1000);
                Ok(Token { secret: signature.into(), kind: "servicebus.windows.net:sastoken", expires_at })
            }
            Self::Entra(credential) => {
                let got = tokio::time::timeout(PATIENCE, credential.get_token(&[SCOPE], None)).await;
                let token = got
                    .map_err(|_| Error::timed_out("the request for an Entra token"))?
                    .map_err(|error| Error::new(ErrorKind::Unauthorized, format!("no Entra token: {error}")))?;
                let expires_at = Timestamp::from_millis(token.expires_on.unix_timestamp().saturating_mul(1000));
                Ok(Token { secret: token.token.secret().into(), kind: "jwt", expires_at })
            }
        }
    }
}

/// A token of the form that Service Bus documents under "Shared Access Signature"; `expiry` in Unix seconds.
fn shared_access_signature(audience: &str, key_name: &str, key: &str, expiry: i64) -> String {
    let resource = utf8_percent_encode(audience, ESCAPED).to_string();
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 §2)")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any key");
    mac.update(format!("{resource}\n{expiry}").as_bytes());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    let signature = utf8_percent_encode(&signature, ESCAPED);
    format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={key_name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's hmac, hashlib and urllib.parse.quote.
    #[test]
    fn a_shared_access_signature_is_what_another_implementation_makes_of_the_same_key() {
        let made = shared_access_signature(
            "sb://contoso.servicebus.windows.net/orders",
            "RootManageSharedAccessKey",
            "c2VjcmV0LWtleS1vZi10aGUtdGVzdA==",
            1_772_450_130,
        );
        assert_eq!(
            made,
            "SharedAccessSignature sr=sb%3A%2F%2Fcontoso.servicebus.windows.net%2Forders\
             &sig=%2FfvFsmb7ZLsc%2FtrQQvBgF6HNlkFq5Qzt8QvyQK7K3XE%3D&se=1772450130&skn=RootManageSharedAccessKey"
        );
    }
}
