//! A namespace that has entities and no messages.

use super::super::{Namespace, QueueView, Refusal, SubscriptionView, TopicView, Usage};
use crate::config::{QueueConfig, RuleConfig, SubscriptionConfig, TopicConfig};
use std::sync::{Mutex, MutexGuard};

#[derive(Debug, Default)]
pub(super) struct Fake {
    pub(super) usage: Usage,
    entities: Mutex<(Vec<QueueConfig>, Vec<TopicConfig>)>,
}

type Entities = (Vec<QueueConfig>, Vec<TopicConfig>);

fn same(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
}

impl Fake {
    pub(super) fn new(usage: Usage, queues: Vec<QueueConfig>, topics: Vec<TopicConfig>) -> Self {
        Self { usage, entities: Mutex::new((queues, topics)) }
    }

    fn lock(&self) -> MutexGuard<'_, Entities> {
        self.entities.lock().unwrap()
    }

    fn change<T>(&self, topic: &str, name: &str, change: impl FnOnce(&mut SubscriptionConfig) -> T) -> Result<T, Refusal> {
        let mut entities = self.lock();
        let topic = entities.1.iter_mut().find(|known| same(&known.name, topic));
        let found = topic.and_then(|topic| topic.subscriptions.iter_mut().find(|known| same(&known.name, name)));
        found.map(change).ok_or_else(|| Refusal::NotFound(name.into()))
    }

    fn free(&self, name: &str) -> Result<(), Refusal> {
        let taken = self.queue(name).is_some() || self.topic(name).is_some();
        if taken { Err(Refusal::Exists(name.into())) } else { Ok(()) }
    }
}

impl Namespace for Fake {
    fn queues(&self) -> Vec<QueueView> {
        self.lock().0.iter().map(|config| QueueView { config: config.clone(), usage: self.usage }).collect()
    }

    fn topics(&self) -> Vec<TopicView> {
        self.lock().1.iter().map(|config| TopicView { config: config.clone(), usage: self.usage }).collect()
    }

    fn subscriptions(&self, topic: &str) -> Option<Vec<SubscriptionView>> {
        let topic = self.topic(topic)?.config;
        let view = |config: &SubscriptionConfig| SubscriptionView { topic: topic.name.clone(), config: config.clone(), usage: self.usage };
        Some(topic.subscriptions.iter().map(view).collect())
    }

    fn queue(&self, name: &str) -> Option<QueueView> {
        self.queues().into_iter().find(|view| same(&view.config.name, name))
    }

    fn topic(&self, name: &str) -> Option<TopicView> {
        self.topics().into_iter().find(|view| same(&view.config.name, name))
    }

    fn subscription(&self, topic: &str, name: &str) -> Option<SubscriptionView> {
        self.subscriptions(topic)?.into_iter().find(|view| same(&view.config.name, name))
    }

    fn create_queue(&self, queue: QueueConfig) -> Result<(), Refusal> {
        self.free(&queue.name)?;
        self.lock().0.push(queue);
        Ok(())
    }

    fn create_topic(&self, topic: TopicConfig) -> Result<(), Refusal> {
        self.free(&topic.name)?;
        self.lock().1.push(topic);
        Ok(())
    }

    fn create_subscription(&self, topic: &str, mut subscription: SubscriptionConfig) -> Result<(), Refusal> {
        if subscription.rules.is_empty() {
            subscription.rules.push(RuleConfig::default_rule());
        }
        if self.subscription(topic, &subscription.name).is_some() {
            return Err(Refusal::Exists(subscription.name));
        }
        let mut entities = self.lock();
        let topic = entities.1.iter_mut().find(|known| same(&known.name, topic)).ok_or(Refusal::NotFound(topic.into()))?;
        topic.subscriptions.push(subscription);
        Ok(())
    }

    fn update_queue(&self, queue: QueueConfig) -> Result<(), Refusal> {
        let mut entities = self.lock();
        let old = entities.0.iter_mut().find(|known| same(&known.name, &queue.name)).ok_or(Refusal::NotFound(queue.name.clone()))?;
        old.properties = queue.properties;
        Ok(())
    }

    fn update_topic(&self, topic: TopicConfig) -> Result<(), Refusal> {
        let mut entities = self.lock();
        let old = entities.1.iter_mut().find(|known| same(&known.name, &topic.name)).ok_or(Refusal::NotFound(topic.name.clone()))?;
        old.properties = topic.properties;
        Ok(())
    }

    fn update_subscription(&self, topic: &str, subscription: SubscriptionConfig) -> Result<(), Refusal> {
        self.change(topic, &subscription.name, |old| old.properties = subscription.properties.clone())
    }

    fn delete(&self, path: &str) -> bool {
        let (queues, topics) = &mut *self.lock();
        let before = queues.len() + topics.len() + topics.iter().map(|topic| topic.subscriptions.len()).sum::<usize>();
        queues.retain(|queue| !same(&queue.name, path));
        topics.retain(|topic| !same(&topic.name, path));
        for topic in &mut *topics {
            let name = topic.name.clone();
            topic.subscriptions.retain(|subscription| !same(&format!("{name}/Subscriptions/{}", subscription.name), path));
        }
        before > queues.len() + topics.len() + topics.iter().map(|topic| topic.subscriptions.len()).sum::<usize>()
    }

    fn rules(&self, topic: &str, subscription: &str) -> Option<Vec<RuleConfig>> {
        self.subscription(topic, subscription).map(|view| view.config.rules)
    }

    fn create_rule(&self, topic: &str, subscription: &str, rule: RuleConfig) -> Result<(), Refusal> {
        self.change(topic, subscription, |subscription| {
            if subscription.rules.iter().any(|known| same(&known.name, &rule.name)) {
                return Err(Refusal::Exists(rule.name));
            }
            subscription.rules.push(rule);
            Ok(())
        })?
    }

    fn update_rule(&self, topic: &str, subscription: &str, rule: RuleConfig) -> Result<(), Refusal> {
        self.change(topic, subscription, |subscription| {
            let old = subscription.rules.iter_mut().find(|known| same(&known.name, &rule.name));
            let old = old.ok_or(Refusal::NotFound(rule.name.clone()))?;
            *old = rule;
            Ok(())
        })?
    }

    fn delete_rule(&self, topic: &str, subscription: &str, name: &str) -> bool {
        self.change(topic, subscription, |subscription| {
            let before = subscription.rules.len();
            subscription.rules.retain(|known| !same(&known.name, name));
            before > subscription.rules.len()
        })
        .unwrap_or(false)
    }
}
