use super::{Action, CorrelationFilter, Filter, Parameters, SqlFilter, Subject, SubjectMut, Value};
use proptest::prelude::*;
use std::collections::BTreeMap;
use uuid::Uuid;

#[derive(Debug, Clone, Default, PartialEq)]
struct Message {
    system: BTreeMap<String, Value>,
    user: BTreeMap<String, Value>,
}

impl Subject for Message {
    fn system(&self, name: &str) -> Option<Value> {
        self.system.get(name).cloned()
    }

    fn property(&self, name: &str) -> Option<Value> {
        self.user.get(&name.to_lowercase()).cloned()
    }
}

impl SubjectMut for Message {
    fn set_system(&mut self, name: &str, value: Value) -> Result<(), String> {
        self.system.insert(name.into(), value);
        Ok(())
    }

    fn set_property(&mut self, name: &str, value: Value) {
        self.user.insert(name.to_lowercase(), value);
    }

    fn remove_property(&mut self, name: &str) {
        self.user.remove(&name.to_lowercase());
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn order() -> Message {
    let system = [("Label", text("order.created")), ("MessageId", text("m-1")), ("ContentType", text("application/json"))];
    let user = [
        ("amount", Value::Int(150)),
        ("weight", Value::Float(2.5)),
        ("currency", text("EUR")),
        ("paid", Value::Bool(true)),
        ("note", Value::Null),
        ("key", Value::Uuid(Uuid::from_u128(7))),
        ("due", Value::Timestamp(1_000)),
        ("hr-id", text("h")),
        ("and", text("reserved")),
    ];
    Message {
        system: system.map(|(name, value)| (name.to_owned(), value)).into(),
        user: user.map(|(name, value)| (name.to_owned(), value)).into(),
    }
}

fn takes(expression: &str) -> bool {
    Filter::Sql(SqlFilter::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))).matches(&order())
}

fn refusal(expression: &str) -> String {
    SqlFilter::parse(expression).unwrap_err().to_string()
}

#[test]
fn comparisons_follow_the_documented_grammar() {
    for expression in [
        "1=1",
        "amount >= 100 AND currency IN ('EUR', 'CHF')",
        "sys.Label LIKE 'order.%' AND currency IS NOT NULL",
        "SYS.label = 'order.created' and Subject IS NULL",
        "EXISTS(paid) AND NOT (currency = 'USD' OR currency = 'none')",
        "amount * 2 - 10 > 289 OR amount < 0",
        "user.amount <> 151 AND user.amount != 149",
        "(amount + 1) * 2 = 302 AND (amount = 150)",
        "weight > 2 AND weight < 3 AND weight * 2 = 5 AND amount / 4 = 37 AND amount % 4 = 2 AND amount / 4.0 = 37.5",
        "- amount = -150 AND +amount = 150 AND 1.5E2 = amount",
        "[hr-id] = 'h' AND \"hr-id\" = 'h' AND [and] = 'reserved'",
        "currency NOT IN ('USD') AND currency NOT LIKE '%x%'",
        "currency LIKE 'E\\_%' ESCAPE '\\' OR 'it''s' = 'it' + '''' + 's'",
        "paid = TRUE AND paid <> false",
        "note IS NULL AND missing IS NULL AND NOT EXISTS(missing) AND EXISTS(note)",
        "property('amou' + 'nt') = 150 AND p('sys.MessageId') = 'm-1' AND newid() <> newid()",
        "AMOUNT = 150",
    ] {
        assert!(takes(expression), "{expression}");
    }
    for expression in ["1=0", "amount > 150", "currency IN ('USD', 'CHF')", "sys.MessageId = 'M-1'", "NOT 1=1", "currency LIKE 'eur'"] {
        assert!(!takes(expression), "{expression}");
    }
}

#[test]
fn what_depends_on_a_missing_property_is_unknown_and_so_is_its_negation() {
    for unknown in
        ["missing = 1", "missing IN (1, 2)", "missing LIKE '%'", "missing + 1 > 0", "note = NULL", "sys.To = 'x'", "1 IN (2, NULL)"]
    {
        assert!(!takes(unknown), "{unknown}");
        assert!(!takes(&format!("NOT ({unknown})")), "NOT ({unknown})");
        assert!(takes(&format!("{unknown} OR 1=1")), "{unknown} OR TRUE");
        assert!(!takes(&format!("{unknown} AND 1=1")), "{unknown} AND TRUE");
        assert!(takes(&format!("NOT ({unknown} AND 1=0)")), "NOT ({unknown} AND FALSE)");
        assert!(!takes(&format!("{unknown} OR 1=0")), "{unknown} OR FALSE");
    }
}

