//! Other programs judge the payloads of `ha3`: Ignition, systemd, haproxy, keepalived. `make test` installs them.
//!
//! Certificates are judged in `certificates.rs`, and the components that have to be built first in `interop.rs`.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use support::machine::Machine;
use support::node::{NodeRoot, Workplace, executable};
use support::pod::Container;
use support::program::{as_root, both, find, run, succeed};

static WORKPLACE: LazyLock<Workplace> = LazyLock::new(|| Workplace::render("verify"));
static NODES: LazyLock<Vec<NodeRoot>> = LazyLock::new(|| WORKPLACE.apply_all());

fn control_planes() -> impl Iterator<Item = &'static NodeRoot> {
    NODES.iter().filter(|node| node.is_control_plane())
}

#[test]
fn ignition_finds_every_payload_valid_and_has_no_warning() {
    for node in WORKPLACE.node_names() {
        let output = run(Command::new(find("ignition-validate")).arg(WORKPLACE.payload(&node)));
        assert!(output.status.success() && both(&output).is_empty(), "{node}: {}", both(&output));
    }
}

/// Type, mode, user and group of everything on the node, by path.
fn disk(node: &NodeRoot) -> BTreeMap<String, String> {
    let listing = succeed(as_root("find").arg(node.root()).args(["-printf", "/%P\t%y %m %U:%G\n"]));
    let rows = listing.lines().map(|line| line.split_once('\t').unwrap());
    rows.map(|(path, found)| (path.to_owned(), found.to_owned())).collect()
}

#[test]
fn ignition_puts_everything_where_the_payload_says_with_mode_and_owner() {
    for node in NODES.iter() {
        let payload = std::fs::read_to_string(WORKPLACE.payload(&node.name)).unwrap();
        let payload: Value = serde_json::from_str(&payload).unwrap();
        let disk = disk(node);
        let mut seen = 0;
        for (kind, letter) in [("directories", 'd'), ("files", 'f'), ("links", 'l')] {
            for entry in payload["storage"][kind].as_array().into_iter().flatten() {
                let path = entry["path"].as_str().unwrap();
                let mode = entry["mode"].as_u64().unwrap_or(0o777);
                let owner = ["user", "group"].map(|who| entry[who]["id"].as_u64().unwrap_or(0));
                let expected = format!("{letter} {mode:o} {}:{}", owner[0], owner[1]);
                assert_eq!(disk.get(path), Some(&expected), "{}: {path}", node.name);
                seen += 1;
            }
        }
        assert!(seen > 40, "{}: only {seen} entries", node.name);
    }
}

#[test]
fn no_payload_founds_a_new_etcd_cluster() {
    for node in WORKPLACE.node_names() {
        let root = NODES.iter().find(|root| root.name == node).unwrap();
        let output = run(as_root("grep").args(["-rlE", "initial-cluster-state[=: \"]+new"]).arg(root.root()));
        assert!(output.stdout.is_empty(), "{node}: {}", both(&output));
    }
}

const UNIT_TYPES: [&str; 6] = ["service", "mount", "path", "socket", "target", "timer"];

#[test]
fn systemd_accepts_every_unit_without_a_word() {
    NODES.iter().for_each(systemd_accepts_the_units_of);
}

fn systemd_accepts_the_units_of(node: &NodeRoot) {
    let files = UNIT_TYPES.iter().flat_map(|kind| node.files("/etc/systemd/system", kind));
    let drop_ins = node.files("/etc/systemd/system", "conf");
    let units: BTreeSet<_> = files.chain(drop_ins.iter().cloned()).filter_map(|file| unit_of(&file)).collect();
    assert!(units.contains("kubelet.service"), "{}: {units:?}", node.name);
    distribution_units(node);
    for program in units
        .iter()
        .flat_map(|unit| node.commands(unit, |key| key.starts_with("Exec")))
        .map(|mut command| command.remove(0))
    {
        if !node.path(&program).exists() {
            executable(&node.path(&program));
        }
    }
    let mut verify = as_root("unshare");
    verify.args(["--mount", "sh", "-euc", "mount -t tmpfs tmpfs /run; exec \"$@\"", "sh"]).arg(find("systemd-analyze"));
    verify.arg("verify").arg(format!("--root={}", node.root().display())).args(["--man=no", "--recursive-errors=no"]);
    let output = run(verify.args(units));
    assert!(output.status.success() && both(&output).is_empty(), "{}: {}", node.name, both(&output));
}

