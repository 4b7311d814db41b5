//! `Config.json`: <https://github.com/Azure/azure-service-bus-emulator-installer>, `ServiceBus-Emulator/Schema/Config-schema.json`.

use super::{
    Config, ConfigError, EntityProperties, QueueConfig, SubscriptionConfig, TopicConfig,
    checks::{duration_within, entity_name, limits},
    rules,
    walk::{At, Result},
};
use jsonc_parser::ParseOptions;
use std::{collections::HashSet, ops::RangeInclusive, time::Duration};

/// Microsoft's emulator has one namespace, and it has this name.
pub const NAMESPACE: &str = "sbemulatorns";

const LOOSE: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: false,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_extended_string_escapes: false,
    allow_non_finite_numbers: false,
    allow_unary_plus_numbers: false,
};

impl Config {
    /// # Errors
    /// The first thing that Microsoft's emulator would not accept, and where it stands.
    pub fn parse(json: &str) -> Result<Self> {
        let json = json.trim_start_matches('\u{feff}');
        let value = jsonc_parser::parse_to_serde_value::<serde_json::Value>(json, &LOOSE).map_err(|error| ConfigError {
            place: format!("line {}, column {}", error.line_display(), error.column_display()),
            complaint: error.kind().to_string(),
        })?;
        let root = At::root(&value);
        root.only(&["UserConfig"])?;
        let user = root.required("UserConfig")?;
        user.only(&["Namespaces", "Logging"])?;
        logging(&user)?;
        let namespaces = user.required("Namespaces")?;
        match &namespaces.items()?[..] {
            [namespace] => self::namespace(namespace),
            others => Err(namespaces.wrong(format!("must have exactly one namespace, not {}", others.len()))),
        }
    }
}

/// It has no effect here, but a file without it is refused by Microsoft's emulator.
fn logging(user: &At<'_>) -> Result<()> {
    let kind = user.required("Logging")?.required("Type")?;
    let known = |name: &str| matches!(name.trim(), "File" | "Console");
    if kind.text()?.split(',').all(known) { Ok(()) } else { Err(kind.wrong("must be File, Console or File,Console")) }
}

fn namespace(at: &At<'_>) -> Result<Config> {
    at.only(&["Name", "Queues", "Topics"])?;
    let name = at.required("Name")?;
    if name.text()? != NAMESPACE {
        return Err(name.wrong(format!("must be {NAMESPACE}, not {:?}", name.text()?)));
    }
    // The schema asks for both lists; Microsoft's emulator takes files without one.
    let list = |name| at.get(name)?.map_or(Ok(Vec::new()), |list| list.items());
    let (queues, topics) = (list("Queues")?, list("Topics")?);
    let mut names = HashSet::new();
    let config = Config {
        namespace: NAMESPACE.into(),
        queues: queues.iter().map(|at| queue(at, &mut names)).collect::<Result<_>>()?,
        topics: topics.iter().map(|at| topic(at, &mut names)).collect::<Result<_>>()?,
    };
    let count = config.queues.len() + config.topics.len();
    if count > limits::ENTITIES {
        return Err(at.wrong(format!("may have {} queues and topics, not {count}", limits::ENTITIES)));
    }
    for at in &queues {
        forwards(at, at.required("Name")?.text()?, &names)?;
    }
    for topic in &topics {
        for at in topic.required("Subscriptions")?.items()? {
            forwards(&at, topic.required("Name")?.text()?, &names)?;
        }
    }
    Ok(config)
}

/// A name that no other entity has, whatever its case.
fn name(at: &At<'_>, most: usize, taken: &mut HashSet<String>) -> Result<String> {
    at.only(&["Name", "Properties", "Subscriptions", "Rules"])?;
    let name = at.required("Name")?;
    let text = name.text()?;
    entity_name(text, most).map_err(|complaint| name.wrong(complaint))?;
    if !taken.insert(text.to_lowercase()) {
        return Err(name.wrong(format!("is {text:?}, which is taken already")));
    }
    Ok(text.to_owned())
}

fn queue(at: &At<'_>, names: &mut HashSet<String>) -> Result<QueueConfig> {
    Ok(QueueConfig { name: name(at, limits::ENTITY_NAME, names)?, properties: properties(at, &[QUEUE, DUPLICATES])? })
}

fn topic(at: &At<'_>, names: &mut HashSet<String>) -> Result<TopicConfig> {
    let name = name(at, limits::ENTITY_NAME, names)?;
    let properties = properties(at, &[TOPIC, DUPLICATES])?;
    let subscriptions = at.required("Subscriptions")?;
    let items = subscriptions.items()?;
    if !(1..=limits::SUBSCRIPTIONS).contains(&items.len()) {
        return Err(subscriptions.wrong(format!("must be 1 to {} subscriptions, not {}", limits::SUBSCRIPTIONS, items.len())));
    }
    let mut names = HashSet::new();
    let subscriptions: Vec<_> = items.iter().map(|at| subscription(at, &mut names)).collect::<Result<_>>()?;
    let correlation = subscriptions.iter().flat_map(|subscription| &subscription.rules).filter(|rule| rules::is_correlation(rule)).count();
    if correlation > limits::CORRELATION_RULES {
        return Err(at.wrong(format!("may have {} rules with a correlation filter, not {correlation}", limits::CORRELATION_RULES)));
    }
    Ok(TopicConfig { name, properties, subscriptions })
}

