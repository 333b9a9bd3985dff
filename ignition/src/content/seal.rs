//! A payload whose secrets travel sealed: one age file in their place, and the unit that opens it on the node.
//!
//! What the agent does with it is in its step `unseal`.

use super::{ContentError, NodeContent};
use crate::tree::{File, NodePath};
use flate2::Compression;
use flate2::write::GzEncoder;
use kfimg_agent::age::{self, Seal};
use kfimg_agent::plan::Sealed;
use sha2::{Digest, Sha256};

const FILE: &str = "/etc/kfimg/sealed.age";
const UNIT: &str = "kfimg-unseal.service";
/// Units that need what was sealed: without it they must not start.
const REQUIRED_BY: [&str; 2] = ["kfimg-preflight.service", "kfimg-images.service"];

impl NodeContent {
    /// The same content with its secrets sealed; the same content and seal give the same bytes.
    ///
    /// # Errors
    /// [`ContentError`] when something lies where the sealed file goes.
    pub fn seal(mut self, seal: &Seal<'_>) -> Result<Self, ContentError> {
        let tree = &mut self.content.tree;
        let secrets = tree.take_secrets();
        let archive = archive(&secrets);
        // Keys are in it, so nobody can guess it: its hash is as secret as they are.
        let seed = Sha256::digest(&archive).into();
        tree.file(FILE, 0o600, age::seal(&archive, seal, &seed))?;
        tree.unit(UNIT, include_str!("units/kfimg-unseal.service"), Some("multi-user.target"))?;
        for unit in REQUIRED_BY {
            tree.link(&format!("/etc/systemd/system/{unit}.requires/{UNIT}"), &format!("../{UNIT}"))?;
        }
        let paths = secrets.iter().map(|(path, _)| path.as_str().to_owned()).collect();
        self.plan.sealed = Some(Sealed { file: FILE.to_owned(), paths });
        Ok(self)
    }
}

/// A compressed tar archive of the files, with nothing in it that differs from time to time. What is sealed can't be compressed any more,
/// and channels have limits.
fn archive(secrets: &[(NodePath, File)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    for (path, file) in secrets {
        let mut header = tar::Header::new_ustar();
        header.set_size(file.content.len() as u64);
        header.set_mode(file.mode);
        header.set_uid(file.owner.uid.into());
        header.set_gid(file.owner.gid.into());
        let path = path.as_str().trim_start_matches('/');
        archive.append_data(&mut header, path, &file.content[..]).expect("writing into memory cannot fail");
    }
    archive.into_inner().and_then(GzEncoder::finish).expect("writing into memory cannot fail")
}