#[test]
fn what_has_no_answer_takes_no_message() {
    for expression in
        ["currency > 1", "paid + 1 = 2", "amount / 0 = 1", "9223372036854775807 + amount > 0", "-paid = 1", "amount LIKE '1%'"]
    {
        assert!(!takes(expression), "{expression}");
        assert!(!takes(&format!("NOT ({expression})")), "NOT ({expression})");
    }
}

#[test]
fn and_binds_closer_than_or_and_not_closer_than_and() {
    assert!(takes("1=1 OR 1=1 AND 1=0"));
    assert!(!takes("(1=1 OR 1=1) AND 1=0"));
    assert!(takes("NOT 1=0 AND 1=1"));
    assert!(takes("2 + 3 * 4 = 14 AND 10 - 4 - 3 = 3"));
}

#[test]
fn parameters_have_their_values() {
    let parameters = Parameters(vec![("@least".into(), Value::Int(150)), ("label".into(), text("order.created"))]);
    let filter = SqlFilter::with_parameters("amount >= @least AND sys.Label = @Label", parameters).unwrap();
    assert!(Filter::Sql(filter).matches(&order()));
    assert_eq!(refusal("amount > @least"), "character 10: no value is given for the parameter @least");
}

#[test]
fn what_is_not_supported_is_refused_with_its_position() {
    for (expression, complaint) in [
        ("", "character 1: a value is missing before the end"),
        ("amount", "character 1: a value is no condition; compare it, as in flag = TRUE"),
        ("amount > ", "character 10: a value is missing before the end"),
        ("amount > 1 AND 2", "character 16: a value is no condition; compare it, as in flag = TRUE"),
        ("amount > (1 = 1)", "character 10: a condition is no value"),
        ("a = 1 b", "character 7: the end is missing before b"),
        ("a IN 1", "character 6: ( is missing before 1"),
        ("a IN (1", "character 8: ) is missing before the end"),
        ("a NOT 1", "character 7: IN or LIKE is missing before 1"),
        ("1 + 1 IS NULL", "character 1: IS NULL asks for a property"),
        ("a LIKE 'x!' ESCAPE '!'", "character 8: the pattern 'x!' ends with its escape character"),
        (
            "sys.Size > 1",
            "character 5: sys.Size is not supported, only sys.ContentType, sys.CorrelationId, sys.Label, sys.MessageId, \
          sys.ReplyTo, sys.ReplyToSessionId, sys.SessionId, sys.Subject, sys.To are",
        ),
        ("order.total > 1", "character 1: order is no scope, only sys and user are (a name with a point is written [order.name])"),
        ("count(a) > 1", "character 1: there is no function count, only newid(), property() and p()"),
        ("and = 1", "character 1: and is a reserved word; as a name it is written [and]"),
        ("a = 'x", "character 5: what begins here has no closing '"),
        ("a = 1 # b", "character 7: '#' has no meaning in an expression"),
        ("a = 9223372036854775808", "character 5: 9223372036854775808 is more than 9223372036854775807"),
        ("a = 1.", "character 5: 1. needs a digit after its point"),
        ("a = 1e", "character 5: 1E needs a whole number as exponent"),
        ("a = 1e999", "character 5: 1E999 is more than a double holds"),
        ("a = @ 1", "character 5: a parameter needs a name after @"),
        ("é = 1 AND ß ! 2", "character 13: '!' has no meaning in an expression"),
    ] {
        assert_eq!(refusal(expression), complaint, "{expression}");
    }
    assert_eq!(refusal(&"(".repeat(70)), "character 66: more than 64 levels inside one another");
    assert_eq!(refusal(&format!("a = '{}'", "x".repeat(1_100))), "character 1025: an expression has at most 1024 characters");
}

#[test]
fn a_correlation_filter_asks_that_all_it_names_is_equal() {
    let filter = CorrelationFilter {
        label: Some("order.created".into()),
        properties: vec![("Currency".into(), text("EUR")), ("amount".into(), Value::Float(150.0))],
        ..CorrelationFilter::default()
    };
    let matches = |filter: CorrelationFilter| Filter::Correlation(filter).matches(&order());
    assert!(matches(filter.clone()));
    assert!(!matches(CorrelationFilter { to: Some("desk".into()), ..filter.clone() }));
    assert!(!matches(CorrelationFilter { label: Some("ORDER.CREATED".into()), ..filter.clone() }));
    assert!(!matches(CorrelationFilter { properties: vec![("amount".into(), text("150"))], ..filter.clone() }));
    assert!(!matches(CorrelationFilter { properties: vec![("missing".into(), Value::Null)], ..filter }));
}

