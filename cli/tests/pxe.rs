//! The real iPXE in an emulated machine finds its script by Ethernet address, UUID or serial number, and fetches what the
//! script names; and dnsmasq accepts its example.
//!
//! Nothing is booted here: what the machine fetches as kernel is iPXE once more.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use support::program::{Running, empty_folder, find, succeed};

/// iPXE as a kernel for a machine with a BIOS (package `ipxe`).
const IPXE: &str = "/boot/ipxe.lkrn";
/// Time for an emulated machine to fetch all, far more than it takes.
const BOUND: Duration = Duration::from_secs(120);
/// Where QEMU's user network shows the host's loopback.
const HOST: &str = "10.0.2.2";

const SITE: &str = "
nodes:
  - {name: master1, mac: '52:54:00:00:00:11'}
  - {name: master2, uuid: 4c4c4544-0047-3510-8052-b4c04f4d3732}
  - {name: master3, serial: 'VMware-56 4d'}
  - {name: worker1, mac: '52:54:00:00:00:21', uuid: 4c4c4544-0047-3510-8052-b4c04f4d3799}
";

/// A rendered output behind a web server.
struct BootServer {
    port: u16,
    requests: Receiver<(u16, String)>,
}

impl BootServer {
    /// The output of a profile whose machines have names of that site, and payloads of that kind.
    fn start(name: &str, profile: &str, site: &str, payload: &str) -> Self {
        let folder = empty_folder(&format!("pxe/{name}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        fs::write(folder.join("site.yaml"), site).unwrap();
        let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
        kfimg.args(["render", "--profile", profile, "--registry", "reg.local", "--site", "site.yaml", "--set"]);
        kfimg.arg(format!("delivery.bootServer=http://{HOST}:{port}"));
        succeed(kfimg.args(["--set", &format!("delivery.payload={payload}")]).current_dir(&folder));
        let root = folder.join("out");
        fs::create_dir(root.join("images")).unwrap();
        fs::copy(IPXE, root.join("images/vmlinuz")).unwrap();
        fs::write(root.join("images/initrd"), "an initial RAM disk").unwrap();
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(&stream, &root, &sender);
            }
        });
        Self { port, requests }
    }

    /// Starts a machine and waits until it asked for the path; gives what it asked for, with the answers' codes.
    fn boot(&self, arguments: &[&str], last: &str) -> Vec<(u16, String)> {
        let embedded = format!("dhcp && chain http://{HOST}:{}/pxe/boot.ipxe", self.port);
        let mut qemu = Command::new(find("qemu-system-x86_64"));
        qemu.args(["-M", "q35", "-m", "256", "-display", "none", "-serial", "none", "-monitor", "none", "-no-reboot"]);
        qemu.args(["-kernel", IPXE, "-append", &embedded]).args(arguments).stdin(Stdio::null());
        let machine = Running(qemu.spawn().unwrap());
        let start = Instant::now();
        let mut asked: Vec<(u16, String)> = Vec::new();
        while asked.last().is_none_or(|(_, path)| path != last) {
            let left = BOUND.checked_sub(start.elapsed()).unwrap_or_default();
            match self.requests.recv_timeout(left) {
                Ok(request) => asked.push(request),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("{last} was not asked for within {BOUND:?}: {asked:?}")
                }
            }
        }
        drop(machine);
        asked
    }
}

impl BootServer {
    /// What the server has at a path, as the machine's operating system would fetch it.
    fn fetch(&self, path: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{path}: {}", String::from_utf8_lossy(&answer[..end]));
        answer.split_off(end + 4)
    }
}

