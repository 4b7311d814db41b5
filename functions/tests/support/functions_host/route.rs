//! Route templates as ASP.NET Core's older router matches them (contract §5.1).

use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// Compared without regard to case.
    Literal(String),
    Parameter {
        name: String,
        constraint: Option<Constraint>,
        optional: bool,
    },
    Rest(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Constraint {
    Guid,
    Int,
}

impl Template {
    /// # Errors
    /// What this stand-in does not understand: better refused than matched wrongly.
    pub fn parse(template: &str) -> Result<Self, String> {
        let segments = template.split('/').filter(|segment| !segment.is_empty()).map(|segment| {
            let Some(inner) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
                return if segment.contains(['{', '}']) {
                    Err(format!("the segment {segment:?} mixes text and parameters, which this stand-in does not do"))
                } else {
                    Ok(Segment::Literal(segment.to_owned()))
                };
            };
            if let Some(name) = inner.strip_prefix('*') {
                return Ok(Segment::Rest(name.trim_start_matches('*').to_owned()));
            }
            let (inner, optional) = inner.strip_suffix('?').map_or((inner, false), |inner| (inner, true));
            let (name, constraint) = match inner.split_once(':') {
                None => (inner, None),
                Some((name, "guid")) => (name, Some(Constraint::Guid)),
                Some((name, "int")) => (name, Some(Constraint::Int)),
                Some((_, other)) => return Err(format!("the constraint {other:?} is not one that this stand-in knows")),
            };
            Ok(Segment::Parameter { name: name.to_owned(), constraint, optional })
        });
        segments.collect::<Result<_, _>>().map(Self)
    }

    /// The route values when the path is this template's; `path` as it stands in the request line, without the query.
    pub fn matches(&self, path: &str) -> Option<BTreeMap<String, String>> {
        // One trailing slash does not count; an empty segment elsewhere does.
        let path = path.strip_prefix('/')?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut parts: Vec<String> = Vec::new();
        if !path.is_empty() {
            parts.extend(path.split('/').map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()));
        }
        let mut values = BTreeMap::new();
        let mut parts = parts.into_iter();
        for segment in &self.0 {
            match segment {
                Segment::Literal(literal) => {
                    parts.next().filter(|part| part.to_lowercase() == literal.to_lowercase())?;
                }
                Segment::Parameter { name, constraint, optional } => match parts.next() {
                    Some(part) if !part.is_empty() && constraint.is_none_or(|constraint| constraint.admits(&part)) => {
                        values.insert(name.clone(), part);
                    }
                    None if *optional => {}
                    _ => return None,
                },
                Segment::Rest(name) => {
                    let rest: Vec<String> = parts.by_ref().collect();
                    values.insert(name.clone(), rest.join("/"));
                }
            }
        }
        parts.next().is_none().then_some(values)
    }
}

impl Constraint {
    fn admits(self, text: &str) -> bool {
        match self {
            // `Guid.TryParse`: with or without hyphens; in braces or parentheses only with them.
            Self::Guid => {
                let bare = text
                    .strip_prefix('{')
                    .and_then(|rest| rest.strip_suffix('}'))
                    .or_else(|| text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')));
                let hyphenated = |text: &str| text.len() == 36 && uuid::Uuid::try_parse(text).is_ok();
                bare.map_or_else(|| hyphenated(text) || (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())), hyphenated)
            }
            Self::Int => text.trim().parse::<i32>().is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(template: &str, path: &str) -> Option<Vec<String>> {
        Template::parse(template).unwrap().matches(path).map(|values| values.into_values().collect())
    }

    #[test]
    fn a_path_matches_without_regard_to_case_and_whole() {
        assert_eq!(matched("api/orders", "/API/Orders"), Some(vec![]));
        assert_eq!(matched("api/orders", "/api/orders/"), Some(vec![]));
        for path in ["/api", "/api/orders/1", "/api//orders", "/apis/orders", "/"] {
            assert_eq!(matched("api/orders", path), None, "{path}");
        }
        assert_eq!(matched("api/orders/{id}/cancel", "/api/orders/a%20b/cancel"), Some(vec!["a b".to_owned()]));
        assert_eq!(matched("api/orders/{id}", "/api/orders"), None);
        assert_eq!(matched("api/orders/{id?}", "/api/orders"), Some(vec![]));
        assert_eq!(matched("api/docs/{*file}", "/api/docs"), Some(vec![String::new()]));
        assert_eq!(matched("api/docs/{*file}", "/api/docs/a/b.js"), Some(vec!["a/b.js".to_owned()]));
    }

    #[test]
    fn constraints_are_the_hosts_to_enforce() {
        let id = "7F3C1C58-5A0E-4A39-8A3A-2F0B8F6D9E01";
        for text in [id.to_owned(), id.replace('-', ""), format!("%7B{id}%7D"), format!("({id})")] {
            assert!(matched("{id:guid}", &format!("/{text}")).is_some(), "{text}");
        }
        for text in ["abc", "7F3C1C58-5A0E-4A39-8A3A-2F0B8F6D9E0", "7F3C1C585A0E4A398A3A2F0B8F6D9E0g"] {
            assert!(matched("{id:guid}", &format!("/{text}")).is_none(), "{text}");
        }
        assert!(
            matched("{n:int}", "/12").is_some() && matched("{n:int}", "/12a").is_none() && matched("{n:int}", "/99999999999").is_none()
        );
        assert!(Template::parse("{n:regex(a)}").is_err() && Template::parse("a-{b}").is_err());
    }
}
