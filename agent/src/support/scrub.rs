//! Takes secrets out of texts: everything that looks like one, and everything that this node's own secret files hold.
//!
//! A line too many that is lost does no harm.

use crate::root::Root;
use std::collections::BTreeSet;
use std::io::{self, BufRead, Read, Write};
use std::path::Path;

/// Where this node's secrets lie; they are read only to be looked for.
const SECRET_PLACES: [&str; 6] = [
    "/etc/kubernetes",
    "/run/kfimg",
    "/var/lib/kubelet/pki",
    "/etc/containerd/certs.d",
    "/etc/shadow",
    "/var/lib/kfimg/payload",
];
/// A longer line, in bytes, is left out: half of it could end within a secret.
const LINE_LIMIT: u64 = 512 << 10;
/// No file with a secret is larger, in bytes.
const SECRET_FILE_LIMIT: u64 = 1 << 20;
/// Keys of YAML, JSON, TOML and of keepalived whose values are secrets.
const SECRET_KEYS: [&str; 11] = [
    "-data",
    "secret",
    "password",
    "passphrase",
    "auth_pass",
    "authorization",
    "token",
    "passwordhash",
    "_key",
    "privatekey",
    "presharedkey",
];
/// Beginnings of words that are secrets wherever they stand: hashes of crypt(3), the base64 form of a PEM text, and JSON web
/// tokens.
const SECRET_WORDS: [&str; 8] = ["$2a$", "$2b$", "$2y$", "$5$", "$6$", "$y$", "LS0tLS1CRUdJTi", "eyJhbGciOi"];
/// Parameters of URLs whose values are secrets: `report.url` carries one.
const SECRET_PARAMETERS: [&str; 2] = ["?token=", "&token="];
const REMOVED: &str = "[removed]";
/// What ends a word. `=` does not: base64 ends with it.
const SEPARATORS: [char; 6] = [' ', '"', '\'', ',', ':', '\n'];
const KEY: &str = "PRIVATE KEY";

/// Knows this node's secrets.
pub(super) struct Scrubber {
    /// Base64 lines of private keys, and values of secret fields.
    secrets: BTreeSet<String>,
}

impl Scrubber {
    /// Reads them.
    pub(super) fn new(root: &Root) -> Self {
        let mut secrets = BTreeSet::new();
        for place in SECRET_PLACES {
            learn(&root.at(place), &mut secrets, 6);
        }
        Self { secrets }
    }

    /// Copies a text without its secrets. What is no UTF-8 is replaced. The answer is whether a secret was still there;
    /// the copy ends before it.
    pub(super) fn scrub(&self, mut text: impl BufRead, copy: &mut impl Write) -> io::Result<bool> {
        let mut in_key = false;
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            if text.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut bytes)? == 0 {
                return Ok(false);
            }
            if bytes.len() as u64 == LINE_LIMIT && !bytes.ends_with(b"\n") {
                text.skip_until(b'\n')?;
                bytes = b"[a line of more than half a megabyte was removed]\n".to_vec();
            }
            let kept = self.scrubbed(&String::from_utf8_lossy(&bytes), &mut in_key);
            if kept.contains(KEY) || self.knows(&kept) {
                return Ok(true);
            }
            copy.write_all(kept.as_bytes())?;
        }
    }

    fn scrubbed(&self, line: &str, in_key: &mut bool) -> String {
        let begins = line.contains("-----BEGIN") && line.contains(KEY);
        if begins || *in_key || line.contains(KEY) {
            *in_key = (begins || *in_key) && !line.contains("-----END");
            return "[a line of a private key was removed]\n".to_owned();
        }
        if self.knows(line) {
            return "[a line with a secret was removed]\n".to_owned();
        }
        without_values(line)
    }

    fn knows(&self, line: &str) -> bool {
        self.secrets.iter().any(|secret| line.contains(secret.as_str()))
    }
}

/// One line, with what stands after a secret's name replaced, and words that are secrets by themselves.
fn without_values(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    if let Some(at) = value_of_secret(&lower) {
        let end = if line.ends_with('\n') { "\n" } else { "" };
        return format!("{}{REMOVED}{end}", line.get(..at).unwrap_or_default());
    }
    line.split_inclusive(SEPARATORS).map(without_secret).collect()
}

/// A word with the separator behind it.
fn without_secret(word: &str) -> String {
    let parameter = SECRET_PARAMETERS.iter().find_map(|name| Some(word.find(name)? + name.len()));
    let kept = match parameter {
        Some(end) => &word[..end],
        None if SECRET_WORDS.iter().any(|beginning| word.contains(beginning)) => "",
        None => return word.to_owned(),
    };
    let separator = word.chars().last().filter(|last| SEPARATORS.contains(last));
    format!("{kept}{REMOVED}{}", separator.map_or_else(String::new, String::from))
}

