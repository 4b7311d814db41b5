//! What a client sends to place an order, checked whole: every fault is found, not only the first.

use super::{
    currency,
    fault::{At, Fault, Faults, Members},
    node::Node,
    order::{Customer, Line, MAX_AMOUNT, Preferences},
};
use serde::Serialize;
use std::collections::BTreeMap;

pub const MAX_LINES: usize = 100;
pub const MAX_NAME: usize = 200;
pub const MAX_EMAIL: usize = 254;
pub const MAX_SKU: usize = 64;
pub const MAX_QUANTITY: i64 = 10_000;
pub const MAX_METADATA: usize = 20;
pub const MAX_METADATA_KEY: usize = 40;
pub const MAX_METADATA_VALUE: usize = 200;
/// RFC 5646 §4.4.1 recommends room for at least 35 characters.
pub const MAX_LOCALE: usize = 35;

/// A checked request for an order: nothing in it can be refused any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewOrder {
    pub customer: Customer,
    pub currency: String,
    pub lines: Vec<Line>,
    pub notify: Preferences,
    pub metadata: BTreeMap<String, String>,
}

impl NewOrder {
    /// `channels` are the configured ones: a customer cannot be told over any other.
    pub fn parse(body: &Node<'_>, channels: &[&str]) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let root = At::Root;
        let known = ["customer", "customerName", "currency", "lines", "notify", "metadata"];
        let Some(members) = Members::of(body, &root, &known, &mut faults) else {
            return Err(faults.0);
        };
        let customer = customer(&members, &mut faults);
        let currency = members
            .required("currency", &root, &mut faults)
            .and_then(|node| currency_code(node, &At::Member(&root, "currency"), &mut faults));
        let lines = members.required("lines", &root, &mut faults).and_then(|node| lines(node, &At::Member(&root, "lines"), &mut faults));
        let notify = members
            .get("notify")
            .map_or_else(|| Some(Preferences::default()), |node| preferences(node, &At::Member(&root, "notify"), channels, &mut faults));
        let metadata = members
            .get("metadata")
            .map_or_else(|| Some(BTreeMap::new()), |node| metadata(node, &At::Member(&root, "metadata"), &mut faults));
        match (customer, currency, lines, notify, metadata) {
            (Some(customer), Some(currency), Some(lines), Some(notify), Some(metadata)) if faults.0.is_empty() => {
                Ok(Self { customer, currency, lines, notify, metadata })
            }
            _ => Err(faults.0),
        }
    }
}

fn customer(members: &Members<'_, '_>, faults: &mut Faults) -> Option<Customer> {
    let at = At::Member(&At::Root, "customer");
    let short = At::Member(&At::Root, "customerName");
    match (members.get("customer"), members.get("customerName")) {
        (None, None) => {
            faults.add(&at, "required", "is required (or customerName, when only the name is known)");
            None
        }
        (Some(_), Some(_)) => {
            faults.add(&short, "conflict", "must not stand beside customer");
            None
        }
        (None, Some(name)) => faults.text(&short, name, 1, MAX_NAME).map(|name| Customer { name, email: None }),
        (Some(node), None) => {
            let inner = Members::of(node, &at, &["name", "email"], faults)?;
            let name = inner.required("name", &at, faults).and_then(|node| faults.text(&At::Member(&at, "name"), node, 1, MAX_NAME));
            let email = match inner.get("email") {
                None => Some(None),
                Some(node) => email(node, &At::Member(&at, "email"), faults).map(Some),
            };
            Some(Customer { name: name?, email: email? })
        }
    }
}

/// The shape alone is checked (RFC 5321 lengths, one `@` with something on both sides): only sending proves an address.
pub(super) fn email(node: &Node<'_>, at: &At<'_>, faults: &mut Faults) -> Option<String> {
    let text = faults.text(at, node, 3, MAX_EMAIL)?;
    let shaped = text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
    if shaped && !text.chars().any(char::is_whitespace) {
        return Some(text);
    }
    faults.add(at, "format", "must be an e-mail address, as in ada@example.com");
    None
}

fn currency_code(node: &Node<'_>, at: &At<'_>, faults: &mut Faults) -> Option<String> {
    match node {
        Node::Text(code) if currency::is_known(code) => Some(code.clone().into_owned()),
        Node::Text(_) => {
            faults.add(at, "format", "must be an ISO 4217 currency code in upper case, as in EUR");
            None
        }
        _ => {
            faults.wrong_type(at, "a string", node);
            None
        }
    }
}

fn lines(node: &Node<'_>, at: &At<'_>, faults: &mut Faults) -> Option<Vec<Line>> {
    let Node::List(items) = node else {
        faults.wrong_type(at, "an array", node);
        return None;
    };
    if items.is_empty() || items.len() > MAX_LINES {
        faults.add(at, "count", format!("must have 1 to {MAX_LINES} lines, and has {}", items.len()));
        return None;
    }
    let read: Vec<Option<Line>> = items.iter().enumerate().map(|(index, item)| line(item, &At::Item(at, index), faults)).collect();
    let lines = read.into_iter().collect::<Option<Vec<Line>>>()?;
    let total = lines.iter().try_fold(0_i64, |sum, line| sum.checked_add(line.line_total)).filter(|total| *total <= MAX_AMOUNT);
    if total.is_none() {
        faults.add(at, "range", format!("must not add up to more than {MAX_AMOUNT}"));
        return None;
    }
    Some(lines)
}

