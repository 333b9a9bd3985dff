//! A payload that is too large for its channel: what is applied later is fetched from the boot server.
//!
//! Only addons leave the payload, and no file with a Secret: whoever reaches the boot server can read what lies there.

use super::{ContentError, NodeContent};
use data_encoding::HEXLOWER;
use kfimg_agent::plan::Fetch;
use sha2::{Digest, Sha512};

const UNIT: &str = "kfimg-fetch.service";
/// Folder of the files below the boot server's URL, and below the output folder.
const FOLDER: &str = "content";
/// A smaller file is not worth a request.
const SMALL: usize = 1 << 10;

/// A file that nodes fetch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fetched {
    /// Its path below the output folder.
    pub path: String,
    /// Its contents.
    pub content: Vec<u8>,
}

impl NodeContent {
    /// The same content with its addons left to the boot server at this URL, and the files to serve there. A node without
    /// addons stays as it is.
    ///
    /// # Errors
    /// [`ContentError`] when something lies where the unit goes.
    pub fn split(mut self, boot_server: &str) -> Result<(Self, Vec<Fetched>), ContentError> {
        let tree = &mut self.content.tree;
        let taken = tree.take_files(&self.content.addons, |file| !file.secret && file.content.len() > SMALL);
        let mut files = Vec::new();
        for (path, file) in taken {
            let sha512 = HEXLOWER.encode(&Sha512::digest(&file.content));
            let served = format!("{FOLDER}/{sha512}");
            let size = file.content.len() as u64;
            self.plan.fetch.push(Fetch {
                path: path.as_str().to_owned(),
                url: format!("{boot_server}/{served}"),
                sha512,
                size,
            });
            files.push(Fetched { path: served, content: file.content });
        }
        if !files.is_empty() {
            tree.unit(UNIT, include_str!("units/kfimg-fetch.service"), Some("multi-user.target"))?;
            tree.link(&format!("/etc/systemd/system/kfimg-addons.service.requires/{UNIT}"), &format!("../{UNIT}"))?;
        }
        Ok((self, files))
    }
}