#[test]
fn an_action_sets_and_removes_properties_one_after_the_other() {
    let action = Action::parse(
        "SET sys.Label = 'x' + amount; SET amount = amount + 1 SET double = amount * 2; remove currency; REMOVE sys.MessageId;",
    );
    let mut message = order();
    action.unwrap().apply(&mut message).unwrap();
    assert_eq!(message.system["Label"], text("x150"));
    assert_eq!(message.system["MessageId"], Value::Null);
    assert_eq!(message.user["amount"], Value::Int(151));
    assert_eq!(message.user["double"], Value::Int(302));
    assert!(!message.user.contains_key("currency"));
}

#[test]
fn an_action_converts_where_csharp_converts_by_itself_and_fails_elsewhere() {
    let apply = |expression: &str| {
        let mut message = order();
        Action::parse(expression).unwrap().apply(&mut message).map(|()| message)
    };
    assert_eq!(apply("SET weight = 3").unwrap().user["weight"], Value::Float(3.0));
    assert_eq!(apply("SET sys.To = key").unwrap().system["To"], text(&Uuid::from_u128(7).to_string()));
    assert_eq!(apply("SET copy = missing + 1").unwrap().user["copy"], Value::Null);
    assert_eq!(apply("SET a = paid - 1").unwrap_err(), "a boolean - a number can't be calculated");
    assert_eq!(apply("SET sys.To = due").unwrap_err(), "sys.To takes a text, not a point in time");
    assert_eq!(apply("SET a = 7 / 0").unwrap_err(), "7 / 0 is no 64-bit integer");
}

#[test]
fn an_action_that_is_none_is_refused_with_its_position() {
    let refusal = |expression: &str| Action::parse(expression).unwrap_err().to_string();
    assert_eq!(refusal("UPDATE a = 1"), "character 1: SET or REMOVE is missing before UPDATE");
    assert_eq!(refusal("SET a 1"), "character 7: = is missing before 1");
    assert_eq!(refusal("SET a = b = c"), "character 11: SET or REMOVE is missing before =");
    assert_eq!(refusal(""), "character 1: SET or REMOVE is missing before the end");
    assert_eq!(refusal(&"REMOVE a;".repeat(33)), "character 289: an action has at most 32 statements");
}

/// Texts that look like SQL, so that the tests get past the first word.
fn almost_sql() -> impl Strategy<Value = String> {
    let words = [
        "a",
        "sys.Label",
        "user.b",
        "[c d]",
        "\"e\"",
        "1",
        "2.5",
        "'x'",
        "''''",
        "@p",
        "(",
        ")",
        "AND",
        "OR",
        "NOT",
        "IN",
        "LIKE",
        "ESCAPE",
        "IS",
        "NULL",
        "EXISTS",
        "=",
        "<>",
        "<",
        ">=",
        "+",
        "-",
        "*",
        "/",
        "%",
        ",",
        ".",
        ";",
        "TRUE",
        "SET",
        "REMOVE",
        "newid()",
        "p(",
        "é",
        "[",
        "'",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..40).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in prop_oneof![any::<String>(), almost_sql()]) {
        if let Ok(filter) = SqlFilter::parse(&text) {
            Filter::Sql(filter).matches(&order());
        }
        if let Ok(action) = Action::parse(&text) {
            let _ = action.apply(&mut order());
        }
    }

    #[test]
    fn a_text_is_found_whatever_is_in_it(value in "[^']{0,40}") {
        let mut message = order();
        message.set_property("v", Value::Text(value.clone()));
        let filter = SqlFilter::parse(&format!("v = '{value}'")).unwrap();
        prop_assert!(Filter::Sql(filter).matches(&message));
    }

    #[test]
    fn a_number_is_ordered_as_it_is(left: i32, right: i32) {
        let mut message = Message::default();
        message.set_property("left", Value::Int(left.into()));
        let filter = SqlFilter::parse(&format!("left < {right}")).unwrap();
        prop_assert_eq!(Filter::Sql(filter).matches(&message), left < right);
    }
}
