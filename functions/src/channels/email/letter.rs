//! From an order and its news to subject, text and HTML. The templates are compiled into the binary.

use super::phrases::{self, Phrases};
use crate::domain::{currency, delivery::News, order::Order};
use askama::Template;

/// What the customer reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// BCP 47.
    pub language: &'static str,
    pub subject: String,
    pub text: String,
    pub html: String,
}

#[derive(Template)]
#[template(path = "order.txt", config = "functions/templates/askama.toml")]
struct Text<'a> {
    letter: &'a Facts<'a>,
}

/// Whatever is put into this template is escaped by the engine.
#[derive(Template)]
#[template(path = "order.html", config = "functions/templates/askama.toml")]
struct Html<'a> {
    letter: &'a Facts<'a>,
}

struct Facts<'a> {
    phrases: &'static Phrases,
    subject: &'a str,
    heading: &'static str,
    lead: &'static str,
    customer: &'a str,
    lines: Vec<Row<'a>>,
    total: &'a str,
    number: String,
    placed: String,
}

struct Row<'a> {
    name: &'a str,
    quantity: i64,
    price: String,
    amount: String,
}

/// In the language of the order's `notify.locale`, else in English. `None` for news that no e-mail tells.
///
/// # Errors
/// Never, as far as is known: the templates ask nothing that can fail.
pub fn compose(order: &Order, news: News) -> Result<Option<Letter>, askama::Error> {
    let phrases = phrases::of(order.notify.locale.as_deref());
    let money = |minor: i64| currency::written(minor, &order.currency, phrases.numerals);
    let total = money(order.total);
    let reason = order.cancellation.as_ref().map(|cancellation| cancellation.reason);
    let Some([subject, heading, lead]) = (phrases.news)(news, reason) else { return Ok(None) };
    let subject = subject.replace("{total}", &total);
    let facts = Facts {
        phrases,
        subject: &subject,
        heading,
        lead,
        customer: &order.customer.name,
        lines: order
            .lines
            .iter()
            .map(|line| Row {
                name: line.name.as_deref().unwrap_or(&line.sku),
                quantity: line.quantity,
                price: money(line.unit_price),
                amount: money(line.line_total),
            })
            .collect(),
        total: &total,
        number: order.id.to_string(),
        placed: (phrases.day)(order.created_at),
    };
    let (text, html) = (Text { letter: &facts }.render()?, Html { letter: &facts }.render()?);
    Ok(Some(Letter { language: phrases.language, text, html, subject }))
}
