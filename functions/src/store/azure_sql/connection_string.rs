//! A SQL Server connection string, in the words that users of .NET know.

use connection_string::AdoNetString;
use secrecy::SecretString;
use std::{collections::BTreeMap, path::PathBuf};

const DEFAULT_PORT: u16 = 1433;

/// What a connection string says. Its `Debug` shows no password.
#[derive(Debug, Clone)]
pub struct ConnectionString {
    pub host: String,
    pub port: u16,
    pub database: String,
    pub authentication: Authentication,
    pub tls: Tls,
}

#[derive(Debug, Clone)]
pub enum Authentication {
    Sql {
        user: String,
        password: SecretString,
    },
    /// An Entra identity; `client_id` says which of several.
    Entra {
        identity: Identity,
        client_id: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Whatever the platform offers.
    Default,
    Managed,
    Workload,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    pub encryption: Encryption,
    /// Takes any certificate: for a local server alone.
    pub trust_any: bool,
    /// The name that the certificate must have instead of the host's.
    pub host_name: Option<String>,
    /// An authority to trust besides the system's: PEM or DER.
    pub authority: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Only the login is encrypted.
    Login,
    /// All is (TDS 7.4).
    All,
    /// All is, from the first byte (TDS 8.0).
    Strict,
}

/// What is wrong; it quotes no value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(String);

fn malformed(complaint: impl Into<String>) -> Malformed {
    Malformed(complaint.into())
}

/// Our name of a keyword, for each that `SqlConnection.ConnectionString` takes (Microsoft.Data.SqlClient)
/// and that matters here or can be left aside. Lower case, without spaces.
fn keyword(written: &str) -> Option<&'static str> {
    Some(match written.to_lowercase().replace(' ', "").as_str() {
        "server" | "datasource" | "address" | "addr" | "networkaddress" => "Server",
        "database" | "initialcatalog" => "Database",
        "userid" | "uid" | "user" => "User Id",
        "password" | "pwd" => "Password",
        "authentication" => "Authentication",
        "encrypt" => "Encrypt",
        "trustservercertificate" => "TrustServerCertificate",
        "hostnameincertificate" => "HostNameInCertificate",
        "servercertificate" => "ServerCertificate",
        "persistsecurityinfo" | "connecttimeout" | "connectiontimeout" | "timeout" | "applicationname" | "app" => "",
        "multipleactiveresultsets" => "MultipleActiveResultSets",
        _ => return None,
    })
}

impl ConnectionString {
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut values = values(text)?;
        let (host, port) = server(&values.remove("Server").ok_or_else(|| malformed("names no Server"))?)?;
        let database = values.remove("Database").ok_or_else(|| malformed("names no Database"))?;
        if values.remove("MultipleActiveResultSets").is_some_and(|value| yes_or_no(&value) != Some(false)) {
            return Err(malformed("has MultipleActiveResultSets, which is not supported"));
        }
        let tls = tls(&mut values)?;
        let authentication = authentication(&mut values)?;
        if tls.encryption == Encryption::Login && matches!(authentication, Authentication::Entra { .. }) {
            return Err(malformed("has Encrypt=False, and an Entra login needs TLS"));
        }
        Ok(Self { host, port, database, authentication, tls })
    }
}

fn values(text: &str) -> Result<BTreeMap<&'static str, String>, Malformed> {
    let pairs: AdoNetString = text.parse().map_err(|_| malformed("must be a connection string: KEYWORD=VALUE;KEYWORD=VALUE"))?;
    let mut values = BTreeMap::new();
    for (written, value) in pairs.iter() {
        let name = keyword(written).ok_or_else(|| malformed(format!("has the keyword {:?}, which is not supported", written.trim())))?;
        let value = value.trim().trim_matches('"').to_owned();
        if !name.is_empty() && !value.is_empty() && values.insert(name, value).is_some() {
            return Err(malformed(format!("says {name} twice")));
        }
    }
    Ok(values)
}

/// `tcp:host,port`, `host,port` or `host`.
fn server(text: &str) -> Result<(String, u16), Malformed> {
    let address = text.strip_prefix("tcp:").unwrap_or(text);
    if address.contains(['\\', ':', '/']) {
        return Err(malformed("has a Server that is not tcp:HOST,PORT: named instances and named pipes are not supported"));
    }
    let (host, port) = match address.split_once(',') {
        Some((host, port)) => (host.trim(), port.trim().parse().map_err(|_| malformed("has a Server whose port is no number"))?),
        None => (address.trim(), DEFAULT_PORT),
    };
    match host {
        "" => Err(malformed("has a Server without a host")),
        "." | "(local)" => Ok(("localhost".to_owned(), port)),
        host => Ok((host.to_owned(), port)),
    }
}

fn yes_or_no(value: &str) -> Option<bool> {
    match value.to_lowercase().as_str() {
        "true" | "yes" => Some(true),
        "false" | "no" => Some(false),
        _ => None,
    }
}

