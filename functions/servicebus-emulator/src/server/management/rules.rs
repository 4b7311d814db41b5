//! Operations on a subscription's rules.

use super::{Answer, count, map, missing, text};
use crate::{
    amqp::Value,
    broker::{Broker, Refusal, Subscription, from_amqp, to_amqp},
    config::RuleConfig,
    filter::{Action, CorrelationFilter, Filter, SqlFilter},
};

// Descriptors of the service's request-response protocol. Its filters and its rules really differ by a digit.
const RULE_DESCRIPTION: u64 = 0x0137_0000_0004;
const EMPTY_ACTION: u64 = 0x0137_0000_0005;
const SQL_ACTION: u64 = 0x0137_0000_0006;
const SQL_FILTER: u64 = 0x0013_7000_0006;
const TRUE_FILTER: u64 = 0x0013_7000_0007;
const FALSE_FILTER: u64 = 0x0013_7000_0008;
const CORRELATION_FILTER: u64 = 0x0013_7000_0009;
/// The version of Microsoft's SQL dialect, which follows an expression.
const COMPATIBILITY: Value = Value::Int(20);

pub(super) fn add(subscription: &Subscription, body: &Value) -> Answer {
    let name = text(body, "rule-name")?;
    let description = body.get("rule-description").ok_or_else(|| missing("rule-description"))?;
    let wrong = |error: crate::filter::SqlError| Refusal::Argument(error.to_string());
    let filter = if let Some(sql) = description.get("sql-filter") {
        Filter::Sql(SqlFilter::parse(text(sql, "expression")?).map_err(wrong)?)
    } else if let Some(filter) = description.get("correlation-filter") {
        Filter::Correlation(correlation(filter))
    } else {
        return Err(missing("sql-filter"));
    };
    let action = description.get("sql-rule-action").and_then(|action| action.get("expression")).and_then(Value::as_text);
    let action = action.filter(|expression| !expression.is_empty()).map(Action::parse).transpose().map_err(wrong)?;
    subscription.add_rule(RuleConfig { name: name.to_owned(), filter, action })?;
    Ok((200, Value::Null))
}

pub(super) fn remove(subscription: &Subscription, body: &Value) -> Answer {
    subscription.remove_rule(text(body, "rule-name")?)?;
    Ok((200, Value::Null))
}

pub(super) fn list(broker: &Broker, subscription: &Subscription, body: &Value) -> Answer {
    let rules = subscription.rules().into_iter().skip(count(body, "skip")?).take(count(body, "top")?);
    let rules: Vec<_> = rules.map(|rule| map([("rule-description", described(&rule, broker.now()))])).collect();
    let code = if rules.is_empty() { 204 } else { 200 };
    Ok((code, map([("rules", Value::List(rules))])))
}

fn correlation(filter: &Value) -> CorrelationFilter {
    let text = |field: &str| filter.get(field).and_then(Value::as_text).map(str::to_owned);
    let properties = filter.get("properties").and_then(Value::as_map).unwrap_or_default();
    CorrelationFilter {
        content_type: text("content-type"),
        correlation_id: text("correlation-id"),
        label: text("label"),
        message_id: text("message-id"),
        reply_to: text("reply-to"),
        reply_to_session_id: text("reply-to-session-id"),
        session_id: text("session-id"),
        to: text("to"),
        properties: properties.iter().filter_map(|(name, value)| Some((name.as_text()?.to_owned(), from_amqp(value)))).collect(),
    }
}

fn described(rule: &RuleConfig, created: i64) -> Value {
    let filter = match &rule.filter {
        Filter::True => Value::described(TRUE_FILTER, Value::List(Vec::new())),
        Filter::False => Value::described(FALSE_FILTER, Value::List(Vec::new())),
        Filter::Sql(filter) => Value::described(SQL_FILTER, Value::List(vec![filter.expression().into(), COMPATIBILITY])),
        Filter::Correlation(filter) => Value::described(CORRELATION_FILTER, Value::List(correlation_fields(filter))),
    };
    let action = match &rule.action {
        None => Value::described(EMPTY_ACTION, Value::List(Vec::new())),
        Some(action) => Value::described(SQL_ACTION, Value::List(vec![action.expression().into(), COMPATIBILITY])),
    };
    Value::described(RULE_DESCRIPTION, Value::List(vec![filter, action, rule.name.clone().into(), Value::Timestamp(created)]))
}

fn correlation_fields(filter: &CorrelationFilter) -> Vec<Value> {
    let texts = [
        &filter.correlation_id,
        &filter.message_id,
        &filter.to,
        &filter.reply_to,
        &filter.label,
        &filter.session_id,
        &filter.reply_to_session_id,
        &filter.content_type,
    ];
    let mut fields: Vec<_> = texts.into_iter().map(|text| text.clone().map_or(Value::Null, Value::String)).collect();
    fields.push(Value::Map(filter.properties.iter().map(|(name, value)| (name.clone().into(), to_amqp(value.clone()))).collect()));
    fields
}
