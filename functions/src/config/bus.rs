//! Where the bus is and how to be let in.

use super::{CLIENT_ID, CONNECTION_STRING, ConfigError, NAMESPACE, SUBSCRIPTION, TOPIC, TRANSPORT, identity::Azure, wrong};
use crate::bus::service_bus::{ConnectionString, Endpoint, Login, Settings, Transport};
use std::sync::Arc;

/// The topic and its subscription.
pub(super) fn entities(get: &impl Fn(&str) -> Option<String>) -> Result<(String, String), ConfigError> {
    let entity = |name: &'static str, default: &str| match get(name) {
        Some(value) if value.len() > 260 || value.chars().any(char::is_whitespace) => {
            Err(wrong(name, "must be an entity name of at most 260 characters without spaces"))
        }
        value => Ok(value.unwrap_or_else(|| default.to_owned())),
    };
    Ok((entity(TOPIC, "orders")?, entity(SUBSCRIPTION, "notify")?))
}

/// `None` when no bus is named: events stay in the outbox.
pub(super) fn read<G: Fn(&str) -> Option<String>>(get: &G, azure: &Azure<&G>, concurrency: u32) -> Result<Option<Settings>, ConfigError> {
    let (topic, subscription) = entities(get)?;
    let transport = match get(TRANSPORT).as_deref() {
        None | Some("amqp") => Transport::Tcp,
        Some("amqpWebSockets") => Transport::WebSocket,
        Some(_) => return Err(wrong(TRANSPORT, "must be amqp or amqpWebSockets")),
    };
    let login = match (get(CONNECTION_STRING), get(NAMESPACE)) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(wrong(CONNECTION_STRING, format!("is set, and so is {NAMESPACE}; leave one of them out"))),
        (Some(text), None) => {
            let given = ConnectionString::parse(&text).map_err(|fault| wrong(CONNECTION_STRING, fault.to_string()))?;
            if let Some(path) = given.entity_path.as_ref().filter(|path| **path != topic) {
                return Err(wrong(CONNECTION_STRING, format!("is good for the entity {path:?} alone, and {TOPIC} is {topic:?}")));
            }
            Login::ConnectionString(given)
        }
        (None, Some(namespace)) => {
            if let Err(fault) = Endpoint::parse(&namespace) {
                return Err(wrong(NAMESPACE, format!("{fault}; it has the form contoso.servicebus.windows.net")));
            }
            let credential = azure.credential(NAMESPACE, azure.offered(), get(CLIENT_ID))?;
            Login::Entra { namespace, credential }
        }
    };
    let plain = matches!(&login, Login::ConnectionString(given) if given.use_development_emulator);
    let tls = if plain { None } else { Some(Arc::clone(azure.tls()?)) };
    // Enough messages wait here to keep every place busy, and not so many that their locks have to be renewed for nothing.
    let prefetch = concurrency.saturating_mul(4);
    Ok(Some(Settings { transport, prefetch, tls, ..Settings::new(login, topic, subscription) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYED: (&str, &str) = ("ServiceBus", "Endpoint=sb://h;SharedAccessKeyName=n;SharedAccessKey=k");
    const ENTRA: (&str, &str) = ("ServiceBus__fullyQualifiedNamespace", "contoso.servicebus.windows.net");

    fn settings(pairs: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        let get = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        read(&get, &Azure::new(&get), 64).map_err(|error| error.to_string())
    }

    #[test]
    fn a_namespace_without_a_key_is_entered_with_what_the_platform_offers() {
        let identity = ("IDENTITY_ENDPOINT", "http://localhost:42/msi");
        for more in [&[][..], &[identity]] {
            match settings(&[&[ENTRA], more].concat()).unwrap().unwrap().login {
                Login::Entra { namespace, .. } => assert_eq!(namespace, "contoso.servicebus.windows.net"),
                Login::ConnectionString(_) => panic!("no connection string was given"),
            }
        }
        let said = settings(&[ENTRA, ("AZURE_FEDERATED_TOKEN_FILE", "/token")]).unwrap_err();
        assert!(said.starts_with("ServiceBus__fullyQualifiedNamespace names an identity that is not there"), "{said}");
    }

    #[test]
    fn a_bus_that_is_not_named_is_none_and_one_named_wrongly_is_an_error() {
        assert!(settings(&[]).unwrap().is_none());
        let web = settings(&[KEYED, ("ServiceBus__transport", "amqpWebSockets")]).unwrap().unwrap();
        assert_eq!((web.transport, web.topic.as_str(), web.subscription.as_str()), (Transport::WebSocket, "orders", "notify"));
        for (pairs, complaint) in [
            (&[("ServiceBus", "Endpoint=sb://h")][..], "ServiceBus has no SharedAccessKeyName"),
            (&[KEYED, ENTRA], "ServiceBus is set, and so is ServiceBus__fullyQualifiedNamespace"),
            (&[KEYED, ("ServiceBus__transport", "http")], "ServiceBus__transport must be amqp or amqpWebSockets"),
            (&[KEYED, ("SSL_CERT_FILE", "/nowhere")], "SSL_CERT_FILE cannot be read: /nowhere"),
            (&[("ServiceBus__fullyQualifiedNamespace", "sb://h/")], "ServiceBus__fullyQualifiedNamespace names no host"),
            (&[KEYED, ("ORDERS_TOPIC", "a b")], "ORDERS_TOPIC must be an entity name"),
            (
                &[("ServiceBus", "Endpoint=sb://h;SharedAccessKeyName=n;SharedAccessKey=k;EntityPath=other")],
                "ServiceBus is good for the entity \"other\" alone, and ORDERS_TOPIC is \"orders\"",
            ),
        ] {
            let said = settings(pairs).unwrap_err();
            assert!(said.starts_with(complaint), "{said}");
        }
    }
}
