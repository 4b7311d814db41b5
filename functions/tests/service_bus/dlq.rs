//! `orders dlq`: the operator finds what was put aside, and brings it back or removes it.

use super::{Broker, PATIENCE, receive};
use crate::support::{Service, client::order};
use orders::bus::{Bus, Message, Settlement, Subscription};
use serde_json::Value;
use servicebus_emulator::config::EntityProperties;
use std::{
    process::{Command, Output},
    time::Duration,
};

struct Operator {
    broker: Broker,
    service: Service,
}

impl Operator {
    /// Three messages in the dead-letter queue: one of an event that is in the database, one of an event that is not, and
    /// one that Notify rejected; and a rejected message that the broker does not have.
    async fn start() -> (Self, String) {
        Self::with(Duration::from_mins(1), 0).await
    }

    /// With so many copies of the first put aside as well.
    async fn with(lock_duration: Duration, copies: usize) -> (Self, String) {
        let properties = EntityProperties { lock_duration, ..EntityProperties::default() };
        let (broker, service) = (Broker::with(properties, |options| options).await, Service::start().await);
        let id = service.place().await;
        let known = service.app.store.claim_events(1, service.app.now(), PATIENCE).await.unwrap().remove(0).event;
        let message = Message::of(&known).unwrap();
        let other = Message {
            body: String::from_utf8(message.body.clone()).unwrap().replace(&id, &message.id.to_string()).into(),
            ..message.clone()
        };
        let garbage = Message { id: service.app.event_id(), body: b"garbage".into(), ..message.clone() };
        let client = broker.client();
        let (sender, receiver) = (client.sender(), client.receiver());
        let again = vec![message.clone(); copies];
        super::publish_all(&sender, [vec![message, other, garbage], again].concat()).await;
        let reasons = ["MaxDeliveryCountExceeded", "unknown event", "not an event"];
        for reason in reasons.into_iter().chain(std::iter::repeat_n("again", copies)) {
            let delivered = receive(&receiver).await;
            if reason == "not an event" {
                let id = delivered.message.id.as_deref();
                orders::work::notify::take(&service.app, &delivered.message.body, id, delivered.delivery_count).await.unwrap();
            }
            receiver.settle(delivered, Settlement::DeadLetter { reason: reason.into(), description: String::new() }).await.unwrap();
        }
        sender.close(PATIENCE).await;
        client.close().await;
        orders::work::notify::take(&service.app, b"{}", Some("lost"), 1).await.unwrap();
        (Self { broker, service }, id)
    }

