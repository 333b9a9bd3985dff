//! Firmware with Secure Boot starts what a key that it knows has signed, and nothing else: OVMF in QEMU, with Debian's kernel.
//!
//! The key is the one that Debian's `ovmf` brings for tests together with a store of variables that knows its certificate alone
//! (`/usr/share/doc/ovmf/README.Debian`).

use crate::made::Made;
use crate::program::{empty_folder, program, run, succeed};
use kfimg_builder::disk::{self, DiskSizes};
use kfimg_builder::output::{Medium, Watch};
use kfimg_builder::sign::Signer;
use kfimg_builder::{iso, uki};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

const FIRMWARE: &str = "/usr/share/OVMF";
const KEY: &str = "/usr/share/ovmf/PkKek-1-snakeoil.key";
const CERTIFICATE: &str = "/usr/share/ovmf/PkKek-1-snakeoil.pem";
/// What the system in the image says when it runs.
const UP: &str = "kfimg-test: up, told ";
/// What firmware says of a program that it does not start.
const REFUSED: &str = ": Access Denied";
/// What it says when there is nothing else to start.
const NOTHING: &str = "No bootable option or device was found";
/// Far more than a boot takes in emulation.
const BOUND: Duration = Duration::from_secs(300);
/// Says that it runs and what the kernel was told, and switches the machine off.
const INIT: &str = r#"
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
int main(void) {
  char line[2048] = "";
  mkdir("/proc", 0555);
  mount("proc", "/proc", "proc", 0, 0);
  FILE *told = fopen("/proc/cmdline", "r");
  if (told) { fgets(line, sizeof line, told); }
  printf("kfimg-test: up, told %s\n", line);
  fflush(stdout);
  reboot(RB_POWER_OFF);
}
"#;

/// Ends with this value.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Parts with Debian's kernel and a system that says that it runs.
fn bootable() -> Made {
    let mut made = Made::new("secure-boot");
    let tree = made.path("kernel");
    let mut mmdebstrap = program("mmdebstrap");
    mmdebstrap.args(["--quiet", "--variant=extract", "--format=directory", "--skip=output/dev,output/mknod"]);
    mmdebstrap.args(["--aptopt=Apt::Install-Recommends \"false\"", "--include=linux-image-cloud-amd64", "bookworm"]);
    succeed(mmdebstrap.arg(&tree));
    let kernels = fs::read_dir(tree.join("boot")).unwrap().map(|entry| entry.unwrap().path());
    let is_kernel =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-"));
    made.parts.kernel = kernels.into_iter().find(is_kernel).unwrap();
    let initrd = empty_folder("secure-boot-initrd");
    fs::write(made.path("init.c"), INIT).unwrap();
    succeed(program("cc").args(["-static", "-Os", "-o"]).arg(initrd.join("init")).arg(made.path("init.c")));
    let script = format!("echo init | cpio --quiet -o -H newc > {}", made.path("initrd").display());
    succeed(Command::new("sh").args(["-euc", &script]).current_dir(&initrd));
    made.parts.command_line = "console=ttyS0 panic=-1".into();
    made
}

/// The key that the firmware knows, and one that it does not.
fn signers(made: &Made) -> [Signer; 2] {
    let known = made.path("known.key");
    succeed(program("openssl").args(["rsa", "-in", KEY, "-passin", "pass:snakeoil", "-out"]).arg(&known));
    let [key, certificate] = made.key("stranger");
    [Signer::load(&known, Path::new(CERTIFICATE)).unwrap(), Signer::load(&key, &certificate).unwrap()]
}

