//! Which Functions host is imitated, and what that host knows.

/// Contract, abbreviations: `H:` is host 4.1037, `H+:` with Core Tools 4.15 is host 4.1052.200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// Knows `enableForwardingHttpRequest`; `enableProxyingHttpRequest` and `port` are unknown keys to it.
    Forwarding,
    /// Knows proxying, which wins over forwarding, and `port`.
    Proxying,
}

impl Generation {
    /// What the host says of itself in `X-Azure-Functions-HostVersion`: a four-part file version.
    pub fn version(self) -> &'static str {
        match self {
            Self::Forwarding => "4.1037.0.0",
            Self::Proxying => "4.1052.200.0",
        }
    }

    pub fn user_agent(self) -> String {
        format!("Azure-Functions-Host/{}", self.version())
    }

    pub fn knows_proxying(self) -> bool {
        self == Self::Proxying
    }

    pub fn knows_port(self) -> bool {
        self == Self::Proxying
    }
}
