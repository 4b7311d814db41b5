//! The functions of a script root: found, checked, and each given the shape in which it is called (contract §0, §6).

use super::{host_json::HostJson, route::Template, settings::Settings};
use serde_json::Value;
use std::{fs, path::Path};

/// How an invocation reaches the handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Envelope,
    Forwarded,
    Proxied,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    /// No `dataType`: the body goes through a string, and its members into the metadata.
    String,
    Binary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthLevel {
    Anonymous,
    Function,
    /// Wants the master key, which this stand-in does not have: always 401.
    Admin,
}

#[derive(Debug, Clone)]
pub enum Trigger {
    Http { methods: Vec<String>, route: Template, auth: AuthLevel, shape: Shape },
    ServiceBus { data_type: DataType, topic: String, subscription: String, namespace: String },
    Timer,
}

#[derive(Debug, Clone)]
pub struct Function {
    pub name: String,
    /// The trigger binding's name: the key in `Data`.
    pub binding: String,
    pub trigger: Trigger,
}

/// Why a function is not there although its folder is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The '{function}' function is in error: {reason}")]
pub struct IndexingError {
    pub function: String,
    pub reason: String,
}

/// The direct children of the root that hold a function.json, by name without regard to case.
pub fn load(root: &Path, host: &HostJson, settings: &Settings) -> (Vec<Function>, Vec<IndexingError>) {
    let mut names: Vec<String> = fs::read_dir(root)
        .map(|entries| entries.flatten().filter(|entry| entry.path().join("function.json").is_file()))
        .map(|entries| entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    names.sort_by_key(|name| name.to_uppercase());
    names.retain(|name| host.functions.as_ref().is_none_or(|listed| listed.iter().any(|one| one.eq_ignore_ascii_case(name))));
    names.retain(|name| {
        !settings.get(&format!("AzureWebJobs.{name}.Disabled")).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    });
    let (mut functions, mut errors) = (Vec::new(), Vec::new());
    for name in names {
        let text = fs::read_to_string(root.join(&name).join("function.json")).map_err(|error| error.to_string());
        match text.and_then(|text| function(&name, &text, host, settings)) {
            Ok(function) => functions.push(function),
            Err(reason) => errors.push(IndexingError { function: name, reason }),
        }
    }
    (functions, errors)
}

fn function(name: &str, text: &str, host: &HostJson, settings: &Settings) -> Result<Function, String> {
    if !is_name(name, "_-") || name.eq_ignore_ascii_case("host") {
        return Err(format!("'{name}' is not a valid function name."));
    }
    let metadata: Value = serde_json::from_str(text).map_err(|error| format!("function.json: {error}"))?;
    let bindings =
        metadata["bindings"].as_array().filter(|bindings| !bindings.is_empty()).ok_or("At least one binding must be declared.")?;
    for binding in bindings {
        let (kind, name) = (word(binding, "type"), word(binding, "name"));
        if kind.is_empty() {
            return Err("a binding has no type".to_owned());
        }
        if !is_name(name, "") && name != "$return" {
            return Err(format!("The binding name {name} is invalid. Please assign a valid name to the binding."));
        }
        if !["in", "out", "inout", ""].iter().any(|known| word(binding, "direction").eq_ignore_ascii_case(known)) {
            return Err(format!("'{}' is not a direction", word(binding, "direction")));
        }
    }
    let triggers: Vec<&Value> = bindings.iter().filter(|binding| word(binding, "type").to_lowercase().ends_with("trigger")).collect();
    let [trigger] = triggers[..] else {
        return Err(if triggers.is_empty() { "No trigger binding specified." } else { "Multiple trigger bindings defined." }.to_owned());
    };
    let setting = |property: &str| match word(trigger, property) {
        "" => Ok(String::new()),
        text => settings.resolve(text).map_err(|name| format!("'%{name}%' does not resolve to a value.")),
    };
    let trigger_kind = word(trigger, "type").to_lowercase();
    let trigger_of = match trigger_kind.as_str() {
        "httptrigger" => http(name, trigger, bindings, host, &setting("route")?)?,
        "servicebustrigger" => {
            let (topic, subscription) = (setting("topicName")?, setting("subscriptionName")?);
            if topic.is_empty() || subscription.is_empty() {
                return Err("topicName and subscriptionName are both needed".to_owned());
            }
            let data_type = match word(trigger, "dataType").to_lowercase().as_str() {
                "" | "string" => DataType::String,
                "binary" => DataType::Binary,
                other => return Err(format!("the dataType {other:?} is not one that this stand-in knows")),
            };
            if !["", "one"].contains(&word(trigger, "cardinality").to_lowercase().as_str()) {
                return Err("this stand-in delivers one message an invocation".to_owned());
            }
            Trigger::ServiceBus { data_type, topic, subscription, namespace: namespace(&setting("connection")?, settings)? }
        }
        "timertrigger" => {
            let schedule = setting("schedule")?;
            if !(5..=6).contains(&schedule.split_whitespace().count()) && !schedule.contains(':') {
                return Err(format!(
                    "The schedule expression '{schedule}' was not recognized as a valid cron expression or timespan string."
                ));
            }
            Trigger::Timer
        }
        other => return Err(format!("The binding type(s) '{other}' are not registered.")),
    };
    Ok(Function { name: name.to_owned(), binding: word(trigger, "name").to_owned(), trigger: trigger_of })
}

fn http(name: &str, trigger: &Value, bindings: &[Value], host: &HostJson, route: &str) -> Result<Trigger, String> {
    let methods = trigger["methods"].as_array().map(|methods| methods.iter().filter_map(Value::as_str).map(str::to_uppercase).collect());
    let auth = match word(trigger, "authLevel").to_lowercase().as_str() {
        "" | "function" => AuthLevel::Function,
        "anonymous" => AuthLevel::Anonymous,
        "admin" => AuthLevel::Admin,
        other => return Err(format!("'{other}' is not an authLevel")),
    };
    let route = if route.is_empty() { name } else { route };
    let is_out = |binding: &Value| word(binding, "direction").eq_ignore_ascii_case("out");
    let outputs: Vec<&Value> = bindings.iter().filter(|binding| is_out(binding)).collect();
    let one_in_one_out = bindings.len() - outputs.len() == 1 && outputs.len() == 1 && word(outputs[0], "type").eq_ignore_ascii_case("http");
    let shape = match (one_in_one_out, host.proxying, host.forwarding) {
        (true, true, _) => Shape::Proxied,
        (true, false, true) => Shape::Forwarded,
        _ => Shape::Envelope,
    };
    let route = Template::parse(&format!("{}/{route}", host.route_prefix))?;
    Ok(Trigger::Http { methods: methods.unwrap_or_default(), route, auth, shape })
}

/// The namespace's host name, by the setting that `connection` names (contract §6.3).
fn namespace(connection: &str, settings: &Settings) -> Result<String, String> {
    let connection = if connection.is_empty() { "AzureWebJobsServiceBus" } else { connection };
    let names = [connection.to_owned(), format!("AzureWebJobs{connection}"), format!("ConnectionStrings__{connection}")];
    if let Some(text) = names.iter().find_map(|name| settings.get(name)).filter(|text| !text.is_empty()) {
        let endpoint = text.split(';').find_map(|part| part.strip_prefix("Endpoint=sb://"));
        let host = endpoint.and_then(|rest| rest.split(['/', ':']).next()).filter(|host| !host.is_empty());
        return host.map(str::to_owned).ok_or_else(|| format!("the connection string '{connection}' has no Endpoint=sb://…"));
    }
    settings
        .get(&format!("{connection}__fullyQualifiedNamespace"))
        .map(str::to_owned)
        .ok_or_else(|| format!("Microsoft Azure WebJobs SDK ServiceBus connection string '{connection}' is missing or empty."))
}

/// A text property, its name without regard to case; empty when it is not there.
fn word<'a>(binding: &'a Value, name: &str) -> &'a str {
    let found = binding.as_object().and_then(|members| members.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)));
    found.and_then(|(_, value)| value.as_str()).unwrap_or_default()
}

/// A letter, then at most 127 letters, digits and characters of `besides`.
fn is_name(text: &str, besides: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && text.len() <= 128
        && characters.all(|character| character.is_ascii_alphanumeric() || besides.contains(character))
}
