use super::{Config, EntityProperties};
use crate::filter::{Filter, Value};
use proptest::prelude::*;
use std::time::Duration;

/// As the sample of Microsoft's emulator has it, with every property.
const SAMPLE: &str = r#"{
  // One namespace.
  "UserConfig": {"Namespaces": [{"Name": "sbemulatorns",
    "Queues": [{"Name": "q1", /* all of them */ "Properties": {"LockDuration": "PT5S", "MaxDeliveryCount": 7, "DefaultMessageTimeToLive": "PT5M",
      "DeadLetteringOnMessageExpiration": true, "RequiresSession": true, "RequiresDuplicateDetection": true,
      "DuplicateDetectionHistoryTimeWindow": "PT1M", "ForwardTo": "", "ForwardDeadLetteredMessagesTo": "T1"}}, {"Name": "q2"}],
    "Topics": [{"Name": "t1", "Properties": {"DefaultMessageTimeToLive": "PT1H"}, "Subscriptions": [{"Name": "s1", "Properties": {"ForwardTo": "q2"},
      "Rules": [
        {"Name": "r1", "Properties": {"FilterType": "Correlation", "CorrelationFilter": {
          "ContentType": "application/json", "Label": "l", "Properties": {"text": "// no comment", "whole": 1, "part": 1.5, "flag": true}}}},
        {"Name": "r2", "Properties": {"FilterType": "Sql", "SqlFilter": {"SqlExpression": "sys.MessageId = '1'"},
          "Action": {"SqlExpression": "SET sys.To = 'x'"}}}]}]}]}],
  "Logging": {"Type": "File,Console"}}
}"#;

#[test]
fn the_sample_of_microsofts_emulator_is_read() {
    let config = Config::parse(SAMPLE).unwrap();
    let q1 = EntityProperties {
        lock_duration: Duration::from_secs(5),
        max_delivery_count: 7,
        default_message_time_to_live: Duration::from_mins(5),
        dead_lettering_on_message_expiration: true,
        requires_session: true,
        requires_duplicate_detection: true,
        duplicate_detection_history_time_window: Duration::from_mins(1),
        forward_to: None,
        forward_dead_lettered_messages_to: Some("T1".into()),
    };
    assert_eq!((config.namespace.as_str(), config.queues[0].name.as_str(), &config.queues[0].properties), ("sbemulatorns", "q1", &q1));
    let subscription = &config.topics[0].subscriptions[0];
    assert_eq!((config.topics[0].name.as_str(), subscription.name.as_str()), ("t1", "s1"));
    assert_eq!(subscription.properties.forward_to.as_deref(), Some("q2"));
    let Filter::Correlation(filter) = &subscription.rules[0].filter else { panic!("{:?}", subscription.rules[0]) };
    assert_eq!(filter.system().collect::<Vec<_>>(), [("ContentType", "application/json"), ("Label", "l")]);
    let wanted =
        [("flag", Value::Bool(true)), ("part", Value::Float(1.5)), ("text", Value::Text("// no comment".into())), ("whole", Value::Int(1))];
    assert_eq!(filter.properties, wanted.map(|(name, value)| (name.to_owned(), value)));
    let Filter::Sql(filter) = &subscription.rules[1].filter else { panic!("{:?}", subscription.rules[1]) };
    assert_eq!(filter.expression(), "sys.MessageId = '1'");
    assert_eq!(subscription.rules[1].action.as_ref().unwrap().expression(), "SET sys.To = 'x'");
}

#[test]
fn what_is_not_said_has_the_documented_defaults() {
    let config = Config::parse(SAMPLE).unwrap();
    let defaults = EntityProperties {
        lock_duration: Duration::from_mins(1),
        max_delivery_count: 3,
        default_message_time_to_live: Duration::from_hours(1),
        dead_lettering_on_message_expiration: false,
        requires_session: false,
        requires_duplicate_detection: false,
        duplicate_detection_history_time_window: Duration::from_secs(20),
        forward_to: None,
        forward_dead_lettered_messages_to: None,
    };
    assert_eq!(config.queues[1].properties, defaults);
    assert_eq!(config.topics[0].properties, defaults);
}

