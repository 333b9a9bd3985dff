//! How long to wait before another try.

use super::limits::Limits;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The pause before try number `attempt` (the first is 0), with full jitter, so that many clients do not come back at once.
///
/// What the registry asks for (`Retry-After`) is the least. `None`: it asks for more than we wait.
pub(super) fn pause(limits: &Limits, attempt: u32, retry_after: Option<Duration>) -> Option<Duration> {
    let asked = retry_after.unwrap_or_default();
    if asked > limits.longest_pause {
        return None;
    }
    let ceiling = limits.backoff.saturating_mul(1 << attempt.min(16)).min(limits.longest_pause);
    Some((asked + ceiling.mul_f64(random())).min(limits.longest_pause))
}

/// In 0..1. The standard library seeds each `RandomState` anew; nothing secret depends on it.
fn random() -> f64 {
    let bits = RandomState::new().hash_one(0_u8) >> 11;
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    let number = bits as f64;
    number / (1_u64 << 53) as f64
}

/// The pause that a `Retry-After` header asks for, in seconds or as a date.
pub(super) fn retry_after(headers: &ureq::http::HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = http_date(text)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Duration::from_secs(date).saturating_sub(now))
}

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7: the form that is sent today).
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = text.split([' ', ':']).collect();
    let [_, day, month, year, hour, minute, second, "GMT"] = words[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let number = |text: &str| text.parse::<u64>().ok();
    let (year, day) = (number(year).filter(|year| (1970..10_000).contains(year))?, number(day)?);
    let (hour, minute, second) = (number(hour)?, number(minute)?, number(second)?);
    // A registry may write any number here.
    if !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Days since 1970 by the civil calendar, whose years begin in March here.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = (y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day).checked_sub(719_469)?;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::{http_date, pause};
    use crate::registry::Limits;
    use std::time::Duration;

    #[test]
    fn pauses_grow_and_have_a_bound() {
        let limits = Limits::default();
        for attempt in 0..100 {
            assert!(pause(&limits, attempt, None).unwrap() <= limits.longest_pause);
            assert_eq!(pause(&limits, attempt, Some(limits.longest_pause)), Some(limits.longest_pause));
        }
        let asked = Some(Duration::from_secs(7));
        assert!(pause(&limits, 0, asked).unwrap() >= Duration::from_secs(7));
        assert_eq!(pause(&limits, 0, Some(Duration::from_secs(6 * 3600))), None);
    }

    #[test]
    fn a_date_of_http_is_read() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(http_date("Sat, 29 Feb 2020 12:00:00 GMT"), Some(1_582_977_600));
        for wrong in [
            "tomorrow",
            "Sun, 06 Nov 1994 18446744073709551615:49:37 GMT",
            "Sun, 18446744073709551615 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(http_date(wrong), None, "{wrong}");
        }
    }
}
