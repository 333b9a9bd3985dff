//! Files of addons: a `v1` `List` each, read object by object, so that the largest object and not the file decides how much
//! memory is needed.
//!
//! What an object says beyond its name is not read here.

use super::codes::FILE;
use crate::failure::Failure;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::fmt;
use std::io::{BufReader, Read};
use std::path::PathBuf;

/// No file of addons is larger than this, in bytes: a payload could not carry it.
const FILE_LIMIT: u64 = 64 << 20;

/// What names an object.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    /// `v1`, `apps/v1`, …
    pub(super) api_version: String,
    /// `ConfigMap`, `DaemonSet`, …
    pub(super) kind: String,
    /// Its name and namespace.
    pub(super) metadata: Metadata,
}

/// The part of an object's metadata that names it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub(super) struct Metadata {
    /// Its name.
    pub(super) name: String,
    /// Its namespace, where it says one.
    #[serde(default)]
    pub(super) namespace: Option<String>,
}

impl Head {
    /// Others can't be applied before these are.
    pub(super) fn defines_others(&self) -> bool {
        self.is("v1", "Namespace") || self.is_definition()
    }

    /// Whether it defines a kind.
    pub(super) fn is_definition(&self) -> bool {
        self.is("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    }

    /// Whether it is a Node, which nobody but its kubelet makes.
    pub(super) fn is_node(&self) -> bool {
        self.is("v1", "Node")
    }

    /// Whether others, or data, may depend on it although the description no longer has it.
    pub(super) fn outlives_description(&self) -> bool {
        self.defines_others() || self.is("v1", "PersistentVolumeClaim") || self.is("v1", "PersistentVolume")
    }

    /// Whether its contents belong into no message.
    pub(super) fn is_secret(&self) -> bool {
        self.is("v1", "Secret")
    }

    /// Whether it is an object of this version and kind.
    pub(super) fn is(&self, api_version: &str, kind: &str) -> bool {
        self.api_version == api_version && self.kind == kind
    }
}

impl fmt::Display for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Metadata { name, namespace } = &self.metadata;
        match namespace {
            Some(namespace) => write!(formatter, "{} {namespace}/{name}", self.kind),
            None => write!(formatter, "{} {name}", self.kind),
        }
    }
}

/// One file.
pub(super) struct ListFile {
    /// Its path on the node, for people.
    pub(super) name: String,
    /// Where it lies.
    pub(super) path: PathBuf,
}

/// One object of a file, by its name.
pub(super) struct Item {
    /// What names it.
    pub(super) head: Head,
    /// Which file it is in.
    pub(super) file: usize,
}

/// What is done with the n-th object of a file.
type Visit<'a, E> = &'a mut dyn FnMut(usize, &RawValue) -> Result<(), E>;

impl ListFile {
    /// Shows each object to `visit`, in the file's order, until it fails.
    pub(super) fn each<E: From<Failure>>(&self, visit: Visit<'_, E>) -> Result<(), E> {
        let mut failure = None;
        let mut deserializer = serde_json::Deserializer::from_reader(BufReader::new(self.open()?));
        let list = List { visit, failure: &mut failure };
        let read = list.deserialize(&mut deserializer).and_then(|()| deserializer.end());
        match (failure, read) {
            (Some(failure), _) => Err(failure),
            (None, Err(error)) => Err(self.wrong(error).into()),
            (None, Ok(())) => Ok(()),
        }
    }

    /// What names an object of this file.
    fn head(&self, number: usize, object: &RawValue) -> Result<Head, Failure> {
        serde_json::from_str(object.get()).map_err(|error| self.wrong(format!("object {}: {error}", number + 1)))
    }

    /// Adds name and bytes to a digest.
    fn hash(&self, hash: &mut Sha256) -> Result<(), Failure> {
        let mut file = self.open()?;
        hash.update((self.name.len() as u64).to_le_bytes());
        hash.update(&self.name);
        let mut piece = [0; 16 << 10];
        let mut length: u64 = 0;
        loop {
            let read = file.read(&mut piece).map_err(|error| self.wrong(error))?;
            if read == 0 {
                break;
            }
            hash.update(&piece[..read]);
            length += read as u64;
        }
        hash.update(length.to_le_bytes());
        Ok(())
    }

