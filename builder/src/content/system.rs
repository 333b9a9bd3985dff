//! kfimg's own settings of an image: its name, defaults of the kernel, and units of the base that make no sense on a
//! read-only root. They are the same for every node; what a node needs beyond comes with its payload.
//!
//! Files below `/usr/lib` have the names that payloads use below `/etc`, so that a payload's file takes the place of ours
//! (`sysctl.d(5)`, `modules-load.d(5)`).

use crate::error::Error;
use crate::licences;
use crate::tree::{Node, Tree};

const SYSCTLS: &str = "usr/lib/sysctl.d/90-kfimg.conf";
const MODULES: &str = "usr/lib/modules-load.d/kfimg.conf";
const PRESET: &str = "usr/lib/systemd/system-preset/00-kfimg.preset";
const OS_RELEASE: &str = "usr/lib/os-release";
const OS_RELEASE_LINK: &str = "etc/os-release";

/// What every kubelet wants (`setupKernelTunables` of `pkg/kubelet/cm`), and enough watches of files.
const SYSCTL_LINES: &str = "\
fs.inotify.max_user_instances = 8192
fs.inotify.max_user_watches = 524288
kernel.keys.root_maxbytes = 25000000
kernel.keys.root_maxkeys = 1000000
kernel.panic = 10
kernel.panic_on_oops = 1
vm.overcommit_memory = 1
vm.panic_on_oom = 0
";
const MODULE_LINES: &str = "br_netfilter\nnf_conntrack\noverlay\n";

/// Units that change the system, or only cost time. Masked where the base has them.
const MASKED: &[&str] = &[
    "apport-autoreport.timer",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "apt-news.service",
    "dnf-makecache.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "esm-cache.service",
    "fwupd-refresh.timer",
    "man-db.timer",
    "motd-news.timer",
    "snapd.service",
    "snapd.socket",
    "systemd-firstboot.service",
    "ua-timer.timer",
    "ubuntu-advantage.service",
    "unattended-upgrades.service",
    "update-notifier-download.timer",
    "update-notifier-motd.timer",
];
const UNIT_FOLDERS: [&str; 2] = ["usr/lib/systemd/system", "etc/systemd/system"];

/// The image's name and version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp<'a> {
    /// `IMAGE_ID`.
    pub(crate) id: &'a str,
    /// `IMAGE_VERSION`.
    pub(crate) version: &'a str,
}

/// Writes all of it; returns the finished `os-release`.
pub(crate) fn write(tree: &mut Tree, stamp: Stamp<'_>) -> Result<Vec<u8>, Error> {
    put(tree, SYSCTLS, Node::file(0o644, SYSCTL_LINES))?;
    put(tree, MODULES, Node::file(0o644, MODULE_LINES))?;
    // A machine without a payload has no machine-id, so systemd applies presets: these units stay off there too.
    let presets: String = MASKED.iter().map(|unit| format!("disable {unit}\n")).collect();
    put(tree, PRESET, Node::file(0o644, presets))?;
    for unit in MASKED {
        if UNIT_FOLDERS.iter().any(|folder| tree.lookup(&format!("{folder}/{unit}")).is_some()) {
            put(tree, &format!("etc/systemd/system/{unit}"), Node::link("/dev/null"))?;
        }
    }
    put(tree, licences::FILE, Node::file(0o644, licences::copyright()))?;
    put(tree, licences::NOTICES_FILE, Node::file(0o644, licences::notices()))?;
    os_release(tree, stamp)
}

fn put(tree: &mut Tree, path: &str, node: Node) -> Result<(), Error> {
    let resolved = tree.resolve(path).map_err(Error::tree(path))?;
    tree.insert(&resolved, node).map_err(Error::tree(path))
}

/// Stamps the base's `os-release(5)`; a base without one gets nothing but the stamp, which a lint refuses.
fn os_release(tree: &mut Tree, stamp: Stamp<'_>) -> Result<Vec<u8>, Error> {
    let found = [OS_RELEASE, OS_RELEASE_LINK].iter().find_map(|path| tree.lookup(path)?.1.content().cloned());
    let text = match found {
        Some(content) => {
            let bytes = content.head(64 << 10).map_err(Error::io("reading", OS_RELEASE.as_ref()))?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
        None => String::new(),
    };
    let own = |line: &&str| !line.starts_with("IMAGE_ID=") && !line.starts_with("IMAGE_VERSION=");
    let mut stamped: String = text.lines().filter(own).map(|line| format!("{line}\n")).collect();
    stamped += &format!("IMAGE_ID={}\nIMAGE_VERSION={}\n", quoted(stamp.id), quoted(stamp.version));
    put(tree, OS_RELEASE, Node::file(0o644, stamped.clone()))?;
    put(tree, OS_RELEASE_LINK, Node::link("../usr/lib/os-release"))?;
    Ok(stamped.into_bytes())
}

/// Versions hold letters, digits and marks that no shell reads, see [`is_name`].
fn quoted(text: &str) -> String {
    if is_name(text) { text.to_owned() } else { String::new() }
}

/// Whether a text may stand in `IMAGE_ID` and `IMAGE_VERSION` (`os-release(5)`).
pub(crate) fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '+' | '~');
    !text.is_empty() && text.len() <= 100 && text.chars().all(fits)
}

/// A setting of an `os-release`, without its quotes.
pub(crate) fn setting(os_release: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(os_release);
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Stamp, setting, write};
    use crate::tree::{Kind, Node, Tree};

    #[test]
    fn the_image_is_stamped_and_idle_timers_are_masked() {
        let mut tree = Tree::default();
        tree.insert("etc/os-release", Node::file(0o644, "ID=debian\nIMAGE_ID=old\nVERSION_ID=\"12\"\n")).unwrap();
        tree.insert("usr/lib/systemd/system/apt-daily.timer", Node::file(0o644, "")).unwrap();
        let text = write(&mut tree, Stamp { id: "kfimg", version: "1.2.3" }).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&text),
            "ID=debian\nVERSION_ID=\"12\"\nIMAGE_ID=kfimg\nIMAGE_VERSION=1.2.3\n"
        );
        assert_eq!(setting(&text, "VERSION_ID").as_deref(), Some("12"));
        let mask = &tree.get("etc/systemd/system/apt-daily.timer").unwrap().kind;
        assert!(matches!(mask, Kind::Link(target) if target == "/dev/null"));
        assert!(tree.get("etc/systemd/system/man-db.timer").is_none(), "only what is there");
        assert!(tree.lookup("etc/os-release").is_some());
    }
}
