//! Profile `external-etcd`: three machines for etcd alone, a control plane and a worker. The API server waits for etcd, a wiped
//! machine of etcd rejoins by itself, and after a lost quorum the API server starts anew on what was recovered. And five of them with three
//! control planes: two of etcd and a control plane may be lost.

use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Entrance, Machine, Result, Topology, scenario};
use std::time::Duration;

/// Eight machines share two processors.
const BOUND: Duration = Duration::from_secs(400);
const SOON: Duration = Duration::from_secs(60);
/// keepalived takes three looks at a fresh haproxy, and two that announce themselves have agreed by then.
const SETTLED: Duration = Duration::from_secs(15);
/// Long enough for an API server that should not start to have started.
const WATCHED: Duration = Duration::from_secs(15);
const API_SERVER: &str = "/etc/kubernetes/manifests/kube-apiserver.yaml";
/// What a machine for etcd alone never has.
const FOREIGN: [&str; 5] = [
    "/etc/kubernetes/kubelet.conf",
    "/etc/kubernetes/admin.conf",
    "/etc/kubernetes/pki/ca.key",
    "/etc/kubernetes/pki/sa.key",
    "/etc/kubernetes/manifests/haproxy.yaml",
];

fn topology() -> Topology {
    Topology::of_profile("external-etcd", 1, 1, Entrance::Virtual).etcd(3)
}

#[test]
#[ignore = "boots machines: make cluster-test"]
fn etcd_apart_from_the_control_plane_is_waited_for_rejoins_and_is_recovered() {
    scenario::run("external_etcd", topology(), |cluster| {
        boots_in_the_wrong_order(cluster)?;
        knows_only_etcd(cluster)?;
        cluster.write_mark("before")?;

        let wiped = cluster.machine("etcd2")?;
        wiped.power_cut()?;
        wiped.wipe()?;
        // It may be sent to the machine without power, and is answered once the API server's etcd client has given it up: after 30 s
        // of silence and 10 s for an answer (`storage/storagebackend/factory` of `k8s.io/apiserver`).
        cluster.wait_written("meanwhile", SOON)?;
        cluster.power_on("etcd2")?;
        cluster.wait_voters(BOUND)?;
        assert_eq!(cluster.marks()?, ["before", "meanwhile"]);

        quorum_is_lost_and_recovered(cluster)?;
        cluster.reboot("master1", BOUND)?;
        cluster.wait_ready(2, BOUND)?;
        assert_eq!(cluster.marks()?, ["before", "meanwhile"]);
        Ok(())
    });
}

#[test]
#[ignore = "boots machines: make cluster-test"]
fn five_machines_of_etcd_and_three_control_planes_write_on_without_two_and_one_of_them() {
    let topology = Topology::of_profile("external-etcd", 3, 0, Entrance::Virtual).etcd(5).layer("etcd: {members: 5}\n");
    scenario::run("external_etcd_of_five", topology, |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(3, BOUND)?;
        cluster.wait_voters(BOUND)?;
        let holder = cluster.wait_one_holder(SETTLED)?;
        cluster.write_mark("all")?;

        for lost in ["etcd1", "etcd4"] {
            cluster.machine(lost)?.power_cut()?;
        }
        // No longer than without one: an API server's client gives up each of the silent ones by the same clock.
        cluster.wait_written("three-of-five", SOON)?;
        cluster.machine(&holder)?.power_cut()?;
        assert_ne!(cluster.wait_one_holder(SETTLED)?, holder);
        cluster.wait_written("two-of-three", SOON)?;

        for lost in ["etcd1", "etcd4", &holder] {
            cluster.power_on(lost)?;
        }
        cluster.wait_node(&holder, BOUND)?;
        cluster.wait_voters(BOUND)?;
        let marks = ["all", "three-of-five", "two-of-three"].map(str::to_owned);
        for member in cluster.topology().members() {
            cluster.wait_marks_of(&cluster.machine(member)?, &marks, SOON)?;
        }
        Ok(())
    });
}

/// Whoever needs etcd is first, and waits.
fn boots_in_the_wrong_order(cluster: &Cluster) -> Result<()> {
    cluster.power_on("master1")?;
    cluster.power_on("worker1")?;
    let master = cluster.machine("master1")?;
    wait_says(&master, "no answer from etcd1, etcd2, etcd3")?;
    cluster.power_on("etcd1")?;
    std::thread::sleep(WATCHED);
    assert_eq!(master.read(API_SERVER), None, "an API server without etcd");
    cluster.power_on("etcd2")?;
    cluster.power_on("etcd3")?;
    cluster.wait_ready(2, BOUND)?;
    cluster.wait_voters(BOUND)?;
    cluster.wait_pods(BOUND).map(drop)
}

fn knows_only_etcd(cluster: &Cluster) -> Result<()> {
    let machine = cluster.machine("etcd1")?;
    for path in FOREIGN {
        assert_eq!(machine.read(path), None, "etcd1 has {path}");
    }
    let running = machine.exec(&["crictl", "ps", "--output", "json"])?;
    assert_eq!(running.matches("\"io.kubernetes.container.name\"").count(), 1, "{running}");
    machine.exec(&["systemctl", "start", "kfimg-snapshot.service"])?;
    let look = || {
        let boot = machine.read("/run/kfimg/boot.json").unwrap_or_default();
        Ok(Look::when(boot.contains("\"phase\": \"up\""), (), || boot))
    };
    wait_for("a report of etcd1 that it is up", SOON, look).map(drop)
}

/// Two of three disks are lost. The control plane does not boot: its agent sees that etcd has begun anew.
fn quorum_is_lost_and_recovered(cluster: &mut Cluster) -> Result<()> {
    let lost = ["etcd1", "etcd2"];
    for node in lost {
        cluster.machine(node)?.power_cut()?;
    }
    for node in lost {
        cluster.machine(node)?.wipe()?;
        cluster.power_on(node)?;
    }
    for node in lost {
        cluster.machine(node)?.wait_told("etcd", "QUORUM_LOST", BOUND)?;
    }
    let master = cluster.machine("master1")?;
    let before = written(&master)?;
    cluster.render(topology().layer("etcd: {incarnation: 2, recoverFrom: etcd3}\n"))?;
    for node in ["etcd1", "etcd2", "etcd3"] {
        cluster.machine(node)?.power_off()?;
        cluster.power_on(node)?;
    }
    cluster.wait_voters(BOUND)?;
    let look = || {
        let again = written(&master).is_ok_and(|time| time != before);
        Ok(Look::when(again, (), || format!("{:?}", master.step("etcd"))))
    };
    wait_for("an API server that is started anew", SOON, look)?;
    cluster.wait_ready(2, BOUND).map(drop)
}

/// When the API server's manifest was installed.
fn written(master: &Machine) -> Result<String> {
    master.exec(&["stat", "--format=%y", API_SERVER])
}

fn wait_says(machine: &Machine, words: &str) -> Result<()> {
    let look = || {
        let status = machine.step("etcd");
        let says = status.as_ref().is_some_and(|status| status.state == "waiting" && status.message.contains(words));
        Ok(Look::when(says, (), || format!("{status:?}")))
    };
    wait_for(&format!("{}: {words}", machine.name()), BOUND, look).map(drop)
}
