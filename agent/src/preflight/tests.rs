//! Every code of preflight, provoked on a machine that is fit but for one thing: it is told, alone, with its weight.

use super::codes::{self, CODES};
use super::neighbour::{Patience, ask};
use super::{Findings, capacity, run};
use crate::failure::{Code, Failure, Weight};
use crate::fake::Machine;
use crate::plan::{DataPartition, Plan, Preflight, SecretCopy, Window};
use crate::step::Step;
use std::net::IpAddr;
use std::process::{Child, Command, ExitCode};
use std::time::Duration;

const GENERATION: u64 = 5;
/// A socket that listens on port 6443, as `/proc/net/tcp` has it, below a line of titles.
const LISTENS: &str =
    "sl\n   0: 0100007F:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n";
/// Inside it the test may do to the network what it likes.
const INSIDE: &str = "KFIMG_TEST_NAMESPACE";

/// How a code is provoked.
enum Provoke {
    /// By a change of the machine or its plan.
    Change(fn(&mut Machine)),
    /// By a file system of so many free bytes of so many.
    Space(u64, u64),
    /// By this address, on a network where another machine has 192.0.2.11.
    Address([u8; 4]),
}
use Provoke::{Address, Change, Space};

/// A worker that is fit.
fn fit() -> Machine {
    let mut plan = Plan {
        generation: GENERATION,
        certificates: Window { not_before: 0, not_after: i64::MAX },
        preflight: Preflight {
            free_ports: vec![6443],
            kernel_modules: vec!["overlay".to_owned()],
            sysctls: [("net.ipv4.ip_forward".to_owned(), "1".to_owned())].into(),
            memory_bytes: 1 << 30,
            data_bytes: 0,
            containerd: "2.0.0".to_owned(),
            require_cgroup_v2: true,
        },
        etcd: None,
        ..Plan::fake()
    };
    plan.node.macs = vec!["52:54:00:00:00:0b".to_owned()];
    let machine = Machine::new(plan);
    machine.put("/sys/class/net/eth0/address", "52:54:00:00:00:0B\n");
    machine.put("/proc/sys/kernel/hostname", "master1\n");
    machine.put("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    machine.put("/proc/meminfo", "MemTotal:        2097152 kB\n");
    machine.put("/proc/sys/kernel/osrelease", "6.1.0\n");
    machine.put("/sys/module/overlay/initstate", "live\n");
    machine.put("/proc/sys/net/ipv4/ip_forward", "1\n");
    machine.put("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
    machine.put("/proc/net/tcp", "sl\n");
    machine.put("/var/kept", "");
    machine.put("/run/kfimg/kept", "");
    program(&machine, "containerd", "containerd github.com/containerd/containerd/v2 v2.1.4 abc");
    program(&machine, "kubelet", "Kubernetes v1.36.3");
    machine
}

/// A program that says this of its version. Another process writes it: one that this process has open for writing, and another test
/// hands down to a program that it just starts, can't be run.
fn program(machine: &Machine, name: &str, says: &str) {
    let path = machine.root().at("/usr/bin").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut write = Command::new("sh");
    write.args(["-ec", "printf '#!/bin/sh\necho \"%s\"\n' \"$1\" > \"$2\"; chmod 755 \"$2\"", "sh", says]).arg(path);
    assert!(write.status().unwrap().success());
}

/// A boot: how the step ends, and the codes that it tells, the fatal one first.
fn boot(machine: &Machine) -> (Result<(), Failure>, Vec<String>) {
    let mut log = machine.begin(Step::Preflight);
    let result = run(&machine.context, &mut log);
    let told: serde_json::Value = serde_json::from_str(&machine.told(Step::Preflight)).unwrap();
    let warnings = told["warnings"].as_array().unwrap().iter();
    let mut found: Vec<String> = warnings.map(|notice| notice["code"].as_str().unwrap().to_owned()).collect();
    found.splice(..0, result.as_ref().err().map(|failure| failure.code.name.to_owned()));
    // The disk of whoever runs the tests may be nearly full; `judge_space` has a test of its own.
    found.retain(|code| code != codes::DATA_LOW.name);
    (result, found)
}

/// An earlier boot, with another payload.
fn booted_before(machine: &mut Machine, change: fn(&mut Plan)) {
    let now = machine.context.plan.clone();
    change(&mut machine.context.plan);
    boot(machine).0.unwrap();
    machine.context.plan = now;
    machine.remove("/run/kfimg/preflight.passed");
}

#[rustfmt::skip]
const ROWS: &[(&Code, Provoke)] = &[
    (&codes::WRONG_MACHINE, Change(|machine| machine.put("/sys/class/net/eth0/address", "52:54:00:00:00:0c\n"))),
    (&codes::HOSTNAME, Change(|machine| machine.put("/proc/sys/kernel/hostname", "localhost\n"))),
    (&codes::MACHINE_ID, Change(|machine| machine.put("/etc/machine-id", "f123456789abcdef0123456789abcdef\n"))),
    (&codes::ADDRESS_MISSING, Address([192, 0, 2, 77])),
    (&codes::ADDRESS_TAKEN, Address([192, 0, 2, 11])),
    (&codes::PORT_TAKEN, Change(|machine| machine.put("/proc/net/tcp", LISTENS))),
    (&codes::MEMORY, Change(|machine| machine.put("/proc/meminfo", "MemTotal:        1048575 kB\n"))),
    (&codes::CGROUP_V1, Change(|machine| machine.remove("/sys/fs/cgroup/cgroup.controllers"))),
    (&codes::CGROUP_CONTROLLER, Change(|machine| machine.put("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n"))),
    (&codes::KERNEL_MODULE, Change(|machine| {
        machine.remove("/sys/module/overlay");
        machine.put("/lib/modules/6.1.0/modules.dep", "");
    })),
    (&codes::KERNEL_MODULE_UNKNOWN, Change(|machine| machine.remove("/sys/module/overlay"))),
    (&codes::SYSCTL, Change(|machine| machine.put("/proc/sys/net/ipv4/ip_forward", "0\n"))),
    (&codes::DATA_NOT_MOUNTED, Change(|machine| machine.context.plan.data_partition = Some(partition()))),
    (&codes::DATA_READ_ONLY, Change(|machine| machine.remove("/var"))),
    (&codes::DATA_SMALL, Change(|machine| machine.context.plan.preflight.data_bytes = u64::MAX)),
    (&codes::DATA_FULL, Space((256 << 20) - 1, 1 << 30)),
    (&codes::DATA_LOW, Space(1 << 30, (10 << 30) + 10)),
    (&codes::GENERATION_LOWER, Change(|machine| booted_before(machine, |plan| plan.generation = GENERATION + 1))),
    (&codes::KEPT_STATE, Change(|machine| machine.put("/var/lib/kfimg/generation.json", "{"))),
    (&codes::DATA_OF_ANOTHER_NODE, Change(|machine| booted_before(machine, |plan| {
        plan.node.name = "worker1".to_owned();
    }))),
    (&codes::DATA_OF_ANOTHER_CLUSTER, Change(|machine| booted_before(machine, |plan| {
        plan.cluster.uid = "f".repeat(32);
        plan.generation = GENERATION + 1;
    }))),
    (&codes::CONTAINERD_VERSION, Change(|machine| program(machine, "containerd", "containerd containerd.io v1.7.29 abc"))),
    (&codes::KUBELET_VERSION, Change(|machine| machine.remove("/usr/bin/kubelet"))),
    (&codes::COPY, Change(|machine| machine.context.plan.copies.push(missing_key()))),
];

fn partition() -> DataPartition {
    DataPartition {
        label: "kfimg-data".to_owned(),
        mount_point: "/var".to_owned(),
        filesystem: "ext4".to_owned(),
        disk: None,
        min_disk_bytes: None,
        max_disk_bytes: None,
    }
}

fn missing_key() -> SecretCopy {
    SecretCopy { source: "/etc/no.key".to_owned(), destination: "/run/kfimg/etcd/no.key".to_owned(), uid: 0 }
}

#[test]
fn a_fit_machine_gets_no_code_now_and_at_the_next_boot() {
    let mut machine = fit();
    booted_before(&mut machine, |plan| plan.generation -= 1);
    assert_eq!(boot(&machine).1, [""; 0]);
    // The node's own API server has the port now: the step may be started again.
    machine.put("/proc/net/tcp", LISTENS);
    assert_eq!(boot(&machine).1, [""; 0]);
}

#[test]
fn every_code_is_told_alone_for_its_cause_and_stops_what_its_weight_says() {
    let changes = ROWS.iter().filter_map(|(code, provoke)| match provoke {
        Change(change) => Some((*code, change)),
        _ => None,
    });
    let machines: Vec<(&Code, Machine)> = changes
        .map(|(code, change)| {
            let mut machine = fit();
            change(&mut machine);
            (code, machine)
        })
        .collect();
    std::thread::scope(|scope| {
        for (code, machine) in &machines {
            scope.spawn(move || {
                let (result, found) = boot(machine);
                assert_eq!(found, [code.name]);
                let exit_code = result.err().map(|failure| failure.exit_code());
                let expected = match code.weight {
                    Weight::Warning => None,
                    Weight::Retry => Some(ExitCode::from(4)),
                    Weight::Fatal => Some(ExitCode::from(3)),
                };
                assert_eq!(exit_code, expected, "{}", code.name);
            });
        }
    });
}

#[test]
fn every_code_has_a_row() {
    for code in CODES {
        assert_eq!(ROWS.iter().filter(|(provoked, _)| *provoked == code).count(), 1, "{}", code.name);
    }
    assert_eq!(ROWS.len(), CODES.len());
}

#[test]
fn a_disk_is_judged_by_what_is_left_of_it() {
    for (code, provoke) in ROWS {
        let Space(free, size) = provoke else { continue };
        let mut findings = Findings::default();
        capacity::judge_space(*free, *size, 0, &mut findings);
        assert_eq!(findings.0.iter().map(|finding| finding.code.name).collect::<Vec<_>>(), [code.name]);
    }
    let mut findings = Findings::default();
    capacity::judge_space(1 << 30, 10 << 30, 0, &mut findings);
    assert!(findings.0.is_empty(), "{findings:?}");
}

/// A member without its disk tells the others that it is here; with anything else wrong beside that it does not.
#[test]
fn a_member_of_etcd_goes_on_without_its_disk_and_stops_for_all_else() {
    let mut machine = fit();
    machine.context.plan.etcd = Plan::fake().etcd;
    machine.context.plan.data_partition = Some(partition());
    assert!(boot(&machine).0.is_ok());
    assert!(machine.told(Step::Preflight).contains("DATA_NOT_MOUNTED"));
    machine.put("/proc/net/tcp", LISTENS);
    assert_eq!(boot(&machine).0.unwrap_err().exit_code(), ExitCode::from(3));
}

/// `eth0` here, and at its other end the network of process `$1`, where a machine has 192.0.2.11, too.
const NETWORK: &str = "ip link add eth0 index 10 type veth peer name eth1
    until [ \"$(readlink /proc/$1/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]; do sleep 0.1; done
    ip link set eth1 netns $1
    nsenter --target $1 --net ip address add 192.0.2.11/24 dev eth1
    nsenter --target $1 --net ip link set eth1 up
    ip address add 192.0.2.11/24 dev eth0
    ip address add 192.0.2.12/24 dev eth0
    ip link set eth0 up";

/// Processes of the test end with it.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs this test once more, in a network of its own.
fn again_in_a_namespace(name: &str) {
    let mut again = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        again.args(["--user", "--map-root-user"]);
    }
    again.arg("--net").arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]).env(INSIDE, "1");
    let output = again.output().expect("unshare (util-linux) runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_address_that_is_missing_or_anothers_is_told_by_asking_a_real_network() {
    if std::env::var_os(INSIDE).is_none() {
        let name = "preflight::tests::an_address_that_is_missing_or_anothers_is_told_by_asking_a_real_network";
        return again_in_a_namespace(name);
    }
    let other = Other(Command::new("unshare").args(["--net", "sleep", "120"]).spawn().unwrap());
    let output = Command::new("sh").args(["-ec", NETWORK, "sh", &other.0.id().to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let patience = Patience { link: Duration::from_secs(3), answer: Duration::from_secs(1) };
    let found = |address: [u8; 4]| {
        let mut machine = fit();
        machine.put("/sys/class/net/eth0/ifindex", "10\n");
        machine.context.plan.node.addresses = vec![IpAddr::from(address)];
        let mut findings = Findings::default();
        ask(machine.root(), &machine.context.plan.node, patience, &mut findings).unwrap();
        findings.0.iter().map(|finding| finding.code.name).collect::<Vec<_>>()
    };
    for (code, provoke) in ROWS {
        let Address(address) = provoke else { continue };
        assert_eq!(found(*address), [code.name]);
    }
    assert_eq!(found([192, 0, 2, 12]), [""; 0], "an address that nobody else has");
}
