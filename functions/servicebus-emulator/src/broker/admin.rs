//! The entities as they are administered.

use super::{Address, Broker, Load, Node, Queue, Subscription, Topic};
use crate::{
    admin::{Counts, Namespace, QueueView, Refusal, SubscriptionView, TopicView, Usage},
    config::{QueueConfig, RuleConfig, SubscriptionConfig, TopicConfig},
};
use std::{
    collections::btree_map::Entry,
    sync::{Arc, PoisonError, atomic::Ordering},
};

impl Namespace for Broker {
    fn queues(&self) -> Vec<QueueView> {
        self.nodes().iter().filter_map(|node| self.queue_view(node)).collect()
    }

    fn topics(&self) -> Vec<TopicView> {
        self.nodes().iter().filter_map(|node| self.topic_view(node)).collect()
    }

    fn subscriptions(&self, topic: &str) -> Option<Vec<SubscriptionView>> {
        let topic = self.topic_named(topic)?;
        Some(topic.subscriptions().iter().map(|subscription| self.subscription_view(&topic, subscription)).collect())
    }

    fn queue(&self, name: &str) -> Option<QueueView> {
        self.queue_view(&self.node(&name.to_lowercase())?)
    }

    fn topic(&self, name: &str) -> Option<TopicView> {
        self.topic_view(&self.node(&name.to_lowercase())?)
    }

    fn subscription(&self, topic: &str, name: &str) -> Option<SubscriptionView> {
        let topic = self.topic_named(topic)?;
        let subscription = topic.subscription(name)?;
        Some(self.subscription_view(&topic, &subscription))
    }

    fn create_queue(&self, queue: QueueConfig) -> Result<(), Refusal> {
        let name = queue.name.clone();
        if self.add_queue(queue) { Ok(()) } else { Err(Refusal::Exists(name)) }
    }

    fn create_topic(&self, topic: TopicConfig) -> Result<(), Refusal> {
        let name = topic.name.clone();
        if self.add_topic(topic) { Ok(()) } else { Err(Refusal::Exists(name)) }
    }

    fn create_subscription(&self, topic: &str, subscription: SubscriptionConfig) -> Result<(), Refusal> {
        let name = subscription.name.clone();
        let found = self.topic_named(topic).ok_or_else(|| Refusal::NotFound(topic.to_owned()))?;
        if !found.add(subscription, self.now()) {
            return Err(Refusal::Exists(name));
        }
        self.watch_new();
        Ok(())
    }

    fn update_queue(&self, queue: QueueConfig) -> Result<(), Refusal> {
        match self.node(&queue.name.to_lowercase()) {
            Some(Node::Queue(found)) => found.update(self, queue.properties),
            _ => return Err(Refusal::NotFound(queue.name)),
        }
        Ok(())
    }

    fn update_topic(&self, topic: TopicConfig) -> Result<(), Refusal> {
        let found = self.topic_named(&topic.name).ok_or(Refusal::NotFound(topic.name))?;
        found.stage.update(self, topic.properties);
        Ok(())
    }

    fn update_subscription(&self, topic: &str, subscription: SubscriptionConfig) -> Result<(), Refusal> {
        let found = self.subscription_named(topic, &subscription.name)?;
        found.queue.update(self, subscription.properties);
        Ok(())
    }

    fn delete(&self, path: &str) -> bool {
        self.remove(path)
    }

    fn rules(&self, topic: &str, subscription: &str) -> Option<Vec<RuleConfig>> {
        Some(self.subscription_named(topic, subscription).ok()?.rules())
    }

    fn create_rule(&self, topic: &str, subscription: &str, rule: RuleConfig) -> Result<(), Refusal> {
        let name = rule.name.clone();
        self.subscription_named(topic, subscription)?.add_rule(rule).map_err(|_| Refusal::Exists(name))
    }

    fn update_rule(&self, topic: &str, subscription: &str, rule: RuleConfig) -> Result<(), Refusal> {
        let name = rule.name.clone();
        self.subscription_named(topic, subscription)?.update_rule(rule).map_err(|_| Refusal::NotFound(name))
    }

    fn delete_rule(&self, topic: &str, subscription: &str, name: &str) -> bool {
        self.subscription_named(topic, subscription).is_ok_and(|found| found.remove_rule(name).is_ok())
    }
}

impl Broker {
    pub(crate) fn counts(&self, address: &Address) -> Option<Counts> {
        Some(match self.find(address).ok()? {
            Node::Queue(queue) => self.usage(&queue).counts,
            Node::Topic(topic) => self.usage(&topic.stage).counts,
        })
    }

