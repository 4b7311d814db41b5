//! A moment in whole milliseconds since the Unix epoch, written as RFC 3339 in UTC.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, time::Duration};
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};

/// Milliseconds since 1970-01-01T00:00:00Z; shown as `2026-03-02T10:15:30.123Z` (RFC 3339, always UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

#[derive(Debug, thiserror::Error)]
#[error("must be an RFC 3339 date and time between the years 0000 and 9999, as in 2026-03-02T10:15:30.123Z")]
pub struct NotATimestamp;

impl Timestamp {
    /// 9999-12-31T23:59:59.999Z, the last moment RFC 3339 can write.
    const MAX_MILLIS: i64 = 253_402_300_799_999;
    const MIN_MILLIS: i64 = -62_167_219_200_000;

    /// Times outside the years 0000 to 9999 are moved to the nearest end of that range.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(Self::MIN_MILLIS, Self::MAX_MILLIS))
    }

    pub fn millis(self) -> i64 {
        self.0
    }

    /// Accepts any RFC 3339 offset; digits beyond the millisecond are cut off.
    pub fn parse(text: &str) -> Result<Self, NotATimestamp> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| NotATimestamp)?;
        let millis = i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000_000)).map_err(|_| NotATimestamp)?;
        if (Self::MIN_MILLIS..=Self::MAX_MILLIS).contains(&millis) { Ok(Self(millis)) } else { Err(NotATimestamp) }
    }

    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }

    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_sub(millis))
    }

    /// Year, month from 1 and day from 1, in UTC.
    pub fn date(self) -> (i32, u8, u8) {
        let moment = OffsetDateTime::from_unix_timestamp(self.0.div_euclid(1000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        (moment.year(), moment.month().into(), moment.day())
    }

    /// How long from `earlier` until this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000).map_err(|_| fmt::Error)?;
        f.write_str(&moment.format(shape).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_written_in_utc_with_milliseconds() {
        let moment = Timestamp::parse("2026-03-02T12:15:30.1239+02:00").unwrap();
        assert_eq!(moment.to_string(), "2026-03-02T10:15:30.123Z");
        assert_eq!(Timestamp::parse(&moment.to_string()).unwrap(), moment);
    }

    #[test]
    fn times_that_rfc_3339_cannot_write_are_refused_or_moved_into_its_range() {
        assert!(Timestamp::parse("yesterday").is_err());
        assert!(Timestamp::parse("0000-01-01T00:00:00+23:59").is_err());
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::from_millis(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
    }
}
