//! The image that `kfimg build` makes boots as a machine gets it from the network: its initrd finds the verified root, Ignition
//! applies the payload over a volatile `/etc`, static pods run. It boots again when nobody delivers a payload, and a root that is
//! not the built one is refused.
//!
//! Everything is emulated, so bounds are generous.

use kfimg_lab::programs::{COMPONENTS, Programs};
use kfimg_lab::qemu::{Delivery, Hardware, Image, Machine};
use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Error, Result, Topology, scenario};
use std::time::Duration;

/// What the lab's containers can't do and a machine can; and the disk is Ignition's to partition.
const MACHINE: &str = "\
etcd: {allowVolatileData: false}
kubelet: {failCgroupV1: true, failSwapOn: true}
containerd: {disableApparmor: false}
kubeProxy: {conntrackMaxPerCore: 32768, conntrackMin: 131072}
nodeDefaults: {dataDisk: {path: /dev/vda}}
";
const NODE: &str = "master1";
const DISK: u64 = 20 << 30;
/// A server that nobody is: the discard port of the LAN's gateway.
const AWAY: &str =
    "ignition.platform.id=metal ignition.config.url=http://10.77.0.254:9/ignition.json ip=dhcp kfimg.wait=20";

const BOOT: Duration = Duration::from_secs(1200);
const COMMAND: Duration = Duration::from_secs(60);
/// Lines of the console that a failure shows, and in which something is looked for.
const SHOWN: usize = 100;
const SEEN: usize = 5000;

#[test]
#[ignore = "emulates a whole machine for minutes: make vm-test"]
fn a_kfimg_image_boots_keeps_its_payload_and_refuses_a_changed_root() {
    scenario::run("kfimg-image-boots", Topology::new(1, 0).layer(MACHINE), |cluster| {
        let image = Image::of_kfimg(&Programs::build(&COMPONENTS)?)?;
        let hardware =
            Hardware { mac: cluster.topology().hardware(NODE).mac, processors: 2, memory_mib: 4096, disk_bytes: DISK };
        let folder = cluster.lab().folder().join("qemu");
        let mut machine = Machine::build(NODE, &folder, &image, hardware, &cluster.lab().lan())?;
        scene(cluster, &mut machine, &image).map_err(|error| {
            Error::unusable(error.to_string(), format!("the end of its console was:\n{}", machine.console(SHOWN)))
        })
    });
}

fn scene(cluster: &Cluster, machine: &mut Machine, image: &Image) -> Result<()> {
    let payload = cluster.payload(NODE);
    machine.power_on(&payload)?;
    wait_for_line(machine, "choose the payload", 1)?;
    machine.power_cut()?;

    machine.power_on(&payload)?;
    wait_for_pod(machine, "etcd")?;
    the_root_is_verified_and_only_memory_and_the_data_partition_are_written_to(machine)?;
    the_payload_is_kept(machine)?;
    machine.power_cut()?;

    machine.power_on_with(Delivery::Arguments(AWAY))?;
    wait_for_pod(machine, "etcd")?;
    wait_for_line(machine, "warning PAYLOAD_KEPT: master1, generation 1", 1)?;
    machine.power_cut()?;

    let changed = cluster.lab().folder().join("changed-initrd");
    machine.set_image(&image.with_a_flipped_bit(&changed)?);
    machine.power_on(&payload)?;
    wait_for_line(machine, "is corrupted", 1)?;
    wait_for_line(machine, "Emergency", 1)
}

fn the_root_is_verified_and_only_memory_and_the_data_partition_are_written_to(machine: &mut Machine) -> Result<()> {
    let line = "findmnt -no SOURCE /; findmnt -no FSTYPE /etc; findmnt -no SOURCE,FSTYPE /var; \
                touch /usr/x 2>/dev/null; echo $?; stat -c %a /root; systemctl --failed --no-legend --plain";
    let said = machine.run(line, COMMAND)?;
    let lines: Vec<Vec<&str>> = said.text.lines().map(|line| line.split_whitespace().collect()).collect();
    let expected = [vec!["/dev/mapper/root"], vec!["overlay"], vec!["/dev/vda1", "ext4"], vec!["1"], vec!["700"]];
    assert_eq!(lines, expected, "{}", said.text);
    Ok(())
}

fn the_payload_is_kept(machine: &mut Machine) -> Result<()> {
    let line = "systemctl is-active kfimg-keep && stat -c '%a %U' /var/lib/kfimg/payload.json";
    let look = || match machine.run(line, COMMAND) {
        Ok(said) => Ok(Look::when(said.text.ends_with("600 root"), (), || said.text)),
        Err(Error::Late { last, .. }) => Ok(Look::NotYet(last)),
        Err(error) => Err(error),
    };
    wait_for("the kept payload", BOOT, look).map(drop)
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

/// Waits until the console has shown this so many times.
fn wait_for_line(machine: &Machine, text: &str, times: usize) -> Result<()> {
    let look = || Ok(Look::when(machine.console(SEEN).matches(text).count() >= times, (), || machine.console(5)));
    wait_for(&format!("`{text}` on the console"), BOOT, look).map(drop)
}
