//! The app settings: the environment of the host, which its handler inherits.

/// Read without regard to case, as ASP.NET Core's configuration is.
#[derive(Debug, Clone, Default)]
pub struct Settings(Vec<(String, String)>);

impl<const N: usize> From<[(&str, &str); N]> for Settings {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

impl Settings {
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.0.push((name.to_owned(), value.into()));
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A function.json value with each `%Setting%` replaced.
    ///
    /// # Errors
    /// The name of the first setting that is not there: an indexing error of the function.
    pub fn resolve(&self, text: &str) -> Result<String, String> {
        replace(text, |name| self.get(name).map(str::to_owned).ok_or_else(|| name.to_owned()))
    }

    /// A host.json value with each `%VARIABLE%` expanded; one that is not there is removed (contract §1).
    pub fn expand(&self, text: &str) -> String {
        let expanded: Result<_, std::convert::Infallible> = replace(text, |name| Ok(self.get(name).unwrap_or_default().to_owned()));
        expanded.unwrap_or_else(|never| match never {})
    }
}

fn replace<E>(text: &str, mut value: impl FnMut(&str) -> Result<String, E>) -> Result<String, E> {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        let Some((name, behind)) = after.split_once('%') else { break };
        replaced.push_str(before);
        replaced.push_str(&value(name)?);
        rest = behind;
    }
    replaced.push_str(rest);
    Ok(replaced)
}
