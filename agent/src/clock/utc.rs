//! Moments in words, for people: `2026-11-21 05:01:07 UTC`.
//!
//! Local time is not here: a node's logs and certificates are all in UTC.

/// A second since 1970 as date and time of the proleptic Gregorian calendar.
///
/// The calendar is cut into eras of 400 years (146,097 days) that begin on 1 March, so that the leap day is a year's last.
pub(crate) fn words(second: i64) -> String {
    const DAY: i64 = 86_400;
    const ERA: i64 = 146_097;
    /// Days from 1 March of year 0 to 1 January 1970.
    const EPOCH: i64 = 719_468;
    let (days, clock) = (second.div_euclid(DAY) + EPOCH, second.rem_euclid(DAY));
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + next;
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::words;

    /// Each as `date -u -d @SECOND` says it.
    #[test]
    fn moments_read_as_the_calendar_has_them() {
        for (second, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (-1, "1969-12-31 23:59:59 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_795_237_267, "2026-11-21 05:01:07 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (253_402_300_799, "9999-12-31 23:59:59 UTC"),
        ] {
            assert_eq!(words(second), text);
        }
    }
}