/// Answers one request with the file that it names.
fn answer(stream: &TcpStream, root: &Path, log: &Sender<(u16, String)>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    for line in lines {
        if line.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default().replace("%20", " ");
    let content = fs::read(root.join(path.trim_start_matches('/')));
    let (code, body) = content.map_or((404, Vec::new()), |body| (200, body));
    let head = format!("HTTP/1.1 {code} Status\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let mut stream = stream;
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
    let _ = log.send((code, path));
}

fn served(asked: &[(u16, String)]) -> Vec<&str> {
    asked.iter().filter(|(code, _)| *code == 200).map(|(_, path)| path.as_str()).collect()
}

#[test]
#[ignore = "needs QEMU and iPXE, which `make interop` installs"]
fn a_machine_is_known_by_its_ethernet_address_then_by_its_uuid_then_by_its_serial_number() {
    let server = BootServer::start("known", "ha3", SITE, "ignition");
    let network = |mac: &str| format!("user,model=e1000,mac={mac}");
    let (first, other, worker) =
        (network("52:54:00:00:00:11"), network("52:54:00:ff:ff:ff"), network("52:54:00:00:00:21"));
    let machines: [(&str, Vec<&str>); 4] = [
        ("mac-52-54-00-00-00-11", vec!["-nic", &first]),
        (
            "uuid-4c4c4544-0047-3510-8052-b4c04f4d3732",
            vec!["-nic", &other, "-uuid", "4c4c4544-0047-3510-8052-b4c04f4d3732"],
        ),
        ("serial-VMware-56 4d", vec!["-nic", &other, "-smbios", "type=1,serial=VMware-56 4d"]),
        // Its address counts before a UUID that is another machine's.
        ("mac-52-54-00-00-00-21", vec!["-nic", &worker, "-uuid", "4c4c4544-0047-3510-8052-b4c04f4d3732"]),
    ];
    for (script, arguments) in machines {
        let asked = server.boot(&arguments, "/images/initrd");
        let script = format!("/pxe/{script}.ipxe");
        assert_eq!(served(&asked), ["/pxe/boot.ipxe", &script, "/images/vmlinuz", "/images/initrd"], "{asked:?}");
    }
}

#[test]
#[ignore = "needs QEMU and iPXE, which `make interop` installs"]
fn a_machine_of_every_profile_finds_its_payload() {
    for (profile, node) in [
        ("single", "master1"),
        ("single-vip", "worker2"),
        ("ha3", "master3"),
        ("ha5", "master5"),
        ("external-lb", "worker1"),
        ("external-etcd", "etcd2"),
    ] {
        let site = format!("nodes: [{{name: {node}, mac: '52:54:00:00:00:31'}}]\n");
        let server = BootServer::start(&format!("profile-{profile}"), profile, &site, "cloud-init");
        let asked = server.boot(&["-nic", "user,model=e1000,mac=52:54:00:00:00:31"], "/images/initrd");
        let script = "/pxe/mac-52-54-00-00-00-31.ipxe";
        assert_eq!(
            served(&asked),
            ["/pxe/boot.ipxe", script, "/images/vmlinuz", "/images/initrd"],
            "{profile}: {asked:?}"
        );
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("pxe/profile-{profile}/out"));
        let script = fs::read_to_string(folder.join(&script[1..])).unwrap();
        // What cloud-init asks for, where the kernel's command line says.
        let (_, seed) = script.split_once("ds=nocloud-net;s=${boot-server}").unwrap();
        let seed = seed.split_whitespace().next().unwrap();
        for file in ["network-config", "meta-data", "user-data", "vendor-data"] {
            let written = fs::read(folder.join(format!("nodes/{node}/{file}"))).unwrap();
            assert_eq!(server.fetch(&format!("{seed}{file}")), written, "{profile}: {file}");
            assert_eq!(written.is_empty(), file == "vendor-data", "{profile}: {file}");
        }
    }
}

#[test]
fn every_name_of_a_machine_has_its_script_with_the_payload_that_the_system_reads() {
    for (payload, expected) in [
        ("ignition", "ignition.config.url=${boot-server}/nodes/master2/ignition.json"),
        ("cloud-init", "ds=nocloud-net;s=${boot-server}/nodes/master2/"),
    ] {
        let folder = empty_folder(&format!("pxe/{payload}"));
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
        ]);
        succeed(kfimg.args(["--set", &format!("delivery.payload={payload}")]).current_dir(&folder));
        let script = |name: &str| fs::read_to_string(folder.join("out/pxe").join(name)).unwrap();
        let by_uuid = script("uuid-4c4c4544-0047-3510-8052-b4c04f4d3732.ipxe");
        assert!(by_uuid.contains(expected), "{by_uuid}");
        assert_eq!(by_uuid, script("node-master2.ipxe"));
        let chooser = script("boot.ipxe");
        assert!(chooser.contains("\nitem worker2 worker2  192.168.49.162\n"), "only worker2 has no name: {chooser}");
        assert!(!chooser.contains("item worker1"), "{chooser}");
    }
}

#[test]
fn dnsmasq_accepts_its_example() {
    let folder = empty_folder("pxe/dnsmasq");
    fs::write(folder.join("site.yaml"), SITE).unwrap();
    let good = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../profiles/tests/good/{name}.yaml"));
    let sites =
        [folder.join("site.yaml"), good("ipv6-only"), good("dual-stack"), good("two-subnets"), good("vlan-and-bond")];
    for (number, site) in sites.iter().enumerate() {
        let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
        kfimg.args(["render", "--profile", "ha3", "--registry", "reg.local", "--channel", "pxe", "--state"]);
        kfimg.arg(format!("state{number}")).arg("-o").arg(format!("out{number}")).arg("--site").arg(site);
        succeed(kfimg.current_dir(&folder));
        let example = folder.join(format!("out{number}/pxe/dnsmasq.conf"));
        succeed(Command::new(find("dnsmasq")).arg("--test").arg("-C").arg(&example));
        let text = fs::read_to_string(&example).unwrap();
        if number == 0 {
            assert!(text.contains("\ndhcp-host=52:54:00:00:00:11,192.168.49.151,master1\n"), "{text}");
            assert!(text.contains("option:router,192.168.49.1\n"), "{text}");
        }
    }
}