    /// Runs the command as a process of its own, while the broker goes on.
    async fn dlq(&self, arguments: &[&str]) -> Output {
        let database = format!("sqlite:{}", self.service.folder.path().join("orders.sqlite").display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
        command.arg("dlq").args(arguments).env_clear();
        command.env("ORDERS_DATABASE", database).env("ServiceBus", self.broker.emulator.connection_string());
        command.env("NOTIFY_CHANNELS", "file").env("NOTIFY_FILE", self.service.folder.path().join("told.jsonl"));
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    async fn said(&self, arguments: &[&str]) -> String {
        let output = self.dlq(arguments).await;
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Of a command that leaves something where it is.
    async fn said_leaving_some(&self, arguments: &[&str]) -> String {
        let output = self.dlq(arguments).await;
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && complaint.contains("stay where they are"), "{arguments:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    async fn listed(&self) -> Vec<Value> {
        self.said(&["list", "--json"]).await.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn dead_letters(&self) -> u64 {
        self.broker.emulator.counts(super::SUBSCRIPTION).unwrap().dead_letter
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_put_aside_is_one_list_wherever_it_lies() {
    let (operator, _) = Operator::start().await;
    let listed = operator.listed().await;
    let reasons: Vec<&str> = listed.iter().map(|item| item["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons.len(), 4, "{listed:?}");
    for reason in ["MaxDeliveryCountExceeded", "unknown event", "not an event"] {
        assert!(reasons.contains(&reason), "{reasons:?}");
    }
    let table = operator.said(&["list", "--reason", "Max"]).await;
    assert_eq!(table.lines().count(), 2, "{table}");
    let garbage = listed.iter().find(|item| item["reason"] == "not an event").unwrap();
    let shown: Value = serde_json::from_str(&operator.said(&["show", garbage["id"].as_str().unwrap()]).await).unwrap();
    assert_eq!(shown["body"], "garbage");
    assert_eq!(operator.dead_letters(), 3, "nothing was taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_bus_the_list_says_that_the_brokers_letters_are_left_out() {
    let service = Service::start().await;
    orders::work::notify::take(&service.app, b"{}", Some("lost"), 1).await.unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
    command.args(["dlq", "list", "--json"]).env_clear();
    command.env("ORDERS_DATABASE", format!("sqlite:{}", service.folder.path().join("orders.sqlite").display()));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let warned = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && warned.contains("dead-letter queue is left out") && !warned.contains("outbox"), "{warned}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_hands_to_notify_what_can_be_understood_and_leaves_the_rest() {
    let (operator, id) = Operator::start().await;
    let rehearsed = operator.said(&["replay", "--all", "--dry-run"]).await;
    assert!(rehearsed.contains("4 in all; nothing was done"), "{rehearsed}");
    assert_eq!(operator.dead_letters(), 3);

    let said = operator.said_leaving_some(&["replay", "--all"]).await;
    assert!(said.contains("1 of 4 done") && said.contains("never written here"), "{said}");
    assert_eq!(operator.dead_letters(), 2);
    let told = std::fs::read_to_string(operator.service.folder.path().join("told.jsonl")).unwrap();
    assert_eq!((told.lines().count(), told.contains(&id)), (1, true), "{told}");
    assert!(operator.service.timeline(&id).await.contains(&"delivery.succeeded".to_owned()));

    let again = operator.said_leaving_some(&["replay", "--all", "--rate", "1000"]).await;
    assert!(again.contains("0 of 3 done"), "{again}");
    assert_eq!(operator.listed().await.len(), 3, "what is not understood is not rejected once more");
    assert_eq!(operator.broker.waiting(), 0, "nothing was sent to the topic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_removes_what_was_chosen_from_both_places_and_nothing_else() {
    let (operator, _) = Operator::start().await;
    for arguments in [&["purge"][..], &["replay", "--rate", "1"]] {
        let refused = operator.dlq(arguments).await;
        assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("say which messages"), "{refused:?}");
    }
    assert!(!operator.dlq(&["purge", "17"]).await.status.success());
    let said = operator.said(&["purge", "--reason", "an event"]).await;
    assert!(said.contains("2 of 2 removed"), "{said}");
    let left: Vec<Value> = operator.listed().await;
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(operator.dead_letters(), 2);
    // A placed order is untouched by all this.
    assert_eq!(operator.service.post("/api/orders", &[], &order()).await.status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_takes_longer_than_a_lock_is_done_at_its_first_run() {
    let (operator, _) = Operator::with(Duration::from_secs(1), 6).await;
    let said = operator.said(&["replay", "--reason", "again", "--rate", "2"]).await;
    assert!(said.contains("6 of 6 done"), "{said}");
    assert_eq!(operator.dead_letters(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_that_are_large_together_are_listed_and_purged() {
    let (operator, _) = Operator::start().await;
    let client = operator.broker.client();
    let (sender, receiver) = (client.sender(), client.receiver());
    super::publish_all(&sender, (1000..1100).map(|number| super::sized(number, 3000)).collect()).await;
    for _ in 0..100 {
        let delivered = receive(&receiver).await;
        receiver.settle(delivered, Settlement::DeadLetter { reason: "large".into(), description: String::new() }).await.unwrap();
    }
    receiver.close(PATIENCE).await;
    client.close().await;
    assert_eq!(operator.listed().await.len(), 104);
    operator.broker.emulator.faults().announce_limit(262_144);
    assert_eq!(operator.listed().await.len(), 104, "and where the broker announces a limit");
    let said = operator.said(&["purge", "--reason", "large"]).await;
    assert!(said.contains("100 of 100 removed"), "{said}");
    assert_eq!(operator.dead_letters(), 3);
}
