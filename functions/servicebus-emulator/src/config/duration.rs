//! ISO 8601 durations as .NET's `XmlConvert` writes and reads them, such as `PT1M` and `P14D`.

use std::{fmt::Write, time::Duration};

const UNITS: [(char, bool, u64); 5] = [('W', false, 604_800), ('D', false, 86_400), ('H', true, 3_600), ('M', true, 60), ('S', true, 1)];

/// .NET's `TimeSpan.MaxValue`, which stands for "for ever" (`P10675199DT2H48M5.4775807S`).
pub const FOREVER: Duration = Duration::new(922_337_203_685, 477_580_700);

/// # Errors
/// What it should look like. Years and months are refused, since they have no fixed length.
pub fn parse(text: &str) -> Result<Duration, String> {
    read(text)
        .ok_or_else(|| format!("must be an ISO 8601 duration of days, hours, minutes and seconds, as in PT1M or P1DT12H, not {text:?}"))
}

fn read(text: &str) -> Option<Duration> {
    let (date, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((date, time)) if !time.is_empty() => (date, time),
        Some(_) => return None,
        None => (text.strip_prefix('P')?, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let mut units = UNITS.iter();
    let mut sum = Duration::ZERO;
    for (part, in_time) in [(date, false), (time, true)] {
        let mut rest = part;
        while !rest.is_empty() {
            let end = rest.find(|next: char| !next.is_ascii_digit() && next != '.')?;
            let (number, unit) = (&rest[..end], rest[end..].chars().next()?);
            // Each unit stands once at most, and larger ones before smaller ones.
            let (unit, _, seconds) = units.find(|(known, time, _)| *known == unit && *time == in_time)?;
            sum = sum.checked_add(amount(number, *seconds, *unit == 'S')?)?;
            rest = &rest[end + 1..];
        }
    }
    Some(sum)
}

fn amount(number: &str, unit: u64, fraction_allowed: bool) -> Option<Duration> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || number.ends_with('.') || fraction.len() > 9 || (!fraction.is_empty() && !fraction_allowed) {
        return None;
    }
    let seconds = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    Some(Duration::new(seconds, format!("{fraction:0<9}").parse().ok()?))
}

/// With a resolution of 100 nanoseconds, as .NET has it.
pub fn format(duration: Duration) -> String {
    let ticks = duration.subsec_nanos() / 100;
    let mut rest = duration.as_secs();
    let mut text = String::from("P");
    for (unit, in_time, seconds) in UNITS.into_iter().skip(1) {
        let amount = rest / seconds;
        rest %= seconds;
        let fraction = unit == 'S' && ticks > 0;
        if amount == 0 && !fraction {
            continue;
        }
        if in_time && !text.contains('T') {
            text.push('T');
        }
        // Writing into a String can't fail.
        let _ = write!(text, "{amount}");
        if fraction {
            let digits = format!("{ticks:07}");
            let _ = write!(text, ".{}", digits.trim_end_matches('0'));
        }
        text.push(unit);
    }
    if text == "P" { "PT0S".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::{FOREVER, format, parse};
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn durations_are_read_and_written_as_dotnet_does() {
        for (text, seconds) in [("PT5S", 5), ("PT1M", 60), ("PT1H", 3_600), ("P1D", 86_400), ("P14DT1H2M3S", 1_213_323), ("PT0S", 0)] {
            assert_eq!(parse(text).unwrap(), Duration::from_secs(seconds), "{text}");
            assert_eq!(format(Duration::from_secs(seconds)), text);
        }
        assert_eq!(parse("PT90S").unwrap(), Duration::from_secs(90));
        assert_eq!(format(Duration::from_secs(90)), "PT1M30S");
        assert_eq!(parse("P2W").unwrap(), Duration::from_hours(14 * 24));
        assert_eq!(parse("PT0.25S").unwrap(), Duration::from_millis(250));
        assert_eq!(format(FOREVER), "P10675199DT2H48M5.4775807S");
        assert_eq!(parse("P10675199DT2H48M5.4775807S").unwrap(), FOREVER);
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "P", "PT", "P1", "1M", "PT1", "P1M", "P1Y", "PT1S1M", "PT1M1M", "PT1.5M", "PT.5S", "PT1.S", "PTS", "PT-1S", "PTé", "pt1s"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("PT99999999999999999999S").is_err());
        assert_eq!(
            parse("60").unwrap_err(),
            "must be an ISO 8601 duration of days, hours, minutes and seconds, as in PT1M or P1DT12H, not \"60\""
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in prop_oneof![any::<String>(), "P[0-9WDTHMS.]{0,20}"]) {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_written_is_read_again(seconds in 0..FOREVER.as_secs(), ticks in 0..10_000_000_u32) {
            let duration = Duration::new(seconds, ticks * 100);
            prop_assert_eq!(parse(&format(duration)).unwrap(), duration);
        }
    }
}
