//! Where e-mail is handed in, and what lets it in.

use super::{
    AUTHORITIES, CHANNELS, CLIENT_ID, ConfigError, EMAIL_FROM, EMAIL_PASSWORD, EMAIL_SERVER, identity::Azure, secrets::Secrets, wrong,
};
use crate::channels::email::{
    self,
    server::{Acs, AcsLogin, Address, Patience, Server, Settings, Smtp, Tls},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use lettre::message::Mailbox;
use reqwest::Url;

/// `None` when no channel needs it.
pub(super) fn read<G: Fn(&str) -> Option<String>>(
    get: &G,
    azure: &Azure<&G>,
    secrets: &mut Secrets,
    channels: &[String],
) -> Result<Option<Settings>, ConfigError> {
    if !channels.iter().any(|name| name == email::NAME) {
        return Ok(None);
    }
    let Some(server) = get(EMAIL_SERVER) else {
        return Err(wrong(EMAIL_SERVER, format!("is not set, and {CHANNELS} names email; set it as in smtps://USER@HOST:465")));
    };
    let from =
        get(EMAIL_FROM).ok_or_else(|| wrong(EMAIL_FROM, "is not set; it says who e-mail comes from, as in Shop <shop@example.com>"))?;
    let from: Mailbox =
        from.parse().map_err(|_| wrong(EMAIL_FROM, "must be an address, as in shop@example.com or Shop <shop@example.com>"))?;
    let server = match Address::parse(&server).map_err(|fault| wrong(EMAIL_SERVER, fault.to_string()))? {
        Address::Smtp { host, port, tls, user } => {
            let login = match (user, get(EMAIL_PASSWORD)) {
                (None, None) => None,
                (Some(user), Some(password)) => Some((user, secrets.secret(EMAIL_PASSWORD, &password)?)),
                (Some(_), None) => return Err(wrong(EMAIL_PASSWORD, format!("is not set, and {EMAIL_SERVER} names a user"))),
                (None, Some(_)) => {
                    return Err(wrong(EMAIL_PASSWORD, format!("is set, and {EMAIL_SERVER} names no user: smtps://USER@HOST")));
                }
            };
            let trust = match tls {
                Tls::None => None,
                Tls::Required | Tls::Implicit => Some(Smtp::trust(&host, azure.authorities()?).map_err(|fault| wrong(AUTHORITIES, fault))?),
            };
            Server::Smtp(Smtp { host, port, tls, login, trust, patience: Patience::default() })
        }
        Address::Acs(endpoint) => Server::Acs(acs(endpoint, get, azure, secrets)?),
    };
    Ok(Some(Settings { server, from }))
}

/// With one of the resource's keys where there is one, else as who this process is to Entra ID.
fn acs<G: Fn(&str) -> Option<String>>(endpoint: Url, get: &G, azure: &Azure<&G>, secrets: &mut Secrets) -> Result<Acs, ConfigError> {
    let login = if let Some(key) = get(EMAIL_PASSWORD) {
        AcsLogin::AccessKey(secrets.read(EMAIL_PASSWORD, &key, |key| {
            let key = BASE64_STANDARD.decode(key.trim()).ok().filter(|key| !key.is_empty());
            key.ok_or_else(|| "must be an access key of the resource, in base64".to_owned())
        })?)
    } else {
        let client_id = get(CLIENT_ID).or_else(|| get("AZURE_CLIENT_ID"));
        AcsLogin::Entra(azure.credential(EMAIL_SERVER, azure.offered(), client_id)?)
    };
    let http = Acs::client(azure.tls()?).map_err(|fault| wrong(EMAIL_SERVER, format!("cannot be called: {fault}")))?;
    Ok(Acs { endpoint, login, http })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        let get = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let channels = ["log".to_owned(), "email".to_owned()];
        read(&&get, &Azure::new(&&get), &mut Secrets::new(&get), &channels).map_err(|error| error.to_string())
    }

    const FROM: (&str, &str) = ("EMAIL_FROM", "Shop <shop@example.com>");

    #[test]
    fn a_channel_that_is_not_named_needs_no_server() {
        let nothing = |_: &str| None;
        assert!(read(&&nothing, &Azure::new(&&nothing), &mut Secrets::new(&nothing), &["log".to_owned()]).unwrap().is_none());
    }

    #[test]
    fn each_kind_of_server_gets_its_login() {
        let smtp = settings(&[FROM, ("EMAIL_SERVER", "smtps://u@h"), ("EMAIL_PASSWORD", "p")]).unwrap().unwrap();
        let Server::Smtp(smtp) = smtp.server else { panic!("not SMTP") };
        assert_eq!((smtp.port, smtp.tls, smtp.login.map(|(user, _)| user).as_deref()), (465, Tls::Implicit, Some("u")));
        let keyed = settings(&[FROM, ("EMAIL_SERVER", "https://c.communication.azure.com"), ("EMAIL_PASSWORD", "a2V5")]).unwrap().unwrap();
        assert!(
            matches!(keyed.server, Server::Acs(Acs { login: AcsLogin::AccessKey(key), .. }) if key.current().unwrap().as_slice() == b"key")
        );
        let entra = settings(&[FROM, ("EMAIL_SERVER", "https://c.communication.azure.com")]).unwrap().unwrap();
        assert!(matches!(entra.server, Server::Acs(Acs { login: AcsLogin::Entra(_), .. })));
    }

    #[test]
    fn what_is_missing_or_wrong_is_one_sentence_that_names_the_variable_and_no_secret() {
        let plain = ("EMAIL_SERVER", "smtp://localhost:1025");
        for (pairs, sentence) in [
            (&[][..], "EMAIL_SERVER is not set, and NOTIFY_CHANNELS names email"),
            (&[plain], "EMAIL_FROM is not set"),
            (&[plain, ("EMAIL_FROM", "shop")], "EMAIL_FROM must be an address"),
            (&[FROM, ("EMAIL_SERVER", "localhost")], "EMAIL_SERVER must have the form"),
            (&[FROM, ("EMAIL_SERVER", "smtps://u:secret@h")], "EMAIL_SERVER holds a password"),
            (&[FROM, ("EMAIL_SERVER", "smtps://u@h")], "EMAIL_PASSWORD is not set"),
            (
                &[FROM, ("EMAIL_SERVER", "smtps://u@h"), ("EMAIL_PASSWORD", "keyvault:a")],
                "EMAIL_PASSWORD names a secret of a key vault, and",
            ),
            (&[FROM, plain, ("EMAIL_PASSWORD", "secret")], "EMAIL_PASSWORD is set, and EMAIL_SERVER names no user"),
            (
                &[FROM, ("EMAIL_SERVER", "https://c.communication.azure.com"), ("SSL_CERT_FILE", "/nowhere")],
                "SSL_CERT_FILE cannot be read: /nowhere",
            ),
            (&[FROM, ("EMAIL_SERVER", "smtps://h"), ("SSL_CERT_FILE", "/nowhere")], "SSL_CERT_FILE cannot be read: /nowhere"),
            (
                &[FROM, ("EMAIL_SERVER", "https://c.communication.azure.com"), ("EMAIL_PASSWORD", "secret!")],
                "EMAIL_PASSWORD must be an access key",
            ),
        ] {
            let said = settings(pairs).unwrap_err();
            assert!(said.starts_with(sentence) && !said.replace("a secret of", "").contains("secret"), "{said}");
        }
    }
}
