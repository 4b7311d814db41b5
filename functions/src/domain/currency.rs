//! ISO 4217 currency codes: the active ones of list one, without funds, metals and test codes.

/// Sorted, so that a look-up is a binary search.
const CODES: [&str; 155] = [
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BHD", "BIF", "BMD", "BND", "BOB", "BRL", "BSD",
    "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CLP", "CNY", "COP", "CRC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP",
    "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS",
    "INR", "IQD", "IRR", "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR",
    "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN",
    "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD",
    "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRY",
    "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VED", "VES", "VND", "VUV", "WST", "XAF", "XCD", "XCG", "XOF", "XPF", "YER",
    "ZAR", "ZMW", "ZWG",
];

/// How many decimal digits the currency's minor unit stands for: 2 for most, 0 and 3 for some (ISO 4217 list one).
fn minor_digits(code: &str) -> usize {
    match code {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

pub fn is_known(code: &str) -> bool {
    CODES.binary_search(&code).is_ok()
}

/// How a language writes numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numerals {
    pub decimal: char,
    /// Between groups of three digits.
    pub group: char,
}

/// An amount in minor units as people read it: `12.50 EUR`, `1250 JPY`.
pub fn readable(minor: i64, code: &str) -> String {
    let digits = minor_digits(code);
    if digits == 0 {
        return format!("{minor} {code}");
    }
    let unit = 10_i64.pow(u32::try_from(digits).unwrap_or(2));
    format!("{}.{:0digits$} {code}", minor / unit, minor % unit)
}

/// An amount of at least 0 in minor units as readers of a language write it: `1.250,00 EUR`, `1,250 JPY`.
pub fn written(minor: i64, code: &str, numerals: Numerals) -> String {
    let digits = minor_digits(code);
    let unit = 10_i64.pow(u32::try_from(digits).unwrap_or(2));
    let whole = (minor / unit).to_string();
    let mut grouped = String::with_capacity(whole.len() * 4 / 3);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(numerals.group);
        }
        grouped.push(digit);
    }
    if digits == 0 { format!("{grouped} {code}") } else { format!("{grouped}{}{:0digits$} {code}", numerals.decimal, minor % unit) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_sorted_and_of_three_capitals() {
        assert!(CODES.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(CODES.iter().all(|code| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase())));
        assert!(is_known("EUR") && !is_known("eur") && !is_known("XXX"));
    }

    #[test]
    fn amounts_show_the_minor_digits_of_their_currency() {
        assert_eq!(readable(1250, "EUR"), "12.50 EUR");
        assert_eq!(readable(5, "USD"), "0.05 USD");
        assert_eq!(readable(1250, "JPY"), "1250 JPY");
        assert_eq!(readable(1250, "KWD"), "1.250 KWD");
    }

    #[test]
    fn an_amount_is_written_with_the_marks_of_the_language() {
        let (english, german) = (Numerals { decimal: '.', group: ',' }, Numerals { decimal: ',', group: '.' });
        assert_eq!(written(123_456_789, "EUR", english), "1,234,567.89 EUR");
        assert_eq!(written(123_456_789, "EUR", german), "1.234.567,89 EUR");
        assert_eq!(written(100_000, "JPY", german), "100.000 JPY");
        assert_eq!(written(5, "KWD", german), "0,005 KWD");
    }
}
