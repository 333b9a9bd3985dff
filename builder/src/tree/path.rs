//! Names in a tree: relative, downwards only, UTF-8.
//!
//! The rules are those of crate `images` for archives: what leads out is refused and never mended.

/// Most bytes of a path (`PATH_MAX` of Linux) and of one name in it (`NAME_MAX`).
const LONGEST_PATH: usize = 4095;
const LONGEST_NAME: usize = 255;

/// Why a name is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the name `{name}` {reason}")]
pub struct PathError {
    /// The name, made printable and short.
    pub name: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// The path without a leading `./` and trailing `/`; empty for the root itself.
///
/// # Errors
/// [`PathError`] for absolute paths, `..`, empty or too long parts, control characters, and what is not UTF-8.
pub fn checked(raw: &[u8]) -> Result<String, PathError> {
    let refused = |reason| PathError { name: shown(raw), reason };
    let text = str::from_utf8(raw).map_err(|_| refused("is not UTF-8"))?;
    if text.starts_with('/') {
        return Err(refused("is absolute"));
    }
    let mut path = text.trim_end_matches('/');
    while let Some(rest) = path.strip_prefix("./") {
        path = rest.trim_start_matches('/');
    }
    if path.is_empty() || path == "." {
        return if text.is_empty() { Err(refused("is empty")) } else { Ok(String::new()) };
    }
    if path.len() > LONGEST_PATH {
        return Err(refused("is longer than any system takes"));
    }
    for part in path.split('/') {
        match part {
            "" | "." => return Err(refused("has an empty part")),
            ".." => return Err(refused("leads upwards (`..`)")),
            part if part.len() > LONGEST_NAME => return Err(refused("has a part longer than any system takes")),
            part if part.contains(char::is_control) => return Err(refused("has a control character")),
            _ => {}
        }
    }
    Ok(path.to_owned())
}

/// The folder that holds the path; `None` for the root.
pub(crate) fn parent(path: &str) -> Option<&str> {
    if path.is_empty() { None } else { Some(path.rsplit_once('/').map_or("", |(parent, _)| parent)) }
}

/// The last part of a path.
pub(crate) fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// One path below another.
pub(crate) fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") }
}

fn shown(raw: &[u8]) -> String {
    let text = raw[..raw.len().min(120)].escape_ascii().to_string();
    if raw.len() > 120 { text + "…" } else { text }
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn names_lead_downwards() {
        let table = [
            ("etc/passwd", "etc/passwd"),
            ("./etc/", "etc"),
            ("./", ""),
            (".", ""),
            (".//./usr", "usr"),
            (r"system\x2dfoo.slice", r"system\x2dfoo.slice"),
        ];
        for (raw, path) in table {
            assert_eq!(checked(raw.as_bytes()).as_deref(), Ok(path), "{raw}");
        }
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for raw in ["/etc/passwd", "..", "a/../b", "a//b", "a/./b", "", "a\nb", "./../x", "a/..", "\0"] {
            assert!(checked(raw.as_bytes()).is_err(), "{raw:?}");
        }
        assert!(checked(b"\xff").is_err());
        assert!(checked("x".repeat(256).as_bytes()).is_err());
        assert!(checked("x/".repeat(3000).as_bytes()).is_err());
    }
}
