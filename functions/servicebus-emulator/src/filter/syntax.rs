//! What an expression is after it was read.

use super::Value;
use std::fmt;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// All that stand between `AND`s, at least two.
    All(Vec<Condition>),
    /// All that stand between `OR`s, at least two.
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Term, Comparison, Term),
    In(Term, Vec<Term>),
    Like {
        text: Term,
        pattern: Term,
        escape: Option<Term>,
    },
    IsNull(Term),
    Exists(Property),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Term {
    Constant(Value),
    Property(Property),
    /// `property(name)`, where the name is calculated.
    Named(Box<Term>),
    NewId,
    Negate(Box<Term>),
    Calculate(Box<Term>, Operator, Box<Term>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Property {
    /// A name from the list of system properties, in its case.
    System(&'static str),
    User(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Plus,
    Minus,
    Times,
    Divide,
    Remainder,
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Times => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        })
    }
}