    fn open(&self) -> Result<std::io::Take<fs_err::File>, Failure> {
        let file = fs_err::File::open(&self.path).map_err(|error| Failure::new(&FILE, error.to_string()))?;
        Ok(file.take(FILE_LIMIT))
    }

    fn wrong(&self, reason: impl fmt::Display) -> Failure {
        Failure::new(&FILE, format!("{}: {reason}", self.name))
    }
}

/// Reads all files once: what names their objects, and the SHA-256 of names and contents in hexadecimal digits. A damaged
/// file is found before anything is applied.
pub(super) fn inspect(files: &[ListFile]) -> Result<(Vec<Item>, String), Failure> {
    let (mut items, mut hash) = (Vec::new(), Sha256::new());
    for (index, file) in files.iter().enumerate() {
        file.hash(&mut hash)?;
        file.each(&mut |number, object| -> Result<(), Failure> {
            items.push(Item { head: file.head(number, object)?, file: index });
            Ok(())
        })?;
    }
    Ok((items, data_encoding::HEXLOWER.encode(&hash.finalize())))
}

/// The object without the spaces that are there for people: the API server takes 3 MiB at most.
pub(super) fn compact(object: &RawValue) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(object.get().len());
    let (mut quoted, mut escaped) = (false, false);
    for byte in object.get().bytes() {
        if quoted || !byte.is_ascii_whitespace() {
            bytes.push(byte);
        }
        quoted ^= byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
    }
    bytes
}

struct List<'a, E> {
    visit: Visit<'a, E>,
    failure: &'a mut Option<E>,
}

impl<'de, E> DeserializeSeed<'de> for List<'_, E> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, E> Visitor<'de> for List<'_, E> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a v1 List")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut seen = [false; 3];
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "apiVersion" => seen[0] = map.next_value::<String>()? == "v1",
                "kind" => seen[1] = map.next_value::<String>()? == "List",
                "items" if seen[2] => return Err(A::Error::duplicate_field("items")),
                "items" => {
                    map.next_value_seed(Items(&mut self))?;
                    seen[2] = true;
                }
                _ => map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        if seen == [true; 3] { Ok(()) } else { Err(A::Error::custom("this is no v1 List with items")) }
    }
}

struct Items<'a, 'b, E>(&'a mut List<'b, E>);

impl<'de, E> DeserializeSeed<'de> for Items<'_, '_, E> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, E> Visitor<'de> for Items<'_, '_, E> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut number = 0;
        while let Some(object) = seq.next_element::<Box<RawValue>>()? {
            if let Err(failure) = (self.0.visit)(number, &object) {
                *self.0.failure = Some(failure);
                return Err(A::Error::custom("stopped"));
            }
            number += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{ListFile, compact, inspect};
    use serde_json::value::RawValue;

    #[test]
    fn spaces_go_but_never_inside_text() {
        let text = "{ \"a\" : [ 1,\n 2 ], \"b\\\\\" : \" x \\\" y \" }";
        let raw = RawValue::from_string(text.to_owned()).unwrap();
        assert_eq!(compact(&raw), b"{\"a\":[1,2],\"b\\\\\":\" x \\\" y \"}");
    }

    #[test]
    fn a_file_that_is_no_list_of_named_objects_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = ListFile { name: "/etc/a.json".to_owned(), path: folder.path().join("a.json") };
        let object = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}"#;
        for (text, problem) in [
            (format!(r#"{{"apiVersion":"v1","kind":"List","items":[{object}]}}"#), None),
            (format!(r#"{{"apiVersion":"v1","kind":"List","items":[{object}"#), Some("EOF")),
            (r#"{"apiVersion":"v1","kind":"List"}"#.to_owned(), Some("no v1 List")),
            (r#"{"apiVersion":"v2","kind":"List","items":[]}"#.to_owned(), Some("no v1 List")),
            (r#"{"apiVersion":"v1","kind":"List","items":[{"kind":"A"}]}"#.to_owned(), Some("object 1")),
            (object.to_owned(), Some("no v1 List")),
            ("[".repeat(100_000), Some("a v1 List")),
        ] {
            std::fs::write(&file.path, &text).unwrap();
            let said = inspect(std::slice::from_ref(&file)).err().map(|failure| failure.message);
            match problem {
                None => assert_eq!(said, None),
                Some(problem) => assert!(said.as_ref().is_some_and(|said| said.contains(problem)), "{text}: {said:?}"),
            }
        }
    }
}
