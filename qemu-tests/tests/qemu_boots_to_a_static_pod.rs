//! A whole machine boots from a payload: kernel, an initrd in which Ignition makes the data partition and lays the payload
//! on the root, systemd, the agent's steps, static pods, the API. A power cut takes nothing that was acknowledged.
//!
//! Everything is emulated, so bounds are generous; how fast a boot is, is measured elsewhere.

use kfimg_lab::programs::{COMPONENTS, Programs};
use kfimg_lab::qemu::{Hardware, Image, Machine};
use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Error, Result, Topology, scenario};
use std::time::Duration;

/// What the lab's containers can't do and a machine can; and the disk is Ignition's to partition.
const MACHINE: &str = "\
etcd: {allowVolatileData: false}
kubelet: {failCgroupV1: true, failSwapOn: true}
containerd: {disableApparmor: false}
kubeProxy: {conntrackMaxPerCore: 32768, conntrackMin: 131072}
nodeDefaults: {dataDisk: {path: /dev/vdb}}
";
const NODE: &str = "master1";
const DISK: u64 = 20 << 30;

/// From power-on to a running static pod, and from there to an API that answers.
const BOOT: Duration = Duration::from_secs(900);
const API: Duration = Duration::from_secs(900);
/// One command on the console.
const COMMAND: Duration = Duration::from_secs(60);
/// Lines of the console that a failure shows.
const SHOWN: usize = 100;

#[test]
#[ignore = "emulates a whole machine for minutes: make qemu-test"]
fn a_machine_with_a_blank_disk_boots_to_static_pods_and_a_power_cut_loses_nothing_acknowledged() {
    scenario::run("qemu-boots-to-a-static-pod", Topology::new(1, 0).layer(MACHINE), |cluster| {
        let image = Image::build(&Programs::build(&COMPONENTS)?)?;
        let hardware =
            Hardware { mac: cluster.topology().hardware(NODE).mac, processors: 2, memory_mib: 3072, disk_bytes: DISK };
        let folder = cluster.lab().folder().join("qemu");
        let mut machine = Machine::build(NODE, &folder, &image, hardware, &cluster.lab().lan())?;
        scene(cluster, &mut machine).map_err(|error| {
            Error::unusable(error.to_string(), format!("the end of its console was:\n{}", machine.console(SHOWN)))
        })
    });
}

fn scene(cluster: &Cluster, machine: &mut Machine) -> Result<()> {
    machine.power_on(&cluster.payload(NODE))?;
    wait_for_pod(machine, "haproxy")?;
    wait_for_pod(machine, "etcd")?;
    data_lies_on_the_partition_that_ignition_made(machine)?;
    wait_for_api(cluster)?;
    cluster.kubectl(&["create", "configmap", "kept", "--from-literal=by=the-disk"])?;
    machine.power_cut()?;

    machine.power_on(&cluster.payload(NODE))?;
    wait_for_pod(machine, "etcd")?;
    data_lies_on_the_partition_that_ignition_made(machine)?;
    wait_for_api(cluster)?;
    let kept = cluster.get(&["configmap", "kept"])?;
    assert_eq!(kept["data"]["by"], "the-disk");
    Ok(())
}

/// Waits until the node's only container of this name runs.
fn wait_for_pod(machine: &mut Machine, name: &str) -> Result<()> {
    let line = format!("crictl ps --quiet --state Running --name '^{name}$'");
    let look = || match machine.run(&line, COMMAND) {
        Ok(said) => Ok(Look::when(said.code == 0 && !said.text.is_empty(), (), || said.text)),
        Err(Error::Late { last, .. }) => Ok(Look::NotYet(last)),
        Err(error) => Err(error),
    };
    let ((), time) = wait_for(&format!("the static pod {name}"), BOOT, look)?;
    println!("{name} runs after {} s", time.as_secs());
    Ok(())
}

fn wait_for_api(cluster: &Cluster) -> Result<()> {
    let look = || Ok(Look::when(cluster.endpoint_answers(), (), || "no answer".to_owned()));
    let ((), time) = wait_for("the API", API, look)?;
    println!("the API answers after {} s", time.as_secs());
    Ok(())
}

/// Ignition's disks stage named it, and the unit of the payload mounted it and let its file system fill it.
fn data_lies_on_the_partition_that_ignition_made(machine: &mut Machine) -> Result<()> {
    let said = machine.run(
        "findmnt -no SOURCE,FSTYPE /var; readlink -f /dev/disk/by-partlabel/kfimg-data; systemctl is-active kfimg-grow",
        COMMAND,
    )?;
    let lines: Vec<Vec<&str>> = said.text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines, [vec!["/dev/vdb1", "ext4"], vec!["/dev/vdb1"], vec!["active"]]);
    Ok(())
}
