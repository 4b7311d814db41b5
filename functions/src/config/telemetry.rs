//! Who collects traces and metrics.

use super::{
    APPLICATION_INSIGHTS, APPLICATION_INSIGHTS_LOGIN, ConfigError, OTLP, OTLP_METRICS, OTLP_TRACES, SDK_DISABLED, identity::Azure, wrong,
};
use crate::telemetry::{ApplicationInsights, Collectors};
use azure_core::credentials::TokenCredential;
use std::sync::Arc;

/// `None` where nobody does: then nothing is recorded.
pub(super) fn read<G: Fn(&str) -> Option<String>>(get: &G, azure: &Azure<&G>) -> Result<Option<Collectors>, ConfigError> {
    let is_set = |name: &str| get(name).is_some();
    let all = is_set(OTLP);
    let (traces, metrics) = (all || is_set(OTLP_TRACES), all || is_set(OTLP_METRICS));
    let is_disabled = get(SDK_DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if is_disabled || !(traces || metrics || is_set(APPLICATION_INSIGHTS)) {
        return Ok(None);
    }
    let application_insights = match get(APPLICATION_INSIGHTS) {
        Some(text) => Some(ApplicationInsights { connection: text.into(), credential: login(get, azure)? }),
        None => None,
    };
    Ok(Some(Collectors { traces, metrics, application_insights, https: azure.https()?.clone() }))
}

/// `ClientId=ID;Authorization=AAD`, as the Functions host and Microsoft's agents read it. `None`: the connection string's key.
fn login<G: Fn(&str) -> Option<String>>(get: &G, azure: &Azure<&G>) -> Result<Option<Arc<dyn TokenCredential>>, ConfigError> {
    let Some(text) = get(APPLICATION_INSIGHTS_LOGIN) else { return Ok(None) };
    let (mut is_entra, mut client_id) = (false, None);
    for part in text.split(';').filter(|part| !part.is_empty()) {
        match part.split_once('=').map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim())) {
            Some((name, value)) if name == "authorization" && value.eq_ignore_ascii_case("AAD") => is_entra = true,
            Some((name, value)) if name == "clientid" => client_id = Some(value.to_owned()),
            _ => is_entra = false,
        }
    }
    if !is_entra {
        return Err(wrong(APPLICATION_INSIGHTS_LOGIN, "must be Authorization=AAD or ClientId=ID;Authorization=AAD"));
    }
    azure.credential(APPLICATION_INSIGHTS_LOGIN, azure.offered(), client_id).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_recorded_unless_somebody_collects() {
        let read = |pairs: &[(&str, &str)]| {
            let get = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            let collectors = read(&&get, &Azure::new(&&get)).unwrap();
            collectors.map(|to| (to.traces, to.metrics, to.application_insights.is_some()))
        };
        let collector = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[collector]), Some((true, true, false)));
        assert_eq!(read(&[collector, ("OTEL_SDK_DISABLED", "true")]), None);
        assert_eq!(read(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://localhost/v1/traces")]), Some((true, false, false)));
        assert_eq!(read(&[("APPLICATIONINSIGHTS_CONNECTION_STRING", "InstrumentationKey=x")]), Some((false, false, true)));
    }

    #[test]
    fn application_insights_is_entered_with_a_key_or_as_an_identity() {
        let is_entra = |value: &str| {
            let pairs = [("APPLICATIONINSIGHTS_CONNECTION_STRING", "InstrumentationKey=x"), (APPLICATION_INSIGHTS_LOGIN, value)];
            let get = |name: &str| pairs.iter().find(|(known, value)| *known == name && !value.is_empty()).map(|pair| pair.1.to_owned());
            let collectors = read(&&get, &Azure::new(&&get)).map_err(|error| error.to_string())?;
            Ok::<_, String>(collectors.unwrap().application_insights.unwrap().credential.is_some())
        };
        assert_eq!(
            (is_entra(""), is_entra("Authorization=AAD"), is_entra("ClientId=x;Authorization=aad")),
            (Ok(false), Ok(true), Ok(true))
        );
        for wrong in ["AAD", "ClientId=x", "Authorization=AAD;Else=1"] {
            assert!(is_entra(wrong).unwrap_err().starts_with("APPLICATIONINSIGHTS_AUTHENTICATION_STRING must be"), "{wrong}");
        }
    }
}
