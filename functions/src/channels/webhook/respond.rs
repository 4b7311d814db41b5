//! What an answer means (Standard Webhooks, "Delivery success and failure").

use crate::domain::attempt::Attempt;
use reqwest::{
    StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};
use std::time::{Duration, SystemTime};

/// The receiver wants to be told nothing any more.
pub(super) fn gone() -> Attempt {
    Attempt::Permanent { reason: "the receiver answered 410 Gone, and is not told any more".into() }
}

pub(super) fn judge(status: StatusCode, headers: &HeaderMap) -> Attempt {
    let retry_after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(wait);
    let reason = format!("the receiver answered {status}");
    match status {
        _ if status.is_success() => Attempt::Delivered { provider_id: None },
        StatusCode::GONE => gone(),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Attempt::Down { reason, retry_after },
        // Whoever stands before the receiver does not know what became of the request either.
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => Attempt::Unknown { reason, provider_ref: None, retry_after },
        _ if status.is_redirection() => Attempt::Transient { reason: format!("{reason}, and redirects are not followed"), retry_after },
        _ => Attempt::Transient { reason, retry_after },
    }
}

/// Seconds, or a date (RFC 9110 §10.2.3).
#[expect(clippy::disallowed_methods, reason = "the receiver means the date by the world's clock, whatever clock the orders have")]
fn wait(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    httpdate::parse_http_date(value).ok().map(|date| date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn answer(status: u16, retry_after: Option<&str>) -> Attempt {
        let headers = retry_after.map(|value| (RETRY_AFTER, HeaderValue::from_str(value).unwrap())).into_iter().collect();
        judge(StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn any_2xx_is_success_and_410_the_end() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(answer(status, None), Attempt::Delivered { provider_id: None });
        }
        assert_eq!(answer(410, None), gone());
    }

    #[test]
    fn what_another_attempt_may_mend_is_tried_again() {
        for status in [301, 307, 400, 401, 404, 408, 413, 500, 501] {
            assert!(matches!(answer(status, None), Attempt::Transient { .. }), "{status}");
        }
        assert!(matches!(answer(502, None), Attempt::Unknown { .. }));
        assert!(matches!(answer(503, None), Attempt::Down { .. }));
    }

    #[test]
    fn a_wish_to_be_left_alone_is_seconds_or_a_date() {
        let seconds = Some(Duration::from_mins(2));
        assert!(matches!(answer(429, Some("120")), Attempt::Down { retry_after, .. } if retry_after == seconds));
        let past = answer(503, Some("Wed, 21 Oct 2015 07:28:00 GMT"));
        assert!(matches!(past, Attempt::Down { retry_after: Some(Duration::ZERO), .. }), "{past:?}");
        assert!(matches!(answer(503, Some("soon")), Attempt::Down { retry_after: None, .. }));
    }
}
