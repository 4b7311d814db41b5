//! One attempt to tell one recipient: how it may end, and what is recorded of it.

use super::timestamp::Timestamp;
use std::time::Duration;

/// How one attempt ended, as the channel knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    Delivered {
        provider_id: Option<String>,
    },
    /// The receiver answered, and trying this notification again later may help.
    Transient {
        reason: String,
        /// How long the receiver asked to be left alone; never waited less, and at most [`LONGEST_WISH`](super::retry::LONGEST_WISH).
        retry_after: Option<Duration>,
    },
    /// Nothing was taken, and the receiver has nothing for anybody at the moment: it cannot be connected to, or says that
    /// it is overloaded. Opens its circuit.
    Down {
        reason: String,
        retry_after: Option<Duration>,
    },
    /// Nothing was sent, for a reason on our side; trying again later may help. Says nothing of the receiver.
    NotMade {
        reason: String,
    },
    /// The receiver answered, and trying again cannot help.
    Permanent {
        reason: String,
    },
    /// Nothing was sent, for a reason on our side, and trying again cannot help. Says nothing of the receiver.
    Unsendable {
        reason: String,
    },
    /// The provider may have taken it: the connection broke, or time ran out, after the notification was sent; or it
    /// took it and has not said what became of it.
    Unknown {
        reason: String,
        /// What the provider calls it, where it said so: then it is up, and can perhaps be asked.
        provider_ref: Option<String>,
        retry_after: Option<Duration>,
    },
}

/// What a channel's provider says of an earlier attempt whose outcome is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// This channel has nobody to ask; its policy decides.
    CannotBeAsked,
    Delivered {
        provider_id: Option<String>,
    },
    /// It never took it, so sending it again makes no second copy.
    NotTaken,
    /// It has it, and has not finished with it.
    UnderWay {
        retry_after: Option<Duration>,
    },
    /// It took it and could not deliver it.
    Failed {
        reason: String,
    },
    /// It cannot be reached, so the outcome stays unknown for now.
    Down {
        reason: String,
        retry_after: Option<Duration>,
    },
    /// It was not asked, for a reason on our side: the outcome stays unknown as well, and nothing is said of the provider.
    NotMade {
        reason: String,
    },
}

/// What is done about an unknown outcome that nobody can be asked about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Policy {
    /// It is sent again with the same delivery id, until an answer is seen or the horizon has passed: perhaps several times.
    #[default]
    AtLeastOnce,
    /// It is not sent again: perhaps not at all, never twice.
    AtMostOnce,
}

/// An earlier attempt whose outcome nobody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    pub attempt: u32,
    /// What the provider called it, if it got that far.
    pub provider_ref: Option<String>,
}

/// What is recorded of an attempt, and what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Succeeded {
        provider_id: Option<String>,
    },
    Retrying {
        reason: String,
        next_attempt_at: Timestamp,
    },
    Failed {
        reason: String,
    },
    /// `next_attempt_at` is when the provider is asked, or the notification sent again; `None`: neither will be done.
    Unknown {
        reason: String,
        provider_ref: Option<String>,
        next_attempt_at: Option<Timestamp>,
    },
}

impl Attempt {
    /// Why it did not succeed; empty when it did.
    pub fn reason(&self) -> &str {
        match self {
            Self::Delivered { .. } => "",
            Self::Transient { reason, .. }
            | Self::Down { reason, .. }
            | Self::NotMade { reason }
            | Self::Permanent { reason }
            | Self::Unsendable { reason }
            | Self::Unknown { reason, .. } => reason,
        }
    }
}
