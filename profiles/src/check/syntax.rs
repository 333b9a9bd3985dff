//! Forms of texts: names, hosts, quantities. Each function says what is wrong, or nothing.
//!
//! Sources: RFC 1123 section 2.1; `k8s.io/apimachinery/pkg/util/validation` and `pkg/api/resource`.

use std::net::IpAddr;

/// What is wrong with a text, in words that follow "it".
pub(crate) type Wrong = Option<String>;

/// An RFC 1123 label: 1 to 63 lower-case letters, digits and `-`, which does not stand at an end.
pub(crate) fn label(text: &str) -> Wrong {
    if text.is_empty() {
        return Some("is empty".to_owned());
    }
    if text.len() > 63 {
        return Some(format!("has {} characters; 63 are allowed", text.len()));
    }
    if let Some(wrong) = text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
        return Some(match wrong {
            'A'..='Z' => "has upper-case letters".to_owned(),
            _ => format!("has the character `{wrong}`"),
        });
    }
    let ends = text.starts_with('-') || text.ends_with('-');
    ends.then(|| "begins or ends with `-`".to_owned())
}

/// An RFC 1123 subdomain: labels with dots between, at most 253 characters.
pub(crate) fn subdomain(text: &str) -> Wrong {
    if text.len() > 253 {
        return Some(format!("has {} characters; 253 are allowed", text.len()));
    }
    match text.split('.').find_map(|part| label(part).map(|wrong| (part, wrong))) {
        Some(("", _)) if !text.is_empty() => Some("has two dots in a row, or one at an end".to_owned()),
        Some((_, wrong)) => Some(wrong),
        None => None,
    }
}

/// Whether this is a URL with `http` or `https`, host, port and path, without user and fragment.
pub(crate) fn is_http_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let authority = rest.map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    let bare = authority.map(|authority| match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => authority,
    });
    let is_plain = !text.chars().any(|c| c.is_whitespace() || c.is_control()) && !text.contains(['#', '@']);
    is_plain && bare.is_some_and(|bare| host(bare).is_none())
}

/// A host: an IP address (brackets around IPv6 are fine) or a DNS name in any case.
pub(crate) fn host(text: &str) -> Wrong {
    if let Some((scheme, _)) = text.split_once("://") {
        return Some(format!("begins with a scheme (`{scheme}://`)"));
    }
    if is_ip(text) {
        return None;
    }
    if text.contains('/') {
        return Some("has a path".to_owned());
    }
    match text.rsplit_once(':') {
        Some((name, port))
            if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) && !name.contains(':') =>
        {
            Some(format!("has a port (`:{port}`)"))
        }
        _ => subdomain(&text.to_ascii_lowercase()),
    }
}

/// Whether a host is an address and no name.
pub(crate) fn is_ip(text: &str) -> bool {
    crate::resolve::bare_host(text).parse::<IpAddr>().is_ok()
}

/// A qualified name: an optional subdomain and `/`, then 1 to 63 letters, digits, `-`, `_`, `.` that begins and ends with a
/// letter or digit.
pub(crate) fn qualified_name(text: &str) -> Wrong {
    let name = match text.split_once('/') {
        Some(("", _)) => return Some("has an empty prefix before `/`".to_owned()),
        Some((prefix, name)) => {
            if let Some(wrong) = subdomain(prefix) {
                return Some(format!("has a prefix that {wrong}"));
            }
            name
        }
        None => text,
    };
    if name.is_empty() {
        return Some("has an empty name".to_owned());
    }
    name_part(name)
}

/// A label value: empty, or as the name of a qualified name.
pub(crate) fn label_value(text: &str) -> Wrong {
    if text.is_empty() { None } else { name_part(text) }
}

fn name_part(text: &str) -> Wrong {
    if text.len() > 63 {
        return Some(format!("has {} characters; 63 are allowed", text.len()));
    }
    if let Some(wrong) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))) {
        return Some(format!("has the character `{wrong}`"));
    }
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let ends = !is_end(text.chars().next()) || !is_end(text.chars().next_back());
    ends.then(|| "does not begin and end with a letter or digit".to_owned())
}