fn line(node: &Node<'_>, at: &At<'_>, faults: &mut Faults) -> Option<Line> {
    let members = Members::of(node, at, &["sku", "name", "quantity", "unitPrice"], faults)?;
    let sku = members.required("sku", at, faults).and_then(|node| faults.text(&At::Member(at, "sku"), node, 1, MAX_SKU));
    let name = match members.get("name") {
        None => Some(None),
        Some(node) => faults.text(&At::Member(at, "name"), node, 1, MAX_NAME).map(Some),
    };
    let quantity =
        members.required("quantity", at, faults).and_then(|node| faults.integer(&At::Member(at, "quantity"), node, 1, MAX_QUANTITY));
    let unit_price =
        members.required("unitPrice", at, faults).and_then(|node| faults.integer(&At::Member(at, "unitPrice"), node, 0, MAX_AMOUNT));
    let (sku, name, quantity, unit_price) = (sku?, name?, quantity?, unit_price?);
    let Some(line_total) = quantity.checked_mul(unit_price).filter(|total| *total <= MAX_AMOUNT) else {
        faults.add(at, "range", format!("quantity times unitPrice must not be more than {MAX_AMOUNT}"));
        return None;
    };
    Some(Line { sku, name, quantity, unit_price, line_total })
}

fn preferences(node: &Node<'_>, at: &At<'_>, configured: &[&str], faults: &mut Faults) -> Option<Preferences> {
    let members = Members::of(node, at, &["channels", "locale"], faults)?;
    let channels = match members.get("channels") {
        None => Some(None),
        Some(node) => channels(node, &At::Member(at, "channels"), configured, faults).map(Some),
    };
    let locale = match members.get("locale") {
        None => Some(None),
        Some(node) => locale(node, &At::Member(at, "locale"), faults).map(Some),
    };
    Some(Preferences { channels: channels?, locale: locale? })
}

fn channels(node: &Node<'_>, at: &At<'_>, configured: &[&str], faults: &mut Faults) -> Option<Vec<String>> {
    let Node::List(items) = node else {
        faults.wrong_type(at, "an array", node);
        return None;
    };
    let mut names: Vec<String> = Vec::new();
    let before = faults.0.len();
    for (index, item) in items.iter().enumerate() {
        let here = At::Item(at, index);
        match item {
            Node::Text(name) if !configured.contains(&name.as_ref()) => {
                faults.add(&here, "unconfigured", format!("must be a configured channel: {}", configured.join(", ")));
            }
            Node::Text(name) if names.iter().any(|known| known == name) => faults.add(&here, "conflict", "stands twice"),
            Node::Text(name) => names.push(name.clone().into_owned()),
            _ => faults.wrong_type(&here, "a string", item),
        }
    }
    (faults.0.len() == before).then_some(names)
}

fn locale(node: &Node<'_>, at: &At<'_>, faults: &mut Faults) -> Option<String> {
    let text = faults.text(at, node, 2, MAX_LOCALE)?;
    let subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let language = text.split('-').next().unwrap_or_default();
    if (2..=8).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_alphabetic()) && text.split('-').all(subtag) {
        return Some(text);
    }
    faults.add(at, "format", "must be a BCP 47 language tag, as in en-GB");
    None
}

fn metadata(node: &Node<'_>, at: &At<'_>, faults: &mut Faults) -> Option<BTreeMap<String, String>> {
    let Node::Object(pairs) = node else {
        faults.wrong_type(at, "an object", node);
        return None;
    };
    if pairs.len() > MAX_METADATA {
        faults.add(at, "count", format!("must have at most {MAX_METADATA} members, and has {}", pairs.len()));
        return None;
    }
    let read: Vec<Option<(String, String)>> = pairs
        .iter()
        .map(|(key, value)| {
            let here = At::Member(at, key);
            let key = metadata_key(key, &here, faults);
            let value = faults.text(&here, value, 0, MAX_METADATA_VALUE);
            Some((key?, value?))
        })
        .collect();
    read.into_iter().collect()
}

pub(super) fn metadata_key(key: &str, at: &At<'_>, faults: &mut Faults) -> Option<String> {
    let length = key.chars().count();
    if !(1..=MAX_METADATA_KEY).contains(&length) {
        faults.add(at, "length", format!("must have a name of 1 to {MAX_METADATA_KEY} characters, and has one of {length}"));
    } else if key.chars().any(char::is_control) {
        faults.add(at, "format", "must not have control characters in its name");
    } else {
        return Some(key.to_owned());
    }
    None
}
