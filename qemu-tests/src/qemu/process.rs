//! The QEMU process of a machine that is on.

use super::{Delivery, Image, Machine, Make};
use crate::{Error, Result};
use fs_err as fs;
use std::path::Path;
use std::process::{Child, Command};

/// Format of the disk. QEMU keeps part of its tables in memory until the system asks for a flush, as a disk with a write
/// cache does: with the process they are lost.
pub(super) const DISK_FORMAT: &str = "qcow2";

/// The kernel's arguments beside the image's. The debug shell is the lab's way in. All emulated processors read one clock; a kernel that
/// does not trust it asks a device for the time, which costs an emulator's lock each time.
pub(super) const KERNEL: &str = "console=ttyS0 net.ifnames=0 systemd.debug_shell=ttyS1 tsc=reliable";

/// The widest vectors are emulated worst: with them hashing takes twice as long.
const PROCESSOR: &str = "max,-avx,-avx2";

/// UEFI without Secure Boot, and what its settings are at first (Debian's `ovmf`).
const FIRMWARE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const FIRMWARE_SETTINGS: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/// A running QEMU.
#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    /// Starts it on the LAN of the machine.
    pub(super) fn start(machine: &Machine, delivery: Delivery<'_>) -> Result<Self> {
        if machine.image.is_booted_by_firmware() {
            fs::copy(FIRMWARE_SETTINGS, machine.settings_file())?;
        }
        let log = fs::File::create(machine.folder.join("qemu.log"))?.into_file();
        let mut qemu = emulator(machine, delivery);
        qemu.stdout(log.try_clone()?).stderr(log);
        qemu.spawn().map(Self).map_err(|source| Error::Start { program: "qemu-system-x86_64".to_owned(), source })
    }

    /// Whether it still runs.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    /// Ends it without a word to the system in it.
    pub(super) fn kill(mut self) -> Result<()> {
        self.0.kill()?;
        Ok(self.0.wait().map(drop)?)
    }
}

fn emulator(machine: &Machine, delivery: Delivery<'_>) -> Command {
    let hardware = &machine.hardware;
    // A test that is killed takes the machine with it.
    let mut qemu = machine.lan.command("setpriv");
    qemu.args(["--pdeathsig", "KILL", "--", "qemu-system-x86_64"]);
    qemu.args(["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", PROCESSOR, "-nodefaults", "-display", "none"]);
    // A kernel that panics ends the machine, which is then seen to be off.
    qemu.arg("-no-reboot");
    if let Some(clock) = &machine.clock {
        qemu.args(["-rtc", &format!("base={clock}")]);
    }
    qemu.args(["-smp", &hardware.processors.to_string(), "-m", &hardware.memory_mib.to_string()]);
    boot(&mut qemu, machine, delivery);
    disk(&mut qemu, machine);
    let drive = if let Delivery::Drive(drive) = delivery { Some(drive) } else { None };
    for medium in drive.into_iter().chain(machine.medium.as_deref()) {
        qemu.arg("-drive").arg(with_path("if=virtio,format=raw,readonly=on,file=", medium));
    }
    qemu.args(["-netdev", &format!("tap,id=lan,ifname={},script=no,downscript=no", machine.name)]);
    // The firmware's own driver asks the network, and not QEMU's iPXE.
    let first = if matches!(machine.image, Image::Network) { ",romfile=,bootindex=0" } else { "" };
    let card = match hardware.make {
        Make::Virtio => "virtio-net-pci",
        Make::Vmware => "vmxnet3",
    };
    qemu.args(["-device", &format!("{card},netdev=lan,mac={}{first}", hardware.mac)]);
    qemu.args(["-object", "rng-random,id=entropy,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=entropy"]);
    qemu.arg("-chardev").arg(with_path("file,id=console,append=on,path=", &machine.console_file()));
    qemu.arg("-chardev").arg(with_path("socket,id=shell,server=on,wait=off,path=", &machine.shell_socket()));
    qemu.args(["-serial", "chardev:console", "-serial", "chardev:shell"]);
    qemu
}

/// The machine's own disk.
fn disk(qemu: &mut Command, machine: &Machine) {
    let interface = match machine.hardware.make {
        Make::Virtio => "if=virtio",
        Make::Vmware => "if=none,id=disk",
    };
    let drive = |interface| format!("{interface},format={DISK_FORMAT},cache=writeback,discard=unmap,file=");
    qemu.arg("-drive").arg(with_path(&drive(interface), &machine.disk_file()));
    if machine.hardware.make == Make::Vmware {
        qemu.args(["-device", "pvscsi", "-device", "scsi-hd,drive=disk"]);
    }
    if machine.second_disk_file().exists() {
        qemu.arg("-drive").arg(with_path(&drive("if=virtio"), &machine.second_disk_file()));
    }
}

/// What it boots, and what its firmware hands on.
fn boot(qemu: &mut Command, machine: &Machine, delivery: Delivery<'_>) {
    if let Delivery::Firmware(payload) = delivery {
        qemu.arg("-fw_cfg").arg(with_path("name=opt/com.coreos/config,file=", payload));
    }
    let (kernel, initrd, root, arguments) = match &machine.image {
        Image::Kernel { kernel, initrd, root, arguments } => (kernel, initrd, root.as_ref(), arguments),
        Image::Installed { kernel, initrd, arguments, .. } => (kernel, initrd, None, arguments),
        other => return firmware(qemu, machine, other),
    };
    let more = if let Delivery::Arguments(more) = delivery { more } else { "" };
    qemu.arg("-kernel").arg(kernel).arg("-initrd").arg(initrd);
    qemu.args(["-append", format!("{KERNEL} {arguments} {more}").trim_end()]);
    if let Some(root) = root {
        qemu.arg("-drive").arg(with_path("if=virtio,format=raw,readonly=on,file=", root));
    }
}

/// UEFI, and the disc that it finds. A disk is the machine's own, and so is the card.
fn firmware(qemu: &mut Command, machine: &Machine, image: &Image) {
    qemu.arg("-drive").arg(with_path("if=pflash,format=raw,readonly=on,file=", Path::new(FIRMWARE)));
    qemu.arg("-drive").arg(with_path("if=pflash,format=raw,file=", &machine.settings_file()));
    // Nobody looks at the display, but a picture of it tells why a firmware boots nothing.
    qemu.args(["-device", "VGA"]);
    qemu.arg("-chardev").arg(with_path("socket,id=monitor,server=on,wait=off,path=", &machine.monitor_socket()));
    qemu.args(["-mon", "chardev=monitor,mode=control"]);
    if machine.unified_kernel().exists() {
        qemu.arg("-kernel").arg(machine.unified_kernel());
    }
    if let Image::Disc(disc) = image {
        qemu.arg("-drive").arg(with_path("if=none,id=disc,media=cdrom,format=raw,readonly=on,file=", disc));
        qemu.args(["-device", "virtio-scsi-pci", "-device", "scsi-cd,drive=disc"]);
    }
}

/// An option of QEMU with a path in it, in which a comma is written twice.
fn with_path(before: &str, path: &Path) -> String {
    format!("{before}{}", path.display().to_string().replace(',', ",,"))
}
