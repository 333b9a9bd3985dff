//! What a plain scalar means where no type is expected: in free-form maps and in the user's manifests.
//!
//! Source: `resolve.go` of sigs.k8s.io/yaml, which kubectl and the API server read YAML with. It keeps YAML 1.1's truth values
//! and octal numbers (`no`, `0644`), so that a manifest means here what it means to kubectl. Settings with a type never pass here.

/// The meaning of a plain scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Resolved {
    /// `~`, `null` or nothing.
    Null,
    /// `true`, `yes`, `on` and their opposites.
    Boolean(bool),
    /// A number without a sign or with `+`.
    Unsigned(u64),
    /// A number below zero.
    Signed(i64),
    /// A finite number with a fraction or an exponent.
    Float(f64),
    /// Everything else.
    Text,
}

const NULLS: [&str; 5] = ["", "~", "null", "Null", "NULL"];
const TRUE: [&str; 11] = ["true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON"];
const FALSE: [&str; 11] = ["false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off", "OFF"];

/// Whether a plain scalar stands for nothing.
pub(super) fn is_null(text: &str) -> bool {
    NULLS.contains(&text)
}

/// The meaning of a plain scalar.
pub(super) fn resolve(text: &str) -> Resolved {
    if is_null(text) {
        return Resolved::Null;
    }
    if TRUE.contains(&text) || FALSE.contains(&text) {
        return Resolved::Boolean(TRUE.contains(&text));
    }
    number(text).unwrap_or(Resolved::Text)
}

fn number(text: &str) -> Option<Resolved> {
    // Longer than any number of 64 bits with separators and, for floats, than anything that people write.
    const LONGEST: usize = 400;
    if text.len() > LONGEST || !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    if is_date(text) {
        return Some(Resolved::Text);
    }
    let digits = text.replace('_', "");
    let (negative, unsigned) = match digits.as_bytes().first() {
        Some(b'-') => (true, &digits[1..]),
        Some(b'+') => (false, &digits[1..]),
        _ => (false, digits.as_str()),
    };
    integer(unsigned).and_then(|number| signed(negative, number)).or_else(|| float(&digits, unsigned))
}

/// Go's `strconv.ParseInt` with base 0: the prefix chooses the base, a leading zero means octal.
fn integer(unsigned: &str) -> Option<u64> {
    let (base, digits) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &unsigned[2..]),
        [b'0', b'b' | b'B', ..] => (2, &unsigned[2..]),
        [b'0', b'o' | b'O', ..] => (8, &unsigned[2..]),
        [b'0', _, ..] => (8, &unsigned[1..]),
        _ => (10, unsigned),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    u64::from_str_radix(digits, base).ok()
}

fn signed(negative: bool, number: u64) -> Option<Resolved> {
    match (negative, number) {
        (false, number) => Some(Resolved::Unsigned(number)),
        (true, 0) => Some(Resolved::Unsigned(0)),
        (true, number) => 0_i64.checked_sub_unsigned(number).map(Resolved::Signed),
    }
}

fn float(digits: &str, unsigned: &str) -> Option<Resolved> {
    let only_number_characters = unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if !only_number_characters || !unsigned.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|number: &f64| number.is_finite()).map(Resolved::Float)
}

/// `2026-01-02…`: a date, which stays text.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 8 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_mean_what_they_mean_to_kubectl() {
        let cases = [
            ("~", Resolved::Null),
            ("null", Resolved::Null),
            ("no", Resolved::Boolean(false)),
            ("On", Resolved::Boolean(true)),
            ("oN", Resolved::Text),
            ("0644", Resolved::Unsigned(420)),
            ("0o17", Resolved::Unsigned(15)),
            ("0x1F", Resolved::Unsigned(31)),
            ("08", Resolved::Float(8.0)),
            ("1_000", Resolved::Unsigned(1000)),
            ("-7", Resolved::Signed(-7)),
            ("+7", Resolved::Unsigned(7)),
            ("-9223372036854775808", Resolved::Signed(i64::MIN)),
            ("18446744073709551615", Resolved::Unsigned(u64::MAX)),
            ("1.36", Resolved::Float(1.36)),
            ("1e3", Resolved::Float(1000.0)),
            (".5", Resolved::Float(0.5)),
            (".inf", Resolved::Text),
            ("1e999", Resolved::Text),
            ("1.2.3", Resolved::Text),
            ("10m", Resolved::Text),
            ("2026-01-02", Resolved::Text),
            ("192.168.49.151", Resolved::Text),
            ("-", Resolved::Text),
            ("+-5", Resolved::Text),
            ("0x", Resolved::Text),
        ];
        for (text, expected) in cases {
            assert_eq!(resolve(text), expected, "{text}");
        }
    }
}
