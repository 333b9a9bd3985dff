//! In which form a bundle is written, and where.

use super::opened::{CHUNKS, is_chunks, with_suffix};
use crate::console::Console;
use crate::failure::Failure;
use crate::size;
use clap::Args;
use kfimg_images::archive::ChunkOptions;
use kfimg_images::create::Output;
use std::path::{Path, PathBuf};

/// One byte more than the largest file of FAT32 (Microsoft's FAT specification 1.03), and what most people would write.
const JUST_TOO_LARGE: u64 = 4 << 30;

/// How chunks are cut.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct ChunkArgs {
    /// Cut the bundle into numbered files of this size; FAT takes up to 4095MiB
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    chunk_size: Option<u64>,
    /// Write so many parity chunks: as many may be lost or damaged
    #[arg(long, value_name = "N", requires = "chunk_size", default_value_t = 0)]
    parity: usize,
}

impl ChunkArgs {
    /// The form that a path and these options mean.
    ///
    /// # Errors
    /// [`Failure::Usage`] for chunks of no size.
    pub(super) fn output(self, path: &Path, console: &Console) -> Result<Output, Failure> {
        match self.chunk_size {
            Some(chunk_size) => {
                if chunk_size == JUST_TOO_LARGE {
                    console.warn("FAT32, which most sticks have, takes no file of 4 GiB; --chunk-size 4095MiB fits");
                }
                let manifest = if is_chunks(path) { path.to_owned() } else { with_suffix(path, CHUNKS) };
                Ok(Output::Chunks { manifest, options: ChunkOptions { chunk_size, parity: self.parity } })
            }
            None if is_chunks(path) => Err(Failure::Usage(format!(
                "{} names a set of chunks; say how large they are: --chunk-size 4095MiB",
                path.display()
            ))),
            None if path.extension().is_some_and(|extension| extension == "tar") => Ok(Output::Tar(path.to_owned())),
            None => Ok(Output::Folder),
        }
    }
}

/// Makes the folder that a path lies in.
pub(super) fn make_parent(path: &Path) -> Result<(), Failure> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => std::fs::create_dir_all(folder).map_err(Failure::io("creating", folder)),
        None => Ok(()),
    }
}

/// What of an output is to be named: the folder itself, the tar, the manifest of the chunks.
pub(super) fn place(output: &Output, folder: &Path) -> PathBuf {
    match output {
        Output::Folder => folder.to_owned(),
        Output::Tar(path) => path.clone(),
        Output::Chunks { manifest, .. } => manifest.clone(),
    }
}