    fn usage(&self, queue: &Arc<Queue>) -> Usage {
        let Load { active, scheduled, .. } = queue.counts(self);
        let below = |queue: &Option<Arc<Queue>>| queue.as_ref().map_or(0, |queue| queue.counts(self).active);
        let (dead_letter, transfer_dead_letter) = (below(&queue.dead), below(&queue.transfer_dead));
        Usage {
            counts: Counts { active, dead_letter, scheduled, transfer: 0, transfer_dead_letter },
            message_count: active + scheduled + dead_letter + transfer_dead_letter,
            size_bytes: queue.size(self),
            created_at: queue.created,
            updated_at: queue.updated.load(Ordering::Relaxed),
            accessed_at: queue.accessed.load(Ordering::Relaxed),
        }
    }

    /// Every place for messages, those of topics and dead letters too.
    pub(super) fn all_queues(&self) -> Vec<Arc<Queue>> {
        let main = self.nodes().into_iter().flat_map(|node| match node {
            Node::Queue(queue) => vec![queue],
            Node::Topic(topic) => {
                let below = topic.subscriptions().into_iter().map(|subscription| subscription.queue.clone());
                below.chain([topic.stage.clone()]).collect()
            }
        });
        main.flat_map(|queue| queue.family().collect::<Vec<_>>()).collect()
    }

    /// What is made at run time is kept like the rest.
    fn watch_new(&self) {
        if self.is_kept() {
            self.all_queues().iter().for_each(|queue| queue.watch(self));
        }
    }

    fn nodes(&self) -> Vec<Node> {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn topic_named(&self, name: &str) -> Option<Arc<Topic>> {
        match self.node(&name.to_lowercase())? {
            Node::Topic(topic) => Some(topic),
            Node::Queue(_) => None,
        }
    }

    fn subscription_named(&self, topic: &str, name: &str) -> Result<Arc<Subscription>, Refusal> {
        let found = self.topic_named(topic).and_then(|topic| topic.subscription(name));
        found.ok_or_else(|| Refusal::NotFound(format!("{topic}/Subscriptions/{name}")))
    }

    fn queue_view(&self, node: &Node) -> Option<QueueView> {
        let Node::Queue(queue) = node else { return None };
        let config = QueueConfig { name: queue.path.to_string(), properties: (*queue.properties()).clone() };
        Some(QueueView { config, usage: self.usage(queue) })
    }

    fn topic_view(&self, node: &Node) -> Option<TopicView> {
        let Node::Topic(topic) = node else { return None };
        let subscriptions = topic.subscriptions();
        let config = TopicConfig {
            name: topic.name.clone(),
            properties: (*topic.stage.properties()).clone(),
            subscriptions: subscriptions.iter().map(|subscription| subscription.config()).collect(),
        };
        let below: u64 = subscriptions.iter().map(|subscription| subscription.queue.size(self)).sum();
        let own = self.usage(&topic.stage);
        Some(TopicView { config, usage: Usage { size_bytes: own.size_bytes + below, ..own } })
    }

    fn subscription_view(&self, topic: &Topic, subscription: &Subscription) -> SubscriptionView {
        SubscriptionView { topic: topic.name.clone(), config: subscription.config(), usage: self.usage(&subscription.queue) }
    }

    /// False if there is an entity of this name.
    pub(super) fn add_queue(&self, config: QueueConfig) -> bool {
        let queue = Queue::new(&config.name, config.properties, self.now());
        self.add_node(&config.name, Node::Queue(queue))
    }

    pub(super) fn add_topic(&self, config: TopicConfig) -> bool {
        let name = config.name.clone();
        self.add_node(&name, Node::Topic(Topic::new(config, self.now())))
    }

    fn add_node(&self, name: &str, node: Node) -> bool {
        match self.nodes.write().unwrap_or_else(PoisonError::into_inner).entry(name.to_lowercase()) {
            Entry::Vacant(place) => drop(place.insert(node)),
            Entry::Occupied(_) => return false,
        }
        self.watch_new();
        true
    }

    /// Deletes an entity with its messages; its links are detached as soon as they want something. False if there is none.
    fn remove(&self, path: &str) -> bool {
        let address = Address::parse(path);
        if let Some((topic, name)) = address.path.split_once("/subscriptions/")
            && let Some(topic) = self.topic_named(topic)
        {
            let removed = topic.remove(name);
            return removed.inspect(|subscription| subscription.queue.delete(self)).is_some();
        }
        let removed = self.nodes.write().unwrap_or_else(PoisonError::into_inner).remove(&address.path);
        match removed {
            Some(Node::Queue(queue)) => queue.delete(self),
            Some(Node::Topic(topic)) => {
                topic.stage.delete(self);
                for subscription in topic.subscriptions() {
                    subscription.queue.delete(self);
                }
            }
            None => return false,
        }
        true
    }
}
