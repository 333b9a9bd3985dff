//! The secrets of a cluster, as its state folder has them: what must stand in nothing that is given away.
//!
//! They are texts to look for, and nobody is shown them.

use crate::Result;
use fs_err as fs;
use std::collections::BTreeSet;
use std::path::Path;

/// A shorter line of a key may stand anywhere by chance.
const SHORTEST: usize = 24;

/// Every line of a private key, and every key that is a line of its own, of all files in this folder and below.
///
/// # Errors
/// [`crate::Error::Io`].
pub fn of_state(folder: &Path) -> Result<BTreeSet<String>> {
    let mut secrets = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            secrets.extend(of_state(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "key" || extension == "pem") {
            learn(&String::from_utf8_lossy(&fs::read(&path)?), &mut secrets);
        }
    }
    Ok(secrets)
}

/// Files below this folder that hold one of these secrets, by name.
///
/// # Errors
/// [`crate::Error::Io`].
pub fn files_with(folder: &Path, secrets: &BTreeSet<String>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files_with(&path, secrets)?);
        } else {
            let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
            found.extend(secrets.iter().any(|secret| text.contains(secret)).then(|| path.display().to_string()));
        }
    }
    Ok(found)
}

/// A file without any PEM is a key itself.
fn learn(text: &str, secrets: &mut BTreeSet<String>) {
    let mut in_key = !text.contains("-----BEGIN");
    for line in text.lines().map(str::trim) {
        if line.starts_with("-----") {
            in_key = line.contains("BEGIN") && line.contains("PRIVATE KEY");
        } else if in_key && line.len() >= SHORTEST {
            secrets.insert(line.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::learn;
    use std::collections::BTreeSet;

    #[test]
    fn lines_of_private_keys_are_secrets_and_those_of_certificates_are_not() {
        let line = |letter: &str| letter.repeat(64);
        let pem = |kind: &str, letter: &str| {
            format!("-----BEGIN {kind}-----\n{}\nAA==\n-----END {kind}-----\n", line(letter))
        };
        let mut secrets = BTreeSet::new();
        learn(&format!("# apiserver\n{}{}", pem("CERTIFICATE", "c"), pem("EC PRIVATE KEY", "k")), &mut secrets);
        learn(&format!("{}\n", line("e")), &mut secrets);
        assert_eq!(secrets, BTreeSet::from([line("e"), line("k")]));
    }
}
