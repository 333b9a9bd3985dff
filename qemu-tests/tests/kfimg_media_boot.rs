//! What `kfimg build` made for machines with UEFI boots to static pods: the disk with a config drive beside it, the disk of the appliance, the live disc.
//!
//! How far a booted image goes is seen in `kfimg_image_boots`, and that a payload is kept in `kfimg_payload_is_kept`. Everything is emulated,
//! so bounds are generous.

use kfimg_lab::programs::{COMPONENTS, Programs};
use kfimg_lab::qemu::{Built, Delivery, Hardware, Image, Machine};
use kfimg_lab::scenario::tell;
use kfimg_lab::{Cluster, Result, Topology, scenario};
use std::time::Duration;

const DELIVERY: &str = "delivery: {channels: [ignition, config-drive], payload: ignition}\n";
const NODE: &str = "master1";
/// No smaller than the appliance's own, which is 32 GiB.
const DISK: u64 = 40 << 30;

/// From power-on to a running static pod.
const BOOT: Duration = Duration::from_secs(2400);
/// A command, also one that waits until an emulated disk has all.
const COMMAND: Duration = Duration::from_secs(600);

#[test]
#[ignore = "emulates a whole machine for minutes: make vm-test"]
fn a_disk_boots_by_uefi_with_a_config_drive() {
    play(
        "kfimg-disk-boots",
        |_, built| Ok(built.disk()),
        |cluster, machine| {
            let drive = cluster.payload(NODE).with_file_name("config-drive.img");
            machine.power_on_with(Delivery::Drive(&drive))?;
            tell("haproxy runs from the disk", machine.wait_for_container("haproxy", BOOT)?);
            the_data_partition_has_the_rest_of_the_disk(machine)
        },
    );
}

#[test]
#[ignore = "emulates a whole machine for minutes: make vm-test"]
fn the_disk_of_an_appliance_boots_by_uefi() {
    let disk = |cluster: &Cluster, built: &Built| built.appliance(&cluster.lab().folder().join("appliance"));
    play("kfimg-appliance-boots", disk, |cluster, machine| {
        machine.power_on(&cluster.payload(NODE))?;
        tell("haproxy runs from the appliance's disk", machine.wait_for_container("haproxy", BOOT)?);
        the_data_partition_has_the_rest_of_the_disk(machine)
    });
}

#[test]
#[ignore = "emulates a whole machine for minutes: make vm-test"]
fn a_disc_boots_by_uefi_beside_a_blank_disk() {
    play(
        "kfimg-disc-boots",
        |_, built| Ok(built.disc()),
        |cluster, machine| {
            machine.power_on(&cluster.payload(NODE))?;
            tell("haproxy runs from the disc", machine.wait_for_container("haproxy", BOOT)?);
            the_data_partition_has_the_rest_of_the_disk(machine)
        },
    );
}

/// One machine with one image of the build, and no registry.
fn play(
    name: &str,
    image: impl FnOnce(&Cluster, &Built) -> Result<Image>,
    act: impl FnOnce(&Cluster, &mut Machine) -> Result<()>,
) {
    let topology = Topology::new(1, 0).emulated("/dev/vda").few_images().layer(DELIVERY);
    scenario::run(name, topology, |cluster| {
        let built = Built::of(&Programs::build(&COMPONENTS)?, &cluster.lab().bundle())?;
        cluster.lab().registry().stop()?;
        let hardware = Hardware::new(&cluster.topology().hardware(NODE).mac, DISK);
        let image = image(cluster, &built)?;
        let folder = cluster.lab().folder().join("qemu");
        let mut machine = Machine::build(NODE, &folder, &image, hardware, &cluster.lab().lan())?;
        machine.play(|machine| act(cluster, machine))
    });
}

/// An image is a few gigabytes; the machine's disk is larger.
fn the_data_partition_has_the_rest_of_the_disk(machine: &mut Machine) -> Result<()> {
    let said = machine.run("findmnt -no SOURCE,FSTYPE /var; findmnt -bno SIZE /var", COMMAND)?;
    let (place, size) = said.text.split_once('\n').unwrap_or((&said.text, ""));
    assert_eq!(place.split_whitespace().collect::<Vec<_>>(), ["/dev/vda1", "ext4"], "{}", said.text);
    let size: u64 = size.trim().parse().unwrap_or_default();
    assert!(size > DISK / 2, "/var has {size} bytes of a disk of {DISK}");
    Ok(())
}
