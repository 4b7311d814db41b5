//! What the e-mails say, in each language. One more language is one more file and one more arm here.

mod de;
mod en;

use crate::domain::{currency::Numerals, delivery::News, order::CancelReason, timestamp::Timestamp};

/// The words of one language.
pub(super) struct Phrases {
    /// BCP 47, for the `lang` attribute.
    pub(super) language: &'static str,
    pub(super) greeting: &'static str,
    pub(super) item: &'static str,
    pub(super) amount: &'static str,
    pub(super) total: &'static str,
    pub(super) number: &'static str,
    pub(super) placed: &'static str,
    pub(super) numerals: Numerals,
    /// The day of a moment, in UTC.
    pub(super) day: fn(Timestamp) -> String,
    /// Subject, heading and first sentence; the subject may hold `{total}`. `None` for what is not told by e-mail.
    pub(super) news: fn(News, Option<CancelReason>) -> Option<[&'static str; 3]>,
}

/// The language of a BCP 47 tag by its first subtag, so that `de-AT` is `de`; English for what there is none of.
pub(super) fn of(locale: Option<&str>) -> &'static Phrases {
    let language = locale.and_then(|tag| tag.split('-').next()).unwrap_or_default();
    if language.eq_ignore_ascii_case("de") { &de::PHRASES } else { &en::PHRASES }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_falls_back_to_its_language_and_then_to_english() {
        for (locale, language) in
            [(Some("de"), "de"), (Some("de-AT"), "de"), (Some("DE-ch"), "de"), (Some("den"), "en"), (Some("fr-CH"), "en"), (None, "en")]
        {
            assert_eq!(of(locale).language, language, "{locale:?}");
        }
    }
}
