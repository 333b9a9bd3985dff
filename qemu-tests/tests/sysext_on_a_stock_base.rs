//! A stock Debian has no kubelet, no runtime and no agent: its payload, which cloud-init applies, fetches them as a system
//! extension, takes no other than the one that it names, and a static pod runs. A boot later nobody has to serve it.
//!
//! Everything is emulated, so bounds are generous.

use fs_err as fs;
use kfimg_lab::programs::{COMPONENTS, Programs};
use kfimg_lab::qemu::{Delivery, Extension, Hardware, Image, Machine, STOCK_DISK};
use kfimg_lab::scenario::tell;
use kfimg_lab::{Cluster, Result, Topology, scenario};
use std::time::Duration;

/// What the lab's containers can't do and a machine can. The system lies on its disk, and so does all that lasts.
const MACHINE: &str = "\
kubelet: {failCgroupV1: true, failSwapOn: true}
containerd: {disableApparmor: false}
kubeProxy: {conntrackMaxPerCore: 32768, conntrackMin: 131072}
delivery: {channels: [nocloud], payload: cloud-init, bootServer: \"http://10.77.0.254:8080\"}
";
const NODE: &str = "master1";

/// From power-on to what the extension brings, and from there to a running static pod. cloud-init is slow where all is emulated.
const BOOT: Duration = Duration::from_secs(2400);
/// A command, also one that waits until an emulated disk has all.
const COMMAND: Duration = Duration::from_secs(600);

#[test]
#[ignore = "emulates a whole machine for minutes: make vm-test"]
fn a_stock_base_becomes_a_node_by_a_system_extension() {
    scenario::run("sysext-on-a-stock-base", Topology::new(1, 0).few_images().layer(MACHINE), |cluster| {
        let extension = Extension::of(&Programs::build(&COMPONENTS)?)?;
        let topology = cluster.topology().clone().layer(&extension.layer()?);
        cluster.render(topology)?;
        let hardware = Hardware::new(&cluster.topology().hardware(NODE).mac, STOCK_DISK);
        let folder = cluster.lab().folder().join("qemu");
        let mut machine = Machine::build(NODE, &folder, &Image::stock()?, hardware, &cluster.lab().lan())?;
        machine.play(|machine| scene(cluster, machine, &extension))
    });
}

fn scene(cluster: &Cluster, machine: &mut Machine, extension: &Extension) -> Result<()> {
    let seed = cluster.payload(NODE).with_file_name("seed.img");
    let images = cluster.lab().served_images();
    fs::create_dir_all(&images)?;
    fs::write(images.join("kfimg.raw"), "not the one that was built")?;
    cluster.lab().boot_server().start()?;
    machine.power_on_with(Delivery::Drive(&seed))?;
    tell("another extension is refused", machine.wait_for_line("SYSEXT_CHANGED", BOOT)?);

    let whole = images.join("whole");
    fs::copy(extension.file(), &whole)?;
    fs::rename(whole, images.join("kfimg.raw"))?;
    tell("the extension is merged", machine.wait_for_line("kubelet, runtime and agent are there", BOOT)?);
    tell("etcd runs", machine.wait_for_container("etcd", BOOT)?);
    the_extension_is_over_the_system(machine)?;
    machine.run("sync", COMMAND)?;
    machine.power_cut()?;

    cluster.lab().boot_server().stop()?;
    machine.power_on_with(Delivery::Drive(&seed))?;
    tell("etcd runs again", machine.wait_for_container("etcd", BOOT)?);
    let said = machine.run("journalctl --boot --unit kfimg-sysext --output cat --no-pager", COMMAND)?;
    assert!(said.text.contains("are there") && !said.text.contains("asked again"), "{}", said.text);
    Ok(())
}

fn the_extension_is_over_the_system(machine: &mut Machine) -> Result<()> {
    let line = "findmnt -no FSTYPE /usr; findmnt -no FSTYPE /; . /etc/os-release; echo $ID $IMAGE_ID; \
                ls -1 /opt/cni/bin/bridge /usr/bin/kfimg-agent /usr/bin/cloud-init; touch /opt/cni/bin/installed; echo $?; \
                touch /usr/x 2>/dev/null; echo $?";
    let said = machine.run(line, COMMAND)?;
    let lines: Vec<&str> = said.text.lines().map(str::trim).collect();
    let files = ["/opt/cni/bin/bridge", "/usr/bin/cloud-init", "/usr/bin/kfimg-agent"];
    let expected = [&["overlay", "ext4", "debian"], &files[..], &["0", "1"]].concat();
    assert_eq!(lines, expected, "{}", said.text);
    Ok(())
}
