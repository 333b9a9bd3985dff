//! Real firmware boots through `kfimg serve`: proxyDHCP beside a real dnsmasq that gives the addresses, TFTP, iPXE, HTTP; each machine in
//! a closed network that the test made.
//!
//! What a machine fetches as its kernel is iPXE once more: booting on is the lab's care.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::dhcp::DNSMASQ;
use support::document::read;
use support::program::{as_root, empty_folder, find, succeed};
use support::steps::{chapter, line};

/// Time for an emulated machine to fetch all, far more than it takes.
const BOUND: Duration = Duration::from_secs(300);
const SERVER: &str = "192.168.49.2";

const SITE: &str = "
nodes:
  - {name: master1, mac: '52:54:00:00:00:11'}
  - {name: master2, mac: '52:54:00:00:00:12'}
  - {name: master3, uuid: 4c4c4544-0047-3510-8052-b4c04f4d3732}
  - {name: worker1, mac: '52:54:00:00:00:21'}
  - {name: worker2, mac: '52:54:00:00:00:22'}
";

/// The network, the servers, and the machine in place of `$@`.
const SCRIPT: &str = "set -eu
ip link set lo up
ip link add br0 type bridge
ip address add 192.168.49.2/24 dev br0
ip link set br0 up
ip tuntap add tap0 mode tap
ip link set tap0 master br0 up
dnsmasq $DNSMASQ 2> dnsmasq.log &
eval \"$SERVE\" 2> kfimg.log &
while ! grep -q proxyDHCP kfimg.log; do sleep 0.1; kill -0 $!; done
exec \"$@\"
";

/// The command of docs/pxe.md, with this kfimg.
fn serve() -> String {
    let text = read("pxe.md");
    line(chapter(&text, "Serve"), "kfimg serve ").replacen(
        "kfimg",
        concat!("exec '", env!("CARGO_BIN_EXE_kfimg"), "'"),
        1,
    )
}

struct Network {
    folder: PathBuf,
    process: Child,
}

