//! The image that `kfimg build` made boots as a machine gets it from the network: its initrd finds the verified root, Ignition
//! applies the payload over a volatile `/etc`, the API answers; no registry is asked, for the images are in it. Power cuts in the middle of the first
//! boot are no harm.
//!
//! Everything is emulated, so bounds are generous.

use kfimg_lab::programs::{COMPONENTS, Programs};
use kfimg_lab::qemu::{Built, Hardware, Machine, wait_for_api};
use kfimg_lab::scenario::tell;
use kfimg_lab::{Cluster, Result, Topology, scenario};
use std::time::Duration;

const NODE: &str = "master1";
const DISK: u64 = 20 << 30;

/// When the power goes: before the disk is touched, when it has its partition, and when that is mounted for the first time.
const CUTS: [&str; 3] = ["payload: master1, generation 1", "Finished ignition-disks", "Mounted var.mount"];

/// From power-on to a running static pod, and from there to an API that answers.
const BOOT: Duration = Duration::from_secs(2400);
const API: Duration = Duration::from_secs(2400);
/// A command, also one that waits until an emulated disk has all.
const COMMAND: Duration = Duration::from_secs(600);

#[test]
#[ignore = "emulates a whole machine for minutes: make vm-test"]
fn a_kfimg_image_boots_to_an_api_after_power_cuts_during_its_first_boot() {
    scenario::run("kfimg-image-boots", Topology::new(1, 0).emulated("/dev/vda").few_images(), |cluster| {
        let built = Built::of(&Programs::build(&COMPONENTS)?, &cluster.lab().bundle())?;
        let hardware = Hardware::new(&cluster.topology().hardware(NODE).mac, DISK);
        let folder = cluster.lab().folder().join("qemu");
        let mut machine = Machine::build(NODE, &folder, &built.network()?, hardware, &cluster.lab().lan())?;
        machine.play(|machine| scene(cluster, machine))
    });
}

fn scene(cluster: &Cluster, machine: &mut Machine) -> Result<()> {
    let payload = cluster.payload(NODE);
    cluster.lab().registry().stop()?;
    for moment in CUTS {
        machine.power_on(&payload)?;
        tell(moment, machine.wait_for_line(moment, BOOT)?);
        machine.power_cut()?;
    }

    machine.power_on(&payload)?;
    tell("haproxy runs", machine.wait_for_container("haproxy", BOOT)?);
    the_root_is_verified_and_only_memory_and_the_data_partition_are_written_to(machine)?;
    tell("etcd runs", machine.wait_for_container("etcd", BOOT)?);
    tell("the API answers", wait_for_api(cluster, API)?);
    Ok(())
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
