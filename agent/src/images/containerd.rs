//! containerd, through its client `ctr` in the namespace of the kubelet's images.
//!
//! Its API is gRPC, which would be most of this program; `ctr` belongs to each release of containerd.

use super::digest::Digest;
use super::layout::{Descriptor, architecture};
use crate::command::{self, CommandError};
use crate::root::Root;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Bound of one question.
const TIME: Duration = Duration::from_secs(30);
/// Most bytes of an answer: a name and a digest for each of some ten thousand images, or some kilobytes for each of a thousand containers.
const LIMIT: u64 = 8 << 20;
/// What an import may take: a slow stick and a large image.
const IMPORT_TIME: &str = "20m";
/// The kubelet's garbage collection leaves an image with this label alone (`internal/cri/labels` of containerd).
pub(super) const PINNED: &str = "io.cri-containerd.pinned=pinned";
/// What tells our images from those that somebody else pinned.
pub(super) const IMPORTED: &str = "kfimg.io/bundle=imported";

/// Talks to containerd.
#[derive(Clone, Debug)]
pub(super) struct Containerd {
    socket: PathBuf,
    blobs: PathBuf,
    snapshotter: Option<String>,
}

/// A name that containerd knows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Named {
    /// What it stands for.
    pub(super) digest: String,
    /// Whether it carries both of our labels.
    pub(super) ours: bool,
    /// Whether everything of it is there and its layers are unpacked.
    pub(super) complete: bool,
}

/// What containerd has.
#[derive(Clone, Debug, Default)]
pub(super) struct Stock {
    /// By name.
    pub(super) images: BTreeMap<String, Named>,
    /// Digests of all blobs.
    pub(super) blobs: BTreeSet<String>,
}

impl Containerd {
    /// The node's.
    pub(super) fn new(root: &Root) -> Self {
        let config = std::fs::read_to_string(root.at("/etc/containerd/config.toml")).unwrap_or_default();
        Self {
            socket: root.at("/run/containerd/containerd.sock"),
            blobs: root.at("/var/lib/containerd/io.containerd.content.v1.content/blobs/sha256"),
            snapshotter: snapshotter(&config),
        }
    }

    fn ctr(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(&self.socket).args(["--namespace", "k8s.io", "--connect-timeout", "5s"]);
        command.args(arguments);
        command
    }

    fn ask(&self, arguments: &[&str]) -> Result<String, CommandError> {
        answer(&mut self.ctr(arguments))
    }

    /// Asks as the kubelet does (CRI), through `crictl`: `ctr` does not know what the kubelet is told of a container.
    pub(super) fn ask_cri(&self, arguments: &[&str]) -> Result<String, CommandError> {
        let mut command = Command::new("crictl");
        command.arg("--runtime-endpoint").arg(format!("unix://{}", self.socket.display())).args(["--timeout", "10s"]);
        answer(command.args(arguments))
    }

    /// Whether it answers.
    pub(super) fn answers(&self) -> Result<(), CommandError> {
        self.ask(&["version"]).map(drop)
    }

    /// What it has.
    pub(super) fn stock(&self) -> Result<Stock, CommandError> {
        let listed = self.ask(&["images", "list"])?;
        let mut check = vec!["images", "check"];
        check.extend(self.snapshotter.iter().flat_map(|name| ["--snapshotter", name]));
        let checked = self.ask(&check)?;
        let blobs = self.ask(&["content", "list", "--quiet"])?;
        Ok(Stock { images: images(&listed, &checked), blobs: blobs.lines().map(str::to_owned).collect() })
    }

    /// The names that came from a bundle, in one question. Whether they are complete is not asked.
    pub(super) fn imported(&self) -> Result<BTreeMap<String, Named>, CommandError> {
        let (label, value) = IMPORTED.split_once('=').unwrap_or((IMPORTED, ""));
        Ok(images(&self.ask(&["images", "list", &format!("labels.\"{label}\"=={value}")])?, ""))
    }

    /// Whether a blob's file has its full size. It was checked against its digest when it came; a power cut since then
    /// may have left it short or empty.
    pub(super) fn is_whole(&self, blob: &Descriptor) -> bool {
        std::fs::metadata(self.blobs.join(blob.digest.hex())).is_ok_and(|file| file.len() == blob.size)
    }

