//! What `kfimg build` made for machines with UEFI boots: the disk with a config drive beside it, again when the drive is gone,
//! the disk of the appliance, the live disc. A disk with one changed bit in its root is refused.
//!
//! How far a booted image goes is seen in `kfimg_image_boots`; here it is far enough when etcd runs. Everything is emulated,
//! so bounds are generous.

use kfimg_lab::programs::{COMPONENTS, Programs};
use kfimg_lab::qemu::{Built, Delivery, Hardware, Image, Machine};
use kfimg_lab::scenario::tell;
use kfimg_lab::{Cluster, Error, Result, Topology, scenario};
use std::time::Duration;

const DELIVERY: &str = "delivery: {channels: [ignition, config-drive], payload: ignition}\n";
const NODE: &str = "master1";
/// No smaller than the appliance's own, which is 32 GiB.
const DISK: u64 = 40 << 30;

/// From power-on to a running static pod.
const BOOT: Duration = Duration::from_secs(2400);
const COMMAND: Duration = Duration::from_secs(60);
/// Lines of the console that a failure shows.
const SHOWN: usize = 100;

#[test]
#[ignore = "emulates whole machines for minutes: make vm-test"]
fn a_disk_an_appliance_and_a_disc_boot_by_uefi_and_a_changed_disk_is_refused() {
    let topology = Topology::new(1, 0).emulated("/dev/vda").layer(DELIVERY);
    scenario::run("kfimg-media-boot", topology, |cluster| {
        let built = Built::of(&Programs::build(&COMPONENTS)?, &cluster.lab().bundle())?;
        cluster.lab().registry().stop()?;
        let (disc, appliance) = (built.disc(), built.appliance(&cluster.lab().folder().join("appliance"))?);
        let changed = built.disk_with_a_flipped_bit(&cluster.lab().folder().join("changed-disk"))?;
        on_a_machine(cluster, &built.disk(), the_disk_keeps_its_payload)?;
        on_a_machine(cluster, &appliance, |cluster, machine| {
            machine.power_on(&cluster.payload(NODE))?;
            tell("etcd runs from the appliance's disk", machine.wait_for_container("etcd", BOOT)?);
            Ok(())
        })?;
        on_a_machine(cluster, &disc, |cluster, machine| {
            machine.power_on(&cluster.payload(NODE))?;
            tell("etcd runs from the disc", machine.wait_for_container("etcd", BOOT)?);
            Ok(())
        })?;
        on_a_machine(cluster, &changed, |cluster, machine| {
            machine.power_on(&cluster.payload(NODE))?;
            tell("verity refuses", machine.wait_for_line("is corrupted", BOOT)?);
            machine.wait_for_line("mergency", BOOT).map(drop)
        })
    });
}

/// One machine for one image, gone afterwards.
fn on_a_machine(
    cluster: &Cluster,
    image: &Image,
    act: impl FnOnce(&Cluster, &mut Machine) -> Result<()>,
) -> Result<()> {
    let hardware =
        Hardware { mac: cluster.topology().hardware(NODE).mac, processors: 2, memory_mib: 4096, disk_bytes: DISK };
    let folder = cluster.lab().folder().join("qemu");
    let mut machine = Machine::build(NODE, &folder, image, hardware, &cluster.lab().lan())?;
    act(cluster, &mut machine).map_err(|error| {
        let shown = machine.console(SHOWN);
        Error::unusable(format!("{image:?}: {error}"), format!("the end of its console was:\n{shown}"))
    })
}

fn the_disk_keeps_its_payload(cluster: &Cluster, machine: &mut Machine) -> Result<()> {
    let drive = cluster.payload(NODE).with_file_name("config-drive.img");
    machine.power_on_with(Delivery::Drive(&drive))?;
    tell("etcd runs from the disk", machine.wait_for_container("etcd", BOOT)?);
    the_data_partition_has_the_rest_of_the_disk(machine)?;
    let kept = "systemctl is-active kfimg-keep";
    machine.wait_for_answer("the kept payload", kept, BOOT, |text| text == "active")?;
    machine.run("sync", COMMAND)?;
    machine.power_cut()?;
    machine.power_on_with(Delivery::Nothing)?;
    machine.wait_for_line("warning PAYLOAD_KEPT: master1, generation 1", BOOT)?;
    tell("etcd runs again from the disk", machine.wait_for_container("etcd", BOOT)?);
    Ok(())
}

/// The image is a few gigabytes; the machine's disk is larger.
fn the_data_partition_has_the_rest_of_the_disk(machine: &mut Machine) -> Result<()> {
    let said = machine.run("findmnt -no SOURCE,FSTYPE /var; findmnt -bno SIZE /var", COMMAND)?;
    let (place, size) = said.text.split_once('\n').unwrap_or((&said.text, ""));
    assert_eq!(place.split_whitespace().collect::<Vec<_>>(), ["/dev/vda1", "ext4"], "{}", said.text);
    let size: u64 = size.trim().parse().unwrap_or_default();
    assert!(size > DISK / 2, "/var has {size} bytes of a disk of {DISK}");
    Ok(())
}
