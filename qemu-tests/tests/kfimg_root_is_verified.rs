//! A root that is not the one that was built is refused: by dm-verity, be it carried by the initrd or on a disk, and by the initrd that fetches it.
//! The one that was built is read, be it a SquashFS or an EROFS.
//!
//! No cluster is needed for that: the payload is an Ignition configuration with one file. Everything is emulated, so bounds are generous.

use fs_err as fs;
use kfimg_lab::Result;
use kfimg_lab::boot_server::BootServer;
use kfimg_lab::lan::{GATEWAY, address};
use kfimg_lab::programs::{COMPONENTS, Programs};
use kfimg_lab::qemu::{Built, Delivery, Hardware, Image, Machine};
use kfimg_lab::scenario::{self, Bench, tell};
use std::path::PathBuf;
use std::time::Duration;

/// What Ignition is given: a configuration that any image takes.
const PAYLOAD: &str = r#"{"ignition": {"version": "3.3.0"}, "storage": {"files": [
    {"path": "/etc/trial", "mode": 420, "contents": {"source": "data:,applied"}}]}}"#;
/// What the console shows when Ignition has written to a root.
const APPLIED: &str = "Finished ignition-files.service";
/// More than a boot shows.
const LINES: usize = 5000;
const MAC: &str = "52:54:00:77:00:fe";
const DISK: u64 = 8 << 30;

/// From power-on to the end of the initrd, and from there to a shell in the root.
const BOOT: Duration = Duration::from_secs(1200);
/// Reading every program of the root, block by block.
const READ: Duration = Duration::from_secs(600);

#[test]
#[ignore = "emulates a whole machine for minutes: make vm-test"]
fn a_root_from_the_network_is_read_as_it_was_built() {
    play(
        "kfimg-root-is-verified",
        |_, programs| Built::without_images(programs)?.network(),
        |machine, payload| {
            machine.power_on(&payload)?;
            is_read(machine, "squashfs")
        },
    );
}

#[test]
#[ignore = "emulates a whole machine for minutes: make vm-test"]
fn an_erofs_root_is_read_as_it_was_built() {
    play(
        "kfimg-erofs-root",
        |_, programs| Built::with_erofs(programs)?.network(),
        |machine, payload| {
            machine.power_on(&payload)?;
            is_read(machine, "erofs")
        },
    );
}

#[test]
#[ignore = "emulates a whole machine for minutes: make vm-test"]
fn a_root_that_the_initrd_fetches_is_waited_for_until_it_is_the_right_one() {
    scenario::run_alone("kfimg-root-is-fetched", |bench| {
        let programs = Programs::build(&COMPONENTS)?;
        let built = Built::with_root_at(&programs, &BootServer::images_url())?;
        let server = BootServer::of_images(programs.kfimg(), bench.lan(), bench.folder());
        let served = bench.folder().join("images/root.img");
        fs::create_dir(bench.folder().join("images"))?;
        fs::copy(payload(bench)?, served.with_file_name("payload.json"))?;
        built.copy_root_with_a_flipped_bit(&served)?;
        let arguments = format!(
            "ip={}::{GATEWAY}:255.255.255.0::eth0:none ignition.platform.id=metal ignition.config.url={}/payload.json",
            address(21),
            BootServer::images_url()
        );
        machine(bench, &built.network()?)?.play(|machine| {
            machine.power_on_with(Delivery::Arguments(&arguments))?;
            // Nobody answers, then somebody with another root.
            tell("it asks", machine.wait_for_line("warning ROOT_FETCH", BOOT)?);
            server.start()?;
            tell("it refuses", machine.wait_for_line("another file (its SHA-256 differs)", BOOT)?);
            // One that is being written is no other one: the server has to see all of it at once.
            let whole = served.with_extension("whole");
            fs::copy(built.root(), &whole)?;
            fs::rename(whole, &served)?;
            is_read(machine, "squashfs")
        })
    });
}

#[test]
#[ignore = "emulates a whole machine for minutes: make vm-test"]
fn a_changed_root_from_the_network_is_refused() {
    let image = |bench: &Bench, programs: &Programs| {
        Built::without_images(programs)?.network_with_a_flipped_bit(&bench.folder().join("changed-initrd"))
    };
    play("kfimg-changed-root-from-the-network", image, |machine, payload| {
        machine.power_on(&payload)?;
        is_refused(machine)
    });
}

#[test]
#[ignore = "emulates a whole machine for minutes: make vm-test"]
fn a_changed_root_on_a_disk_is_refused() {
    let image = |bench: &Bench, programs: &Programs| {
        Built::without_images(programs)?.disk_with_a_flipped_bit(&bench.folder().join("changed-disk"))
    };
    play("kfimg-changed-root-on-a-disk", image, |machine, payload| {
        machine.power_on_with(Delivery::Firmware(&payload))?;
        is_refused(machine)
    });
}

/// All programs of the root, and nobody writes to it.
fn is_read(machine: &mut Machine, format: &str) -> Result<()> {
    tell("the root is open", machine.wait_for_line("is verified as it is read", BOOT)?);
    let line = "cat /etc/trial; echo; findmnt -no SOURCE,FSTYPE,OPTIONS / | cut -d, -f1; cat /usr/bin/* >/dev/null; echo $?; \
                dmsetup table root | cut -d' ' -f3; dmsetup status root | cut -d' ' -f4; touch /usr/x 2>/dev/null; echo $?";
    let fits = |said: &str| said.lines().next() == Some("applied");
    machine.wait_for_line(APPLIED, BOOT)?;
    tell("the root runs", machine.wait_for_answer("a shell in the root", "cat /etc/trial", BOOT, fits)?);
    let said = machine.run(line, READ)?;
    let words: Vec<&str> = said.text.split_whitespace().collect();
    // `V`: no block was found wrong (`Documentation/admin-guide/device-mapper/verity.rst`).
    assert_eq!(words, ["applied", "/dev/mapper/root", format, "ro", "0", "verity", "V", "1"], "{}", said.text);
    Ok(())
}

/// The kernel names what it found, and the machine stays in its initrd: no payload is applied to such a root.
fn is_refused(machine: &mut Machine) -> Result<()> {
    tell("verity refuses", machine.wait_for_line("is corrupted", BOOT)?);
    tell("the machine stays in its initrd", machine.wait_for_line("mergency", BOOT)?);
    let shown = machine.console(LINES);
    assert!(!shown.contains(APPLIED), "{shown}");
    Ok(())
}

/// One machine with one image of the build.
fn play(
    name: &str,
    image: impl FnOnce(&Bench, &Programs) -> Result<Image>,
    act: impl FnOnce(&mut Machine, PathBuf) -> Result<()>,
) {
    scenario::run_alone(name, |bench| {
        let payload = payload(bench)?;
        let image = image(bench, &Programs::build(&COMPONENTS)?)?;
        machine(bench, &image)?.play(|machine| act(machine, payload))
    });
}

fn payload(bench: &Bench) -> Result<PathBuf> {
    let payload = bench.folder().join("payload.json");
    fs::write(&payload, PAYLOAD)?;
    Ok(payload)
}

fn machine(bench: &Bench, image: &Image) -> Result<Machine> {
    Machine::build("trial", &bench.folder().join("qemu"), image, Hardware::new(MAC, DISK), bench.lan())
}
