//! The agent's kubeconfig, as `pki/src/kubeconfig.rs` writes it: block YAML with one cluster and one user, everything inside.
//!
//! This is no YAML reader: a line is `key: value`, and each of the four keys stands there once.

use crate::http::Identity;
use data_encoding::BASE64;

/// A server and who we are to it. The key inside is never shown.
pub(super) struct Access {
    /// `https://host:port`, without a slash at the end.
    pub(super) server: String,
    /// Our certificate, and whom we trust.
    pub(super) identity: Identity,
}

/// Reads it; the error says what is wrong, without any of the text.
pub(super) fn read(text: &str) -> Result<Access, String> {
    let server = value(text, "server")?;
    let host = server.strip_prefix("https://").unwrap_or_default();
    if host.is_empty() || host.contains(['/', '@', '?', '#']) {
        return Err("`server` is no https URL of a host and a port".to_owned());
    }
    let data = |key: &str| {
        let decoded = BASE64.decode(value(text, key)?.as_bytes());
        decoded.map_err(|_| format!("`{key}` is not base64"))
    };
    let identity =
        Identity::new(data("certificate-authority-data")?, data("client-certificate-data")?, data("client-key-data")?);
    Ok(Access { server: server.to_owned(), identity })
}

/// The value of a key that stands in exactly one line, without its quotes.
fn value<'a>(text: &'a str, key: &str) -> Result<&'a str, String> {
    let mut found = text.lines().filter_map(|line| line.trim_start().strip_prefix(key)?.strip_prefix(": "));
    match (found.next(), found.next()) {
        (Some(value), None) => Ok(unquoted(value.trim())),
        (None, _) => Err(format!("there is no `{key}`")),
        _ => Err(format!("there is more than one `{key}`")),
    }
}

fn unquoted(value: &str) -> &str {
    let quoted = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    quoted('"').or_else(|| quoted('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::read;

    const GOOD: &str = "\
apiVersion: v1
clusters:
- name: demo
  cluster:
    certificate-authority-data: YQ==
    server: \"https://[fd00::1]:6443\"
users:
- name: u
  user:
    client-certificate-data: Yg==
    client-key-data: Yw==
";

    #[test]
    fn what_kfimg_writes_is_read() {
        assert_eq!(read(GOOD).ok().map(|access| access.server).as_deref(), Some("https://[fd00::1]:6443"));
    }

    #[test]
    fn anything_else_is_named_and_never_quoted() {
        for (from, to, problem) in [
            ("YQ==", "YQ=", "`certificate-authority-data` is not base64"),
            ("    client-key-data: Yw==\n", "", "there is no `client-key-data`"),
            ("users:", "    server: https://other:1", "there is more than one `server`"),
            ("https://[fd00::1]:6443", "http://10.0.0.1", "`server` is no https URL of a host and a port"),
            ("https://[fd00::1]:6443", "https://u@h/x", "`server` is no https URL of a host and a port"),
        ] {
            let text = GOOD.replace(from, to);
            assert_eq!(read(&text).err().as_deref(), Some(problem), "{from} -> {to}");
        }
    }
}
