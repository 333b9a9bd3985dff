//! The image that `kfimg build` made boots as a machine gets it from the network: its initrd finds the verified root, Ignition
//! applies the payload over a volatile `/etc`, the API answers; no registry is asked, for the images are in it. A power cut in the middle is no
//! harm, it boots again when nobody delivers a payload, and a root that is not the built one is refused.
//!
//! Everything is emulated, so bounds are generous.

use kfimg_lab::programs::{COMPONENTS, Programs};
use kfimg_lab::qemu::{Built, Delivery, Hardware, Machine};
use kfimg_lab::scenario::tell;
use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Error, Result, Topology, scenario};
use std::time::Duration;

const NODE: &str = "master1";
const DISK: u64 = 20 << 30;
/// A server that nobody is: the discard port of the LAN's gateway.
const AWAY: &str =
    "ignition.platform.id=metal ignition.config.url=http://10.77.0.254:9/ignition.json ip=dhcp kfimg.wait=20";

/// From power-on to a running static pod, and from there to an API that answers.
const BOOT: Duration = Duration::from_secs(2400);
const API: Duration = Duration::from_secs(1800);
const COMMAND: Duration = Duration::from_secs(60);
/// Lines of the console that a failure shows.
const SHOWN: usize = 100;

#[test]
#[ignore = "emulates a whole machine for minutes: make vm-test"]
fn a_kfimg_image_boots_keeps_its_payload_and_refuses_a_changed_root() {
    scenario::run("kfimg-image-boots", Topology::new(1, 0).emulated("/dev/vda"), |cluster| {
        let built = Built::of(&Programs::build(&COMPONENTS)?, &cluster.lab().bundle())?;
        let hardware =
            Hardware { mac: cluster.topology().hardware(NODE).mac, processors: 2, memory_mib: 4096, disk_bytes: DISK };
        let folder = cluster.lab().folder().join("qemu");
        let mut machine = Machine::build(NODE, &folder, &built.network()?, hardware, &cluster.lab().lan())?;
        scene(cluster, &mut machine, &built).map_err(|error| {
            Error::unusable(error.to_string(), format!("the end of its console was:\n{}", machine.console(SHOWN)))
        })
    });
}

fn scene(cluster: &Cluster, machine: &mut Machine, built: &Built) -> Result<()> {
    let payload = cluster.payload(NODE);
    cluster.lab().registry().stop()?;
    machine.power_on(&payload)?;
    machine.wait_for_line("choose the payload", BOOT)?;
    machine.power_cut()?;

    machine.power_on(&payload)?;
    tell("etcd runs", machine.wait_for_container("etcd", BOOT)?);
    the_root_is_verified_and_only_memory_and_the_data_partition_are_written_to(machine)?;
    let answers = || Ok(Look::when(cluster.endpoint_answers(), (), || "no answer".to_owned()));
    tell("the API answers", wait_for("the API", API, answers)?.1);
    let line = "systemctl is-active kfimg-keep && stat -c '%a %U' /var/lib/kfimg/payload.json";
    machine.wait_for_answer("the kept payload", line, BOOT, |text| text.ends_with("600 root"))?;
    machine.power_cut()?;

    machine.power_on_with(Delivery::Arguments(AWAY))?;
    tell(
        "the payload is taken that was kept",
        machine.wait_for_line("warning PAYLOAD_KEPT: master1, generation 1", BOOT)?,
    );
    tell("etcd runs", machine.wait_for_container("etcd", BOOT)?);
    machine.power_cut()?;

    let changed = cluster.lab().folder().join("changed-initrd");
    machine.set_image(&built.network_with_a_flipped_bit(&changed)?);
    machine.power_on(&payload)?;
    tell("verity refuses", machine.wait_for_line("is corrupted", BOOT)?);
    machine.wait_for_line("mergency", BOOT).map(drop)
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
