//! Where a key may come from: a medium, the hypervisor, systemd, whoever sits at the console.
//!
//! Sources: `vmtoolsd(8)`; DMTF DSP0243 for the OVF environment; `systemd.exec(5)`, "Credentials"; systemd's "Container Interface";
//! `systemd-ask-password(1)`.

use crate::age::Identity;
use crate::command;
use crate::root::Root;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use zeroize::Zeroizing;

/// Label of the file system that brings a key.
const LABEL: &str = "KFIMG-KEY";
/// The file on it: an identity file as `age-keygen` writes it, or a passphrase in one line.
const FILE: &str = "kfimg.key";
/// guestinfo and OVF property that hold the same.
const GUESTINFO: &str = "guestinfo.kfimg.key";
/// VMware's program in a guest.
const TOOLS: &str = "vmtoolsd";
/// Credential of systemd that holds the same: of a machine, and of a container, which systemd before 253 leaves where whoever
/// started the container put it.
const CREDENTIALS: [&str; 2] = ["/run/credentials/@system/kfimg.key", "/run/host/credentials/kfimg.key"];
/// Bound of one look at one place.
const TIME: Duration = Duration::from_secs(10);
/// What a person at the console gets to answer before the other places are looked at again.
const TYPING: Duration = Duration::from_secs(20);
/// Most bytes of a key, and of the environment that may hold it.
const LIMIT: u64 = 64 << 10;

/// What a person is told.
pub(super) const PLACES: &str =
    "plug in the medium KFIMG-KEY with kfimg.key, set guestinfo.kfimg.key, or type it at the console";

/// What was found: an identity file, or a passphrase.
pub(super) struct Found(Zeroizing<String>);

impl Found {
    fn new(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let empty = text.lines().all(|line| line.trim().is_empty());
        (!empty).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The identities in it; lines that begin with `#` are comments.
    pub(super) fn identities(&self) -> impl Iterator<Item = Identity> {
        self.0.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.trim().parse().ok())
    }

    /// Its text as a passphrase.
    pub(super) fn passphrase(&self) -> &str {
        self.0.trim_end_matches(['\n', '\r'])
    }
}

/// A place where a key may be.
pub(super) enum Source {
    Medium(Root),
    Credential(PathBuf),
    Guestinfo(Hypervisor),
    OvfProperty(Hypervisor),
    Console,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Medium(_) => "the key on the medium KFIMG-KEY",
            Self::Credential(_) => "the credential kfimg.key",
            Self::Guestinfo(_) => "the key in guestinfo.kfimg.key",
            Self::OvfProperty(_) => "the key in the OVF property guestinfo.kfimg.key",
            Self::Console => "the key typed at the console",
        })
    }
}

impl Source {
    /// All places; a node that lies below a folder of a test has no console.
    pub(super) fn all(root: &Root) -> Vec<Self> {
        let mut sources: Vec<Self> = CREDENTIALS.iter().map(|path| Self::Credential(root.at(path))).collect();
        sources.push(Self::Medium(root.clone()));
        sources.extend([Self::Guestinfo(Hypervisor::of(root)), Self::OvfProperty(Hypervisor::of(root))]);
        if root.is_machine() {
            sources.push(Self::Console);
        }
        sources
    }

    /// Whether a look there asks somebody, and waits for the answer.
    pub(super) fn is_a_person(&self) -> bool {
        matches!(self, Self::Console)
    }

    /// Looks once.
    pub(super) fn look(&mut self) -> Option<Found> {
        match self {
            Self::Medium(root) => medium(root),
            Self::Credential(path) => Found::new(&fs_err::read(path).ok()?),
            Self::Guestinfo(tools) => Found::new(&tools.ask(&format!("info-get {GUESTINFO}"))?),
            Self::OvfProperty(tools) => Found::new(property(&tools.ask("info-get guestinfo.ovfEnv")?)?.as_bytes()),
            Self::Console => console(),
        }
    }

