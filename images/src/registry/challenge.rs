//! Reads `WWW-Authenticate`: how a registry wants to be told who asks.
//!
//! What is answered is decided in [`super::token`].
//! Source: RFC 9110, 11.6.1; distribution specification, "token authentication".

use ureq::http::HeaderMap;

/// Longest header that is read, in bytes.
const LIMIT: usize = 8 << 10;

/// What a registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password with each request.
    Basic,
    /// A token from a token service.
    Bearer { realm: String, service: Option<String>, scope: Option<String>, error: Option<String> },
}

/// The challenge that is answered: bearer before basic.
pub(super) fn read(headers: &HeaderMap) -> Option<Challenge> {
    let texts = headers.get_all("www-authenticate").iter().filter_map(|value| value.to_str().ok());
    let challenges: Vec<Challenge> = texts.filter(|text| text.len() <= LIMIT).flat_map(parse).collect();
    let bearer = challenges.iter().find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
    bearer.or_else(|| challenges.first()).cloned()
}

/// All challenges of one header that we know.
fn parse(text: &str) -> Vec<Challenge> {
    let mut schemes: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for part in split(text) {
        let part = part.trim();
        let before_value = part.split('=').next().unwrap_or_default().trim();
        // `Bearer realm="…"` begins a challenge; `service="…"` goes on with it.
        let (scheme, parameter) = match before_value.split_once(' ') {
            Some((scheme, _)) => (Some(scheme), part[scheme.len()..].trim()),
            None if !part.contains('=') => (Some(part), ""),
            None => (None, part),
        };
        if let Some(scheme) = scheme {
            schemes.push((scheme.to_ascii_lowercase(), Vec::new()));
        }
        if let (Some((_, parameters)), Some((name, value))) = (schemes.last_mut(), parameter.split_once('=')) {
            parameters.push((name.trim().to_ascii_lowercase(), unquoted(value.trim())));
        }
    }
    schemes.into_iter().filter_map(|(scheme, parameters)| challenge(&scheme, &parameters)).collect()
}

fn challenge(scheme: &str, parameters: &[(String, String)]) -> Option<Challenge> {
    let find = |name: &str| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    match scheme {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer {
            realm: find("realm")?,
            service: find("service"),
            scope: find("scope"),
            error: find("error"),
        }),
        _ => None,
    }
}

/// Splits at commas outside quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return value.to_owned() };
    let (mut text, mut characters) = (String::new(), inner.chars());
    while let Some(character) = characters.next() {
        text.push(if character == '\\' { characters.next().unwrap_or('\\') } else { character });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Challenge, read};
    use ureq::http::{HeaderMap, HeaderValue};

    fn of(lines: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("www-authenticate", HeaderValue::from_str(line).unwrap());
        }
        read(&headers)
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Option<Challenge> {
        let [service, scope] = [service, scope].map(|text| text.map(str::to_owned));
        Some(Challenge::Bearer { realm: realm.to_owned(), service, scope, error: None })
    }

    #[test]
    fn headers_as_registries_write_them() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull""#;
        let wanted =
            bearer("https://auth.docker.io/token", Some("registry.docker.io"), Some("repository:library/nginx:pull"));
        assert_eq!(of(&[hub]), wanted);
        assert_eq!(of(&[r#"Basic realm="Registry Realm""#]), Some(Challenge::Basic));
        assert_eq!(of(&["basic"]), Some(Challenge::Basic));
        assert_eq!(of(&["Basic", r#"bearer realm="https://a/""#]), bearer("https://a/", None, None));
        assert_eq!(
            of(&[r#"Basic realm="a, b", Bearer scope="a:b:pull,push" , realm=https://a/"#]),
            bearer("https://a/", None, Some("a:b:pull,push"))
        );
        assert_eq!(of(&[r#"Bearer realm="a\"b""#]), bearer("a\"b", None, None));
    }

    #[test]
    fn nonsense_is_no_challenge() {
        for line in
            ["", ",", "=", "Bearer", "Bearer service=\"x\"", "Negotiate", "Bearer realm", "\"", "Digest realm=\"x\""]
        {
            assert_eq!(of(&[line]), None, "{line}");
        }
        assert_eq!(of(&[&format!("Bearer realm=\"{}\"", "x".repeat(9000))]), None);
    }
}
