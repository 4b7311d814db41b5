//! Who asks: a token of Entra ID, or a signature with one of the resource's access keys.
//!
//! The signature is Azure Communication Services' HMAC-SHA256 scheme ("Sign an HTTP request"): verb, path with query, then
//! date, host and the hash of the body are signed, and the last three are sent along.

use super::super::server::AcsLogin;
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{
    Method, RequestBuilder, Url,
    header::{AUTHORIZATION, HeaderValue},
};
use sha2::{Digest, Sha256};

/// What tokens for Communication Services are good for.
const SCOPE: &str = "https://communication.azure.com/.default";

/// Adds what lets the request in. `date` is the moment as an HTTP date (RFC 9110 §5.6.7); the service takes it for 15 minutes.
pub(super) async fn authorise(
    request: RequestBuilder,
    login: &AcsLogin,
    (method, url, body): (&Method, &Url, &[u8]),
    date: &str,
) -> Result<RequestBuilder, String> {
    let key = match login {
        AcsLogin::AccessKey(key) => key.current().ok_or("the access key was not read out of the key vault yet")?,
        AcsLogin::Entra(credential) => {
            let token = credential.get_token(&[SCOPE], None).await.map_err(|error| format!("Entra ID gives no token: {error}"))?;
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.token.secret())).map_err(|_| "the token is no header")?;
            value.set_sensitive(true);
            return Ok(request.header(AUTHORIZATION, value));
        }
    };
    let signed = sign(&key, method, url, date, body)?;
    let mut value = HeaderValue::try_from(signed.authorization).map_err(|_| "the signature is no header")?;
    value.set_sensitive(true);
    Ok(request.header("x-ms-date", date).header("x-ms-content-sha256", signed.content).header(AUTHORIZATION, value))
}

#[derive(Debug, PartialEq, Eq)]
struct Signed {
    /// The body's SHA-256 in base64.
    content: String,
    authorization: String,
}

fn sign(key: &[u8], method: &Method, url: &Url, date: &str, body: &[u8]) -> Result<Signed, String> {
    let content = BASE64_STANDARD.encode(Sha256::digest(body));
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let host = url.host_str().ok_or("the endpoint has no host")?;
    // The port belongs to the header Host wherever it is not the scheme's own.
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|error| error.to_string())?;
    mac.update(format!("{method}\n{path}\n{date};{host};{content}").as_bytes());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    let authorization = format!("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}");
    Ok(Signed { content, authorization })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's hmac, hashlib and base64.
    #[test]
    fn requests_are_signed_as_python_signs_them() {
        let key = b"a key of the resource";
        let date = "Mon, 02 Mar 2026 10:15:30 GMT";
        for (method, url, body, content, signature) in [
            (
                Method::POST,
                "https://contoso.communication.azure.com/emails:send?api-version=2023-03-31",
                "{\"senderAddress\":\"grüße@example.com\"}",
                "5NOtsy8ciRXHTN/0snZIbQ7Vw46gKqw4YAZmib1uOhY=",
                "l0LxiGnotfxbysMIu9r0r3OrYq4Vkgpgg8XMJK+1M+0=",
            ),
            (
                Method::GET,
                "http://127.0.0.1:9000/emails/operations/01958f6e-7c1b-7a3e-9d52-5b0c6a2f4e11?api-version=2023-03-31",
                "",
                "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                "556E7wpw6PSa3y8yazPL68lXeQ55Pnj1Tf3v6PaqyXQ=",
            ),
        ] {
            let signed = sign(key, &method, &url.parse().unwrap(), date, body.as_bytes()).unwrap();
            assert_eq!(signed.content, content);
            let wanted = format!("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}");
            assert_eq!(signed.authorization, wanted);
        }
    }
}