fn tls(values: &mut BTreeMap<&'static str, String>) -> Result<Tls, Malformed> {
    let encryption = match values.remove("Encrypt").map(|value| value.to_lowercase()).as_deref() {
        None | Some("true" | "yes" | "mandatory") => Encryption::All,
        Some("strict") => Encryption::Strict,
        Some("false" | "no" | "optional") => Encryption::Login,
        Some(_) => return Err(malformed("has an Encrypt that is not True, Strict or False")),
    };
    let trust_any = match values.remove("TrustServerCertificate") {
        None => false,
        Some(value) => yes_or_no(&value).ok_or_else(|| malformed("has a TrustServerCertificate that is not True or False"))?,
    };
    let (host_name, authority) = (values.remove("HostNameInCertificate"), values.remove("ServerCertificate").map(PathBuf::from));
    if trust_any && authority.is_some() {
        return Err(malformed("has both TrustServerCertificate and ServerCertificate"));
    }
    Ok(Tls { encryption, trust_any, host_name, authority })
}

fn authentication(values: &mut BTreeMap<&'static str, String>) -> Result<Authentication, Malformed> {
    let (user, password) = (values.remove("User Id"), values.remove("Password"));
    let method = values.remove("Authentication").map(|value| value.to_lowercase().replace(' ', ""));
    let identity = match method.as_deref() {
        None if password.is_none() => Identity::Default,
        None | Some("sqlpassword") => {
            let user = user.ok_or_else(|| malformed("has no User Id"))?;
            let password = password.ok_or_else(|| malformed("has no Password"))?.into();
            return Ok(Authentication::Sql { user, password });
        }
        Some("activedirectorydefault") => Identity::Default,
        Some("activedirectorymanagedidentity" | "activedirectorymsi") => Identity::Managed,
        Some("activedirectoryworkloadidentity") => Identity::Workload,
        Some(_) => {
            return Err(malformed(
                "has an Authentication that is not Active Directory Default, Active Directory Managed Identity, Active Directory \
                 Workload Identity or Sql Password",
            ));
        }
    };
    match password {
        Some(_) => Err(malformed("has a Password beside an Entra identity, which has none")),
        None => Ok(Authentication::Entra { identity, client_id: user }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> ConnectionString {
        ConnectionString::parse(text).unwrap()
    }

    fn complaint(text: &str) -> String {
        ConnectionString::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn what_the_portal_gives_is_understood() {
        let text = "Server=tcp:contoso.database.windows.net,1433;Initial Catalog=orders;Encrypt=True;TrustServerCertificate=False;\
                    Connection Timeout=30;Authentication=\"Active Directory Default\";";
        let given = parsed(text);
        assert_eq!((given.host.as_str(), given.port, given.database.as_str()), ("contoso.database.windows.net", 1433, "orders"));
        assert!(matches!(given.authentication, Authentication::Entra { identity: Identity::Default, client_id: None }));
        let tls = Tls { encryption: Encryption::All, trust_any: false, host_name: None, authority: None };
        assert_eq!(given.tls, tls);
    }

    #[test]
    fn an_identity_is_named_by_its_client_id() {
        let given = parsed("Server=s;Database=d;Authentication=Active Directory Managed Identity;User Id=b3c1");
        let Authentication::Entra { identity: Identity::Managed, client_id } = given.authentication else { panic!() };
        assert_eq!(client_id.as_deref(), Some("b3c1"));
        let given = parsed("Server=s;Database=d;Authentication=Active Directory Workload Identity");
        assert!(matches!(given.authentication, Authentication::Entra { identity: Identity::Workload, client_id: None }));
    }

    #[test]
    fn a_password_is_for_a_sql_login_and_is_not_shown() {
        let given = parsed("Data Source=localhost;Database=d;UID=sa;PWD={pa;ss=1};Encrypt=false");
        assert!(!format!("{given:?}").contains("pa;ss"), "{given:?}");
        let Authentication::Sql { user, password } = given.authentication else { panic!() };
        assert_eq!((user.as_str(), secrecy::ExposeSecret::expose_secret(&password)), ("sa", "pa;ss=1"));
        assert_eq!((given.port, given.tls.encryption), (1433, Encryption::Login));
    }

    #[test]
    fn what_is_wrong_is_named_without_its_value() {
        assert_eq!(complaint("Database=d"), "names no Server");
        assert_eq!(complaint("Server=s"), "names no Database");
        assert_eq!(complaint("Server=s;Data Source=s;Database=d"), "says Server twice");
        assert!(complaint("Server=s\\SQLEXPRESS;Database=d").contains("named instances"));
        assert!(complaint("Server=s;Database=d;Pooling=secret").contains("\"pooling\""));
        assert_eq!(complaint("Server=s;Database=d;Password=p;Authentication=Sql Password"), "has no User Id");
        assert!(complaint("Server=s;Database=d;Authentication=Active Directory Integrated").starts_with("has an Authentication"));
        assert!(complaint("Server=s;Database=d;Password=p;User Id=u;Authentication=Active Directory Default").contains("beside"));
        assert!(complaint("Server=s;Database=d;Encrypt=False").contains("needs TLS"));
        assert!(complaint("Server=s,x;Database=d").contains("port"));
    }
}
