//! A parsed JSON text that still knows what a typed parse would hide: member order, duplicates, exact kinds.

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::{borrow::Cow, fmt};

/// One JSON value (RFC 8259). Text is borrowed from the input where it has no escapes.
#[derive(Debug, Clone, PartialEq)]
pub enum Node<'a> {
    Null,
    Bool(bool),
    /// A number without fraction or exponent that fits an `i64`.
    Integer(i64),
    /// Any other number.
    Number(f64),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    /// Members in the order they stand in the text; no name stands twice.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

impl<'a> Node<'a> {
    /// Parses a whole JSON text.
    ///
    /// # Errors
    /// Malformed JSON, trailing text, more than 127 levels, or a member name that stands twice in one object.
    pub fn parse(json: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// What the value is, with its article, for a sentence such as "is a number".
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) | Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Node<'de>, E> {
        Ok(Node::Integer(value))
    }
    #[expect(clippy::cast_precision_loss, reason = "such numbers are out of every range we accept; only their kind matters")]
    fn visit_u64<E>(self, value: u64) -> Result<Node<'de>, E> {
        Ok(i64::try_from(value).map_or(Node::Number(value as f64), Node::Integer))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Node<'de>, E> {
        Ok(Node::Number(value))
    }
    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(value)))
    }
    fn visit_str<E>(self, value: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node<'de>, A::Error> {
        let mut object: Vec<(Cow<'de, str>, Node<'de>)> = Vec::new();
        // Large objects are checked by hash: comparing each name with all before it would let a client burn a core.
        let mut seen = std::collections::HashSet::new();
        while let Some(Node::Text(name)) = members.next_key()? {
            let twice = if object.len() < 32 {
                object.iter().any(|(known, _)| *known == name)
            } else {
                if seen.is_empty() {
                    seen.extend(object.iter().map(|(known, _)| known.clone()));
                }
                !seen.insert(name.clone())
            };
            if twice {
                return Err(de::Error::custom(format_args!("the member {name:?} stands twice in one object")));
            }
            object.push((name, members.next_value()?));
        }
        Ok(Node::Object(object))
    }
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_stands_twice_is_refused_in_small_and_large_objects() {
        assert!(Node::parse(r#"{"a":1,"a":2}"#).unwrap_err().to_string().contains("stands twice"));
        let many: Vec<String> = (0..40).map(|n| format!("\"m{n}\":0")).collect();
        assert!(Node::parse(&format!("{{{}}}", many.join(","))).is_ok());
        assert!(Node::parse(&format!("{{{},\"m3\":0}}", many.join(","))).is_err());
        assert!(Node::parse(&format!("{{{},\"m39\":0}}", many.join(","))).is_err());
    }

    #[test]
    fn numbers_keep_apart_what_is_whole_and_what_is_not() {
        assert_eq!(Node::parse("12").unwrap(), Node::Integer(12));
        assert_eq!(Node::parse("12.0").unwrap(), Node::Number(12.0));
        assert_eq!(Node::parse("18446744073709551615").unwrap().kind(), "a number");
    }
}