/// A Kubernetes quantity in thousandths: `100m`, `1`, `0.5`, `512Mi`, `1G`, `2e3`. Not negative.
pub(crate) fn quantity(text: &str) -> Option<u128> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || whole.len() > 18 || fraction.len() > 9 || fraction.contains('.') {
        return None;
    }
    let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u128>().ok() };
    let scale = 10_u128.pow(fraction.len() as u32);
    let value = digits(whole)?.checked_mul(scale)?.checked_add(digits(fraction)?)?;
    value.checked_mul(factor(suffix)?).map(|value| value.div_ceil(scale))
}

/// What a suffix of a quantity multiplies by, in thousandths.
fn factor(suffix: &str) -> Option<u128> {
    const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    const DECIMAL: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    if suffix == "m" {
        return Some(1);
    }
    if let Some(power) = BINARY.iter().position(|unit| *unit == suffix) {
        return Some(1000 << (10 * (power + 1)));
    }
    if let Some(power) = DECIMAL.iter().position(|unit| *unit == suffix) {
        return 10_u128.checked_pow(3 * (power as u32 + 1));
    }
    let exponent: u32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    10_u128.checked_pow(exponent.checked_add(3)?).filter(|_| exponent < 19)
}

/// Whether a text is the name of a repository that leaves room for a mirror's names below it (distribution specification, "Pulling
/// manifests": 255 characters in all).
pub(crate) fn is_repository(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_separator = |part: &str| matches!(part, "." | "_" | "__") || part.bytes().all(|byte| byte == b'-');
    let is_component = |component: &str| {
        component.starts_with(is_letter)
            && component.ends_with(is_letter)
            && component.split(is_letter).all(is_separator)
    };
    text.len() <= 128 && text.split('/').all(is_component)
}

/// Whether a path is absolute and has no empty, `.` or `..` parts.
pub(crate) fn is_clean_path(text: &str) -> bool {
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && !part.chars().any(char::is_control);
    text == "/" || text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_held_to_their_grammar() {
        let long = "a".repeat(64);
        let subdomains = [
            ("a", true),
            ("a.b-c.1", true),
            ("", false),
            ("A", false),
            ("a..b", false),
            ("-a", false),
            (&long, false),
            ("a_b", false),
        ];
        for (text, good) in subdomains {
            assert_eq!(subdomain(text).is_none(), good, "{text}");
        }
        let qualified = [
            ("a", true),
            ("A_b.c", true),
            ("x.io/A", true),
            ("X/a", false),
            ("/a", false),
            ("x/", false),
            ("a/b/c", false),
            ("-a", false),
        ];
        for (text, good) in qualified {
            assert_eq!(qualified_name(text).is_none(), good, "{text}");
        }
        let hosts = [
            ("Reg.local", true),
            ("10.0.0.1", true),
            ("[fd00::1]", true),
            ("fd00::1", true),
            ("https://a", false),
            ("a:5000", false),
            ("a/b", false),
        ];
        for (text, good) in hosts {
            assert_eq!(host(text).is_none(), good, "{text}");
        }
    }

    #[test]
    fn repositories_are_held_to_their_grammar() {
        for name in ["team", "team/mirror", "a.b_c__d-e--f/1"] {
            assert!(super::is_repository(name), "{name}");
        }
        let long = "a".repeat(129);
        for name in ["", "/", "a//b", "A", "a..b", "a___b", "-a", "a-", ".a", "a_", "a b", "a:1", "..", &long] {
            assert!(!super::is_repository(name), "{name}");
        }
    }

    #[test]
    fn quantities_are_read_in_thousandths() {
        let cases = [
            ("1", Some(1000)),
            ("100m", Some(100)),
            ("0.5", Some(500)),
            (".5", Some(500)),
            ("1Ki", Some(1_024_000)),
            ("2G", Some(2_000_000_000_000)),
            ("1e3", Some(1_000_000)),
            ("", None),
            ("1 Gi", None),
            ("1GB", None),
            ("-1", None),
            ("1.2.3", None),
            ("1e99", None),
            ("Mi", None),
        ];
        for (text, expected) in cases {
            assert_eq!(quantity(text), expected, "{text}");
        }
    }

    #[test]
    fn paths_are_absolute_and_plain() {
        for (path, good) in [
            ("/", true),
            ("/a/b", true),
            ("a", false),
            ("/a/", false),
            ("/a/../b", false),
            ("", false),
            ("/a//b", false),
        ] {
            assert_eq!(is_clean_path(path), good, "{path}");
        }
    }
}