/// Where the value of a secret field begins: after `name:`, `"name":`, `name = ` or `name ` at the start of a line. Long
/// lines are logs, in which a name may stand anywhere.
fn value_of_secret(lower: &str) -> Option<usize> {
    let separator = lower.find([':', '='])?;
    let name = lower[..separator].trim().trim_start_matches("- ").trim_matches(['"', '\'']);
    let plain = name.len() < 60 && !name.contains(' ');
    let secret = plain && SECRET_KEYS.iter().any(|key| name.ends_with(key));
    let has_value = !lower[separator + 1..].trim().is_empty();
    (secret && has_value).then_some(separator + 1)
}

/// Learns what the secret files of a folder hold.
fn learn(path: &Path, secrets: &mut BTreeSet<String>, depth: u32) {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return };
    if metadata.is_dir() && depth > 0 {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.for_each(|entry| learn(&entry.path(), secrets, depth - 1));
    } else if metadata.len() <= SECRET_FILE_LIMIT {
        let text = std::fs::read(path).unwrap_or_default();
        learn_text(&String::from_utf8_lossy(&text), secrets);
    }
}

fn learn_text(text: &str, secrets: &mut BTreeSet<String>) {
    let mut in_key = false;
    for line in text.lines() {
        if line.contains("-----") {
            in_key = line.contains("BEGIN") && line.contains(KEY);
        } else if in_key {
            insert(line, secrets);
        } else if let Some(at) = value_of_secret(&line.to_ascii_lowercase()) {
            insert(line.get(at..).unwrap_or_default(), secrets);
        }
        let hash = line.split(':').nth(1).filter(|word| word.starts_with('$'));
        hash.into_iter().for_each(|hash| insert(hash, secrets));
    }
}

/// Short values are words that stand in other places by chance; long ones are compared by their first part.
fn insert(value: &str, secrets: &mut BTreeSet<String>) {
    let value = value.trim().trim_matches(['"', '\'', ',']);
    let word = value.split_whitespace().last().unwrap_or_default();
    if word.len() >= 16 && !word.starts_with('/') {
        secrets.insert(word.chars().take(64).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::Scrubber;
    use std::collections::BTreeSet;

    fn scrub(text: &str) -> String {
        let scrubber = Scrubber { secrets: BTreeSet::from(["c2VjcmV0IG9mIHRoaXMgbm9kZQ".to_owned()]) };
        let mut scrubbed = Vec::new();
        assert!(!scrubber.scrub(text.as_bytes(), &mut scrubbed).unwrap());
        String::from_utf8(scrubbed).unwrap()
    }

    #[test]
    fn what_looks_like_a_secret_is_taken_out() {
        for (text, expected) in [
            ("    client-key-data: TFMwdA==\n", "    client-key-data:[removed]\n"),
            ("  auth_pass: 1234\n", "  auth_pass:[removed]\n"),
            ("Authorization = \"Basic cmVnOnB3\"\n", "Authorization =[removed]\n"),
            ("      - secret: QUJD\n", "      - secret:[removed]\n"),
            ("\"passwordHash\": \"x\",\n", "\"passwordHash\":[removed]\n"),
            ("said: c2VjcmV0IG9mIHRoaXMgbm9kZQ==\n", "[a line with a secret was removed]\n"),
            ("root:$6$abc$def:1:\n", "root:[removed]:1:\n"),
            ("log LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWQ==\n", "log [removed]\n"),
            ("cert=LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWQ== next", "[removed] next"),
            ("{\"a\":\"LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWQ==\",\"b\":1}", "{\"a\":\"[removed]\",\"b\":1}"),
            ("a\n-----BEGIN PRIVATE KEY-----\nMIG\n-----END PRIVATE KEY-----\nb", "a\n[k]\n[k]\n[k]\nb"),
            ("no PRIVATE KEY in it\n", "[k]\n"),
            (
                "  \"reportUrl\": \"http://192.0.2.1:8080/report?site=1&token=abc\",\n",
                "  \"reportUrl\": \"http://192.0.2.1:8080/report?site=1&token=[removed]\",\n",
            ),
            ("secrets: mounted\n", "secrets: mounted\n"),
            ("serviceAccountToken:\n", "serviceAccountToken:\n"),
            ("etcd: waiting for master2\n", "etcd: waiting for master2\n"),
        ] {
            let expected = expected.replace("[k]", "[a line of a private key was removed]");
            assert_eq!(scrub(text), expected, "{text}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_to_be_searched_is_left_out() {
        let long = "x".repeat((512 << 10) + 5);
        assert_eq!(scrub(&format!("a\n{long}\nb\n")), "a\n[a line of more than half a megabyte was removed]\nb\n");
        let (just, end) = ("y".repeat((512 << 10) - 1), "y".repeat(512 << 10));
        assert_eq!(scrub(&format!("{just}\nb")), format!("{just}\nb"));
        assert_eq!(scrub(&end), "[a line of more than half a megabyte was removed]\n");
    }
}