    /// Forgets a blob.
    pub(super) fn remove_blob(&self, digest: &Digest) -> Result<(), CommandError> {
        self.ask(&["content", "delete", &digest.to_string()]).map(drop)
    }

    /// Forgets that an image must stay.
    pub(super) fn unpin(&self, name: &str) -> Result<(), CommandError> {
        let cleared = [PINNED, IMPORTED]
            .map(|label| label.split_once('=').map_or(label.to_owned(), |(key, _)| format!("{key}=")));
        self.ask(&["images", "label", name, &cleared[0], &cleared[1]]).map(drop)
    }

    /// Begins an import from the child's standard input. The client writes blobs itself (`--local`): the transfer
    /// service hashes and copies everything once more, and takes half as long again.
    pub(super) fn import(&self) -> std::io::Result<Child> {
        use std::os::unix::process::CommandExt;
        let platform = format!("linux/{}", architecture());
        let mut command = self.ctr(&["--timeout", IMPORT_TIME, "images", "import", "--local", "--sync-fs"]);
        command.args(["--platform", &platform, "--label", PINNED, "--label", IMPORTED]);
        command.args(self.snapshotter.iter().flat_map(|name| ["--snapshotter", name]));
        command.arg("-").env("LC_ALL", "C").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.process_group(0).spawn()
    }
}

fn answer(command: &mut Command) -> Result<String, CommandError> {
    let text = command::output(command, TIME, LIMIT)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The snapshotter that kfimg wrote into containerd's configuration, where it is not containerd's default.
fn snapshotter(config: &str) -> Option<String> {
    let value =
        config.lines().find_map(|line| line.trim().strip_prefix("snapshotter")?.trim_start().strip_prefix('='))?;
    let name = value.trim().trim_matches(['\'', '"']);
    (!name.is_empty()).then(|| name.to_owned())
}

/// Reads `ctr images list` (`REF TYPE DIGEST … LABELS`) and `ctr images check` (`REF TYPE DIGEST complete (9/9) … true`).
fn images(listed: &str, checked: &str) -> BTreeMap<String, Named> {
    let complete: BTreeSet<&str> = checked
        .lines()
        .filter(|line| line.contains(" complete (") && line.trim_end().ends_with(" true"))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let named = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, _, digest) = (words.next()?, words.next()?, words.next()?);
        let labels: BTreeSet<&str> = words.last().unwrap_or_default().split(',').collect();
        let ours = labels.contains(PINNED) && labels.contains(IMPORTED);
        Some((name.to_owned(), Named { digest: digest.to_owned(), ours, complete: complete.contains(name) }))
    };
    listed.lines().skip(1).filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::{Named, images, snapshotter};

    #[test]
    fn the_clients_tables_are_read() {
        let listed = "\
REF          TYPE                                       DIGEST     SIZE      PLATFORMS   LABELS
reg.test/a:1 application/vnd.oci.image.manifest.v1+json sha256:aa  931.9 MiB linux/amd64 io.cri-containerd.image=managed,io.cri-containerd.pinned=pinned,kfimg.io/bundle=imported
reg.test/b:1 application/vnd.oci.image.manifest.v1+json sha256:bb  1.0 KiB   linux/amd64 -
";
        let checked = "\
REF          TYPE                                       DIGEST     STATUS           SIZE      UNPACKED
reg.test/a:1 application/vnd.oci.image.manifest.v1+json sha256:aa  complete (9/9)   9/9       true
reg.test/b:1 application/vnd.oci.image.manifest.v1+json sha256:bb  incomplete (1/2) 1/2       false
";
        let images = images(listed, checked);
        let named = |digest: &str, ours, complete| Named { digest: digest.to_owned(), ours, complete };
        assert_eq!(images["reg.test/a:1"], named("sha256:aa", true, true));
        assert_eq!(images["reg.test/b:1"], named("sha256:bb", false, false));
        assert_eq!(images.len(), 2);
    }

    #[test]
    fn the_snapshotter_is_the_configurations() {
        let config = "version = 3\n[plugins.'io.containerd.cri.v1.images']\nsnapshotter = \"erofs\"\n";
        assert_eq!(snapshotter(config).as_deref(), Some("erofs"));
        assert_eq!(snapshotter("version = 3\n"), None);
    }
}