impl Drop for Network {
    fn drop(&mut self) {
        // With it end all that it started.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Network {
    /// Boots a machine from a network of its own.
    fn boot(name: &str, kernel: &str, machine: &[&str]) -> Self {
        let folder = empty_folder(&format!("pxe-serve/{name}"));
        fs::write(folder.join("site.yaml"), SITE).unwrap();
        let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
        kfimg.args([
            "render",
            "--profile",
            "ha3",
            "--registry",
            "reg.local",
            "--site",
            "site.yaml",
            "--channel",
            "pxe",
            "--set",
        ]);
        succeed(kfimg.arg(format!("delivery.bootServer=http://{SERVER}:8080")).current_dir(&folder));
        fs::create_dir(folder.join("images")).unwrap();
        fs::copy(kernel, folder.join("images/vmlinuz")).unwrap();
        fs::write(folder.join("images/initrd"), "an initial RAM disk").unwrap();
        fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", folder.join("variables")).unwrap();
        let mut command = as_root(find("unshare"));
        command.args(["--net", "--pid", "--fork", "--kill-child", "sh", "-c", SCRIPT, "sh"]);
        command.arg(find("qemu-system-x86_64")).args([
            "-m",
            "512",
            "-display",
            "none",
            "-monitor",
            "none",
            "-no-reboot",
        ]);
        command
            .args(["-serial", "file:console.log", "-netdev", "tap,id=net,ifname=tap0,script=no,downscript=no"])
            .args(machine);
        let log = fs::File::create(folder.join("machine.log")).unwrap();
        command
            .env("SERVE", serve())
            .env("DNSMASQ", DNSMASQ.join(" "))
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stderr(log);
        Self { process: command.spawn().unwrap(), folder }
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join(name)).unwrap_or_default()).into_owned()
    }

    /// Waits until a log has a text.
    fn until(&self, log: &str, text: &str) {
        let begin = Instant::now();
        while !self.read(log).contains(text) {
            assert!(begin.elapsed() < BOUND, "{text} did not come within {BOUND:?}:\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until the machine is switched off, by itself.
    fn until_its_end(&mut self) {
        let begin = Instant::now();
        while self.process.try_wait().unwrap().is_none() {
            assert!(begin.elapsed() < BOUND, "the machine still runs after {BOUND:?}:\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn logs(&self) -> String {
        let logs = ["kfimg.log", "access.log", "dnsmasq.log", "machine.log", "console.log"];
        logs.map(|log| format!("--- {log}\n{}", self.read(log))).join("\n")
    }
}

/// Paths that were answered with success, in order, each once.
fn fetched(access: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for line in access.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let path = line["path"].as_str().unwrap().to_owned();
        if line["status"] == 200 && !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

#[test]
#[ignore = "needs QEMU, OVMF and iPXE, which `make interop` installs, and a network namespace"]
fn uefi_firmware_boots_through_proxy_dhcp_and_tftp_beside_a_dhcp_server() {
    let code = "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd";
    let device = "virtio-net-pci,netdev=net,mac=52:54:00:00:00:11,romfile=,bootindex=0";
    let variables = "if=pflash,format=raw,file=variables";
    let network =
        Network::boot("uefi", "/boot/ipxe.efi", &["-M", "q35", "-drive", code, "-drive", variables, "-device", device]);
    network.until("access.log", "/images/initrd");
    let script = "/pxe/mac-52-54-00-00-00-11.ipxe";
    assert_eq!(
        fetched(&network.read("access.log")),
        ["/pxe/boot.ipxe", script, "/t/-/images/vmlinuz", "/t/-/images/initrd"]
    );
    network.until("kfimg.log", "initrd: initrd fetched");
    let log = network.read("kfimg.log");
    for line in
        ["asks for a loader (UEFI)", "runs iPXE", "boot script", "kernel: vmlinuz fetched", "initrd: initrd fetched"]
    {
        assert!(log.contains(&format!("master1: {line}")), "{line} in {log}");
    }
    // The address came from dnsmasq, and from nobody else.
    let leases = network.read("dnsmasq.log");
    assert!(leases.contains("DHCPACK(br0) 192.168.49.1") && leases.contains("52:54:00:00:00:11"), "{leases}");
}

#[test]
#[ignore = "needs QEMU, OVMF and iPXE, which `make interop` installs, and a network namespace"]
fn a_bios_fetches_the_loader_for_its_own_kind_and_a_machine_is_known_by_its_uuid() {
    // QEMU's network boot is an iPXE, which says so; here it says nothing, as other firmware.
    let embedded = "set user-class other && autoboot";
    let device = "e1000,netdev=net,mac=52:54:00:00:00:99,romfile=";
    let uuid = "4c4c4544-0047-3510-8052-b4c04f4d3732";
    let arguments = ["-M", "q35", "-kernel", "/boot/ipxe.lkrn", "-append", embedded, "-device", device, "-uuid", uuid];
    let network = Network::boot("bios", "/boot/ipxe.lkrn", &arguments);
    network.until("access.log", "/images/initrd");
    let script = format!("/pxe/uuid-{uuid}.ipxe");
    assert_eq!(
        fetched(&network.read("access.log")),
        ["/pxe/boot.ipxe", &script, "/t/-/images/vmlinuz", "/t/-/images/initrd"]
    );
    let log = network.read("kfimg.log");
    for line in ["asks for a loader (BIOS)", "runs iPXE", "boot script"] {
        assert!(log.contains(&format!("master3: {line}")), "{line} in {log}");
    }
}

#[test]
#[ignore = "needs QEMU, OVMF and iPXE, which `make interop` installs, and a network namespace"]
fn a_machine_of_somebody_else_is_not_told_anything() {
    let device = "e1000,netdev=net,mac=52:54:00:00:00:99,romfile=";
    // Who has nothing to boot restarts, which ends QEMU; so it is known when the machine has got all that it ever gets.
    let embedded = "autoboot || reboot";
    let arguments = ["-M", "q35", "-kernel", "/boot/ipxe.lkrn", "-append", embedded, "-device", device];
    let mut network = Network::boot("stranger", "/boot/ipxe.lkrn", &arguments);
    network.until_its_end();
    // It has got its address, and nothing to boot.
    assert!(network.read("dnsmasq.log").contains("DHCPACK(br0)"), "{}", network.read("dnsmasq.log"));
    let log = network.read("kfimg.log");
    assert!(log.contains("mac-52-54-00-00-00-99 at") && !log.contains("asks for a loader"), "{log}");
    assert_eq!(network.read("access.log"), "");
}

#[test]
#[ignore = "needs QEMU, OVMF and iPXE, which `make interop` installs, and a network namespace"]
fn a_machine_of_the_inventory_is_told_what_a_strangers_is_not() {
    // The machine of the test above, but for its address: what is missing there comes here.
    let device = "e1000,netdev=net,mac=52:54:00:00:00:12,romfile=";
    let embedded = "autoboot || reboot";
    let arguments = ["-M", "q35", "-kernel", "/boot/ipxe.lkrn", "-append", embedded, "-device", device];
    let network = Network::boot("known", "/boot/ipxe.lkrn", &arguments);
    network.until("access.log", "/pxe/mac-52-54-00-00-00-12.ipxe");
    assert!(network.read("kfimg.log").contains("master2: runs iPXE"), "{}", network.read("kfimg.log"));
}
