//! Power-on: what firmware, kernel and initrd do on a real machine.

use super::control_groups::Hierarchies;
use super::disk::is_mounted;
use super::process::Process;
use super::{Machine, System, console};
use crate::command::{command, ip, succeed};
use crate::{Error, Result, payload};
use fs_err as fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Takes itself into control groups, then becomes the program after `--`.
const ENTER: &str = r#"while [ "$1" != -- ]; do echo $$ > "$1"; shift; done; shift; exec "$@""#;
/// What a machine may do beside what containers may. Its clock is this machine's, so it must not be set.
const CAPABILITIES: [&str; 2] = ["--capability=all", "--drop-capability=CAP_SYS_TIME"];
/// Devices of this machine that every machine has.
const DEVICES: [&str; 3] = ["/dev/kmsg", "/dev/net/tun", "/dev/fuse"];

impl Machine {
    /// Switches it on with this payload, and returns while it boots. The payload is for its [`System`]: an Ignition configuration, or
    /// a seed of cloud-init.
    ///
    /// # Errors
    /// [`Error::On`]; the error of Ignition when it does not accept the payload.
    pub fn power_on(&self, payload: &Path) -> Result<()> {
        if self.is_on() {
            return Err(Error::On(self.name.clone()));
        }
        let hierarchies = Hierarchies::of_this_machine()?;
        hierarchies.remove(self.lab.id(), &self.name);
        self.connect()?;
        self.attach_disk()?;
        self.assemble_root()?;
        match self.hardware.system {
            System::Image => payload::apply(&self.lab.parts().ignition, payload, &self.root(), &self.folder)?,
            System::Installed => payload::plant(payload, &self.disk())?,
        }
        let doors = hierarchies.make(self.lab.id(), &self.name)?;
        let child = self.system(&doors, hierarchies.legacy).spawn();
        let child = child.map_err(|source| Error::Start { program: "systemd-nspawn".to_owned(), source })?;
        let process = Process::of(child.id()).ok_or_else(|| Error::Off(self.name.clone()))?;
        process.save(&self.process_file())
    }

    /// A machine that was off has no address, no route and no rule: its namespace is a new one.
    fn connect(&self) -> Result<()> {
        let (lan, namespace) = (self.lab.lan(), self.namespace());
        let _ = ip(["netns", "del", &namespace]);
        lan.disconnect(&self.wire());
        ip(["netns", "add", &namespace])?;
        lan.connect(&self.wire(), &namespace, &self.hardware.mac)?;
        lan.set_wire(&self.wire(), self.hardware.plugged)
    }

    /// The image's layers below; on top a fresh folder, or that of an installed system.
    fn assemble_root(&self) -> Result<()> {
        self.unmount_root();
        if self.hardware.system == System::Image {
            self.forget_root()?;
        }
        let [upper, work] = self.root_changes();
        for folder in [&upper, &work, &self.root()] {
            fs::create_dir_all(folder)?;
        }
        let layers = self.lab.parts().layers(self.hardware.system);
        let layers: Vec<String> = layers.iter().map(|layer| layer.display().to_string()).collect();
        let (lower, upper, work) = (layers.join(":"), upper.display(), work.display());
        let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
        succeed(command("mount").args(["-t", "overlay", "overlay", "-o", &options]).arg(self.root())).map(drop)
    }

    /// Makes the root the one that the image has.
    pub(super) fn forget_root(&self) -> Result<()> {
        for folder in self.root_changes() {
            if folder.exists() {
                fs::remove_dir_all(folder)?;
            }
        }
        Ok(())
    }

    /// What is changed of the root, and the kernel's own folder beside it.
    fn root_changes(&self) -> [PathBuf; 2] {
        ["upper", "work"].map(|name| self.folder.join(name))
    }

    /// Takes the root apart again.
    pub(super) fn unmount_root(&self) {
        while is_mounted(&self.root()).unwrap_or(false) {
            if succeed(command("umount").arg("-l").arg(self.root())).is_err() {
                break;
            }
        }
    }

    fn system(&self, doors: &[PathBuf], legacy: bool) -> Command {
        let mut system = command("setsid");
        system.args(["sh", "-c", ENTER, "sh"]).args(doors).args(["--", "unshare", "--cgroup", "systemd-nspawn"]);
        system.arg("--quiet").arg(format!("--directory={}", self.root().display()));
        system.arg(format!("--machine=kflab-{}-{}", self.lab.id(), self.name));
        // A machine learns its name from its payload.
        system.args(["--hostname=localhost", "--boot", "--register=no", "--keep-unit", "--link-journal=no"]);
        system.args(["--resolv-conf=off", "--timezone=off", "--console=read-only"]).args(CAPABILITIES);
        system.arg("--system-call-filter=@keyring bpf");
        system.arg(format!("--network-namespace-path=/run/netns/{}", self.namespace()));
        system.arg(format!("--bind={}:/var", self.disk().display()));
        system.args(self.credential_options());
        system
            .args(DEVICES.iter().filter(|device| Path::new(device).exists()).map(|device| format!("--bind={device}")));
        // Control groups v2 beside v1 are not of this machine alone, so a machine is shown only one kind.
        system.env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", if legacy { "0" } else { "1" });
        match console::open(&self.console_file()) {
            Ok((out, errors)) => system.stdout(out).stderr(errors),
            Err(_) => system.stdout(Stdio::null()).stderr(Stdio::null()),
        };
        system
    }
}
