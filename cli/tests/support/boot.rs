//! An output, and a `kfimg serve` that boots machines from it, asked as machines ask.

use super::payload::Payload;
use super::program::{empty_folder, run, succeed};
use super::registry::Served;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Three machines, each with a name of another kind. Their nodes report.
pub(crate) const SITE: &str = "
delivery: {channels: [pxe], bootServer: 'http://192.168.49.2:8080'}
report: {url: 'http://192.168.49.2:8080/report'}
nodes:
  - {name: master1, mac: '52:54:00:00:00:11'}
  - {name: master2, uuid: 4c4c4544-0047-3510-8052-b4c04f4d3732}
  - {name: master3, serial: 'VMware-56 4d'}
";

/// A folder with an output `out` of this site and of the profile ha3, and `images` with a kernel and an initial RAM disk.
pub(crate) fn rendered(name: &str, site: &str) -> PathBuf {
    let folder = empty_folder(name);
    fs::write(folder.join("site.yaml"), site).unwrap();
    fs::create_dir(folder.join("images")).unwrap();
    fs::write(folder.join("images/vmlinuz"), "a kernel").unwrap();
    fs::write(folder.join("images/initrd"), vec![7; 3 << 20]).unwrap();
    render(&folder, "ha3");
    folder
}

/// Renders the folder's site.
pub(crate) fn render(folder: &Path, profile: &str) {
    let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    kfimg.args(["render", "--profile", profile, "--registry", "reg.local", "--site", "site.yaml"]);
    succeed(kfimg.current_dir(folder));
}

/// A server of a folder's output.
pub(crate) struct Boot {
    pub(crate) served: Served,
    pub(crate) url: String,
}

impl Boot {
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
        kfimg.args(["serve", "--out", "out", "--images", "images", "--boot-listen", "127.0.0.1:0"]);
        let served = Served::start(kfimg.args(arguments).current_dir(folder));
        let url = served.said["boot"].as_str().unwrap().to_owned();
        Self { served, url }
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// Status, header and body of an answer.
    pub(crate) fn ask(&self, path: &str, arguments: &[&str]) -> (u16, String, Vec<u8>) {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "60", "--path-as-is", "-D", "/dev/stderr", "-o", "-"]).args(arguments);
        let said = run(curl.arg(format!("{}{path}", self.url)));
        let header = String::from_utf8_lossy(&said.stderr).into_owned();
        let status = header.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("{path}: {header}")), header, said.stdout)
    }

    pub(crate) fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let (status, _, body) = self.ask(path, &[]);
        (status, body)
    }

    /// Posts a report with this query.
    pub(crate) fn post(&self, query: &str, report: &str) -> u16 {
        self.ask(&format!("/report{query}"), &["--data-binary", report]).0
    }

    /// The paths that a machine's script names: kernel, payload, initial RAM disk.
    pub(crate) fn script(&self, name: &str) -> [String; 3] {
        self.try_script(name).unwrap_or_else(|| panic!("{name} has no script"))
    }

    pub(crate) fn try_script(&self, name: &str) -> Option<[String; 3]> {
        let (status, script) = self.get(&format!("/pxe/{name}.ipxe"));
        if status != 200 {
            return None;
        }
        let script = String::from_utf8(script).unwrap();
        let path = |before: &str| {
            let rest = script.split_once(&format!("{before}${{boot-server}}")).unwrap_or_else(|| panic!("{script}")).1;
            rest.split([' ', '\n']).next().unwrap().to_owned()
        };
        Some([path("kernel "), path("ignition.config.url="), path("initrd --name initrd0 ")])
    }
}

/// The secret in the address that a node reports to.
pub(crate) fn report_token(folder: &Path, node: &str) -> String {
    let plan = Payload::read(&folder.join(format!("out/nodes/{node}/ignition.json"))).plan();
    let url = plan["reportUrl"].as_str().unwrap().to_owned();
    url.strip_prefix("http://192.168.49.2:8080/report?token=").unwrap().to_owned()
}

/// A report of a node that waits.
pub(crate) fn report(node: &str, cluster: &str) -> String {
    let step = serde_json::json!({
        "name": "etcd", "state": "waiting", "message": "waiting for <i>master2</i>", "since": 1, "warnings": [],
    });
    report_of(node, cluster, "waiting", &[step])
}

/// A report in this phase, with these steps.
pub(crate) fn report_of(node: &str, cluster: &str, phase: &str, steps: &[serde_json::Value]) -> String {
    serde_json::json!({
        "version": 1, "node": node, "role": "control-plane", "cluster": cluster, "generation": 1,
        "versions": {"agent": "0.1.0", "kubernetes": "v1.36.3"}, "bootId": "b", "phase": phase, "since": 1,
        "upAfterSeconds": (phase == "up").then_some(41), "units": [], "certificates": null, "steps": steps,
    })
    .to_string()
}