#[test]
fn a_namespace_may_be_without_queues_without_topics_or_without_both() {
    let queues = r#", "Queues": [{"Name": "q"}]"#;
    let topics = r#", "Topics": [{"Name": "t", "Subscriptions": [{"Name": "s"}]}]"#;
    for (lists, counts) in [
        (topics.to_owned(), (0, 1)),
        (queues.to_owned(), (1, 0)),
        (String::new(), (0, 0)),
        (format!(r#"{topics}, "Queues": null"#), (0, 1)),
        (format!(r#"{queues}, "Topics": []"#), (1, 0)),
    ] {
        let namespace = format!(r#"{{"Name": "sbemulatorns"{lists}}}"#);
        let config =
            Config::parse(&format!(r#"{{"UserConfig": {{"Namespaces": [{namespace}], "Logging": {{"Type": "File"}}}}}}"#)).unwrap();
        assert_eq!((config.queues.len(), config.topics.len()), counts, "{lists}");
    }
}

#[test]
fn what_is_not_known_has_no_effect() {
    let namespace = r#"{"Name": "sbemulatorns", "Properties": {"MaxAllowedConnections": 100},
        "Queues": [{"Name": "q", "Properties": {"MaxSizeInMegabytes": 256, "LockDuration": null}}]}"#;
    let config = Config::parse(&format!(r#"{{"UserConfig": {{"Namespaces": [{namespace}], "Logging": {{"Type": "File"}}}}}}"#)).unwrap();
    assert_eq!((config.queues.len(), config.topics.len()), (1, 0));
    assert_eq!(config.queues[0].properties.lock_duration, Duration::from_mins(1));
}

#[test]
fn without_a_file_there_is_the_topic_of_this_project() {
    let config = Config::default();
    assert_eq!((config.namespace.as_str(), config.queues.len(), config.topics.len()), ("sbemulatorns", 0, 1));
    let notify = &config.topics[0].subscriptions[0];
    assert_eq!((config.topics[0].name.as_str(), notify.name.as_str(), notify.properties.max_delivery_count), ("orders", "notify", 10));
    assert_eq!(notify.properties.lock_duration, Duration::from_mins(1));
    assert_eq!(notify.properties.default_message_time_to_live, Duration::from_hours(1));
}

/// The complaint after one change to the sample.
fn complaint(from: &str, to: &str) -> String {
    assert!(SAMPLE.contains(from), "{from} is not in the sample");
    Config::parse(&SAMPLE.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn a_value_beyond_its_limits_is_named_by_its_path() {
    const QUEUE: &str = "UserConfig.Namespaces[0].Queues[0].Properties";
    assert_eq!(complaint("\"PT5S\"", "\"PT4S\""), format!("{QUEUE}.LockDuration: must be a duration from PT5S to PT5M, not PT4S"));
    assert_eq!(
        complaint("\"PT5S\"", "\"5 s\""),
        format!(
            "{QUEUE}.LockDuration: must be an ISO 8601 duration of days, hours, minutes and seconds, as in PT1M or P1DT12H, not \"5 s\""
        )
    );
    assert_eq!(
        complaint("\"PT5M\"", "\"P1D\""),
        format!("{QUEUE}.DefaultMessageTimeToLive: must be a duration from PT5M to PT1H, not P1D")
    );
    assert_eq!(
        complaint("\"PT1M\"", "\"PT1S\""),
        format!("{QUEUE}.DuplicateDetectionHistoryTimeWindow: must be a duration from PT5S to PT5M, not PT1S")
    );
    assert_eq!(
        complaint("\"MaxDeliveryCount\": 7", "\"MaxDeliveryCount\": 11"),
        format!("{QUEUE}.MaxDeliveryCount: must be a whole number from 1 to 10, not 11")
    );
    assert_eq!(
        complaint("\"MaxDeliveryCount\": 7", "\"MaxDeliveryCount\": \"7\""),
        format!("{QUEUE}.MaxDeliveryCount: must be a whole number from 1 to 10, not \"7\"")
    );
    assert_eq!(
        complaint("\"RequiresSession\": true", "\"RequiresSession\": 1"),
        format!("{QUEUE}.RequiresSession: must be true or false, not a number")
    );
    assert_eq!(
        complaint("\"T1\"", "\"nowhere\""),
        format!("{QUEUE}.ForwardDeadLetteredMessagesTo: is \"nowhere\", which is no queue or topic here")
    );
    assert_eq!(complaint("\"T1\"", "\"Q1\""), format!("{QUEUE}.ForwardDeadLetteredMessagesTo: names the entity itself"));
}

#[test]
fn what_is_missing_or_of_another_kind_is_named_by_its_path() {
    assert_eq!(Config::parse("[]").unwrap_err().to_string(), "the whole file: must be an object, not an array");
    assert_eq!(Config::parse("{}").unwrap_err().to_string(), "UserConfig: is missing");
    assert_eq!(complaint("\"Type\"", "\"Kind\""), "UserConfig.Logging.Type: is missing");
    assert_eq!(complaint("File,Console", "File,Syslog"), "UserConfig.Logging.Type: must be File, Console or File,Console");
    assert_eq!(complaint("\"Namespaces\"", "\"Spaces\""), "UserConfig.Namespaces: is missing");
    assert_eq!(complaint("\"sbemulatorns\"", "\"mine\""), "UserConfig.Namespaces[0].Name: must be sbemulatorns, not \"mine\"");
    assert_eq!(complaint("\"Queues\": [", "\"Queues\": 1, \"Old\": ["), "UserConfig.Namespaces[0].Queues: must be an array, not a number");
    assert_eq!(complaint("\"Subscriptions\"", "\"Readers\""), "UserConfig.Namespaces[0].Topics[0].Subscriptions: is missing");
    let empty = r#"{"UserConfig": {"Namespaces": [], "Logging": {"Type": "File"}}}"#;
    assert_eq!(Config::parse(empty).unwrap_err().to_string(), "UserConfig.Namespaces: must have exactly one namespace, not 0");
    let named = complaint("{\"Name\": \"q2\"}", "{\"Name\": \"-q\"}");
    assert!(named.starts_with("UserConfig.Namespaces[0].Queues[1].Name: must be a name of at most 260 letters"), "{named}");
    assert_eq!(
        complaint("{\"Name\": \"q2\"}", "{\"Name\": \"Q1\"}"),
        "UserConfig.Namespaces[0].Queues[1].Name: is \"Q1\", which is taken already"
    );
    assert_eq!(complaint("\"t1\"", "\"Q2\""), "UserConfig.Namespaces[0].Topics[0].Name: is \"Q2\", which is taken already");
}

#[test]
fn a_rule_that_would_not_work_is_named_by_its_path() {
    const RULES: &str = "UserConfig.Namespaces[0].Topics[0].Subscriptions[0].Rules";
    assert_eq!(
        complaint("\"Correlation\"", "\"Exact\""),
        format!("{RULES}[0].Properties.FilterType: must be Correlation or Sql, not \"Exact\"")
    );
    assert_eq!(
        complaint("\"Label\": \"l\"", "\"Lable\": \"l\""),
        format!("{RULES}[0].Properties.CorrelationFilter.Lable: is no property that a correlation filter can ask for")
    );
    assert_eq!(
        complaint("\"whole\": 1", "\"whole\": [1]"),
        format!("{RULES}[0].Properties.CorrelationFilter.Properties.whole: must be a string, a number or a boolean")
    );
    assert_eq!(
        complaint("sys.MessageId = '1'", "sys.MessageId ="),
        format!("{RULES}[1].Properties.SqlFilter.SqlExpression: character 16: a value is missing before the end")
    );
    assert_eq!(
        complaint("SET sys.To", "PUT sys.To"),
        format!("{RULES}[1].Properties.Action.SqlExpression: character 1: SET or REMOVE is missing before PUT")
    );
    assert_eq!(complaint("\"r2\"", "\"R1\""), format!("{RULES}[1].Name: is \"R1\", which is taken already"));
}

#[test]
fn too_many_entities_are_refused() {
    let queues: Vec<String> = (0..50).map(|number| format!("{{\"Name\": \"n{number}\"}}")).collect();
    let message = complaint("{\"Name\": \"q2\"}", &format!("{{\"Name\": \"q2\"}}, {}", queues.join(",")));
    assert_eq!(message, "UserConfig.Namespaces[0]: may have 50 queues and topics, not 53");
    assert_eq!(
        complaint("\"Subscriptions\": [", "\"Subscriptions\": [], \"Old\": ["),
        "UserConfig.Namespaces[0].Topics[0].Subscriptions: must be 1 to 50 subscriptions, not 0"
    );
}

#[test]
fn a_syntax_error_is_named_by_line_and_column() {
    let error = Config::parse("{\n  \"UserConfig\": {,}\n}").unwrap_err();
    assert_eq!(error.place, "line 2, column 18");
    let comment = Config::parse("{} /* never closed").unwrap_err();
    assert_eq!(comment.place, "line 1, column 4");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text: String, cut in 0..SAMPLE.len()) {
        let _ = Config::parse(&text);
        if let Some(start) = SAMPLE.get(..cut) {
            prop_assert!(Config::parse(start).is_err());
        }
    }
}

#[test]
fn a_file_that_is_nested_without_end_is_refused() {
    let error = Config::parse(&"[".repeat(100_000)).unwrap_err();
    assert!(error.place.starts_with("line 1, column "), "{error}");
}
