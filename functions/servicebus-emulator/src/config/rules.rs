//! The rules of a subscription.

use super::{
    RuleConfig,
    walk::{At, Result},
};
use crate::filter::{Action, CorrelationFilter, Filter, SqlFilter, Value};

pub(super) fn is_correlation(rule: &RuleConfig) -> bool {
    matches!(rule.filter, Filter::Correlation(_))
}

pub(super) fn rule(name: String, at: &At<'_>) -> Result<RuleConfig> {
    at.only(&["FilterType", "CorrelationFilter", "SqlFilter", "Action"])?;
    let kind = at.required("FilterType")?;
    let filter = match kind.text()? {
        "Correlation" => correlation(&at.required("CorrelationFilter")?)?,
        "Sql" => {
            let expression = expression(&at.required("SqlFilter")?)?;
            Filter::Sql(SqlFilter::parse(expression.text()?).map_err(|error| expression.wrong(error.to_string()))?)
        }
        other => return Err(kind.wrong(format!("must be Correlation or Sql, not {other:?}"))),
    };
    let action = match at.get("Action")? {
        None => None,
        Some(at) => {
            let expression = expression(&at)?;
            Some(Action::parse(expression.text()?).map_err(|error| expression.wrong(error.to_string()))?)
        }
    };
    Ok(RuleConfig { name, filter, action })
}

fn expression<'a>(at: &At<'a>) -> Result<At<'a>> {
    at.only(&["SqlExpression"])?;
    at.required("SqlExpression")
}

fn correlation(at: &At<'_>) -> Result<Filter> {
    let mut filter = CorrelationFilter::default();
    for (name, member) in at.members()? {
        if name == "Properties" {
            filter.properties =
                member.members()?.into_iter().map(|(name, at)| Ok((name.to_owned(), value(&at)?))).collect::<Result<_>>()?;
        } else if let Some(place) = filter.system_mut(name) {
            *place = Some(member.text()?.to_owned());
        } else {
            // Left out, the filter would take more than was meant.
            return Err(member.wrong("is no property that a correlation filter can ask for"));
        }
    }
    if filter == CorrelationFilter::default() {
        return Err(at.wrong("must ask for at least one property"));
    }
    Ok(Filter::Correlation(filter))
}

fn value(at: &At<'_>) -> Result<Value> {
    use serde_json::Value as Json;
    let number = |number: &serde_json::Number| number.as_i64().map(Value::Int).or_else(|| number.as_f64().map(Value::Float));
    match at.value() {
        Json::String(text) => Some(Value::Text(text.clone())),
        Json::Bool(value) => Some(Value::Bool(*value)),
        Json::Number(value) => number(value),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
    .ok_or_else(|| at.wrong("must be a string, a number or a boolean"))
}
