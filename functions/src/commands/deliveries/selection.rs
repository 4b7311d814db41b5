//! Which notifications a command is about.

use crate::{
    domain::id::{DeliveryId, OrderId},
    store::ledger::{State, Wanted},
};
use anyhow::Context;
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
    /// Those over this channel
    #[arg(long)]
    channel: Option<String>,
    /// Those in this state, of: pending, sending, paused, succeeded, failed, unknown, abandoned
    #[arg(long, value_name = "STATE", value_parser = state, value_delimiter = ',')]
    state: Vec<State>,
    /// Those whose last reason contains this text
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// All of them, where neither ids nor filters choose
    #[arg(long)]
    all: bool,
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
        let filtered = self.order.is_some() || self.channel.is_some() || !self.state.is_empty() || self.reason.is_some();
        self.ids.is_empty() && !filtered && !self.all
    }

    /// What is asked of the store; in the `usual` states where neither ids nor states are named.
    ///
    /// # Errors
    /// The first id that is none.
    pub(super) fn wanted(&self, usual: &[State]) -> anyhow::Result<Wanted> {
        let id = |text: &String| Uuid::parse_str(text).with_context(|| format!("{text:?} is no id; `orders deliveries list` gives them"));
        let order = self.order.as_ref().map(id).transpose()?.map(OrderId);
        let ids = self.ids.iter().map(id).map(|id| id.map(DeliveryId)).collect::<Result<Vec<_>, _>>()?;
        let states = if self.ids.is_empty() && self.state.is_empty() { usual.to_vec() } else { self.state.clone() };
        Ok(Wanted { ids, order, channel: self.channel.clone(), states, reason: self.reason.clone(), limit: self.limit })
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
        let wrong = Selection::one("17").wanted(&[]).unwrap_err().to_string();
        assert!(wrong.starts_with("\"17\" is no id"), "{wrong}");
    }
}
