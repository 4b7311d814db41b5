//! A JSON value that knows where in the file it stands, so that every error does.

use serde_json::Value;

/// One sentence that begins with the place: a JSON path, or line and column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {complaint}")]
pub struct ConfigError {
    pub place: String,
    pub complaint: String,
}

pub(super) type Result<T> = std::result::Result<T, ConfigError>;

#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    path: String,
    value: &'a Value,
}

impl<'a> At<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { path: String::new(), value }
    }

    pub(super) fn value(&self) -> &'a Value {
        self.value
    }

    pub(super) fn wrong(&self, complaint: impl Into<String>) -> ConfigError {
        let place = if self.path.is_empty() { "the whole file".into() } else { self.path.clone() };
        ConfigError { place, complaint: complaint.into() }
    }

    fn is_not(&self, wanted: &str) -> ConfigError {
        let kind = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        self.wrong(format!("must be {wanted}, not {kind}"))
    }

    fn child(&self, name: &str, value: &'a Value) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { path, value }
    }

    /// A member, which may be missing. `null` is as good as missing.
    pub(super) fn get(&self, name: &str) -> Result<Option<Self>> {
        let members = self.value.as_object().ok_or_else(|| self.is_not("an object"))?;
        Ok(members.get(name).filter(|value| !value.is_null()).map(|value| self.child(name, value)))
    }

    pub(super) fn required(&self, name: &str) -> Result<Self> {
        self.get(name)?.ok_or_else(|| self.child(name, &Value::Null).wrong("is missing"))
    }

    pub(super) fn members(&self) -> Result<Vec<(&'a str, Self)>> {
        let members = self.value.as_object().ok_or_else(|| self.is_not("an object"))?;
        Ok(members.iter().map(|(name, value)| (name.as_str(), self.child(name, value))).collect())
    }

    /// Warns about members that are not read: Microsoft's reader leaves them aside, but they may be spelled wrong.
    pub(super) fn only(&self, known: &[&str]) -> Result<()> {
        for (name, member) in self.members()? {
            if !known.contains(&name) {
                tracing::warn!(place = member.path, "This member is not known and has no effect; known are {}", known.join(", "));
            }
        }
        Ok(())
    }

    pub(super) fn items(&self) -> Result<Vec<Self>> {
        let items = self.value.as_array().ok_or_else(|| self.is_not("an array"))?;
        Ok(items.iter().enumerate().map(|(index, value)| Self { path: format!("{}[{index}]", self.path), value }).collect())
    }

    pub(super) fn text(&self) -> Result<&'a str> {
        self.value.as_str().ok_or_else(|| self.is_not("a string"))
    }

    pub(super) fn boolean(&self) -> Result<bool> {
        self.value.as_bool().ok_or_else(|| self.is_not("true or false"))
    }

    pub(super) fn whole(&self, least: u32, most: u32) -> Result<u32> {
        let number = self.value.as_u64().and_then(|value| u32::try_from(value).ok()).filter(|value| (least..=most).contains(value));
        number.ok_or_else(|| self.wrong(format!("must be a whole number from {least} to {most}, not {}", self.value)))
    }
}
