//! What the host makes of the handler's reply to an envelope (contract §4.1).

use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};
use std::time::Duration;

/// A reply that is a success.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    /// Binding name → value; the names with regard to case.
    pub outputs: Map<String, Value>,
    pub logs: Vec<String>,
    pub return_value: Value,
}

/// Why an invocation failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    #[error("Response status code does not indicate success: {0}.")]
    Status(StatusCode),
    #[error("Invalid HttpResponseMessage: {0}")]
    Invalid(String),
    #[error("Timeout value of {limit:?} was exceeded by function: {function}{hint}")]
    TimedOut { function: String, limit: Duration, hint: String },
    #[error(transparent)]
    Transport(#[from] super::client::TransportError),
    #[error("the handler cannot be called: {0}")]
    NoHandler(String),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Success(Reply),
    Failure(Fault),
    /// Neither: the invocation is never completed. What was wrong with the reply.
    Never(&'static str),
}

/// A redirect has been followed already where the host follows it.
pub fn judge(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Verdict {
    if !status.is_success() {
        return Verdict::Failure(Fault::Status(status));
    }
    if body.is_empty() {
        return Verdict::Never("its reply is empty");
    }
    let invalid = |reason: String| Verdict::Failure(Fault::Invalid(reason));
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("application/octet-stream");
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_lowercase();
    if !["application/json", "text/json"].contains(&media_type.as_str()) {
        return invalid(format!("UnsupportedMediaTypeException: no formatter reads content with media type '{media_type}'"));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Null) => Verdict::Never("its reply is null"),
        Ok(Value::Object(members)) => match read(members) {
            Ok(reply) => Verdict::Success(reply),
            Err(reason) => invalid(reason),
        },
        Ok(other) => invalid(format!("cannot deserialize {other} into an object")),
        Err(error) => invalid(format!("malformed JSON: {error}")),
    }
}

/// The three members, each of which may be missing or null; their names without regard to case.
fn read(members: Map<String, Value>) -> Result<Reply, String> {
    let mut reply = Reply::default();
    for (name, value) in members {
        match (name.to_lowercase().as_str(), value) {
            ("returnvalue", value) => reply.return_value = value,
            ("outputs" | "logs", Value::Null) => {}
            ("outputs", Value::Object(outputs)) => reply.outputs = outputs,
            ("logs", Value::Array(lines)) => {
                let line = |line: Value| match line {
                    Value::String(text) => Ok(text),
                    Value::Array(_) | Value::Object(_) => Err(format!("cannot convert {line} to a line of Logs")),
                    scalar => Ok(scalar.to_string()),
                };
                reply.logs = lines.into_iter().map(line).collect::<Result<_, _>>()?;
            }
            ("outputs" | "logs", other) => return Err(format!("{name} cannot be {other}")),
            _ => {}
        }
    }
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, content_type: Option<&str>, body: &str) -> Verdict {
        let headers = content_type.map(|value| (header::CONTENT_TYPE, value.parse().unwrap())).into_iter().collect();
        judge(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    }

    #[test]
    fn a_json_object_with_status_2xx_is_a_success() {
        for (status, content_type, body) in [
            (200, "application/json", "{}"),
            (201, "Application/JSON; charset=utf-8", " {\"outputs\":null,\"LOGS\":null,\"unknown\":1} "),
            (299, "text/json", "{\"Outputs\":{},\"Logs\":[],\"ReturnValue\":null}"),
        ] {
            assert_eq!(verdict(status, Some(content_type), body), Verdict::Success(Reply::default()), "{body}");
        }
        let Verdict::Success(reply) = verdict(200, Some("text/json"), "{\"OUTPUTS\":{\"res\":1},\"logs\":[\"a\",2],\"returnValue\":[3]}")
        else {
            panic!("refused")
        };
        assert_eq!(
            (reply.outputs["res"].clone(), reply.logs, reply.return_value.to_string()),
            (1.into(), vec!["a".to_owned(), "2".to_owned()], "[3]".to_owned())
        );
    }

    #[test]
    fn an_empty_body_or_null_is_no_answer_at_all() {
        for (status, content_type, body) in
            [(200, Some("application/json"), ""), (204, None, ""), (202, Some("text/plain"), ""), (200, Some("application/json"), " null ")]
        {
            assert!(matches!(verdict(status, content_type, body), Verdict::Never(_)), "{status} {body:?}");
        }
    }

    #[test]
    fn everything_else_is_a_failure_that_says_why() {
        for (status, content_type, body, reason) in [
            (500, Some("application/json"), "{}", "500 Internal Server Error"),
            (404, None, "", "404 Not Found"),
            (302, Some("application/json"), "{}", "302 Found"),
            (200, None, "{}", "'application/octet-stream'"),
            (200, Some("text/plain"), "{}", "'text/plain'"),
            (200, Some("application/problem+json"), "{}", "'application/problem+json'"),
            (200, Some("application/json"), "{", "malformed JSON"),
            (200, Some("application/json"), "[]", "cannot deserialize []"),
            (200, Some("application/json"), "\"\"", "cannot deserialize"),
            (200, Some("application/json"), "{\"Outputs\":[]}", "Outputs cannot be []"),
            (200, Some("application/json"), "{\"logs\":[{}]}", "a line of Logs"),
        ] {
            let Verdict::Failure(fault) = verdict(status, content_type, body) else { panic!("{status} {body} passed") };
            assert!(fault.to_string().contains(reason), "{fault}");
        }
    }
}
