//! Which part of the API a path means.
//!
//! Source: OCI distribution specification 1.1, "Endpoints".

use crate::reference::DEFAULT_MIRROR_FOLDER;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `/v2/`
    Base,
    /// `/healthz`
    Health,
    /// `/metrics`
    Metrics,
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/<name>/tags/list`
    Tags(String),
    /// `/v2/<name>/manifests/<tag or digest>`
    Manifest(String, String),
    /// `/v2/<name>/blobs/<digest>`
    Blob(String, String),
    /// `/v2/<name>/referrers/<digest>`
    Referrers(String, String),
    /// A name that no repository can have.
    BadName(String),
    /// Nothing of this API.
    Unknown,
}

impl Route {
    /// A short word for metrics.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Health => "health",
            Self::Metrics => "metrics",
            Self::Catalog => "catalog",
            Self::Tags(_) => "tags",
            Self::Manifest(..) => "manifest",
            Self::Blob(..) => "blob",
            Self::Referrers(..) => "referrers",
            Self::BadName(_) | Self::Unknown => "other",
        }
    }

    /// Reads the path of a request.
    pub(super) fn of(path: &str) -> Self {
        let Some(path) = decoded(path) else { return Self::Unknown };
        match path.as_str() {
            "/healthz" => return Self::Health,
            "/metrics" => return Self::Metrics,
            "/v2" | "/v2/" => return Self::Base,
            "/v2/_catalog" => return Self::Catalog,
            _ => {}
        }
        let Some(rest) = path.strip_prefix("/v2/") else { return Self::Unknown };
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return checked(name, Self::Tags);
        }
        let Some((before, last)) = rest.rsplit_once('/') else { return Self::Unknown };
        let last = last.to_owned();
        match before.rsplit_once('/') {
            Some((name, "manifests")) => checked(name, |name| Self::Manifest(name, last)),
            Some((name, "blobs")) => checked(name, |name| Self::Blob(name, last)),
            Some((name, "referrers")) => checked(name, |name| Self::Referrers(name, last)),
            _ => Self::Unknown,
        }
    }
}

fn checked(name: &str, route: impl FnOnce(String) -> Route) -> Route {
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
            && part.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    let repository = name.strip_prefix(DEFAULT_MIRROR_FOLDER).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name);
    if name.len() <= 255 && repository.split('/').all(part) {
        route(name.to_owned())
    } else {
        Route::BadName(name.to_owned())
    }
}

/// Undoes the percent-encoding of a path or a parameter, `%41` for `A` (RFC 3986, section 2.1); `None` when it is malformed or no
/// UTF-8.
#[must_use]
pub fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let high = char::from(rest.next()?).to_digit(16)?;
        let low = char::from(rest.next()?).to_digit(16)?;
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// The value of one parameter of a query.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    query?
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .and_then(|(_, v)| decoded(v))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_means_one_thing() {
        let two = |name: &str, last: &str| (name.to_owned(), last.to_owned());
        let manifest = |(name, last)| Route::Manifest(name, last);
        let table = [
            ("/v2/", Route::Base),
            ("/v2", Route::Base),
            ("/", Route::Unknown),
            ("/v2/_catalog", Route::Catalog),
            ("/v2/registry.k8s.io/pause/tags/list", Route::Tags("registry.k8s.io/pause".to_owned())),
            ("/v2/registry.k8s.io/pause/manifests/3.10", manifest(two("registry.k8s.io/pause", "3.10"))),
            ("/v2/a/manifests/sha256%3Aab", manifest(two("a", "sha256:ab"))),
            ("/v2/manifests/manifests/manifests", manifest(two("manifests", "manifests"))),
            ("/v2/a/b/blobs/x", Route::Blob("a/b".to_owned(), "x".to_owned())),
            ("/v2/a/referrers/x", Route::Referrers("a".to_owned(), "x".to_owned())),
            ("/v2/_default/a/manifests/x", manifest(two("_default/a", "x"))),
            ("/v2/_default/manifests/x", Route::BadName("_default".to_owned())),
            ("/v2/_other/a/manifests/x", Route::BadName("_other/a".to_owned())),
            ("/v2/a/../manifests/x", Route::BadName("a/..".to_owned())),
            ("/v2/a%2f..%2fb/manifests/x", Route::BadName("a/../b".to_owned())),
            ("/v2//manifests/x", Route::BadName(String::new())),
            ("/v2/A/manifests/x", Route::BadName("A".to_owned())),
            ("/v2/%ff/manifests/x", Route::Unknown),
            ("/v2/%4/manifests/x", Route::Unknown),
            ("/v2/a/other/x", Route::Unknown),
            ("/etc/passwd", Route::Unknown),
        ];
        for (path, wanted) in table {
            assert_eq!(Route::of(path), wanted, "{path}");
        }
        assert_eq!(parameter(Some("n=2&ns=localhost%3A5000"), "ns").as_deref(), Some("localhost:5000"));
        assert_eq!(parameter(Some("nsx=1"), "ns"), None);
        assert_eq!(parameter(None, "ns"), None);
    }
}
