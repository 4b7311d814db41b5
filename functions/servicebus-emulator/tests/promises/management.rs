//! `$cbs` and `$management`.

use crate::{client::message, support::World};
use servicebus_emulator::amqp::{DeliveryState, Message, Properties, Role, Terminus, Value};

#[tokio::test]
async fn a_token_is_accepted_with_the_one_status_that_all_clients_take() {
    let world = World::start().await;
    let mut client = world.connect().await;
    assert_eq!(client.request("$cbs", "put-token", "token".into()).await.status, 202);
}

#[tokio::test]
async fn an_answer_finds_its_way_by_address_by_name_or_by_session() {
    let world = World::start().await;
    for (target, name, reply_to) in [(Some("here"), "x", Some("here")), (None, "cbs-1", Some("cbs-1")), (Some("$cbs"), "y", None)] {
        let mut client = world.connect().await;
        let source = Some(Terminus::source("$cbs"));
        let (reply, _) =
            client.attach(Role::Receiver, source, target.map(Terminus::target), |attach| attach.name = name.into()).await.unwrap();
        client.credit(reply, 0, 1, false).await;
        let sender = client.sender("$cbs").await;
        let properties = Properties { message_id: Some("id".into()), reply_to: reply_to.map(Into::into), ..Properties::default() };
        client.publish(sender, &Message::of_value(properties, &[("operation".into(), "put-token".into())], &"t".into())).await;
        assert_eq!(client.delivery(reply).await.message().properties().correlation_id, Some("id".into()));
    }
}

#[tokio::test]
async fn peeking_shows_what_there_is_and_locks_nothing() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    for number in 0..5 {
        client.publish(sender, &message(&number.to_string())).await;
    }
    client.receive("q").await;
    let body =
        |from, count| Value::Map(vec![("from-sequence-number".into(), Value::Long(from)), ("message-count".into(), Value::Int(count))]);
    let texts = |answer: &crate::client::Answer| {
        let messages = answer.body.get("messages").unwrap().as_items().unwrap().iter();
        let text = |item: &Value| match item.get("message") {
            Some(Value::Binary(bytes)) => crate::client::body(&Message::decode(bytes).unwrap()),
            other => panic!("{other:?}"),
        };
        messages.map(text).collect::<Vec<_>>()
    };
    let first = client.request("q/$management", "com.microsoft:peek-message", body(1, 2)).await;
    assert_eq!((first.status, texts(&first)), (200, vec!["0".to_owned(), "1".to_owned()]));
    let rest = client.request("q/$management", "com.microsoft:peek-message", body(3, 10)).await;
    assert_eq!(texts(&rest), ["2", "3", "4"]);
    assert_eq!(client.request("q/$management", "com.microsoft:peek-message", body(6, 10)).await.status, 204);
    assert_eq!(client.receive("q").await.text(), "1");
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_told_what_is_wrong() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let unknown = client.request("q/$management", "com.microsoft:make-coffee", Value::Null).await;
    assert_eq!((unknown.status, unknown.condition.as_deref()), (501, Some("amqp:not-implemented")));
    let empty = client.request("q/$management", "com.microsoft:renew-lock", Value::Map(Vec::new())).await;
    assert_eq!((empty.status, empty.condition.as_deref()), (400, Some("com.microsoft:argument-error")));
}

#[tokio::test]
async fn messages_can_be_deleted_by_the_hundred() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    let batch: Vec<_> = (0..150).map(|number| message(&number.to_string())).collect();
    crate::messages::publish_batch(&mut client, sender, &batch).await;
    let body = Value::Map(vec![
        ("message-count".into(), Value::Int(100)),
        ("enqueued-time-utc".into(), Value::Timestamp(world.emulator.clock().now() + 1)),
    ]);
    let answer = client.request("q/$management", "com.microsoft:batch-delete-messages", body).await;
    assert_eq!(answer.body.get("message-count"), Some(&Value::Int(100)));
    assert_eq!(world.emulator.counts("q").unwrap().active, 50);
    assert_eq!(client.publish(sender, &message("on")).await, DeliveryState::Accepted);
}

#[tokio::test]
async fn rules_are_listed_added_and_removed() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let node = "t/Subscriptions/a/$management";
    let name = |name: &str| ("rule-name".into(), name.into());
    let filter = Value::Map(vec![("expression".into(), "sys.Label = 'paid' AND amount > 10".into())]);
    let description = Value::Map(vec![("sql-filter".into(), filter)]);
    let add = Value::Map(vec![name("large"), ("rule-description".into(), description)]);
    assert_eq!(client.request(node, "com.microsoft:add-rule", add.clone()).await.status, 200);
    let twice = client.request(node, "com.microsoft:add-rule", add).await;
    assert_eq!((twice.status, twice.condition.as_deref()), (409, Some("com.microsoft:entity-already-exists")));
    assert_eq!(client.request(node, "com.microsoft:remove-rule", Value::Map(vec![name("$Default")])).await.status, 200);
    assert_eq!(client.request(node, "com.microsoft:remove-rule", Value::Map(vec![name("$Default")])).await.status, 404);
    let page = Value::Map(vec![("skip".into(), Value::Int(0)), ("top".into(), Value::Int(10))]);
    let listed = client.request(node, "com.microsoft:enumerate-rules", page).await;
    let Some([rule]) = listed.body.get("rules").and_then(Value::as_items) else { panic!("{listed:?}") };
    let Some(Value::Described(rule)) = rule.get("rule-description") else { panic!("{rule:?}") };
    let fields = rule.1.as_items().unwrap();
    assert_eq!((&rule.0, &fields[2]), (&Value::Ulong(0x0137_0000_0004), &"large".into()));
    let Value::Described(filter) = &fields[0] else { panic!("{fields:?}") };
    assert_eq!(filter.1.as_items().unwrap()[0], "sys.Label = 'paid' AND amount > 10".into());
    let sender = client.sender("t").await;
    for (label, amount) in [("paid", 11), ("paid", 10), ("open", 11)] {
        let properties = Properties { subject: Some(label.into()), ..Properties::default() };
        client.publish(sender, &Message::of_data(properties, &[("Amount".into(), Value::Int(amount))], b"x")).await;
    }
    assert_eq!(world.emulator.counts("t/Subscriptions/a").unwrap().active, 1);
    assert_eq!(world.emulator.counts("t/Subscriptions/b").unwrap().active, 3);
}

#[tokio::test]
async fn an_action_changes_its_copy_and_no_other() {
    use servicebus_emulator::{
        config::RuleConfig,
        filter::{Action, Filter},
    };
    let world = World::with(|config| {
        let action = Action::parse("SET sys.To = 'x'; SET hint = 1; REMOVE secret").unwrap();
        let changing = RuleConfig { name: "changing".into(), filter: Filter::True, action: Some(action) };
        config.topics[0].subscriptions[0].rules = vec![RuleConfig::default_rule(), changing];
    })
    .await;
    let mut client = world.connect().await;
    let sender = client.sender("t").await;
    client.publish(sender, &Message::of_data(Properties::default(), &[("secret".into(), "s".into())], b"body")).await;
    let link = client.receiver("t/Subscriptions/a").await;
    let copies = client.drain(link, 0, 5).await;
    let seen: Vec<_> = copies.iter().map(|copy| (copy.message().properties().to.clone(), copy.property("secret"), copy.text())).collect();
    assert_eq!(seen, [(Some("x".into()), None, "body".into()), (None, Some("s".into()), "body".into())]);
    assert_eq!(client.receive("t/Subscriptions/b").await.property("secret").as_deref(), Some("s"));
}
