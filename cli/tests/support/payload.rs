//! An Ignition configuration taken apart without Ignition: what it would write.

use data_encoding::BASE64;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What lies at one path.
pub(crate) enum Entry {
    /// Mode and contents; bytes that are no text are replaced.
    File(u64, String),
    /// Mode.
    Directory(u64),
    /// Target.
    Link(String),
}

/// A node's payload by path.
pub(crate) struct Payload {
    entries: BTreeMap<String, Entry>,
    /// Contents of files as they are.
    files: BTreeMap<String, Vec<u8>>,
}

impl Payload {
    /// Reads an Ignition configuration.
    pub(crate) fn read(path: &Path) -> Self {
        let config: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let list = |key: &str| config["storage"][key].as_array().cloned().unwrap_or_default();
        let path = |entry: &Value| entry["path"].as_str().unwrap().to_owned();
        let mode = |entry: &Value| entry["mode"].as_u64().unwrap();
        let (mut entries, mut files) = (BTreeMap::new(), BTreeMap::new());
        for file in list("files") {
            let content = decode(file["contents"]["source"].as_str().unwrap());
            let text = String::from_utf8_lossy(&content).into_owned();
            entries.insert(path(&file), Entry::File(mode(&file), text));
            files.insert(path(&file), content);
        }
        entries.extend(list("directories").iter().map(|entry| (path(entry), Entry::Directory(mode(entry)))));
        let target = |link: &Value| Entry::Link(link["target"].as_str().unwrap().to_owned());
        entries.extend(list("links").iter().map(|link| (path(link), target(link))));
        Self { entries, files }
    }

    /// Everything by path.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&String, &Entry)> {
        self.entries.iter()
    }

    /// Every file's contents by path.
    pub(crate) fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    /// The text of every file.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.entries.values().filter_map(|entry| match entry {
            Entry::File(_, content) => Some(content.as_str()),
            _ => None,
        })
    }

    /// The agent's plan.
    pub(crate) fn plan(&self) -> Value {
        match self.entries.get("/etc/kfimg/plan.json") {
            Some(Entry::File(_, text)) => serde_json::from_str(text).unwrap(),
            _ => panic!("the payload has no plan"),
        }
    }
}

/// The contents of a `data:` URL.
fn decode(url: &str) -> Vec<u8> {
    match url.strip_prefix("data:,") {
        Some(text) => percent_decode(text.as_bytes()),
        None => BASE64.decode(url.strip_prefix("data:;base64,").unwrap().as_bytes()).unwrap(),
    }
}

fn percent_decode(mut rest: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some((byte, tail)) = rest.split_first() {
        let escaped = *byte == b'%';
        let value =
            if escaped { u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap() } else { *byte };
        bytes.push(value);
        rest = if escaped { &tail[2..] } else { tail };
    }
    bytes
}
