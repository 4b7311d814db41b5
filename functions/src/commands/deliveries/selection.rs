//! Which notifications a command is about.

use crate::{
    app::App,
    channels,
    domain::id::{DeliveryId, OrderId},
    store::ledger::{Entry, State, Wanted},
};
use anyhow::{Context, bail};
use clap::Args;
use uuid::Uuid;

/// What `retry` takes where nothing else is said.
pub(super) const GIVEN_UP: &[State] = &[State::Failed, State::Unknown];
/// What `abandon` takes where nothing else is said.
pub(super) const WAITING: &[State] = &[State::Pending, State::Paused];

#[derive(Debug, Default, Args)]
pub struct Selection {
    /// As `list` gives them; without any, all that the filters leave
    ids: Vec<String>,
    /// Those of this order
    #[arg(long, value_name = "ID")]
    order: Option<String>,
    /// Those over this channel: log, file, email or webhook; with :NAME, to this endpoint or address there
    #[arg(long, value_name = "CHANNEL[:NAME]", value_parser = over)]
    channel: Option<Over>,
    /// Those in this state, of: pending, sending, paused, succeeded, failed, unknown, abandoned
    #[arg(long, value_name = "STATE", value_parser = state, value_delimiter = ',')]
    state: Vec<State>,
    /// Those of which nobody knows how an attempt ended, in whatever state
    #[arg(long)]
    in_doubt: bool,
    /// Those whose last reason contains this text, --because among them
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// At most so many, where no ids are named
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// All of them, where neither ids nor filters choose
    #[arg(long)]
    all: bool,
}

/// What was meant, as it was.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) entries: Vec<Entry>,
    /// The ids that were named and are not there.
    pub(super) missing: Vec<DeliveryId>,
    is_filtered: bool,
    /// The limit, where there are more.
    cut_at: Option<u32>,
}

/// A channel, and whom over it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Over {
    channel: String,
    recipient: Option<String>,
}

fn over(text: &str) -> Result<Over, String> {
    let (channel, recipient) = text.split_once(':').map_or((text, None), |(channel, recipient)| (channel, Some(recipient.to_owned())));
    if !channels::KNOWN.contains(&channel) {
        return Err(format!("there are {}", channels::KNOWN.join(", ")));
    }
    Ok(Over { channel: channel.to_owned(), recipient })
}

fn state(text: &str) -> Result<State, String> {
    State::parse(text).ok_or_else(|| format!("there are {}", State::ALL.map(State::as_str).join(", ")))
}

impl Selection {
    pub(super) fn one(id: &str) -> Self {
        Self { ids: vec![id.to_owned()], limit: 1, ..Self::default() }
    }

    /// Whether nothing was said of which ones are meant.
    pub(super) fn is_open(&self) -> bool {
        self.ids.is_empty() && !self.is_filtered() && !self.all
    }

    fn is_filtered(&self) -> bool {
        self.order.is_some() || self.channel.is_some() || !self.state.is_empty() || self.in_doubt || self.reason.is_some()
    }

    /// What is meant, in the `usual` states where neither ids nor states are named.
    ///
    /// # Errors
    /// The first id that is none.
    pub(super) async fn find(&self, app: &App, usual: &[State]) -> anyhow::Result<Found> {
        let wanted = self.wanted(usual)?;
        let mut entries = app.store.deliveries(&wanted).await?;
        let missing = wanted.ids.iter().filter(|id| entries.iter().all(|entry| entry.id != **id)).copied().collect();
        let limit = self.limit as usize;
        let is_cut = self.ids.is_empty() && entries.len() > limit;
        if is_cut {
            entries.truncate(limit);
        }
        Ok(Found { entries, missing, is_filtered: self.is_filtered(), cut_at: is_cut.then_some(self.limit) })
    }

    /// One more than the limit is asked for, to know whether there are more; of ids, all.
    fn wanted(&self, usual: &[State]) -> anyhow::Result<Wanted> {
        let id = |text: &String| Uuid::parse_str(text).with_context(|| format!("{text:?} is no id; `orders deliveries list` gives them"));
        let order = self.order.as_ref().map(id).transpose()?.map(OrderId);
        let ids = self.ids.iter().map(id).map(|id| id.map(DeliveryId)).collect::<Result<Vec<_>, _>>()?;
        let states = if self.ids.is_empty() && self.state.is_empty() { usual.to_vec() } else { self.state.clone() };
        let limit = if ids.is_empty() { self.limit + 1 } else { u32::try_from(ids.len())? };
        let (channel, recipient) = self.channel.clone().map(|over| (over.channel, over.recipient)).unzip();
        let recipient = recipient.flatten();
        Ok(Wanted { ids, order, channel, recipient, states, in_doubt: self.in_doubt, reason: self.reason.clone(), limit })
    }
}

impl Found {
    /// Says what a list or an account of it leaves open.
    ///
    /// # Errors
    /// When an id that was named was not found.
    pub(super) fn complain(&self) -> anyhow::Result<()> {
        if let Some(limit) = self.cut_at {
            tracing::warn!("there are more than these {limit}: raise --limit, or name filters");
        }
        if self.missing.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = self.missing.iter().map(ToString::to_string).collect();
        bail!("there is no delivery {}{}", ids.join(", "), if self.is_filtered { " that the filters leave" } else { "" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_states_hold_where_neither_ids_nor_states_are_named() {
        let states = |selection: Selection| selection.wanted(GIVEN_UP).unwrap().states;
        assert_eq!(states(Selection { all: true, ..Selection::default() }), GIVEN_UP);
        assert_eq!(states(Selection { state: vec![State::Paused], ..Selection::default() }), [State::Paused]);
        assert!(states(Selection::one("01a20e84-231a-7311-b976-c30bdc517d87")).is_empty());
        assert!(Selection::default().is_open() && !Selection::one("x").is_open());
        assert_eq!(Selection { limit: 100, ..Selection::default() }.wanted(&[]).unwrap().limit, 101);
        let wrong = Selection::one("17").wanted(&[]).unwrap_err().to_string();
        assert!(wrong.starts_with("\"17\" is no id"), "{wrong}");
    }

    #[test]
    fn a_channel_is_one_that_there_is_and_may_name_whom() {
        assert_eq!(over("log").unwrap(), Over { channel: "log".into(), recipient: None });
        assert_eq!(over("webhook:erp").unwrap(), Over { channel: "webhook".into(), recipient: Some("erp".into()) });
        assert_eq!(over("pigeon").unwrap_err(), "there are log, file, email, webhook");
    }
}
