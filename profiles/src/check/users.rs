//! People who may log in: names, keys, password hashes. Nothing secret is repeated in a message.

use std::collections::BTreeMap;

use super::{Subject, at};
use crate::description::User;
use crate::document::Path;
use crate::problem::Report;

/// Types of public keys that OpenSSH takes (`sshd(8)`, AUTHORIZED_KEYS FILE FORMAT).
const KEY_TYPES: [&str; 9] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-ed25519-cert-v01@openssh.com",
    "ssh-rsa-cert-v01@openssh.com",
];

/// Prefixes of crypt(3) hashes that are fit for use: yescrypt, gost-yescrypt, scrypt, bcrypt, SHA-512, SHA-256.
const HASHES: [&str; 7] = ["$y$", "$gy$", "$7$", "$2b$", "$2y$", "$6$", "$5$"];

/// Users that the operating system or kfimg has.
const SYSTEM_USERS: [&str; 14] = [
    "root",
    "daemon",
    "bin",
    "sys",
    "sync",
    "mail",
    "nobody",
    "etcd",
    "haproxy",
    "keepalived",
    "kube-apiserver",
    "messagebus",
    "sshd",
    "systemd-network",
];

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let path = at("users");
    for (index, user) in subject.description.users.iter().enumerate() {
        let setting = path.index(index);
        name(&setting.key("name"), &user.name, report);
        if let Some(first) = seen.insert(&user.name, index) {
            report
                .error("duplicate-name", setting.key("name"), format!("the user `{}` is given twice", user.name))
                .note(path.index(first).key("name"), "first given here")
                .help("keep one of them");
        }
        for (index, key) in user.ssh_authorized_keys.iter().enumerate() {
            ssh_key(setting.key("sshAuthorizedKeys").index(index), key, report);
        }
        password(&setting, user, report);
        for (index, group) in user.groups.iter().enumerate().filter(|(_, group)| !is_login_name(group)) {
            report
                .error("invalid-name", setting.key("groups").index(index), format!("`{group}` is no name of a group"))
                .help("use lower-case letters, digits, `-` and `_`, a letter first");
        }
    }
}

/// As `useradd(8)` and systemd's strict user names: a letter or `_` first, at most 31 characters.
fn is_login_name(name: &str) -> bool {
    let is_plain = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_');
    name.len() <= 31 && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') && name.chars().all(is_plain)
}

fn name(path: &Path, name: &str, report: &mut Report) {
    if name.is_empty() {
        report.error("missing-setting", path, "a user has no `name`").help("write the login name");
    } else if !is_login_name(name) {
        report
            .error("invalid-name", path, format!("`{name}` is no login name"))
            .help("use at most 31 lower-case letters, digits, `-` and `_`, a letter first");
    } else if SYSTEM_USERS.contains(&name) && name != "root" {
        report
            .error("invalid-name", path, format!("the user `{name}` belongs to the system"))
            .help("write another name");
    }
}

fn ssh_key(path: Path, key: &str, report: &mut Report) {
    if key.contains("PRIVATE KEY") {
        report
            .error("private-ssh-key", path, "this is a private key, which must not leave its owner's machine")
            .secret()
            .help("write the line of the `.pub` file, and make a new key pair: this one has been in a file that is shared");
        return;
    }
    if key.trim().contains('\n') {
        report
            .error("invalid-ssh-key", path, "this text has several lines")
            .help("write each key as an item of its own");
        return;
    }
    // Options such as `from="10.0.0.0/8"` may stand before the type.
    let words: Vec<&str> = key.split_whitespace().collect();
    let Some(position) = words.iter().position(|word| KEY_TYPES.contains(word)) else {
        let (message, help) = match words.first() {
            Some(&"ssh-dss") => {
                ("keys of type ssh-dss are refused by OpenSSH", "make a new one with `ssh-keygen -t ed25519`")
            }
            _ => ("this is no public key for SSH", "write the line of the `.pub` file: `ssh-ed25519 AAAA… name`"),
        };
        report.error("invalid-ssh-key", path, message).help(help);
        return;
    };
    if !words.get(position + 1).is_some_and(|data| is_key_data(data, words[position])) {
        report
            .error("invalid-ssh-key", path, format!("the data of this {} key is cut off or damaged", words[position]))
            .help("copy the whole line of the `.pub` file");
    }
}

/// Whether the base64 text is long enough and begins with the length and name of its type, as RFC 4253 6.6 wants.
fn is_key_data(data: &str, kind: &str) -> bool {
    let Some(bytes) = base64(data) else { return false };
    let Some((length, rest)) = bytes.split_at_checked(4) else { return false };
    let length = length.iter().fold(0_usize, |sum, byte| sum * 256 + usize::from(*byte));
    length == kind.len() && rest.starts_with(kind.as_bytes()) && rest.len() > kind.len() + 4 + 31
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let body = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - body.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let mut pending = (0_u32, 0_u32);
    for letter in body.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        pending = (pending.0 << 6 | u32::from(value), pending.1 + 6);
        if pending.1 >= 8 {
            pending.1 -= 8;
            bytes.push((pending.0 >> pending.1) as u8);
            pending.0 &= (1 << pending.1) - 1;
        }
    }
    Some(bytes)
}

fn password(path: &Path, user: &User, report: &mut Report) {
    let setting = path.key("passwordHash");
    match &user.password_hash {
        Some(hash) if !is_hash(hash) => {
            let message = if hash.starts_with('$') {
                "this is no hash of a password that is fit for use"
            } else {
                "this is no hash of a password"
            };
            report
                .error("plain-password", setting, message)
                .secret()
                .help("write what `mkpasswd --method=yescrypt` prints; and change the password if this was it");
        }
        Some(_) => {}
        None if user.ssh_authorized_keys.is_empty() && !user.name.is_empty() => {
            report
                .warning(
                    "user-without-login",
                    path.key("name"),
                    format!("`{}` has neither a key nor a password, and so cannot log in", user.name),
                )
                .help("write `sshAuthorizedKeys` or `passwordHash`");
        }
        None => {}
    }
}

fn is_hash(hash: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '$' | '=' | ',');
    HASHES.iter().any(|prefix| hash.starts_with(prefix)) && hash.len() >= 40 && hash.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::{base64, is_hash};

    #[test]
    fn base64_is_read_as_openssl_reads_it() {
        for (text, expected) in [
            ("", Some("")),
            ("YQ==", Some("a")),
            ("YWI=", Some("ab")),
            ("YWJj", Some("abc")),
            ("YQ", None),
            ("Y===", None),
            ("Y*==", None),
        ] {
            assert_eq!(base64(text), expected.map(|text| text.as_bytes().to_vec()), "{text}");
        }
    }

    #[test]
    fn only_strong_hashes_pass() {
        assert!(is_hash(
            "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"
        ));
        assert!(!is_hash("$1$saltsalt$qFmFHbQmmtXzyBY0s9v7Oi$$$$$$$$$$$$") && !is_hash("secret") && !is_hash("$6$x"));
    }
}