/// The unit that a file of `/etc/systemd/system` is, or is a drop-in of.
fn unit_of(file: &str) -> Option<String> {
    let below = file.strip_prefix("/etc/systemd/system/")?;
    let unit = below.split_once(".d/").map_or(below, |(unit, _)| unit);
    (!unit.contains('/')).then(|| unit.to_owned())
}

/// Gives the root the units of this machine's systemd, as the base system of a node has them.
fn distribution_units(node: &NodeRoot) {
    let library = node.root().join("usr/lib");
    std::fs::create_dir_all(&library).unwrap();
    succeed(Command::new("cp").args(["-a", "/lib/systemd"]).arg(&library));
    if !node.path("/lib").exists() {
        std::os::unix::fs::symlink("usr/lib", node.path("/lib")).unwrap();
    }
}

#[test]
fn systemd_makes_the_system_users_with_their_numbers() {
    for node in NODES.iter() {
        let place = WORKPLACE.folder().join("users").join(&node.name);
        std::fs::create_dir_all(place.join("etc")).unwrap();
        succeed(as_root("cp").arg("-r").arg(node.path("/etc/sysusers.d")).arg(place.join("etc")));
        let output = run(as_root(find("systemd-sysusers")).arg(format!("--root={}", place.display())));
        assert!(output.status.success() && !both(&output).contains("/etc/sysusers.d"), "{}", both(&output));
        let users = std::fs::read_to_string(place.join("etc/passwd")).unwrap();
        for row in ["etcd:x:850:850:", "kube-apiserver:x:851:851:", "kube-haproxy:x:854:854:"] {
            assert!(users.lines().any(|line| line.starts_with(row)), "{}: {row} not in {users}", node.name);
        }
    }
}

#[test]
fn haproxy_loads_its_configuration_in_its_pod() {
    NODES.iter().for_each(haproxy_loads_the_configuration_of);
}

fn haproxy_loads_the_configuration_of(node: &NodeRoot) {
    let pod = Container::read(&node.text("/etc/kubernetes/manifests/haproxy.yaml"), "haproxy");
    let machine = Machine::of(node);
    let file = pod.command.iter().find(|argument| argument.ends_with(".cfg")).expect("haproxy is given its file");
    let output = run(pod.view(&machine, node, "haproxy").args(["-c", "-f", file]));
    assert!(output.status.success(), "{}: {}", node.name, both(&output));
    assert_eq!(both(&output).trim(), "Configuration file is valid", "{}", node.name);
}

#[test]
fn keepalived_loads_its_configuration_in_its_pod() {
    control_planes().for_each(keepalived_loads_the_configuration_of);
}

fn keepalived_loads_the_configuration_of(node: &NodeRoot) {
    executable(&node.path("/usr/bin/kfimg-agent"));
    let pod = Container::read(&node.text("/etc/kfimg/manifests/keepalived.yaml"), "keepalived");
    let machine = Machine::of(node);
    let file = pod.command.iter().find(|argument| argument.ends_with(".conf")).expect("keepalived is given its file");
    let output = run(pod.view(&machine, node, "keepalived").args(["-t", "-f", file]));
    assert!(output.status.success() && both(&output).is_empty(), "{}: {}", node.name, both(&output));
}

