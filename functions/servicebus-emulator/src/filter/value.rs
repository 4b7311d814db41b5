//! Values of properties and constants, compared and calculated with as C# does.

use super::syntax::Operator;
use std::{borrow::Cow, cmp::Ordering};
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Also what is not known: a property that isn't there, and what follows from it.
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Uuid(Uuid),
    /// Milliseconds since the Unix epoch.
    Timestamp(i64),
}

impl Value {
    /// What the value is, with its article, for a sentence.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::Bytes(_) => "a byte string",
            Self::Uuid(_) => "a UUID",
            Self::Timestamp(_) => "a point in time",
        }
    }

    /// As it is written into a property that holds texts only. `None` for bytes and points in time.
    pub(super) fn to_text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Null => Cow::Borrowed(""),
            // C# writes booleans with a capital.
            Self::Bool(value) => Cow::Borrowed(if *value { "True" } else { "False" }),
            Self::Int(value) => Cow::Owned(value.to_string()),
            Self::Float(value) => Cow::Owned(value.to_string()),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Uuid(uuid) => Cow::Owned(uuid.to_string()),
            Self::Bytes(_) | Self::Timestamp(_) => return None,
        })
    }

    fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            #[expect(clippy::cast_precision_loss, reason = "C# widens long to double the same way")]
            Self::Int(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// `Ok(None)` where an operand is unknown or not a number in the sense of IEEE 754.
    ///
    /// # Errors
    /// The kinds have no order between them.
    pub(super) fn compare(&self, other: &Self) -> Result<Option<Ordering>, String> {
        Ok(match (self, other) {
            (Self::Null, _) | (_, Self::Null) => None,
            (Self::Bool(left), Self::Bool(right)) => Some(left.cmp(right)),
            (Self::Int(left), Self::Int(right)) | (Self::Timestamp(left), Self::Timestamp(right)) => Some(left.cmp(right)),
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            (Self::Bytes(left), Self::Bytes(right)) => Some(left.cmp(right)),
            (Self::Uuid(left), Self::Uuid(right)) => Some(left.cmp(right)),
            _ => match (self.as_float(), other.as_float()) {
                (Some(left), Some(right)) => left.partial_cmp(&right),
                _ => return Err(format!("{} can't be compared with {}", self.kind(), other.kind())),
            },
        })
    }

    /// # Errors
    /// Overflow, division by zero, or operands that C# has no such operator for.
    pub(super) fn calculate(&self, operator: Operator, other: &Self) -> Result<Self, String> {
        match (self, other) {
            (Self::Null, _) | (_, Self::Null) => Ok(Self::Null),
            (Self::Int(left), Self::Int(right)) => {
                let result = match operator {
                    Operator::Plus => left.checked_add(*right),
                    Operator::Minus => left.checked_sub(*right),
                    Operator::Times => left.checked_mul(*right),
                    Operator::Divide => left.checked_div(*right),
                    Operator::Remainder => left.checked_rem(*right),
                };
                result.map(Self::Int).ok_or_else(|| format!("{left} {operator} {right} is no 64-bit integer"))
            }
            (Self::Text(_), _) | (_, Self::Text(_)) if operator == Operator::Plus => match (self.to_text(), other.to_text()) {
                (Some(left), Some(right)) => Ok(Self::Text(left.into_owned() + &right)),
                _ => Err(no_operator(self, operator, other)),
            },
            _ => match (self.as_float(), other.as_float()) {
                (Some(left), Some(right)) => Ok(Self::Float(match operator {
                    Operator::Plus => left + right,
                    Operator::Minus => left - right,
                    Operator::Times => left * right,
                    Operator::Divide => left / right,
                    Operator::Remainder => left % right,
                })),
                _ => Err(no_operator(self, operator, other)),
            },
        }
    }
}

fn no_operator(left: &Value, operator: Operator, right: &Value) -> String {
    format!("{} {operator} {} can't be calculated", left.kind(), right.kind())
}
