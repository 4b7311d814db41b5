//! A scripted key vault: the REST call "Get Secret" (API version 2025-07-01 and its like), with the challenge that goes
//! before it, and the endpoint that gives an app's managed identity its tokens.

use super::https;
use axum::{
    Json, Router,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};
use tempfile::TempDir;
use tokio::sync::watch;

pub const TOKEN: &str = "t0k3n-of-a-managed-identity";
/// When tokens expire: 2100-01-01T00:00:00Z, in Unix seconds.
pub const FAR_AWAY: i64 = 4_102_444_800;
const IDENTITY_HEADER: &str = "h3ad3r-of-a-managed-identity";
/// A vault's audience is the domain above its host. An address has none, so this is what stands to the right of its first
/// dot; under a scheme of no meaning, since it would be read as another address otherwise.
const AUDIENCE: &str = "vault://0.0.1";

#[derive(Default)]
struct Inner {
    secrets: Mutex<HashMap<String, (String, u32)>>,
    /// What every request for a secret is answered instead.
    refusal: Mutex<Option<StatusCode>>,
    asked: watch::Sender<usize>,
    tokens: Mutex<Vec<String>>,
}

pub struct Vault {
    inner: Arc<Inner>,
    pub url: String,
    pub authority: PathBuf,
    identity: String,
    _folder: TempDir,
}

impl Vault {
    pub async fn start() -> Self {
        let inner = Arc::new(Inner::default());
        let secrets = Router::new().route("/secrets/{name}/", get(secret)).with_state(Arc::clone(&inner));
        let (port, authority) = https::with_tls(secrets).await;
        let identity = https::plain(Router::new().route("/msi/token", get(token)).with_state(Arc::clone(&inner))).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("authority.pem");
        std::fs::write(&path, authority).unwrap();
        Self {
            inner,
            url: format!("https://127.0.0.1:{port}"),
            authority: path,
            identity: format!("http://127.0.0.1:{identity}/msi/token"),
            _folder: folder,
        }
    }

    /// Where a process finds the vault, and who it is there.
    pub fn settings(&self) -> [(&str, &str); 5] {
        [
            ("ORDERS_KEY_VAULT", &self.url),
            ("SSL_CERT_FILE", self.authority.to_str().unwrap()),
            ("IDENTITY_ENDPOINT", &self.identity),
            ("IDENTITY_HEADER", IDENTITY_HEADER),
            ("ServiceBus__clientId", "the-client-id"),
        ]
    }

    /// A new version of a secret.
    pub fn put(&self, name: &str, value: &str) {
        let mut secrets = self.inner.secrets.lock().unwrap();
        let version = secrets.get(name).map_or(1, |(_, version)| version + 1);
        secrets.insert(name.to_owned(), (value.to_owned(), version));
    }

    pub fn refuse(&self, status: Option<StatusCode>) {
        *self.inner.refusal.lock().unwrap() = status;
    }

    /// Waits until so many more requests with a token were answered.
    pub async fn asked(&self, more: usize) {
        let mut asked = self.inner.asked.subscribe();
        let wanted = *asked.borrow_and_update() + more;
        let wait = asked.wait_for(|count| *count >= wanted);
        tokio::time::timeout(super::process::PATIENCE, wait).await.expect("the vault was asked in time").unwrap();
    }

    /// The queries that tokens were asked for with.
    pub fn tokens(&self) -> Vec<String> {
        self.inner.tokens.lock().unwrap().clone()
    }
}

async fn secret(State(vault): State<Arc<Inner>>, Path(name): Path<String>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    assert!(query.unwrap_or_default().starts_with("api-version="));
    let error = |status: StatusCode, code: &str| (status, Json(json!({ "error": { "code": code, "message": "as scripted" } })));
    if headers.get(header::AUTHORIZATION).is_none_or(|value| *value != format!("Bearer {TOKEN}")) {
        let challenge = format!(r#"Bearer authorization="https://login.microsoftonline.com/contoso", resource="{AUDIENCE}""#);
        return ([(header::WWW_AUTHENTICATE, challenge)], error(StatusCode::UNAUTHORIZED, "Unauthorized")).into_response();
    }
    vault.asked.send_modify(|count| *count += 1);
    if let Some(status) = *vault.refusal.lock().unwrap() {
        return error(status, "Refused").into_response();
    }
    match vault.secrets.lock().unwrap().get(&name) {
        Some((value, version)) => {
            let id = format!("https://127.0.0.1/secrets/{name}/{version:032x}");
            Json(json!({ "value": value, "id": id, "attributes": { "enabled": true } })).into_response()
        }
        None => error(StatusCode::NOT_FOUND, "SecretNotFound").into_response(),
    }
}

/// As App Service gives tokens (API version 2019-08-01).
async fn token(State(vault): State<Arc<Inner>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    if headers.get("x-identity-header").is_none_or(|value| value != IDENTITY_HEADER) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    vault.tokens.lock().unwrap().push(query.unwrap_or_default());
    let token = json!({ "access_token": TOKEN, "expires_on": FAR_AWAY.to_string(), "resource": AUDIENCE, "token_type": "Bearer" });
    Json(token).into_response()
}