/// What stands on the console of a machine when it has said one of these, or is off.
fn console(made: &Made, name: &str, drive: &str, is_secure: bool, until: &[&str]) -> String {
    let [variables, serial] = [made.path(&format!("{name}.fd")), made.path(&format!("{name}.console"))];
    let (code, store) = if is_secure {
        ("OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.snakeoil.fd")
    } else {
        ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd")
    };
    fs::copy(Path::new(FIRMWARE).join(store), &variables).expect("`make interop` installs the package ovmf");
    let mut qemu = program("qemu-system-x86_64");
    qemu.args(["-machine", "q35,smm=on,accel=tcg", "-cpu", "max", "-m", "1024", "-nodefaults", "-display", "none"]);
    qemu.args(["-global", "driver=cfi.pflash01,property=secure,value=on", "-no-reboot"]);
    qemu.arg("-drive").arg(format!("if=pflash,format=raw,unit=0,readonly=on,file={FIRMWARE}/{code}"));
    qemu.arg("-drive").arg(format!("if=pflash,format=raw,unit=1,file={}", variables.display()));
    qemu.arg("-drive").arg(drive).arg("-serial").arg(format!("file:{}", serial.display()));
    let mut machine = Machine(qemu.spawn().unwrap());
    let begin = Instant::now();
    loop {
        let is_off = machine.0.try_wait().unwrap().is_some();
        let said = String::from_utf8_lossy(&fs::read(&serial).unwrap_or_default()).into_owned();
        if is_off || until.iter().any(|words| said.contains(words)) {
            return said;
        }
        assert!(begin.elapsed() < BOUND, "{name}: {said}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A disk with a unified kernel image, as a drive of QEMU.
fn disk(made: &Made, name: &str, kernel_image: &Path) -> String {
    let path = made.path(&format!("{name}.raw"));
    let content = disk::content(&made.parts, kernel_image, DiskSizes::default()).unwrap();
    disk::write_raw(&content, &path, &Watch::default()).unwrap();
    format!("if=virtio,format=raw,readonly=on,file={}", path.display())
}

/// The image with one bit of its command line turned.
fn changed(made: &Made, kernel_image: &Path) -> PathBuf {
    let mut bytes = fs::read(kernel_image).unwrap();
    let words = b"console=ttyS0 panic=-1 roothash=";
    let place = bytes.windows(words.len()).position(|window| window == words).unwrap() + words.len();
    bytes[place] ^= 1;
    let path = made.path("changed.efi");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
#[ignore = "emulates machines, and needs Debian's archive: make interop"]
fn firmware_starts_what_its_key_has_signed_and_refuses_everything_else() {
    let made = bootable();
    let [known, stranger] = signers(&made);
    let image = |name: &str, medium, signer| {
        let path = made.path(&format!("{name}.efi"));
        uki::write(&made.parts, medium, signer, &path).unwrap();
        path
    };
    let signed = image("signed", Medium::Disk, Some(&known));
    let told = format!("{UP}console=ttyS0 panic=-1 roothash={}", made.parts.root_hash);
    let said = console(&made, "signed", &disk(&made, "signed", &signed), true, &[REFUSED]);
    for words in ["UEFI Secure Boot is enabled", "Secure boot enabled", &told] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let live = made.path("live.iso");
    iso::write(&made.parts, &image("live", Medium::Iso, Some(&known)), &live, &Watch::default()).unwrap();
    let drive = format!("if=ide,media=cdrom,format=raw,readonly=on,file={}", live.display());
    let said = console(&made, "live", &drive, true, &[REFUSED, UP]);
    assert!(said.contains(UP) && said.contains(" systemd.verity=no kfimg.root=LABEL=KFIMG_"), "{said}");

    let unsigned = image("unsigned", Medium::Disk, None);
    let stranger = image("stranger", Medium::Disk, Some(&stranger));
    for (name, image) in [("unsigned", &unsigned), ("stranger", &stranger), ("changed", &changed(&made, &signed))] {
        let said = console(&made, name, &disk(&made, name, image), true, &[NOTHING, UP]);
        assert!(said.contains(REFUSED) && said.contains(NOTHING), "{name}: {said}");
        assert!(!said.contains("Linux version") && !said.contains(UP), "{name}: {said}");
    }
    // Nothing but the signature was missing.
    let said = console(&made, "insecure", &disk(&made, "unsigned", &unsigned), false, &[REFUSED]);
    assert!(said.contains(&told) && !said.contains("UEFI Secure Boot is enabled"), "{said}");
    assert!(run(program("sbverify").args(["--cert", CERTIFICATE]).arg(&signed)).status.success());
}
