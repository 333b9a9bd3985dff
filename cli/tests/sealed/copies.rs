//! What somebody finds who takes a copy of a payload apart: base64, gzip, percent signs, JSON and drives, one in the other.

use super::support::program::find;
use data_encoding::BASE64;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Layers of a payload are fewer.
const DEEPEST: usize = 8;
/// A shorter run of base64 holds no file.
const SHORTEST: usize = 80;

/// Every line of every private key in a state folder, and the keys for encryption at rest.
pub(crate) fn secrets(state: &Path) -> BTreeSet<String> {
    let mut secrets = BTreeSet::new();
    for path in files(state) {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut is_key = path.extension().is_some_and(|end| end == "key");
        for line in text.lines() {
            if line.starts_with("-----") {
                is_key = line.starts_with("-----BEGIN") && line.contains("PRIVATE KEY");
            } else if is_key && line.len() >= 40 {
                secrets.insert(line.to_owned());
            }
        }
    }
    assert!(secrets.len() > 40, "five nodes have more keys: {}", secrets.len());
    secrets
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// How many of these secrets a copy gives away.
pub(crate) fn given_away(copy: &[u8], secrets: &BTreeSet<String>) -> usize {
    let mut layers = Vec::new();
    open(copy.to_vec(), 0, &mut layers);
    let texts: Vec<String> = layers.iter().map(|layer| String::from_utf8_lossy(layer).into_owned()).collect();
    secrets.iter().filter(|secret| texts.iter().any(|text| text.contains(secret.as_str()))).count()
}

/// The bytes themselves, and everything that is packed in them.
fn open(bytes: Vec<u8>, depth: usize, layers: &mut Vec<Vec<u8>>) {
    assert!(depth < DEEPEST, "a payload has fewer layers");
    if bytes.starts_with(&[0x1f, 0x8b]) {
        open(filtered(Command::new("gzip").arg("-dc"), &bytes), depth + 1, layers);
    } else if bytes.starts_with(&[0xeb, 0x3c, 0x90]) {
        for file in ["user-data", "openstack/latest/user_data"] {
            open(from_drive(&bytes, file), depth + 1, layers);
        }
    } else {
        let plain = without_percent(&bytes);
        packed(&plain).into_iter().for_each(|inner| open(inner, depth + 1, layers));
        layers.push(plain);
    }
    layers.push(bytes);
}

/// What stands in base64 in a text, over several lines or in one.
fn packed(text: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(text);
    let is_base64 = |text: &str| {
        text.len().is_multiple_of(4) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
    };
    let mut runs: Vec<String> = vec![String::new()];
    for line in text.lines().map(str::trim) {
        match runs.last_mut() {
            Some(run) if !line.is_empty() && is_base64(line) => run.push_str(line),
            _ => runs.push(String::new()),
        }
    }
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !"+/=".contains(c)).map(str::to_owned);
    let all = runs.into_iter().chain(words).filter(|run| run.len() >= SHORTEST);
    all.filter_map(|run| BASE64.decode(run.as_bytes()).ok()).collect()
}

fn without_percent(bytes: &[u8]) -> Vec<u8> {
    let hexadecimal = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let (mut plain, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let escaped = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%').and_then(hexadecimal);
        plain.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    plain
}

fn from_drive(image: &[u8], file: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("drive.img");
    fs::write(&path, image).unwrap();
    let copied = Command::new(find("mcopy")).arg("-i").arg(&path).args([&format!("::{file}"), "-"]).output().unwrap();
    copied.stdout
}

/// What a program makes of bytes on its standard input, as far as it comes.
fn filtered(program: &mut Command, input: &[u8]) -> Vec<u8> {
    let piped = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = piped.spawn().unwrap();
    let (mut pipe, input) = (child.stdin.take().unwrap(), input.to_vec());
    let writer = std::thread::spawn(move || drop(pipe.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout
}