fn subscription(at: &At<'_>, names: &mut HashSet<String>) -> Result<SubscriptionConfig> {
    let name = name(at, limits::PART_NAME, names)?;
    let properties = properties(at, &[QUEUE])?;
    let mut names = HashSet::new();
    let rules = match at.get("Rules")? {
        None => Vec::new(),
        Some(rules) => rules.items()?.iter().map(|at| rule(at, &mut names)).collect::<Result<_>>()?,
    };
    let sql = rules.iter().filter(|rule| !rules::is_correlation(rule)).count();
    if sql > limits::SQL_RULES {
        return Err(at.wrong(format!("may have {} rules with an SQL filter, not {sql}", limits::SQL_RULES)));
    }
    Ok(SubscriptionConfig { name, properties, rules })
}

fn rule(at: &At<'_>, names: &mut HashSet<String>) -> Result<super::RuleConfig> {
    let name = name(at, limits::PART_NAME, names)?;
    rules::rule(name, &at.required("Properties")?)
}

const TOPIC: &[&str] = &["DefaultMessageTimeToLive"];
const DUPLICATES: &[&str] = &["RequiresDuplicateDetection", "DuplicateDetectionHistoryTimeWindow"];
const QUEUE: &[&str] = &[
    "DefaultMessageTimeToLive",
    "LockDuration",
    "MaxDeliveryCount",
    "DeadLetteringOnMessageExpiration",
    "RequiresSession",
    "ForwardTo",
    "ForwardDeadLetteredMessagesTo",
];

fn properties(entity: &At<'_>, known: &[&[&str]]) -> Result<EntityProperties> {
    // What Microsoft's emulator takes where nothing is said.
    let mut properties = EntityProperties { max_delivery_count: 3, ..EntityProperties::default() };
    let Some(at) = entity.get("Properties")? else { return Ok(properties) };
    at.only(&known.concat())?;
    let EntityProperties { lock_duration, default_message_time_to_live, duplicate_detection_history_time_window, .. } = &mut properties;
    duration(&at, "LockDuration", lock_duration, &limits::LOCK)?;
    duration(&at, "DefaultMessageTimeToLive", default_message_time_to_live, &limits::TIME_TO_LIVE)?;
    duration(&at, "DuplicateDetectionHistoryTimeWindow", duplicate_detection_history_time_window, &limits::DUPLICATE_WINDOW)?;
    if let Some(at) = at.get("MaxDeliveryCount")? {
        properties.max_delivery_count = at.whole(*limits::DELIVERIES.start(), *limits::DELIVERIES.end())?;
    }
    boolean(&at, "DeadLetteringOnMessageExpiration", &mut properties.dead_lettering_on_message_expiration)?;
    boolean(&at, "RequiresSession", &mut properties.requires_session)?;
    boolean(&at, "RequiresDuplicateDetection", &mut properties.requires_duplicate_detection)?;
    properties.forward_to = forward(&at, "ForwardTo")?;
    properties.forward_dead_lettered_messages_to = forward(&at, "ForwardDeadLetteredMessagesTo")?;
    Ok(properties)
}

fn duration(at: &At<'_>, name: &str, value: &mut Duration, range: &RangeInclusive<Duration>) -> Result<()> {
    if let Some(at) = at.get(name)? {
        *value = duration_within(at.text()?, range).map_err(|complaint| at.wrong(complaint))?;
    }
    Ok(())
}

fn boolean(at: &At<'_>, name: &str, value: &mut bool) -> Result<()> {
    if let Some(at) = at.get(name)? {
        *value = at.boolean()?;
    }
    Ok(())
}

/// An empty text is none, as in Microsoft's own sample.
fn forward(at: &At<'_>, name: &str) -> Result<Option<String>> {
    let Some(at) = at.get(name)? else { return Ok(None) };
    Ok(Some(at.text()?.to_owned()).filter(|target| !target.is_empty()))
}

/// Messages are forwarded to queues and topics that there are, and not back to where they are.
fn forwards(at: &At<'_>, own: &str, names: &HashSet<String>) -> Result<()> {
    let Some(properties) = at.get("Properties")? else { return Ok(()) };
    for member in ["ForwardTo", "ForwardDeadLetteredMessagesTo"] {
        let Some(at) = properties.get(member)? else { continue };
        let target = at.text()?;
        if !target.is_empty() && !names.contains(&target.to_lowercase()) {
            return Err(at.wrong(format!("is {target:?}, which is no queue or topic here")));
        }
        if target.eq_ignore_ascii_case(own) {
            return Err(at.wrong("names the entity itself"));
        }
    }
    Ok(())
}
