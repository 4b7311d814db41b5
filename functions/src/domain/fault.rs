//! What is wrong with an input, and where: all faults of one input are collected before any is reported.

use super::node::Node;
use serde::Serialize;
use std::{borrow::Cow, fmt};

/// One fault of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Fault {
    /// Where in the body: an RFC 6901 JSON Pointer, empty for the whole body.
    #[schema(example = "/lines/0/quantity")]
    pub pointer: String,
    /// One of a closed list: `required`, `type`, `unknown`, `length`, `count`, `range`, `format`, `conflict`, `unconfigured`, `forbidden`.
    #[schema(value_type = String, example = "range")]
    pub code: &'static str,
    /// A sentence for a person.
    #[schema(example = "must be a whole number from 1 to 10000")]
    pub message: String,
}

/// A place in an input, kept as borrowed links and spelt out only when a fault is found there.
#[derive(Debug, Clone, Copy)]
pub enum At<'p> {
    Root,
    Member(&'p At<'p>, &'p str),
    Item(&'p At<'p>, usize),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Root => Ok(()),
            At::Member(parent, name) => write!(f, "{parent}/{}", name.replace('~', "~0").replace('/', "~1")),
            At::Item(parent, index) => write!(f, "{parent}/{index}"),
        }
    }
}

/// The faults found so far. Reading goes on after a fault, so that a client learns of all of them at once.
#[derive(Debug, Default)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// More than this many are not reported: the answer stays small whatever is sent.
    pub const MOST: usize = 100;

    pub fn add(&mut self, at: &At<'_>, code: &'static str, message: impl Into<String>) {
        if self.0.len() < Self::MOST {
            self.0.push(Fault { pointer: at.to_string(), code, message: message.into() });
        }
    }

    pub fn wrong_type(&mut self, at: &At<'_>, wanted: &str, found: &Node<'_>) {
        self.add(at, "type", format!("must be {wanted}, and is {}", found.kind()));
    }

    /// Text of `min` to `max` characters, not blank, without control characters.
    pub fn text(&mut self, at: &At<'_>, node: &Node<'_>, min: usize, max: usize) -> Option<String> {
        let Node::Text(text) = node else {
            self.wrong_type(at, "a string", node);
            return None;
        };
        let length = text.chars().count();
        if length < min || length > max {
            self.add(at, "length", format!("must have {min} to {max} characters, and has {length}"));
        } else if text.chars().any(char::is_control) {
            self.add(at, "format", "must not contain control characters");
        } else if min > 0 && text.chars().all(char::is_whitespace) {
            self.add(at, "format", "must not be blank");
        } else {
            return Some(text.clone().into_owned());
        }
        None
    }

    pub fn integer(&mut self, at: &At<'_>, node: &Node<'_>, min: i64, max: i64) -> Option<i64> {
        match node {
            Node::Integer(value) if (min..=max).contains(value) => Some(*value),
            Node::Integer(_) | Node::Number(_) => {
                self.add(at, "range", format!("must be a whole number from {min} to {max}"));
                None
            }
            _ => {
                self.wrong_type(at, "a whole number", node);
                None
            }
        }
    }
}

/// The members of one object while they are being read: what nobody asked for is unknown.
#[derive(Debug)]
pub struct Members<'n, 'a> {
    members: &'n [(Cow<'a, str>, Node<'a>)],
}

impl<'n, 'a> Members<'n, 'a> {
    /// Takes the node for an object whose members are all in `known`; each other member is a fault.
    pub fn of(node: &'n Node<'a>, at: &At<'_>, known: &[&str], faults: &mut Faults) -> Option<Self> {
        let Node::Object(members) = node else {
            faults.wrong_type(at, "an object", node);
            return None;
        };
        for (name, _) in members {
            if !known.contains(&name.as_ref()) {
                faults.add(&At::Member(at, name), "unknown", format!("is not known here; known are {}", known.join(", ")));
            }
        }
        Some(Self { members })
    }

    pub fn get(&self, name: &str) -> Option<&'n Node<'a>> {
        self.members.iter().find(|(known, _)| known == name).map(|(_, node)| node)
    }

    /// The member, or a fault saying that it is missing.
    pub fn required(&self, name: &str, at: &At<'_>, faults: &mut Faults) -> Option<&'n Node<'a>> {
        let found = self.get(name);
        if found.is_none() {
            faults.add(&At::Member(at, name), "required", "is required");
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_escapes_slash_and_tilde_as_rfc_6901_says() {
        let metadata = At::Member(&At::Root, "metadata");
        assert_eq!(At::Member(&metadata, "a/b~c").to_string(), "/metadata/a~1b~0c");
        assert_eq!(At::Item(&At::Member(&At::Root, "lines"), 7).to_string(), "/lines/7");
        assert_eq!(At::Root.to_string(), "");
    }
}
