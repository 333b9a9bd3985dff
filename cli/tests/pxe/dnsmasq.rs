//! dnsmasq accepts the example that is written for it.

use crate::SITE;
use crate::support::program::{empty_folder, find, succeed};
use std::fs;
use std::path::Path;
use std::process::Command;

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
