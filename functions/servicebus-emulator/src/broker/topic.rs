//! A topic: no messages of its own but those that are scheduled; every subscription gets what its rules take.

use super::{Broker, draft::Draft, entry::Message, queue::Queue, refusal::Refusal};
use crate::{
    config::{RuleConfig, SubscriptionConfig, TopicConfig},
    filter::Filter,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    /// Scheduled messages, sequence numbers and duplicate detection.
    pub(crate) stage: Arc<Queue>,
    /// By name in lower case.
    subscriptions: RwLock<BTreeMap<String, Arc<Subscription>>>,
}

#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) name: String,
    pub(crate) queue: Arc<Queue>,
    rules: RwLock<Vec<RuleConfig>>,
}

impl Topic {
    pub(super) fn new(config: TopicConfig, now: i64) -> Arc<Self> {
        let TopicConfig { name, properties, subscriptions } = config;
        let stage = Queue::stage(&name, properties, now);
        let topic = Arc::new(Self { name, stage, subscriptions: RwLock::default() });
        for subscription in subscriptions {
            topic.add(subscription, now);
        }
        topic
    }

    /// False if there is one of this name.
    pub(super) fn add(&self, config: SubscriptionConfig, now: i64) -> bool {
        let SubscriptionConfig { name, properties, mut rules } = config;
        if rules.is_empty() {
            rules.push(RuleConfig::default_rule());
        }
        let queue = Queue::new(&format!("{}/Subscriptions/{name}", self.name), properties, now);
        let mut subscriptions = self.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
        let key = name.to_lowercase();
        if subscriptions.contains_key(&key) {
            return false;
        }
        subscriptions.insert(key, Arc::new(Subscription { name, queue, rules: RwLock::new(rules) }));
        true
    }

    /// `name` in any case.
    pub(crate) fn subscription(&self, name: &str) -> Option<Arc<Subscription>> {
        self.subscriptions.read().unwrap_or_else(PoisonError::into_inner).get(&name.to_lowercase()).cloned()
    }

    pub(crate) fn subscriptions(&self) -> Vec<Arc<Subscription>> {
        self.subscriptions.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(super) fn remove(&self, name: &str) -> Option<Arc<Subscription>> {
        self.subscriptions.write().unwrap_or_else(PoisonError::into_inner).remove(&name.to_lowercase())
    }

    pub(super) fn fan_out(&self, broker: &Broker, message: &Arc<Message>, sequence: i64, hops: u32) {
        for subscription in self.subscriptions() {
            for copy in subscription.copies(message) {
                broker.enqueue(&subscription.queue, copy, Some(sequence), hops);
            }
        }
    }
}

impl Subscription {
    pub(super) fn config(&self) -> SubscriptionConfig {
        SubscriptionConfig { name: self.name.clone(), properties: (*self.queue.properties()).clone(), rules: self.rules() }
    }

    pub(crate) fn rules(&self) -> Vec<RuleConfig> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn add_rule(&self, rule: RuleConfig) -> Result<(), Refusal> {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        if rules.iter().any(|known| known.name.eq_ignore_ascii_case(&rule.name)) {
            return Err(Refusal::AlreadyExists(rule.name));
        }
        rules.push(rule);
        Ok(())
    }

    pub(super) fn update_rule(&self, rule: RuleConfig) -> Result<(), Refusal> {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        match rules.iter_mut().find(|known| known.name.eq_ignore_ascii_case(&rule.name)) {
            Some(known) => *known = rule,
            None => return Err(Refusal::NotFound(rule.name)),
        }
        Ok(())
    }

    pub(crate) fn remove_rule(&self, name: &str) -> Result<(), Refusal> {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        let found = rules.iter().position(|rule| rule.name.eq_ignore_ascii_case(name));
        rules.remove(found.ok_or_else(|| Refusal::NotFound(name.to_owned()))?);
        Ok(())
    }

    /// One copy if a rule without an action takes the message, and one more for each with an action.
    fn copies(&self, message: &Arc<Message>) -> Vec<Arc<Message>> {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        let mut copies = Vec::new();
        let mut plain = false;
        for rule in rules.iter() {
            let matches = rule.filter == Filter::True || rule.filter.matches(&**message);
            match &rule.action {
                _ if !matches => {}
                None => plain = true,
                Some(action) => {
                    let mut draft = Draft::new(message);
                    // An action that fails leaves the message as it is, as the service does.
                    copies.push(match action.apply(&mut draft) {
                        Ok(()) => Arc::new(draft.finish()),
                        Err(_) => message.clone(),
                    });
                }
            }
        }
        if plain {
            copies.push(message.clone());
        }
        copies
    }
}
