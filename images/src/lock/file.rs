//! The text of a lock: a serde mirror that refuses unknown keys, and the writer that sorts.
//!
//! serde-saphyr refuses double keys and bounds depth and nodes itself.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::{Lock, LockError, LockedImage, Pin};
use crate::component::Architecture;
use crate::reference::Reference;

/// Most bytes of a file: some ten thousand images.
const LIMIT: u64 = 8 << 20;
const API_VERSION: &str = "kfimg/v1alpha1";
const KIND: &str = "Lock";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct LockFile {
    api_version: Spanned<String>,
    kind: Spanned<String>,
    architectures: Spanned<Vec<Architecture>>,
    images: BTreeMap<Name, Spanned<ImageLines>>,
    #[serde(default)]
    binaries: BTreeMap<Name, Pin>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageLines {
    index: Option<Pin>,
    amd64: Option<Pin>,
    arm64: Option<Pin>,
}

/// A reference that is written in full, so that none can stand there twice in two spellings.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name(Reference);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let reference: Reference = text.parse().map_err(serde::de::Error::custom)?;
        if reference.to_string() == text {
            return Ok(Self(reference));
        }
        Err(serde::de::Error::custom(format!("`{text}` is not written in full; write `{reference}`")))
    }
}

impl ImageLines {
    fn check(self, architectures: &[Architecture]) -> Result<LockedImage, String> {
        let lines = [(Architecture::Amd64, self.amd64), (Architecture::Arm64, self.arm64)];
        let platforms: BTreeMap<_, _> = lines.into_iter().filter_map(|(one, pin)| Some((one, pin?))).collect();
        if let Some(stray) = platforms.keys().find(|one| !architectures.contains(one)) {
            return Err(format!("`{stray}` is not among the architectures of this lock; update the lock"));
        }
        if platforms.is_empty() && self.index.is_none() {
            return Err("there is no digest here; update the lock".to_owned());
        }
        Ok(LockedImage { index: self.index, platforms })
    }
}

pub(super) fn read(path: &Path) -> Result<Lock, LockError> {
    let failed = |source| LockError::Read { path: path.to_owned(), source };
    let mut text = String::new();
    let file = open(path).map_err(failed)?;
    file.take(LIMIT + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > LIMIT {
        let reason = format!("it has more than {LIMIT} bytes and is no lock");
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, reason)));
    }
    parse(path, &text)
}

/// The user names this file, so a link to it is followed; nobody is waited for at a pipe.
fn open(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).expect("the flags of open(2) are an int");
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a plain file")) }
}

pub(super) fn parse(path: &Path, text: &str) -> Result<Lock, LockError> {
    let wrong = |line: u64, reason: String| LockError::File { path: path.to_owned(), line, reason };
    let options = serde_saphyr::options! { with_snippet: false };
    let file: LockFile = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        wrong(error.location().map_or(1, |location| location.line()), error.without_snippet().to_string())
    })?;
    for (found, wanted) in [(&file.api_version, API_VERSION), (&file.kind, KIND)] {
        if found.value != wanted {
            let reason = format!("this is `{}`, but this kfimg reads {API_VERSION} {KIND}", found.value);
            return Err(wrong(found.referenced.line(), reason));
        }
    }
    if file.architectures.value.is_empty() {
        return Err(wrong(
            file.architectures.referenced.line(),
            "no architecture is named; name amd64 or arm64".to_owned(),
        ));
    }
    let mut lock = Lock::new(file.architectures.value.iter().copied());
    for (name, lines) in file.images {
        let line = lines.referenced.line();
        let image = lines.value.check(&file.architectures.value).map_err(|reason| wrong(line, reason))?;
        lock.images.insert(name.0, image);
    }
    lock.binaries = file.binaries.into_iter().map(|(name, pin)| (name.0, pin)).collect();
    Ok(lock)
}

pub(super) fn write(lock: &Lock) -> String {
    let architectures = lock.architectures.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ");
    let mut text = format!(
        "# Which content each reference stands for. kfimg writes this file; keep it under version control.\n\
         apiVersion: {API_VERSION}\nkind: {KIND}\narchitectures: [{architectures}]\n"
    );
    // By text, as `LC_ALL=C sort` does, and not by the parts of the reference.
    let images: BTreeMap<String, &LockedImage> =
        lock.images.iter().map(|(name, image)| (name.to_string(), image)).collect();
    text.push_str(if images.is_empty() { "images: {}\n" } else { "images:\n" });
    for (name, image) in images {
        line(&mut text, format_args!("  \"{name}\":"));
        if let Some(pin) = &image.index {
            line(&mut text, format_args!("    index: {}", flow(pin)));
        }
        for (architecture, pin) in &image.platforms {
            line(&mut text, format_args!("    {architecture}: {}", flow(pin)));
        }
    }
    let binaries: BTreeMap<String, &Pin> = lock.binaries.iter().map(|(name, pin)| (name.to_string(), pin)).collect();
    text.push_str(if binaries.is_empty() { "binaries: {}\n" } else { "binaries:\n" });
    for (name, pin) in binaries {
        line(&mut text, format_args!("  \"{name}\": {}", flow(pin)));
    }
    text
}

/// A reference and a digest have no character that double quotes give a meaning to.
fn flow(pin: &Pin) -> String {
    format!("{{ digest: \"{}\", size: {} }}", pin.digest, pin.size)
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    writeln!(text, "{arguments}").expect("a text in memory takes every line");
}
