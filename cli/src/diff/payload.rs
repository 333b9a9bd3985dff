//! The payload of one node of an output as a tree again, whatever channels the output was rendered for: all of them carry the
//! same, so one file is read.

use super::Trouble;
use super::plan::{self, Plan};
use crate::output::{Output, PayloadFile};
use kfimg_ignition::delivery::imported_value;
use kfimg_ignition::payload::{
    IGNITION_KEY, ReadError, USER_DATA_KEY, read_cloud_init, read_config_drive, read_guestinfo, read_ignition,
};
use kfimg_ignition::tree::{Entry, File, NodeTree, Owner};

/// How a file becomes a tree.
type Read = fn(&[u8]) -> Result<NodeTree, ReadError>;

/// The files that hold a whole payload, those first that are read with the least work.
const CARRIERS: [(PayloadFile, Read); 6] = [
    (PayloadFile::Ignition, read_ignition),
    (PayloadFile::UserData, read_cloud_init),
    (PayloadFile::GuestinfoIgnition, |value| read_ignition(&unpacked(value)?)),
    (PayloadFile::GuestinfoUserData, |value| read_cloud_init(&unpacked(value)?)),
    (PayloadFile::ImportSpecification, specification),
    (PayloadFile::ConfigDrive, config_drive),
];

/// Where the payload of a node lies in one output.
#[derive(Clone)]
pub(super) struct Carrier {
    /// The file below its output.
    pub(super) file: String,
    read: Read,
}

/// What is read of a node in two outputs: the same file of both where there is one.
pub(super) fn carriers(old: &Output, new: &Output, node: &str) -> (Carrier, Carrier) {
    let carrier = |(file, read): &(PayloadFile, Read)| Carrier { file: file.path(node), read: *read };
    let has = |output: &Output, carrier: &Carrier| output.manifest.files.contains_key(&carrier.file);
    let all: Vec<Carrier> = CARRIERS.iter().map(carrier).collect();
    if let Some(both) = all.iter().find(|carrier| has(old, carrier) && has(new, carrier)) {
        return (both.clone(), both.clone());
    }
    // Where there is none at all, the first one is the one that is missing.
    let of = |output: &Output| all.iter().find(|carrier| has(output, carrier)).unwrap_or(&all[0]).clone();
    (of(old), of(new))
}

impl Carrier {
    /// Proves the file and takes it apart: what the node gets, and what its agent obeys. What the node fetches from a boot
    /// server lies in the output too, and is a part of the tree.
    pub(super) fn read(&self, output: &Output) -> Result<(NodeTree, Plan), Trouble> {
        let wrong = |error: ReadError| Trouble::Payload { path: self.file.clone(), error };
        let mut tree = (self.read)(&output.read(&self.file)?).map_err(wrong)?;
        let plan = match tree.get(plan::PATH) {
            Some(Entry::File(file)) => Plan::read(&file.content),
            _ => Plan::default(),
        };
        for fetch in &plan.fetch {
            let content = output.read(&format!("content/{}", fetch.sha512))?;
            let file = File { mode: 0o600, owner: Owner::ROOT, content, secret: true };
            tree.insert(&fetch.path, Entry::File(file)).map_err(|error| wrong(error.into()))?;
        }
        Ok((tree, plan))
    }

    /// Proves the file, and no more.
    pub(super) fn prove(&self, output: &Output) -> Result<(), Trouble> {
        output.read(&self.file).map(drop).map_err(Trouble::from)
    }
}

fn unpacked(value: &[u8]) -> Result<Vec<u8>, ReadError> {
    read_guestinfo(value).ok_or(ReadError::Empty)
}

fn specification(text: &[u8]) -> Result<NodeTree, ReadError> {
    match (imported_value(text, IGNITION_KEY), imported_value(text, USER_DATA_KEY)) {
        (Some(value), _) => read_ignition(&unpacked(value.as_bytes())?),
        (None, Some(value)) => read_cloud_init(&unpacked(value.as_bytes())?),
        (None, None) => Err(ReadError::Empty),
    }
}

fn config_drive(image: &[u8]) -> Result<NodeTree, ReadError> {
    let user_data = read_config_drive(image).ok_or(ReadError::Empty)?;
    if user_data.starts_with(b"#cloud-config\n") { read_cloud_init(&user_data) } else { read_ignition(&user_data) }
}
