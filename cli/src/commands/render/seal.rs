//! `--seal`: for whom the secrets of payloads are sealed.

use crate::failure::Failure;
use data_encoding::HEXLOWER;
use kfimg_ignition::age::{Passphrase, Recipient, Seal};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What `--seal` says.
#[derive(Clone, Debug)]
pub(super) enum SealArgument {
    /// `age:FILE`: recipients, one a line.
    Recipients(PathBuf),
    /// `passphrase:FILE`: a passphrase in one line.
    Passphrase(PathBuf),
}

impl SealArgument {
    /// How the payloads are sealed, for people.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Recipients(_) => "sealed for recipients of age",
            Self::Passphrase(_) => "sealed with a passphrase",
        }
    }
}

impl FromStr for SealArgument {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("age", file)) if !file.is_empty() => Ok(Self::Recipients(file.into())),
            Some(("passphrase", file)) if !file.is_empty() => Ok(Self::Passphrase(file.into())),
            _ => Err("write age:FILE with recipients, or passphrase:FILE".to_owned()),
        }
    }
}

/// Who can open the payloads of this render.
pub(super) enum Sealing {
    Recipients(Vec<Recipient>),
    Passphrase(Box<Passphrase>),
}

impl Sealing {
    /// Reads the file that the argument names.
    pub(super) fn read(argument: &SealArgument, cluster_uid: &str) -> Result<Self, Failure> {
        match argument {
            SealArgument::Recipients(file) => {
                let text = fs_err::read_to_string(file).map_err(Failure::io("reading", file))?;
                recipients(&text, file).map(Self::Recipients)
            }
            SealArgument::Passphrase(file) => {
                let text = zeroize::Zeroizing::new(fs_err::read_to_string(file).map_err(Failure::io("reading", file))?);
                let salt: [u8; 32] = Sha256::digest(format!("kfimg sealed payloads of {cluster_uid}")).into();
                let (salt, _) = salt.split_first_chunk().expect("32 bytes begin with 16");
                let wrong = |reason: String| Failure::Seal(format!("{}: {reason}", file.display()));
                let passphrase = passphrase(&text, file).map_err(wrong)?;
                let passphrase = Passphrase::new(passphrase, *salt).map_err(|error| wrong(error.to_string()))?;
                Ok(Self::Passphrase(Box::new(passphrase)))
            }
        }
    }

    /// For the library.
    pub(super) fn seal(&self) -> Seal<'_> {
        match self {
            Self::Recipients(recipients) => Seal::Recipients(recipients),
            Self::Passphrase(passphrase) => Seal::Passphrase(passphrase),
        }
    }

    /// Differs wherever payloads would; it tells nothing of a passphrase.
    pub(super) fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        match self {
            Self::Recipients(recipients) => recipients.iter().for_each(|one| hash.update(one.to_string())),
            Self::Passphrase(passphrase) => hash.update(passphrase.fingerprint()),
        }
        HEXLOWER.encode(&hash.finalize())
    }
}

/// The passphrase of a file: one line that a person can type at a console, and no file of age's that was named by mistake.
fn passphrase<'a>(text: &'a str, file: &Path) -> Result<&'a str, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let Some(line) = lines.next() else { return Err("no passphrase is in it".to_owned()) };
    if text.lines().any(|line| line.trim().parse::<Recipient>().is_ok()) {
        let file = file.display();
        return Err(format!("this is a recipient of age, which everybody may know; write --seal age:{file}"));
    }
    if text.lines().any(is_identity) {
        return Err("this is an identity of age; write --seal age:FILE with its recipient".to_owned());
    }
    if lines.next().is_some() {
        return Err("a passphrase is one line, and there are more".to_owned());
    }
    match line.trim() == line {
        true => Ok(line),
        false => Err("the passphrase begins or ends with a blank, which nobody sees who types it".to_owned()),
    }
}

fn is_identity(line: &str) -> bool {
    line.trim().to_ascii_uppercase().starts_with("AGE-SECRET-KEY-")
}

/// Recipients, one a line; what begins with `#` is a comment. All problems at once.
fn recipients(text: &str, file: &Path) -> Result<Vec<Recipient>, Failure> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let (mut recipients, mut problems) = (Vec::new(), Vec::new());
    for (index, line) in lines {
        let line = line.trim();
        match line.parse::<Recipient>() {
            Ok(recipient) if !recipients.contains(&recipient) => recipients.push(recipient),
            Ok(_) => {}
            // Whoever names the wrong file of a pair must not find the key on the screen.
            Err(_) if is_identity(line) => {
                problems.push(format!(
                    "{}:{}: this is an identity; name the file with its recipient",
                    file.display(),
                    index + 1
                ));
            }
            Err(error) if line.starts_with("age1") => {
                problems.push(format!("{}:{}: {error}", file.display(), index + 1));
            }
            // It may be a passphrase.
            Err(_) => problems.push(format!(
                "{}:{}: this is no recipient of age, which begins with age1; a passphrase is named with --seal passphrase:FILE",
                file.display(),
                index + 1
            )),
        }
    }
    if recipients.is_empty() && problems.is_empty() {
        problems.push(format!("{}: no recipient is in it; `age-keygen -y IDENTITY` prints one", file.display()));
    }
    if problems.is_empty() { Ok(recipients) } else { Err(Failure::Seal(problems.join("\n"))) }
}
