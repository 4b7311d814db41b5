//! Conditions and values for one message, in three-valued logic: what depends on a missing property is unknown.

use super::{
    Subject, Value,
    like::Pattern,
    subject::SYSTEM,
    syntax::{Comparison, Condition, Property, Term},
};
use std::{borrow::Cow, cmp::Ordering};
use uuid::Uuid;

/// `Ok(None)` is unknown.
///
/// # Errors
/// What can't be compared or calculated with this message's values.
pub(super) fn holds(condition: &Condition, subject: &dyn Subject) -> Result<Option<bool>, String> {
    match condition {
        Condition::All(parts) => first_that_is(false, parts, subject),
        Condition::Any(parts) => first_that_is(true, parts, subject),
        Condition::Not(inner) => Ok(holds(inner, subject)?.map(|holds| !holds)),
        Condition::Compare(left, comparison, right) => {
            let (left, right) = (value(left, subject)?, value(right, subject)?);
            if matches!(*left, Value::Null) || matches!(*right, Value::Null) {
                return Ok(None);
            }
            Ok(Some(compares(*comparison, left.compare(&right)?)))
        }
        Condition::In(term, list) => is_in(term, list, subject),
        Condition::Like { text, pattern, escape } => like(text, pattern, escape.as_ref(), subject),
        Condition::IsNull(term) => Ok(Some(matches!(*value(term, subject)?, Value::Null))),
        Condition::Exists(property) => Ok(Some(match property {
            Property::User(name) => subject.property(name).is_some(),
            Property::System(name) => subject.system(name).is_some_and(|value| value != Value::Null),
        })),
    }
}

/// AND ends at the first that is false, OR at the first that is true; else one unknown makes the whole unknown.
fn first_that_is(decisive: bool, parts: &[Condition], subject: &dyn Subject) -> Result<Option<bool>, String> {
    let mut result = Some(!decisive);
    for part in parts {
        match holds(part, subject)? {
            Some(holds) if holds == decisive => return Ok(Some(decisive)),
            Some(_) => {}
            None => result = None,
        }
    }
    Ok(result)
}

/// Without an order, NaN's case, only "not equal" is true (IEEE 754).
fn compares(comparison: Comparison, order: Option<Ordering>) -> bool {
    match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

fn is_in(term: &Term, list: &[Term], subject: &dyn Subject) -> Result<Option<bool>, String> {
    let left = value(term, subject)?;
    if matches!(*left, Value::Null) {
        return Ok(None);
    }
    let mut unknown = false;
    for term in list {
        let right = value(term, subject)?;
        if left.compare(&right)? == Some(Ordering::Equal) {
            return Ok(Some(true));
        }
        unknown |= matches!(*right, Value::Null);
    }
    Ok(if unknown { None } else { Some(false) })
}

fn like(text: &Term, pattern: &Term, escape: Option<&Term>, subject: &dyn Subject) -> Result<Option<bool>, String> {
    let text = value(text, subject)?;
    let pattern = value(pattern, subject)?;
    let escape = escape.map(|escape| value(escape, subject)).transpose()?;
    let operand = |value: &Value| match value {
        Value::Null => Ok(None),
        Value::Text(text) => Ok(Some(text.clone())),
        other => Err(format!("LIKE takes texts, not {}", other.kind())),
    };
    let (Some(text), Some(pattern)) = (operand(&text)?, operand(&pattern)?) else { return Ok(None) };
    let escape = match escape {
        None => None,
        Some(escape) => match operand(&escape)? {
            None => return Ok(None),
            escape => escape,
        },
    };
    Ok(Some(Pattern::new(&pattern, escape.as_deref())?.matches(&text)))
}

/// `Null` is unknown.
///
/// # Errors
/// What can't be calculated with this message's values.
pub(super) fn value<'a>(term: &'a Term, subject: &dyn Subject) -> Result<Cow<'a, Value>, String> {
    Ok(Cow::Owned(match term {
        Term::Constant(value) => return Ok(Cow::Borrowed(value)),
        Term::Property(Property::System(name)) => subject.system(name).unwrap_or(Value::Null),
        Term::Property(Property::User(name)) => subject.property(name).unwrap_or(Value::Null),
        Term::Named(term) => match &*value(term, subject)? {
            Value::Text(name) => named(name, subject)?,
            other => return Err(format!("property() takes a text, not {}", other.kind())),
        },
        Term::NewId => Value::Uuid(Uuid::new_v4()),
        Term::Negate(term) => match &*value(term, subject)? {
            Value::Null => Value::Null,
            Value::Float(value) => Value::Float(-value),
            Value::Int(value) => value.checked_neg().map(Value::Int).ok_or_else(|| format!("-({value}) is no 64-bit integer"))?,
            other => return Err(format!("{} has no negative", other.kind())),
        },
        Term::Calculate(left, operator, right) => value(left, subject)?.calculate(*operator, &*value(right, subject)?)?,
    }))
}

/// A property whose name is known only here, with its scope in the name or without.
fn named(name: &str, subject: &dyn Subject) -> Result<Value, String> {
    let value = match name.split_once('.') {
        Some((scope, name)) if scope.eq_ignore_ascii_case("sys") => {
            let known = SYSTEM.into_iter().find(|known| known.eq_ignore_ascii_case(name));
            subject.system(known.ok_or_else(|| format!("there is no system property {name}"))?)
        }
        Some((scope, name)) if scope.eq_ignore_ascii_case("user") => subject.property(name),
        _ => subject.property(name),
    };
    Ok(value.unwrap_or(Value::Null))
}