#[test]
fn networkd_gives_the_interface_the_address_and_the_route_of_the_node() {
    for node in NODES.iter() {
        let plan = node.plan();
        let mac = plan["node"]["macs"][0].as_str();
        let machine = Machine::alone("eth0", mac, &[]);
        let mut networkd = machine.command("unshare");
        networkd.args(["--mount", "sh", "-euc", NETWORKD, "sh"]).arg(node.path("/etc/systemd/network"));
        let output = run(networkd.arg(find("systemd-networkd")));
        let said = both(&output);
        assert!(output.status.success() && !said.contains("/etc/systemd/network/"), "{}: {said}", node.name);
        let address = plan["node"]["addresses"][0].as_str().unwrap();
        let (addresses, routes) = (machine.ip(&["-oneline", "address"]), machine.ip(&["route"]));
        assert!(addresses.contains(&format!(" {address}/24 ")), "{}: {addresses}\n{said}", node.name);
        assert!(routes.starts_with("default via 192.168.49.1 "), "{}: {routes}\n{said}", node.name);
    }
}

/// `folder networkd`: the real networkd with the node's files, until there is a route or ten seconds are over. `/sys` is read-only, or it would
/// wait for udev.
const NETWORKD: &str = r#"
mount -t sysfs -o ro sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R systemd-network: /run/systemd/netif
mount --bind "$1" /etc/systemd/network
SYSTEMD_LOG_LEVEL=warning SYSTEMD_LOG_TARGET=console "$2" &
for attempt in $(seq 100); do
  if ip route | grep -q ^default; then break; fi
  sleep 0.1
done
kill $!
wait $! || true
"#;

#[test]
fn haproxy_refuses_a_pod_that_forgot_a_mount() {
    let node = &NODES[0];
    let mut pod = Container::read(&node.text("/etc/kubernetes/manifests/haproxy.yaml"), "haproxy");
    let file =
        pod.command.iter().find(|argument| argument.ends_with(".cfg")).expect("haproxy is given its file").clone();
    pod.mounts.clear();
    let output = run(pod.view(&Machine::of(node), node, "haproxy").args(["-c", "-f", &file]));
    assert!(!output.status.success(), "the view shows more than the pod mounts: {}", Path::new(&file).display());
}

/// Sites that change most of what these programs read: families, cards, and everything at once.
const SITES: [(&str, &[&str]); 4] = [
    ("dual-stack", &["--profile", "ha3"]),
    ("ipv6-only", &["--profile", "ha3"]),
    ("vlan-and-bond", &["--profile", "ha3"]),
    ("everything", &[]),
];

#[test]
fn sites_of_other_kinds_are_accepted_too() {
    for (site, profile) in SITES {
        all_is_accepted(site, &Workplace::render_site(site, profile), true);
    }
}

/// Profiles with other machines than `ha3`, and whether keepalived holds their address.
const OTHER_PROFILES: [(&str, bool); 3] = [("single-vip", true), ("external-lb", false), ("external-etcd", true)];

#[test]
fn other_topologies_are_accepted_too() {
    for (profile, has_vip) in OTHER_PROFILES {
        all_is_accepted(profile, &Workplace::render_profile(profile, &[]), has_vip);
    }
}

fn all_is_accepted(label: &str, workplace: &Workplace, has_vip: bool) {
    for node in workplace.apply_all() {
        let output = run(Command::new(find("ignition-validate")).arg(workplace.payload(&node.name)));
        assert!(output.status.success() && both(&output).is_empty(), "{label} {}: {}", node.name, both(&output));
        systemd_accepts_the_units_of(&node);
        if !node.is_etcd_alone() {
            haproxy_loads_the_configuration_of(&node);
        }
        if node.is_control_plane() && has_vip {
            keepalived_loads_the_configuration_of(&node);
        }
        let pods = [
            ("/etc/kubernetes/manifests/haproxy.yaml", !node.is_etcd_alone()),
            ("/etc/kfimg/manifests/keepalived.yaml", node.is_control_plane() && has_vip),
            ("/etc/kubernetes/manifests/keepalived.yaml", false),
        ];
        for (manifest, expected) in pods {
            assert_eq!(node.path(manifest).exists(), expected, "{label} {}: {manifest}", node.name);
        }
    }
}
