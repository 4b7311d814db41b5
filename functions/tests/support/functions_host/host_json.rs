//! What host.json says that a custom handler can feel (contract §1, §6.5).

use super::{configuration::Configuration, generation::Generation, settings::Settings};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Host: `ScriptJobHostOptionsSetup`, every plan but Consumption.
const DEFAULT_FUNCTION_TIMEOUT: Duration = Duration::from_mins(30);

#[derive(Debug, Clone)]
pub struct HostJson {
    pub executable: PathBuf,
    pub arguments: Vec<String>,
    pub working_directory: PathBuf,
    pub forwarding: bool,
    pub proxying: bool,
    pub initialization_timeout: Duration,
    /// None: a free port.
    pub port: Option<u16>,
    pub sequential_restart: bool,
    /// None: without limit.
    pub function_timeout: Option<Duration>,
    pub route_prefix: String,
    /// None: every function.
    pub functions: Option<Vec<String>>,
    pub max_concurrent_calls: usize,
    pub max_auto_lock_renewal: Duration,
}

impl HostJson {
    /// Keys that the generation does not know are passed over in silence.
    ///
    /// # Errors
    /// What the host would refuse to start with.
    pub fn read(root: &Path, settings: &Settings, generation: Generation) -> Result<Self, String> {
        let path = root.join("host.json");
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let file: Value = serde_json::from_str(&text).map_err(|error| format!("host.json: {error}"))?;
        let configuration = Configuration::of(&file, settings);
        if configuration.text("version") != Some("2.0") {
            return Err("host.json: version must be \"2.0\"".to_owned());
        }
        if !configuration.has_section("customHandler:description") {
            return Err("host.json: Missing worker Description.".to_owned());
        }
        if configuration.text("customHandler:type").is_some_and(|kind| !kind.eq_ignore_ascii_case("http")) {
            return Err("host.json: customHandler.type must be http".to_owned());
        }
        let description = |name: &str| configuration.text(&format!("customHandler:description:{name}")).map(|text| settings.expand(text));
        let executable = description("defaultExecutablePath")
            .filter(|path| !path.is_empty())
            .ok_or("WorkerDescription DefaultExecutablePath cannot be empty")?;
        let directory = root.join(description("workerDirectory").unwrap_or_default());
        let beside = directory.join(&executable);
        let arguments: Vec<String> =
            configuration.list("customHandler:description:arguments").into_iter().map(|text| settings.expand(text)).collect();
        let functions = configuration.list("functions");
        let limited = |path: &str, default| {
            configuration.span(path, Some(default))?.ok_or_else(|| format!("host.json: {path} cannot be without limit"))
        };
        Ok(Self {
            executable: if beside.exists() { beside } else { executable.into() },
            arguments: split(&arguments.join(" ")),
            working_directory: root.join(description("workingDirectory").unwrap_or_default()),
            forwarding: configuration.flag("customHandler:enableForwardingHttpRequest")?,
            proxying: generation.knows_proxying() && configuration.flag("customHandler:enableProxyingHttpRequest")?,
            initialization_timeout: limited("customHandler:initializationTimeout", Duration::from_secs(30))?,
            port: if generation.knows_port() { configuration.number("customHandler:port")? } else { None },
            sequential_restart: configuration.flag("sequentialRestart")?,
            function_timeout: configuration.span("functionTimeout", Some(DEFAULT_FUNCTION_TIMEOUT))?,
            route_prefix: configuration.text("extensions:http:routePrefix").unwrap_or("api").trim_matches('/').to_owned(),
            functions: (!functions.is_empty()).then(|| functions.into_iter().map(str::to_owned).collect()),
            max_concurrent_calls: configuration
                .number("extensions:serviceBus:maxConcurrentCalls")?
                .unwrap_or_else(|| 16 * std::thread::available_parallelism().map_or(1, usize::from)),
            max_auto_lock_renewal: limited("extensions:serviceBus:maxAutoLockRenewalDuration", Duration::from_mins(5))?,
        })
    }
}

/// The host joins the arguments with spaces and leaves it to .NET to take them apart again: quotes hold together.
fn split(line: &str) -> Vec<String> {
    let (mut arguments, mut argument, mut quoted) = (Vec::new(), None, false);
    for character in line.chars() {
        match character {
            '"' => {
                quoted = !quoted;
                argument.get_or_insert_with(String::new);
            }
            ' ' if !quoted => arguments.extend(argument.take()),
            other => argument.get_or_insert_with(String::new).push(other),
        }
    }
    arguments.extend(argument);
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_with_spaces_fall_apart_unless_they_are_quoted() {
        assert_eq!(split("functions --port 1  \"a b\" \"\""), ["functions", "--port", "1", "a b", ""]);
    }
}
