use super::Phrases;
use crate::domain::{currency::Numerals, delivery::News, order::CancelReason, timestamp::Timestamp};

pub(super) static PHRASES: Phrases = Phrases {
    language: "de",
    greeting: "Guten Tag",
    item: "Artikel",
    amount: "Betrag",
    total: "Summe",
    number: "Bestellnummer",
    placed: "Bestellt am",
    numerals: Numerals { decimal: ',', group: '.' },
    day,
    news,
};

fn day(moment: Timestamp) -> String {
    const MONTHS: [&str; 12] =
        ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"];
    let (year, month, day) = moment.date();
    format!("{day}. {} {year}", MONTHS[usize::from(month - 1)])
}

fn news(news: News, reason: Option<CancelReason>) -> Option<[&'static str; 3]> {
    Some(match (news, reason) {
        (News::Created, _) => [
            "Ihre Bestellung über {total}",
            "Vielen Dank für Ihre Bestellung",
            "wir haben Ihre Bestellung erhalten und melden uns, sobald sie unterwegs ist.",
        ],
        (News::Shipped, _) => [
            "Ihre Bestellung ist unterwegs",
            "Ihre Bestellung ist unterwegs",
            "Ihre Bestellung hat uns verlassen und ist auf dem Weg zu Ihnen.",
        ],
        (News::Cancelled, reason) => ["Ihre Bestellung wurde storniert", "Ihre Bestellung wurde storniert", cancelled(reason)],
        (News::Confirmed | News::Delivered, _) => return None,
    })
}

/// Suspicion of fraud and the staff's own reasons are not the customer's to read.
fn cancelled(reason: Option<CancelReason>) -> &'static str {
    match reason {
        Some(CancelReason::Customer) => "Ihre Bestellung wurde wie gewünscht storniert.",
        Some(CancelReason::Inventory) => "leider mussten wir Ihre Bestellung stornieren, da wir sie nicht vollständig liefern können.",
        Some(CancelReason::Declined) => "Ihre Bestellung wurde storniert, da die Zahlung abgelehnt wurde.",
        Some(CancelReason::Fraud | CancelReason::Staff | CancelReason::Other) | None => "Ihre Bestellung wurde storniert.",
    }
}
