//! Rules in XML, both ways.

use super::{describe::moment, element::Element, xml::Xml};
use crate::{
    config::RuleConfig,
    filter::{Action, CorrelationFilter, Filter, Parameters, SqlFilter, Value},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

const SCHEMA: &str = "http://www.w3.org/2001/XMLSchema";
/// The names in the order in which the service writes them.
const CORRELATION: [&str; 8] = ["CorrelationId", "MessageId", "To", "ReplyTo", "Label", "SessionId", "ReplyToSessionId", "ContentType"];

pub(super) fn write(xml: &mut Xml, rule: &RuleConfig, created: &str) {
    let kind = match &rule.filter {
        Filter::True => "TrueFilter",
        Filter::False => "FalseFilter",
        Filter::Correlation(_) => "CorrelationFilter",
        Filter::Sql(_) => "SqlFilter",
    };
    xml.element("Filter", &[("i:type", kind)], |xml| match &rule.filter {
        Filter::True => sql(xml, "1=1", &Parameters::default()),
        Filter::False => sql(xml, "1=0", &Parameters::default()),
        Filter::Sql(filter) => sql(xml, filter.expression(), filter.parameters()),
        Filter::Correlation(filter) => {
            for name in CORRELATION {
                if let Some((_, value)) = filter.system().find(|(known, _)| *known == name) {
                    xml.leaf(name, value);
                }
            }
            values(xml, "Properties", &filter.properties);
        }
    });
    match &rule.action {
        None => xml.empty("Action", &[("i:type", "EmptyRuleAction")]),
        Some(action) => {
            xml.element("Action", &[("i:type", "SqlRuleAction")], |xml| sql(xml, action.expression(), action.parameters()));
        }
    }
    xml.leaf("CreatedAt", created);
    xml.leaf("Name", &rule.name);
}

fn sql(xml: &mut Xml, expression: &str, parameters: &Parameters) {
    xml.leaf("SqlExpression", expression);
    xml.leaf("CompatibilityLevel", "20");
    values(xml, "Parameters", &parameters.0);
}

/// JavaScript's client cuts five characters off the type, so that the prefix has four letters.
fn values(xml: &mut Xml, name: &str, values: &[(String, Value)]) {
    if values.is_empty() {
        return;
    }
    xml.element(name, &[], |xml| {
        for (key, value) in values {
            let (kind, text) = match value {
                Value::Null => ("d6p1:string", String::new()),
                Value::Bool(value) => ("d6p1:boolean", value.to_string()),
                Value::Int(value) if i32::try_from(*value).is_ok() => ("d6p1:int", value.to_string()),
                Value::Int(value) => ("d6p1:long", value.to_string()),
                Value::Float(value) => ("d6p1:double", value.to_string()),
                Value::Text(text) => ("d6p1:string", text.clone()),
                Value::Bytes(bytes) => ("d6p1:string", String::from_utf8_lossy(bytes).into_owned()),
                Value::Uuid(uuid) => ("d6p1:guid", uuid.to_string()),
                Value::Timestamp(millis) => ("d6p1:dateTime", moment(*millis)),
            };
            xml.element("KeyValueOfstringanyType", &[], |xml| {
                xml.leaf("Key", key);
                xml.element("Value", &[("i:type", kind), ("xmlns:d6p1", SCHEMA)], |xml| xml.text(&text));
            });
        }
    });
}

/// From a `RuleDescription` or a `DefaultRuleDescription`. `name` is that of the address, which counts before the one inside.
///
/// # Errors
/// A sentence that names the element.
pub(super) fn read(description: &Element, name: Option<&str>) -> Result<RuleConfig, String> {
    let name = name.or_else(|| description.value("Name")).unwrap_or(RuleConfig::DEFAULT).to_owned();
    let filter = match description.child("Filter") {
        None => Filter::True,
        Some(element) => match element.kind.as_deref() {
            Some("TrueFilter") => Filter::True,
            Some("FalseFilter") => Filter::False,
            Some("SqlFilter") => {
                let (expression, parameters) = expression(element, "Filter")?;
                let filter = SqlFilter::with_parameters(expression, parameters);
                Filter::Sql(filter.map_err(|error| format!("The filter can't be used: {error}."))?)
            }
            Some("CorrelationFilter") => correlation(element)?,
            other => {
                return Err(format!("The type of Filter must be SqlFilter, CorrelationFilter, TrueFilter or FalseFilter, not {other:?}."));
            }
        },
    };
    let action = match description.child("Action").map(|element| (element, element.kind.as_deref())) {
        None | Some((_, Some("EmptyRuleAction"))) => None,
        Some((element, Some("SqlRuleAction"))) => {
            let (expression, parameters) = expression(element, "Action")?;
            let action = Action::with_parameters(expression, parameters);
            Some(action.map_err(|error| format!("The action can't be used: {error}."))?)
        }
        Some((_, other)) => return Err(format!("The type of Action must be SqlRuleAction or EmptyRuleAction, not {other:?}.")),
    };
    Ok(RuleConfig { name, filter, action })
}

fn expression<'a>(element: &'a Element, name: &str) -> Result<(&'a str, Parameters), String> {
    let expression = element.child("SqlExpression").ok_or_else(|| format!("{name} has no SqlExpression."))?;
    Ok((expression.text(), Parameters(read_values(element, "Parameters")?)))
}

fn correlation(element: &Element) -> Result<Filter, String> {
    let mut filter = CorrelationFilter { properties: read_values(element, "Properties")?, ..CorrelationFilter::default() };
    for name in CORRELATION {
        if let (Some(place), Some(child)) = (filter.system_mut(name), element.child(name)) {
            *place = Some(child.text().to_owned()).filter(|text| !text.is_empty());
        }
    }
    if filter == CorrelationFilter::default() {
        return Err("A CorrelationFilter must ask for at least one property.".into());
    }
    Ok(Filter::Correlation(filter))
}

fn read_values(element: &Element, name: &str) -> Result<Vec<(String, Value)>, String> {
    let Some(list) = element.child(name) else { return Ok(Vec::new()) };
    list.all("KeyValueOfstringanyType")
        .map(|pair| {
            let key = pair.value("Key").ok_or_else(|| format!("A KeyValueOfstringanyType in {name} has no Key."))?;
            let value = pair.child("Value").ok_or_else(|| format!("{key} in {name} has no Value."))?;
            let kind = value.kind.as_deref().unwrap_or("string");
            let read =
                read_value(kind, value.text()).ok_or_else(|| format!("{key} in {name} is {:?}, which is no {kind}.", value.text()))?;
            Ok((key.to_owned(), read))
        })
        .collect()
}

/// The types of XML Schema that .NET writes for what a message property can hold.
fn read_value(kind: &str, text: &str) -> Option<Value> {
    Some(match kind {
        "string" | "anyURI" | "char" => Value::Text(text.to_owned()),
        "int" | "long" | "short" | "byte" | "unsignedByte" | "unsignedShort" | "unsignedInt" | "unsignedLong" => {
            Value::Int(text.parse().ok()?)
        }
        "double" | "float" | "decimal" => Value::Float(text.parse().ok()?),
        "boolean" => match text {
            "true" | "1" => Value::Bool(true),
            "false" | "0" => Value::Bool(false),
            _ => return None,
        },
        "guid" => Value::Uuid(Uuid::parse_str(text).ok()?),
        "dateTime" => {
            let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
            Value::Timestamp(i64::try_from(nanos.div_euclid(1_000_000)).ok()?)
        }
        _ => return None,
    })
}
