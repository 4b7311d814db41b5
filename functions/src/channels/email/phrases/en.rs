use super::Phrases;
use crate::domain::{currency::Numerals, delivery::News, order::CancelReason, timestamp::Timestamp};

pub(super) static PHRASES: Phrases = Phrases {
    language: "en",
    greeting: "Hello",
    item: "Item",
    amount: "Amount",
    total: "Total",
    number: "Order number",
    placed: "Placed on",
    numerals: Numerals { decimal: '.', group: ',' },
    day,
    news,
};

fn day(moment: Timestamp) -> String {
    const MONTHS: [&str; 12] =
        ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
    let (year, month, day) = moment.date();
    format!("{day} {} {year}", MONTHS[usize::from(month - 1)])
}

fn news(news: News, reason: Option<CancelReason>) -> Option<[&'static str; 3]> {
    Some(match (news, reason) {
        (News::Created, _) => [
            "Your order over {total}",
            "Thank you for your order",
            "we have received your order and will tell you as soon as it is on its way.",
        ],
        (News::Shipped, _) => ["Your order is on its way", "Your order is on its way", "your order has left us and is on its way to you."],
        (News::Cancelled, reason) => ["Your order was cancelled", "Your order was cancelled", cancelled(reason)],
        (News::Confirmed | News::Delivered, _) => return None,
    })
}

/// Suspicion of fraud and the staff's own reasons are not the customer's to read.
fn cancelled(reason: Option<CancelReason>) -> &'static str {
    match reason {
        Some(CancelReason::Customer) => "your order was cancelled, as you asked.",
        Some(CancelReason::Inventory) => "we are sorry: your order was cancelled, since we cannot deliver all of it.",
        Some(CancelReason::Declined) => "your order was cancelled, since the payment was declined.",
        Some(CancelReason::Fraud | CancelReason::Staff | CancelReason::Other) | None => "your order was cancelled.",
    }
}
