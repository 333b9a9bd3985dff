//! A node that has booted once boots again when nobody delivers its payload: guestinfo was erased, the boot server is away. A later generation
//! takes the place of the one that was kept, and an earlier one does not.
//!
//! How far a booted image goes is seen in `kfimg_image_boots`; here the agent's first steps are far enough. Everything is emulated, so bounds are
//! generous.

use fs_err as fs;
use kfimg_lab::programs::{COMPONENTS, Programs};
use kfimg_lab::qemu::{Built, Delivery, Hardware, Machine};
use kfimg_lab::scenario::tell;
use kfimg_lab::{Cluster, Result, Topology, scenario};
use std::time::Duration;

const NODE: &str = "master1";
const DISK: u64 = 20 << 30;
/// What makes the next generation.
const CHANGE: &str =
    "apiServer: {audit: {maxAge: 31}}\ndelivery: {channels: [ignition, config-drive], payload: ignition}\n";
/// A server that nobody is: the discard port of the LAN's gateway.
const AWAY: &str =
    "ignition.platform.id=metal ignition.config.url=http://10.77.0.254:9/ignition.json ip=dhcp kfimg.wait=20";

/// From power-on to the choice of a payload, and from there to the agent's first steps in the root.
const BOOT: Duration = Duration::from_secs(1200);
/// A command, also one that waits until an emulated disk has all.
const COMMAND: Duration = Duration::from_secs(600);

#[test]
#[ignore = "emulates a whole machine for minutes: make vm-test"]
fn a_node_boots_from_the_payload_of_the_highest_generation_that_it_ever_got() {
    scenario::run("kfimg-payload-is-kept", Topology::new(1, 0).emulated("/dev/vda").few_images(), |cluster| {
        let built = Built::without_images(&Programs::build(&COMPONENTS)?)?;
        cluster.lab().registry().stop()?;
        let hardware = Hardware::new(&cluster.topology().hardware(NODE).mac, DISK);
        let folder = cluster.lab().folder().join("qemu");
        let mut machine = Machine::build(NODE, &folder, &built.network()?, hardware, &cluster.lab().lan())?;
        machine.play(|machine| scene(cluster, machine))
    });
}

fn scene(cluster: &mut Cluster, machine: &mut Machine) -> Result<()> {
    let first = cluster.lab().folder().join("first.json");
    fs::copy(cluster.payload(NODE), &first)?;
    boots(machine, Delivery::Firmware(&first), "payload: master1, generation 1")?;
    let secret = machine.run("stat -c '%a %U' /var/lib/kfimg/payload.json", COMMAND)?;
    assert_eq!(secret.text, "600 root");
    boots(machine, Delivery::Nothing, "warning PAYLOAD_KEPT: master1, generation 1;")?;

    cluster.render(cluster.topology().clone().layer(CHANGE))?;
    let drive = cluster.payload(NODE).with_file_name("config-drive.img");
    boots(machine, Delivery::Drive(&drive), "payload: master1, generation 2")?;
    let older = "warning PAYLOAD_OLDER: master1, generation 1 came, master1, generation 2 is kept;";
    boots(machine, Delivery::Firmware(&first), older)?;
    boots(machine, Delivery::Arguments(AWAY), "warning PAYLOAD_KEPT: master1, generation 2;")
}

/// Switches the machine on, again where it is on, and waits until this payload was chosen and then kept: the agent has found it fit.
fn boots(machine: &mut Machine, delivery: Delivery<'_>, choice: &str) -> Result<()> {
    machine.power_cut()?;
    machine.power_on_with(delivery)?;
    tell(choice, machine.wait_for_line(choice, BOOT)?);
    let is_kept = |said: &str| said == "active";
    let kept = machine.wait_for_answer("the kept payload", "systemctl is-active kfimg-keep", BOOT, is_kept)?;
    tell("it is applied and kept", kept);
    machine.run("sync", COMMAND).map(drop)
}