    /// Takes the key away from where it was found, as far as a guest can.
    pub(super) fn forget(&mut self) {
        if let Self::Guestinfo(tools) = self {
            // No value can be nothing: a blank is. Only the administrator can take a vApp property away, and only a person
            // unplugs a medium.
            tools.ask(&format!("info-set {GUESTINFO}  "));
        }
    }
}

/// Reads the file from the medium, which is mounted for a moment, read-only.
fn medium(root: &Root) -> Option<Found> {
    let device = root.at("/dev/disk/by-label").join(LABEL);
    if !root.is_machine() {
        return Found::new(&fs_err::read(device.join(FILE)).ok()?);
    }
    if !device.exists() {
        return None;
    }
    let place = root.run().join("key-medium");
    fs_err::create_dir_all(&place).ok()?;
    let mut mount = Command::new("mount");
    mount.args(["-o", "ro,nosuid,nodev,noexec"]).arg(&device).arg(&place);
    command::output(&mut mount, TIME, LIMIT).ok()?;
    let length =
        fs_err::symlink_metadata(place.join(FILE)).map(|file| if file.is_file() { file.len() } else { u64::MAX });
    let text = length.ok().filter(|length| *length <= LIMIT).and_then(|_| fs_err::read(place.join(FILE)).ok());
    // A medium that stays mounted does no harm: the next look fails until the next boot, and says nothing wrong.
    let _ = command::output(Command::new("umount").arg(&place), TIME, LIMIT);
    Found::new(&Zeroizing::new(text?))
}

/// The program by which a guest asks VMware's hypervisor: the node's own, of package `open-vm-tools`.
pub(super) struct Hypervisor(PathBuf);

impl Hypervisor {
    fn of(root: &Root) -> Self {
        Self(if root.is_machine() { TOOLS.into() } else { root.at("/usr/bin").join(TOOLS) })
    }

    /// Asks once. Where there is no such hypervisor, the program is missing or says so.
    fn ask(&self, request: &str) -> Option<Zeroizing<Vec<u8>>> {
        let said = command::output(Command::new(&self.0).args(["--cmd", request]), TIME, LIMIT);
        said.ok().map(Zeroizing::new)
    }
}

/// The value of the property in an OVF environment: `<Property oe:key="…" oe:value="…"/>`.
fn property(environment: &[u8]) -> Option<Zeroizing<String>> {
    let text = std::str::from_utf8(environment).ok()?;
    let key = format!("oe:key=\"{GUESTINFO}\"");
    let element = text.split('<').find(|element| element.starts_with("Property") && element.contains(&key))?;
    let value = element.split("oe:value=\"").nth(1)?.split('"').next()?;
    let plain = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#10;", "\n"),
        ("&#xA;", "\n"),
        ("&amp;", "&"),
    ];
    Some(Zeroizing::new(plain.iter().fold(value.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))))
}

/// Asks whoever sits at the console; nobody may.
fn console() -> Option<Found> {
    let mut ask = Command::new("systemd-ask-password");
    ask.args(["--id=kfimg-key", "--no-tty", &format!("--timeout={}", TYPING.as_secs())]);
    ask.arg("kfimg: identity or passphrase of this machine's payload:");
    let said = command::output(&mut ask, TYPING + TIME, LIMIT).ok()?;
    Found::new(&Zeroizing::new(said))
}

#[cfg(test)]
mod tests {
    use super::property;

    #[test]
    fn a_property_of_the_ovf_environment_is_read() {
        let environment = br#"<?xml version="1.0"?>
<Environment xmlns:oe="http://schemas.dmtf.org/ovf/environment/1"><PropertySection>
 <Property oe:key="guestinfo.hostname" oe:value="a"/>
 <Property oe:key="guestinfo.kfimg.key" oe:value="a &lt;b&gt; &amp;quot;"/></PropertySection></Environment>"#;
        assert_eq!(property(environment).unwrap().as_str(), "a <b> &quot;");
        assert!(property(b"<Environment/>").is_none());
    }
}
