//! What the customer reads.

use super::placed;
use orders::{
    channels::email::letter::{Letter, compose},
    domain::{
        delivery::News,
        order::{CancelReason, Cancellation, Order},
    },
};
use serde_json::json;

fn order(locale: Option<&str>) -> Order {
    let mut body = json!({
        "customer": { "name": "Ada & <b>Bob</b> \"Lovelace\"", "email": "ada@example.com" },
        "currency": "EUR",
        "lines": [
            { "sku": "TEA-1", "name": "Tea <script>alert(1)</script>", "quantity": 2, "unitPrice": 125_000 },
            { "sku": "CUP-2", "quantity": 1, "unitPrice": 1_250 },
        ],
    });
    if let Some(locale) = locale {
        body["notify"] = json!({ "locale": locale });
    }
    placed(&body)
}

fn letter(order: &Order, news: News) -> Letter {
    compose(order, news).unwrap().expect("it is told by e-mail")
}

#[test]
fn a_letter_is_in_the_language_of_the_order_with_its_numerals() {
    let english = letter(&order(None), News::Created);
    assert_eq!(english.subject, "Your order over 2,512.50 EUR");
    assert!(
        english.text.contains("2 x Tea <script>alert(1)</script>: 2,500.00 EUR\n1 x CUP-2: 12.50 EUR\nTotal: 2,512.50 EUR\n"),
        "{}",
        english.text
    );
    let german = letter(&order(Some("de-AT")), News::Created);
    assert_eq!((german.language, german.subject.as_str()), ("de", "Ihre Bestellung über 2.512,50 EUR"));
    assert!(german.text.starts_with("Guten Tag Ada & <b>Bob</b> \"Lovelace\",\n\nwir haben Ihre Bestellung erhalten"), "{}", german.text);
    assert!(german.html.contains("<html lang=\"de\">") && german.html.contains("Bestellnummer"));
    assert_eq!(letter(&order(Some("fr-CH")), News::Created).language, "en");
}

#[test]
fn nothing_that_a_customer_typed_is_markup_in_the_html() {
    for news in [News::Created, News::Shipped, News::Cancelled] {
        let html = letter(&order(None), news).html;
        assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
        assert!(html.contains("Ada &#38; &#60;b&#62;Bob"), "{html}");
    }
}

#[test]
fn amounts_have_the_minor_digits_of_their_currency() {
    let yen = placed(&json!({
        "customer": { "name": "Ada", "email": "ada@example.com" },
        "currency": "JPY",
        "lines": [{ "sku": "TEA-1", "quantity": 1, "unitPrice": 1_250 }],
    }));
    assert_eq!(letter(&yen, News::Created).subject, "Your order over 1,250 JPY");
}

#[test]
fn a_cancelled_order_says_why_where_that_is_the_customers_business() {
    let cancelled = |reason| {
        let note = Some("looks like a stolen card".to_owned());
        let order = Order { cancellation: Some(Cancellation { reason, note }), ..order(None) };
        letter(&order, News::Cancelled)
    };
    assert!(cancelled(CancelReason::Inventory).text.contains("we cannot deliver all of it"));
    for reason in CancelReason::ALL {
        let letter = cancelled(reason);
        for text in [&letter.text, &letter.html, &letter.subject] {
            assert!(!text.contains("fraud") && !text.contains("stolen"), "{text}");
        }
    }
}

#[test]
fn what_is_not_told_by_e_mail_has_no_letter() {
    for news in News::ALL {
        assert_eq!(compose(&order(None), news).unwrap().is_some(), news.notifies(), "{news}");
    }
}
