//! host.json as the host binds it: flat names without regard to case, with the environment laid over the file.

use super::settings::Settings;
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

/// Overrides come under this prefix, `__` between the parts (contract §1).
const OVERRIDE: &str = "AzureFunctionsJobHost__";

/// `a:b:0` in lower case → the value as text.
#[derive(Debug, Clone, Default)]
pub struct Configuration(BTreeMap<String, String>);

impl Configuration {
    pub fn of(file: &Value, settings: &Settings) -> Self {
        let mut flat = BTreeMap::new();
        flatten(String::new(), file, &mut flat);
        for (name, value) in settings.iter() {
            if let Some(prefix) = name.get(..OVERRIDE.len()).filter(|prefix| prefix.eq_ignore_ascii_case(OVERRIDE)) {
                flat.insert(name[prefix.len()..].replace("__", ":").to_lowercase(), value.to_owned());
            }
        }
        Self(flat)
    }

    pub fn text(&self, path: &str) -> Option<&str> {
        self.0.get(&path.to_lowercase()).map(String::as_str)
    }

    pub fn has_section(&self, path: &str) -> bool {
        let prefix = format!("{}:", path.to_lowercase());
        self.0.keys().any(|name| name.starts_with(&prefix))
    }

    /// The members of an array, in the order of their numbers.
    pub fn list(&self, path: &str) -> Vec<&str> {
        let prefix = format!("{}:", path.to_lowercase());
        let mut members: Vec<(usize, &str)> =
            self.0.iter().filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?.parse().ok()?, value.as_str()))).collect();
        members.sort_unstable();
        members.into_iter().map(|(_, value)| value).collect()
    }

    pub fn flag(&self, path: &str) -> Result<bool, String> {
        match self.text(path) {
            None => Ok(false),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(text) => Err(format!("host.json: {path} must be true or false and is {text:?}")),
        }
    }

    pub fn number<T: std::str::FromStr>(&self, path: &str) -> Result<Option<T>, String> {
        self.text(path).map(|text| text.parse().map_err(|_| format!("host.json: {path} must be a number and is {text:?}"))).transpose()
    }

    /// A `TimeSpan`, in place of the default where there is one; none is "-1", without limit.
    pub fn span(&self, path: &str, default: Option<Duration>) -> Result<Option<Duration>, String> {
        match self.text(path) {
            None => Ok(default),
            Some("-1") => Ok(None),
            Some(text) => time_span(text).map(Some).ok_or_else(|| format!("host.json: {path} must be a time span and is {text:?}")),
        }
    }
}

fn flatten(path: String, value: &Value, flat: &mut BTreeMap<String, String>) {
    let join = |name: &str| if path.is_empty() { name.to_lowercase() } else { format!("{path}:{}", name.to_lowercase()) };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| flatten(join(name), member, flat)),
        Value::Array(members) => members.iter().enumerate().for_each(|(index, member)| flatten(join(&index.to_string()), member, flat)),
        Value::String(text) => drop(flat.insert(path, text.clone())),
        Value::Null => drop(flat.insert(path, String::new())),
        other => drop(flat.insert(path, other.to_string())),
    }
}

/// .NET's `[d.]hh:mm:ss[.fffffff]`.
fn time_span(text: &str) -> Option<Duration> {
    let (days, clock) = match text.split_once('.') {
        Some((days, clock)) if clock.contains(':') => (days.parse().ok()?, clock),
        _ => (0_u64, text),
    };
    let mut parts = clock.split(':');
    let (hours, minutes, seconds) = (parts.next()?.parse::<u64>().ok()?, parts.next()?.parse::<u64>().ok()?, parts.next()?);
    let seconds: f64 = seconds.parse().ok()?;
    let whole = Duration::from_secs(((days * 24 + hours) * 60 + minutes) * 60);
    (parts.next().is_none() && hours < 24 && minutes < 60 && (0.0..60.0).contains(&seconds))
        .then(|| whole + Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_environment_overrides_the_file_whatever_the_case() {
        let file =
            json!({ "functionTimeout": "00:05:00", "functions": ["A", "B"], "customHandler": { "enableForwardingHttpRequest": true } });
        let settings = Settings::from([
            ("azurefunctionsjobhost__CUSTOMHANDLER__enableForwardingHttpRequest", "False"),
            ("AzureFunctionsJobHost__functionTimeout", "1.02:00:00.5"),
            ("AzureFunctionsJobHost__functions__1", "C"),
        ]);
        let configuration = Configuration::of(&file, &settings);
        assert_eq!(configuration.flag("customHandler:enableForwardingHttpRequest"), Ok(false));
        let long = Duration::from_hours(26) + Duration::from_millis(500);
        assert_eq!(configuration.span("functionTimeout", None), Ok(Some(long)));
        assert_eq!(configuration.span("initializationTimeout", Some(long)), Ok(Some(long)));
        assert_eq!(configuration.list("functions"), ["A", "C"]);
        let only = |timeout: &str| Configuration::of(&json!({ "functionTimeout": timeout }), &Settings::default());
        assert!(only("5 min").span("functionTimeout", None).is_err());
        assert_eq!(only("-1").span("functionTimeout", Some(long)), Ok(None));
    }
}
