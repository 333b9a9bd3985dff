//! The disk of an image and a second one that the payload names for the data: `/var` is the second one at every boot, the image's
//! own partition is set aside, also that of a new image in place of the old one; and a payload that names the image's disk
//! afterwards is refused before anything is made there.
//!
//! Everything is emulated, so bounds are generous. A boot is followed as far as the kept payload, which needs `/var`.

use kfimg_lab::programs::{COMPONENTS, Programs};
use kfimg_lab::qemu::{Built, Delivery, Hardware, Machine};
use kfimg_lab::scenario::tell;
use kfimg_lab::{Cluster, Result, Topology, scenario};
use std::time::Duration;

const NODE: &str = "master1";
const DISK: u64 = 20 << 30;
/// The disk that the machine starts from, and the other one.
const IMAGE: &str = "/dev/vda";
const DATA: &str = "/dev/vdb";

/// From power-on to units of the root.
const BOOT: Duration = Duration::from_secs(2400);
/// A command, also one that waits until an emulated disk has all.
const COMMAND: Duration = Duration::from_secs(600);

#[test]
#[ignore = "emulates a whole machine for minutes: make vm-test"]
fn the_disk_that_the_payload_names_has_the_data_and_no_other_is_taken_for_it() {
    scenario::run("kfimg-data-disk", Topology::new(1, 0).emulated(DATA), |cluster| {
        let built = Built::of(&Programs::build(&COMPONENTS)?, &cluster.lab().bundle())?;
        cluster.lab().registry().stop()?;
        let hardware = Hardware::new(&cluster.topology().hardware(NODE).mac, DISK);
        let folder = cluster.lab().folder().join("qemu");
        let mut machine = Machine::build(NODE, &folder, &built.disk(), hardware, &cluster.lab().lan())?;
        machine.add_disk(DISK)?;
        machine.play(|machine| scene(cluster, machine))
    });
}

fn scene(cluster: &mut Cluster, machine: &mut Machine) -> Result<()> {
    machine.power_on(&cluster.payload(NODE))?;
    let aside = format!("labelling {IMAGE}1 kfimg-data-unused");
    tell("the image's own partition is set aside", machine.wait_for_line(&aside, BOOT)?);
    the_payload_is_kept_on_the_named_disk(machine)?;
    machine.run("sync", COMMAND)?;
    machine.power_cut()?;

    machine.power_on_with(Delivery::Nothing)?;
    machine.wait_for_line("warning PAYLOAD_KEPT: master1, generation 1", BOOT)?;
    the_payload_is_kept_on_the_named_disk(machine)?;
    machine.power_cut()?;

    // The disk of a new image: its own partition bears the label once more.
    machine.new_disk()?;
    machine.power_on_with(Delivery::Nothing)?;
    tell("a new image finds the kept payload", machine.wait_for_line("warning PAYLOAD_KEPT: master1", BOOT)?);
    machine.wait_for_line(&aside, BOOT)?;
    the_payload_is_kept_on_the_named_disk(machine)?;
    machine.power_cut()?;

    cluster.render(Topology::new(1, 0).emulated(IMAGE))?;
    machine.power_on(&cluster.payload(NODE))?;
    tell("data elsewhere stop the boot", machine.wait_for_line("DATA_ELSEWHERE", BOOT)?);
    machine.wait_for_line("mergency", BOOT).map(drop)
}

fn the_payload_is_kept_on_the_named_disk(machine: &mut Machine) -> Result<()> {
    let kept = "systemctl is-active kfimg-keep";
    tell("the payload is kept", machine.wait_for_answer("the kept payload", kept, BOOT, |text| text == "active")?);
    let line = format!("findmnt -no SOURCE /var; lsblk -nro PARTLABEL {IMAGE}1 {DATA}1");
    let said = machine.run(&line, COMMAND)?;
    let lines: Vec<&str> = said.text.split_whitespace().collect();
    assert_eq!(lines, [&format!("{DATA}1"), "kfimg-data-unused", "kfimg-data"], "{}", said.text);
    Ok(())
}
