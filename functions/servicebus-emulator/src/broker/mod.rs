//! Entities and messages. Knows AMQP's values and sections, and nothing of connections.

mod address;
mod admin;
mod alarms;
mod changes;
mod draft;
mod duplicates;
mod entry;
mod keep;
mod mailbox;
mod queue;
mod receive;
mod refusal;
mod sessions;
mod state;
mod topic;

use crate::{
    amqp::{Value, lookup},
    clock::Clock,
    config::Config,
};
use alarms::Alarms;
use entry::{SCHEDULED_TIME, disown};
use keep::Keeper;
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, atomic::Ordering},
};
use uuid::Uuid;

pub(crate) use address::{Address, Part};
pub(crate) use draft::{from_amqp, to_amqp};
pub(crate) use entry::{Delivery, Message};
pub(crate) use mailbox::{Event, Mailbox, Waiter};
pub(crate) use queue::{Load, Queue};
pub(crate) use receive::{Mode, Settlement};
use refusal::FULL;
pub(crate) use refusal::Refusal;
pub(crate) use sessions::Held;
pub(crate) use topic::{Subscription, Topic};

/// How often a message may be forwarded before it is dead-lettered.
const HOPS: u32 = 4;

#[derive(Debug, Clone)]
pub(crate) enum Node {
    Queue(Arc<Queue>),
    Topic(Arc<Topic>),
}

#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) clock: Arc<dyn Clock>,
    alarms: Alarms,
    keeper: Keeper,
    /// By name in lower case.
    nodes: RwLock<BTreeMap<String, Node>>,
}

impl Broker {
    pub(crate) fn new(config: Config, clock: Arc<dyn Clock>) -> Self {
        let broker = Self { clock, alarms: Alarms::default(), keeper: Keeper::default(), nodes: RwLock::default() };
        for queue in config.queues {
            broker.add_queue(queue);
        }
        for topic in config.topics {
            broker.add_topic(topic);
        }
        broker
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now()
    }

    /// Lets time do its work, for ever.
    pub(crate) async fn run(&self) {
        self.alarms.run(self).await;
    }

    /// A queue, a topic, or a subscription's queue.
    pub(crate) fn find(&self, address: &Address) -> Result<Node, Refusal> {
        let not_found = || Refusal::NotFound(address.path.clone());
        let subscription = || self.subscription(address).map(|found| Node::Queue(found.queue.clone()));
        let node = self.node(&address.path).or_else(subscription);
        match (node.ok_or_else(not_found)?, address.part) {
            (node, Part::Main) => Ok(node),
            (Node::Queue(queue), Part::DeadLetter) => queue.dead.clone().map(Node::Queue).ok_or_else(not_found),
            (Node::Queue(queue), Part::TransferDeadLetter) => queue.transfer_dead.clone().map(Node::Queue).ok_or_else(not_found),
            (Node::Topic(_), _) => Err(not_found()),
        }
    }

    pub(crate) fn subscription(&self, address: &Address) -> Option<Arc<Subscription>> {
        let (topic, name) = address.path.split_once("/subscriptions/")?;
        match self.node(topic)? {
            Node::Topic(topic) => topic.subscription(name),
            Node::Queue(_) => None,
        }
    }

