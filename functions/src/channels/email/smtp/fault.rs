//! What went wrong in a conversation with a mail server, in words that name nobody.

use lettre::transport::smtp::Error;
use std::{error::Error as _, fmt, time::Duration};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The server's answer: 4xx or 5xx (RFC 5321 §4.2.1).
    Answer { code: u16, said: String },
    /// There was none that could be read.
    Silence(String),
    /// The server was not spoken to, for a reason on our side.
    NotMade(String),
}

impl Fault {
    pub(super) fn late(after: Duration) -> Self {
        Self::Silence(format!("no answer within {after:?}"))
    }

    /// The server has hung up, or is about to (421).
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Silence(_) | Self::Answer { code: 421, .. })
    }

    pub(super) fn is_permanent(&self) -> bool {
        matches!(self, Self::Answer { code: 500.., .. })
    }

    /// Of an answer to the sender: whether it is about the message all the same, its size (552) or what it needs (555). Any
    /// other 5xx is about who we are (a login, TLS, an address that we may not send as), and the operator can mend that. RFC
    /// 5321 §4.3.2, RFC 4954 §6, RFC 3207 §4.
    pub(super) fn is_about_message(&self) -> bool {
        matches!(self, Self::Answer { code: 552 | 555, .. })
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let said = error.source().map(ToString::to_string).unwrap_or_default();
        match error.status().map(|code| code.to_string().parse()) {
            Some(Ok(code)) => Self::Answer { code, said: impersonal(&said) },
            _ => Self::Silence(impersonal(&error.to_string())),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { code, said } if said.is_empty() => write!(f, "{code}"),
            Self::Answer { code, said } => write!(f, "{code} {said}"),
            Self::Silence(what) | Self::NotMade(what) => f.write_str(what),
        }
    }
}

/// One line of at most 200 characters without addresses: servers like to repeat the recipient's, and a reason is logged.
pub(super) fn impersonal(said: &str) -> String {
    let words = said.split_whitespace().map(|word| if word.contains('@') { "(address)" } else { word });
    words.collect::<Vec<_>>().join(" ").chars().filter(|character| !character.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_one_line_that_names_nobody() {
        assert_eq!(
            impersonal("5.1.1 <ada@example.com>:\r\n Recipient address rejected:\tada@example.com unknown\u{7}"),
            "5.1.1 (address) Recipient address rejected: (address) unknown"
        );
        assert_eq!(impersonal(&"x ".repeat(300)).len(), 200);
    }

    #[test]
    fn only_an_answer_of_5xx_is_for_good() {
        let answer = |code| Fault::Answer { code, said: String::new() };
        assert!(answer(550).is_permanent() && !answer(451).is_permanent() && !Fault::late(Duration::from_secs(1)).is_permanent());
        assert!(answer(421).is_gone() && !answer(450).is_gone());
        assert!(answer(552).is_about_message() && !answer(550).is_about_message());
    }
}
