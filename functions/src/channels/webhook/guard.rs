//! Which addresses may be told: nothing that only we can reach (OWASP API7:2023, server-side request forgery).
//!
//! A host is resolved once for each connection, its addresses are judged, and one of those very addresses is connected to.

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

/// How far webhooks reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// HTTPS only, and public addresses only.
    Public,
    /// Loopback and private addresses as well, and plain HTTP: for development.
    Private,
}

#[derive(Debug, thiserror::Error)]
#[error("has an address that webhooks are not sent to: {0}")]
pub(super) struct Refused(pub(super) IpAddr);

impl Reach {
    /// The scheme, and the address where the host is one: it is never resolved.
    ///
    /// # Errors
    /// A sentence without a subject.
    pub fn check(self, url: &Url) -> Result<(), String> {
        if !(url.scheme() == "https" || url.scheme() == "http" && self == Self::Private) {
            return Err("must begin with https://".into());
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err("must have no user, password or fragment".into());
        }
        let host = url.host_str().ok_or("must name a host")?;
        match IpAddr::from_str(host.trim_start_matches('[').trim_end_matches(']')) {
            Ok(address) if !self.takes(address) => Err(Refused(address).to_string()),
            _ => Ok(()),
        }
    }

    pub(super) fn takes(self, address: IpAddr) -> bool {
        let kind = match address {
            IpAddr::V4(v4) => kind_v4(v4),
            IpAddr::V6(v6) => kind_v6(v6),
        };
        match kind {
            Kind::Public => true,
            Kind::Private => self == Self::Private,
            Kind::Special => false,
        }
    }
}

enum Kind {
    Public,
    /// Of this machine, or of a private network.
    Private,
    /// Link-local, where clouds have their metadata services; Azure's platform address; and all that is no host's.
    Special,
}

/// IANA, "IPv4 Special-Purpose Address Registry".
fn kind_v4(address: Ipv4Addr) -> Kind {
    match address.octets() {
        [10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Kind::Private,
        // "This" network, multicast, reserved; link-local; protocol assignments and documentation; 6to4 relays; benchmarks;
        // documentation again; and what Azure's platform answers on in each virtual network (Microsoft Learn, "What is IP
        // address 168.63.129.16?").
        [0 | 224..=255, ..]
        | [169, 254, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [168, 63, 129, 16] => Kind::Special,
        _ => Kind::Public,
    }
}

/// IANA, "IPv6 Special-Purpose Address Registry": what is public lies in `2000::/3`. Addresses that carry an IPv4 address
/// are refused whatever they carry; a resolver has no need to give them.
fn kind_v6(address: Ipv6Addr) -> Kind {
    match address.segments() {
        // Another cloud's metadata service; IETF protocol assignments with Teredo, documentation, 6to4, documentation again.
        [0xfd00, 0x0ec2, ..] | [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x2002, ..] | [0x3fff, 0..=0x0fff, ..] => Kind::Special,
        [0, 0, 0, 0, 0, 0, 0, 1] | [0xfc00..=0xfdff, ..] => Kind::Private,
        [0x2000..=0x3fff, ..] => Kind::Public,
        _ => Kind::Special,
    }
}

/// Resolves as the system does, and gives addresses only if all of them may be told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judge(pub(super) Reach);

impl Resolve for Judge {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if let Some(refused) = found.iter().map(SocketAddr::ip).find(|address| !reach.takes(*address)) {
                return Err(Refused(refused).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_we_can_reach_is_refused_in_every_guise() {
        let refused = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.0.1",
            "168.63.129.16",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "100::1",
            "5f00::1",
        ];
        for address in refused {
            assert!(!Reach::Public.takes(address.parse().unwrap()), "{address}");
        }
        for address in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001::200e"] {
            assert!(Reach::Public.takes(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn development_reaches_its_own_machine_and_never_the_clouds_metadata() {
        for (address, taken) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("192.168.1.7", true),
            ("169.254.169.254", false),
            ("fe80::1", false),
            ("fd00:ec2::254", false),
        ] {
            assert_eq!(Reach::Private.takes(address.parse().unwrap()), taken, "{address}");
        }
    }

    #[test]
    fn a_url_is_https_without_a_user_and_its_address_is_judged_however_it_is_written() {
        let check = |text: &str| Reach::Public.check(&Url::parse(text).unwrap());
        assert!(check("https://example.com/hooks?tenant=7").is_ok());
        for wrong in [
            "http://example.com/",
            "ftp://example.com/",
            "https://user@example.com/",
            "https://example.com/#x",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/metadata",
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
        assert!(Reach::Private.check(&Url::parse("http://localhost:8000/").unwrap()).is_ok());
    }
}