    fn node(&self, name: &str) -> Option<Node> {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Takes in what a sender sent: at once, or when its annotation says.
    pub(crate) fn publish(&self, node: &Node, message: Message) -> Result<(), Refusal> {
        let now = self.now();
        let asked = lookup(&message.annotations, SCHEDULED_TIME).and_then(Value::as_i64);
        match asked.filter(|at| *at > now) {
            Some(due) => self.schedule(node, message, due).map(drop),
            None => self.accept(node, message, now),
        }
    }

    fn accept(&self, node: &Node, message: Message, now: i64) -> Result<(), Refusal> {
        let message = Self::admitted(message);
        let stage = self.entrance(node, &message)?;
        if stage.is_duplicate(&message, now) {
            return Ok(());
        }
        self.route(node, &Arc::new(message), None, 0);
        Ok(())
    }

    /// Keeps the message until `due`; its sequence number until then.
    pub(crate) fn schedule(&self, node: &Node, message: Message, due: i64) -> Result<i64, Refusal> {
        let message = Self::admitted(message);
        let stage = self.entrance(node, &message)?;
        Ok(stage.with(self, |state, now| state.schedule(Arc::new(message), due, now)))
    }

    pub(crate) fn cancel(&self, node: &Node, sequences: &[i64]) -> Result<(), Refusal> {
        Self::stage(node).cancel(self, sequences)
    }

    fn stage(node: &Node) -> &Arc<Queue> {
        match node {
            Node::Queue(queue) => queue,
            Node::Topic(topic) => &topic.stage,
        }
    }

    /// Bytes of the messages, dead letters included.
    fn size(&self, node: &Node) -> u64 {
        match node {
            Node::Queue(queue) => queue.size(self),
            Node::Topic(topic) => topic.stage.size(self) + topic.subscriptions().iter().map(|found| found.queue.size(self)).sum::<u64>(),
        }
    }

    /// Where the message enters, if it may.
    fn entrance<'a>(&self, node: &'a Node, message: &Message) -> Result<&'a Arc<Queue>, Refusal> {
        let stage = Self::stage(node);
        stage.accessed.store(self.now(), Ordering::Relaxed);
        if stage.with(self, |state, _| state.deleted) {
            return Err(Refusal::NotFound(stage.path.to_string()));
        }
        if self.size(node) >= FULL {
            return Err(Refusal::Full(stage.path.to_string()));
        }
        if matches!(node, Node::Queue(queue) if queue.properties().requires_session) && message.properties().group_id.is_none() {
            let path = &stage.path;
            return Err(Refusal::NotAllowed(format!(
                "The SessionId was not set on a message, and it cannot be sent to the entity '{path}'."
            )));
        }
        Ok(stage)
    }

    /// Clients can't settle what has no message id, so that one is given where the sender gave none.
    fn admitted(mut message: Message) -> Message {
        disown(&mut message);
        if message.properties().message_id.is_none() {
            let mut properties = message.properties().clone();
            properties.message_id = Some(Uuid::new_v4().simple().to_string().into());
            message.set_properties(properties);
        }
        message
    }

    fn route(&self, node: &Node, message: &Arc<Message>, sequence: Option<i64>, hops: u32) {
        match node {
            Node::Queue(queue) => self.enqueue(queue, message.clone(), sequence, hops),
            Node::Topic(topic) => {
                let sequence = sequence.unwrap_or_else(|| topic.stage.with(self, |state, _| state.next_sequence()));
                topic.fan_out(self, message, sequence, hops);
            }
        }
    }

    /// Puts a message into a queue, or where the queue forwards to.
    fn enqueue(&self, queue: &Arc<Queue>, message: Arc<Message>, sequence: Option<i64>, hops: u32) {
        let properties = queue.properties();
        if let Some(target) = &properties.forward_to {
            if hops >= HOPS {
                let description = "The maximum number of allowed hops when forwarding between queues exceeded the limit.";
                let reason = "MaxTransferHopCountExceeded";
                return queue.with(self, |state, now| {
                    let sequence = state.push(message, sequence, now);
                    state.dead_letter(sequence, reason, description, &[]);
                });
            }
            if self.forward(target, &message, hops + 1).is_err() {
                queue.bury_transfer(self, message);
            }
            return;
        }
        let lacks_session = properties.requires_session && message.properties().group_id.is_none();
        queue.with(self, |state, now| {
            let sequence = state.push(message, sequence, now);
            if lacks_session {
                let description = "Session enabled entity doesn't allow a message whose session identifier is null.";
                state.dead_letter(sequence, "Session ID is null.", description, &[]);
            }
        });
    }

    /// To a queue or topic by name.
    fn forward(&self, target: &str, message: &Arc<Message>, hops: u32) -> Result<(), Refusal> {
        let node = self.find(&Address::parse(target))?;
        self.route(&node, message, None, hops);
        Ok(())
    }

    /// A scheduled message's time has come in a topic or in a queue that forwards.
    fn activate(&self, stage: &Arc<Queue>, message: &Arc<Message>, sequence: i64) {
        match self.node(&stage.path.to_lowercase()) {
            Some(node) => self.route(&node, message, Some(sequence), 0),
            None => self.enqueue(stage, message.clone(), Some(sequence), 0),
        }
    }
}
