//! `kfimg-agent root`: finds a root that is no partition, and opens it as `/dev/mapper/root`.
//!
//! `kfimg.root=` names the place: `initrd` for one that came with this initrd, `http://…` for one on a server, `LABEL=…` for one on
//! a disc or stick. Whether the root is the right one is not judged here but by dm-verity, block by block, against
//! `roothash=` of the command line; a digest of a fetched file only tells earlier that it is damaged, and by whom. A root in
//! partitions is systemd's to open (`systemd-veritysetup-generator(8)`); `systemd.verity=no` says that there are none.

use super::codes::{COMMAND_LINE, ROOT_IMAGE};
use super::command_line::CommandLine;
use super::{Mounted, download, say, settle, wait_for_any};
use crate::command;
use crate::failure::Failure;
use crate::root::Root;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Where both halves lie in the initrd, and on a medium.
const FOLDER: &str = "/kfimg";
/// File system, and its hash tree.
const IMAGE: &str = "root.img";
const HASHES: &str = "root.verity";
/// Opens it as a device of this name; its arguments are those of `veritytab(5)`.
const VERITY: &str = "/usr/lib/systemd/systemd-veritysetup";
const NAME: &str = "root";
/// What a medium gets to appear; discs are slow.
const PATIENCE: Duration = Duration::from_secs(120);
/// Bound of one program. udev takes part in what they do, and on a machine that has just been switched on it names all disks first.
const TIME: Duration = Duration::from_secs(300);

/// Where the root is.
#[derive(Debug, Eq, PartialEq)]
enum Place<'a> {
    Initrd,
    Server(&'a str),
    Medium(&'a str),
}

impl<'a> Place<'a> {
    fn parse(value: &'a str) -> Result<Self, Failure> {
        match value {
            "initrd" => Ok(Self::Initrd),
            url if url.starts_with("http://") || url.starts_with("https://") => Ok(Self::Server(url)),
            other => match other.strip_prefix("LABEL=") {
                // A label becomes the name of a file in one folder.
                Some(label) if !label.is_empty() && !label.contains('/') && label != ".." => Ok(Self::Medium(label)),
                _ => Err(Failure::new(&COMMAND_LINE, format!("`kfimg.root={other}` names no place"))),
            },
        }
    }
}

/// Finds the root. Without `kfimg.root` it is a partition, and systemd's to find.
pub(super) fn run(root: &Root, line: &CommandLine) -> Result<(), Failure> {
    let Some(value) = line.value("kfimg.root") else { return Ok(()) };
    let folder = match Place::parse(value)? {
        Place::Initrd => root.at(FOLDER),
        Place::Server(url) => download::root_image(root, url, &root.at(FOLDER))?,
        Place::Medium(label) => medium(root, label)?,
    };
    let hash = line.value("roothash").ok_or_else(|| Failure::new(&COMMAND_LINE, "there is no roothash"))?;
    open(&folder, hash)
}

fn open(folder: &Path, hash: &str) -> Result<(), Failure> {
    let (image, hashes) = (attach(&folder.join(IMAGE))?, attach(&folder.join(HASHES))?);
    let mut verity = Command::new(VERITY);
    verity.args(["attach", NAME, &image, &hashes, hash]);
    let opened = command::output(&mut verity, TIME, 4096);
    let wrong =
        |error| Failure::new(&ROOT_IMAGE, format!("{} does not have the root hash {hash}: {error}", folder.display()));
    opened.map_err(wrong)?;
    say(format_args!("root: {} is verified as it is read", folder.display()));
    Ok(())
}

/// Mounts the medium, for as long as the machine runs.
fn medium(root: &Root, label: &str) -> Result<PathBuf, Failure> {
    let wrong = |reason: String| Failure::new(&ROOT_IMAGE, reason);
    settle();
    let path = root.at("/dev/disk/by-label").join(label);
    say(format_args!("root: waiting for the medium {label}"));
    let found = wait_for_any(std::slice::from_ref(&path), PATIENCE);
    let device =
        found.ok_or_else(|| wrong(format!("no medium with the label {label} within {} s", PATIENCE.as_secs())))?;
    let mounted = Mounted::read_only(&device, &root.run().join("medium")).map_err(wrong)?;
    let folder = mounted.path().join(FOLDER.trim_start_matches('/'));
    mounted.keep();
    Ok(folder)
}

/// Makes a block device of a file, and gives its path.
fn attach(file: &Path) -> Result<String, Failure> {
    let wrong = |reason: String| Failure::new(&ROOT_IMAGE, format!("{}: {reason}", file.display()));
    if !file.is_file() {
        return Err(wrong("it is not there".to_owned()));
    }
    let mut losetup = Command::new("losetup");
    losetup.args(["--read-only", "--find", "--show"]).arg(file);
    let device = command::output(&mut losetup, TIME, 4096).map_err(|error| wrong(error.to_string()))?;
    Ok(String::from_utf8_lossy(&device).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_place_is_the_initrd_a_server_or_a_medium() {
        let cases = [
            ("initrd", Some(Place::Initrd)),
            ("http://192.0.2.1/root.img", Some(Place::Server("http://192.0.2.1/root.img"))),
            ("https://boot.example/root.img", Some(Place::Server("https://boot.example/root.img"))),
            ("LABEL=KFIMG", Some(Place::Medium("KFIMG"))),
            ("LABEL=", None),
            ("LABEL=../sda", None),
            ("LABEL=..", None),
            ("ftp://192.0.2.1/root.img", None),
            ("/dev/sda1", None),
        ];
        for (text, place) in cases {
            assert_eq!(Place::parse(text).ok(), place, "{text}");
        }
    }
}
