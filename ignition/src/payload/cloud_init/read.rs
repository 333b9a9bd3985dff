//! The way back: the tree of a user-data that kfimg wrote.
//!
//! It reads what [`super::cloud_init`] writes and refuses everything else; it is no reader of cloud-init's formats. How the
//! machine makes its data partition stands in the user-data as files, and that is what they are in the tree.

use crate::payload::ReadError;
use crate::payload::gzip::unzip;
use crate::tree::{Directory, Entry, File, Link, NodeTree, Owner, User};
use data_encoding::BASE64;
use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use tar::{Archive, EntryType, Header};

/// Reads a user-data. The format does not say what is a secret: here it is whatever only its owner may read.
///
/// # Errors
/// [`ReadError`].
pub fn read_cloud_init(user_data: &[u8]) -> Result<NodeTree, ReadError> {
    let text = std::str::from_utf8(user_data).map_err(|error| unknown(&error.to_string()))?;
    // Its words about a document may repeat parts of it, and keys are parts of it.
    let config: Config =
        serde_saphyr::from_str(text).map_err(|_| unknown("it is no YAML of the form that it writes"))?;
    let mut tree = NodeTree::new();
    for user in config.users.into_iter().filter_map(|written| written.0) {
        tree.user(user.into())?;
    }
    let base64 =
        config.bootcmd.first().and_then(|script| archive(script)).ok_or_else(|| unknown("no archive is in it"))?;
    let lines: Vec<u8> = base64.bytes().filter(|byte| *byte != b'\n').collect();
    let packed = BASE64.decode(&lines).map_err(|_| unknown("its archive is no base64"))?;
    let tar = unzip(&packed).ok_or_else(|| unknown("its archive can't be unpacked"))?;
    unpack(&tar, &mut tree)?;
    Ok(tree)
}

fn unknown(reason: &str) -> ReadError {
    ReadError::CloudInit(reason.to_owned())
}

/// The text between the marks of the shell's here-document.
fn archive(script: &str) -> Option<&str> {
    let (_, rest) = script.split_once("<<'END'")?;
    let (_, rest) = rest.split_once('\n')?;
    rest.split_once("\nEND\n").map(|(base64, _)| base64)
}

fn unpack(tar: &[u8], tree: &mut NodeTree) -> Result<(), ReadError> {
    let damaged = |error: std::io::Error| unknown(&format!("its archive: {error}"));
    for entry in Archive::new(tar).entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let path = format!("/{}", String::from_utf8_lossy(&entry.path_bytes()));
        let found = match entry.header().entry_type() {
            EntryType::Regular => {
                let (mode, owner) = rights(entry.header()).map_err(damaged)?;
                let mut content = Vec::new();
                std::io::copy(&mut entry, &mut content).map_err(damaged)?;
                Entry::File(File { mode, owner, content, secret: mode & 0o077 == 0 })
            }
            EntryType::Directory => {
                let (mode, owner) = rights(entry.header()).map_err(damaged)?;
                Entry::Directory(Directory { mode, owner })
            }
            EntryType::Symlink => {
                let target = entry.link_name_bytes().unwrap_or_default();
                Entry::Link(Link { target: String::from_utf8_lossy(&target).into_owned() })
            }
            _ => return Err(unknown(&format!("{path} in its archive is neither file, folder nor link"))),
        };
        tree.insert(&path, found)?;
    }
    Ok(())
}

fn rights(header: &Header) -> std::io::Result<(u32, Owner)> {
    let number = |id: u64| u32::try_from(id).map_err(|_| std::io::Error::other("an owner's number is too large"));
    Ok((header.mode()?, Owner { uid: number(header.uid()?)?, gid: number(header.gid()?)? }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(rename = "hostname")]
    _hostname: String,
    #[serde(rename = "fqdn")]
    _fqdn: String,
    #[serde(rename = "preserve_hostname")]
    _preserve_hostname: bool,
    #[serde(rename = "manage_etc_hosts")]
    _manage_etc_hosts: bool,
    users: Vec<Written>,
    bootcmd: Vec<String>,
    #[serde(default, rename = "power_state")]
    _power_state: Option<IgnoredAny>,
}

/// A user, or the empty list that stands for nobody.
struct Written(Option<WrittenUser>);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UserOrNobody)
    }
}

struct UserOrNobody;

impl<'de> Visitor<'de> for UserOrNobody {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a user or an empty list")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Written, A::Error> {
        WrittenUser::deserialize(MapAccessDeserializer::new(map)).map(|user| Written(Some(user)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Written, A::Error> {
        match list.next_element::<IgnoredAny>()? {
            None => Ok(Written(None)),
            Some(_) => Err(serde::de::Error::custom("a list of users in the list")),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenUser {
    name: String,
    #[serde(rename = "lock_passwd")]
    _lock_passwd: bool,
    hashed_passwd: Option<String>,
    #[serde(default, rename = "passwd")]
    _passwd: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    ssh_authorized_keys: Vec<String>,
}

impl From<WrittenUser> for User {
    fn from(written: WrittenUser) -> Self {
        let WrittenUser { name, hashed_passwd, groups, ssh_authorized_keys, .. } = written;
        Self { name, ssh_authorized_keys, password_hash: hashed_passwd, groups }
    }
}
