//! `Endpoint=sb://HOST[:PORT]/;SharedAccessKeyName=…;SharedAccessKey=…`, as the portal and Microsoft's emulator give it.

use secrecy::SecretString;
use std::fmt;

/// Where a namespace is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address, without brackets.
    pub host: String,
    pub port: Option<u16>,
}

impl Endpoint {
    /// Reads `HOST` or `HOST:PORT`.
    ///
    /// # Errors
    /// A sentence without a subject that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains('/') {
            return Err("names no host");
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') && !port.ends_with(']') => (host, Some(port)),
            _ => (text, None),
        };
        let port = port.map(str::parse).transpose().map_err(|_| "has a port that is no number from 0 to 65535")?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_host = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:".contains(c));
        if is_host { Ok(Self { host: host.to_owned(), port }) } else { Err("names no host") }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match self.port {
            Some(port) => write!(f, "{host}:{port}"),
            None => f.write_str(&host),
        }
    }
}

#[derive(Debug, Clone)]
pub struct ConnectionString {
    pub endpoint: Endpoint,
    pub key_name: String,
    pub key: SecretString,
    /// The one queue or topic that the key is good for.
    pub entity_path: Option<String>,
    /// Plain TCP, as Microsoft's emulator and ours speak it.
    pub use_development_emulator: bool,
}

/// A sentence without a subject; it never quotes the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAConnectionString(String);

impl ConnectionString {
    /// Names are read without regard to case; those that are not known are passed over, as Microsoft's clients do.
    pub fn parse(text: &str) -> Result<Self, NotAConnectionString> {
        let wrong = |what: &str| NotAConnectionString(what.to_owned());
        let (mut endpoint, mut key_name, mut key, mut entity_path, mut emulator) = (None, None, None, None, None);
        for (index, part) in text.split(';').map(str::trim).enumerate().filter(|(_, part)| !part.is_empty()) {
            let Some((name, value)) = part.split_once('=') else {
                return Err(NotAConnectionString(format!("has no = in part {} of those between semicolons", index + 1)));
            };
            let (name, slot) = match name.trim().to_ascii_lowercase().as_str() {
                "endpoint" => ("Endpoint", &mut endpoint),
                "sharedaccesskeyname" => ("SharedAccessKeyName", &mut key_name),
                "sharedaccesskey" => ("SharedAccessKey", &mut key),
                "entitypath" => ("EntityPath", &mut entity_path),
                "usedevelopmentemulator" => ("UseDevelopmentEmulator", &mut emulator),
                "sharedaccesssignature" => return Err(wrong("has a SharedAccessSignature; give SharedAccessKeyName and SharedAccessKey")),
                _ => continue,
            };
            if slot.replace(value.trim()).is_some() {
                return Err(NotAConnectionString(format!("has {name} twice")));
            }
        }
        let given = |name: &str, value: Option<&str>| match value {
            Some(value) if !value.is_empty() => Ok(value.to_owned()),
            _ => Err(NotAConnectionString(format!("has no {name}"))),
        };
        let address = given("Endpoint", endpoint)?;
        let Some(address) = address.strip_prefix("sb://") else {
            return Err(wrong("has an Endpoint that does not begin with sb://"));
        };
        let address = address.strip_suffix('/').unwrap_or(address);
        let endpoint = Endpoint::parse(address).map_err(|fault| NotAConnectionString(format!("has an Endpoint that {fault}")))?;
        let use_development_emulator = match emulator.map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(wrong("has a UseDevelopmentEmulator that is neither true nor false")),
        };
        Ok(Self {
            endpoint,
            key_name: given("SharedAccessKeyName", key_name)?,
            key: given("SharedAccessKey", key)?.into(),
            entity_path: entity_path.filter(|path| !path.is_empty()).map(str::to_owned),
            use_development_emulator,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn the_forms_of_the_portal_and_of_the_emulator_are_read() {
        let portal = ConnectionString::parse(
            "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=a+b/c==;EntityPath=orders",
        )
        .unwrap();
        assert_eq!(portal.endpoint, Endpoint { host: "contoso.servicebus.windows.net".into(), port: None });
        assert_eq!((portal.key_name.as_str(), portal.key.expose_secret()), ("Root", "a+b/c=="));
        assert_eq!((portal.entity_path.as_deref(), portal.use_development_emulator), (Some("orders"), false));
        let emulator = ConnectionString::parse(
            " endpoint=sb://127.0.0.1:5672 ; SHAREDACCESSKEYNAME=r;sharedaccesskey=k;UseDevelopmentEmulator=True;TransportType=Amqp; ",
        )
        .unwrap();
        assert_eq!((emulator.endpoint.to_string().as_str(), emulator.use_development_emulator), ("127.0.0.1:5672", true));
    }

    #[test]
    fn an_address_of_ip_version_6_is_read() {
        let endpoint = Endpoint { host: "::1".into(), port: Some(5672) };
        assert_eq!(Endpoint::parse("[::1]:5672"), Ok(endpoint.clone()));
        assert_eq!(Endpoint::parse("[::1]"), Ok(Endpoint { port: None, ..endpoint.clone() }));
        assert_eq!(endpoint.to_string(), "[::1]:5672");
    }

    #[test]
    fn what_is_wrong_is_named_and_the_key_never_is() {
        let good = "Endpoint=sb://h;SharedAccessKeyName=n;SharedAccessKey=secret-key";
        for (text, complaint) in [
            (String::new(), "has no Endpoint"),
            ("Endpoint=sb://h;SharedAccessKey=secret-key".into(), "has no SharedAccessKeyName"),
            ("Endpoint=sb://h;SharedAccessKeyName=n".into(), "has no SharedAccessKey"),
            ("Endpoint=sb://h;SharedAccessKeyName=n;SharedAccessKey=".into(), "has no SharedAccessKey"),
            (format!("{good};secret-key"), "has no = in part 4 of those between semicolons"),
            (format!("{good};SharedAccessKey=secret-key"), "has SharedAccessKey twice"),
            (good.replace("sb://h", "https://h"), "has an Endpoint that does not begin with sb://"),
            (good.replace("sb://h", "sb://"), "has an Endpoint that names no host"),
            (good.replace("sb://h", "sb://h:99999"), "has an Endpoint that has a port that is no number from 0 to 65535"),
            (format!("{good};UseDevelopmentEmulator=secret-key"), "has a UseDevelopmentEmulator that is neither true nor false"),
        ] {
            let said = ConnectionString::parse(&text).unwrap_err().to_string();
            assert_eq!(said, complaint);
        }
        assert!(!format!("{:?}", ConnectionString::parse(good).unwrap()).contains("secret-key"));
    }
}
