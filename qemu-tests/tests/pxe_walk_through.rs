//! `docs/pxe.md` leads from an empty folder to a control plane: its files and commands, as they stand there, in a network without a way out, and
//! a machine with UEFI that finds its boot server by proxyDHCP beside a DHCP server that knows nothing of it.
//!
//! What the document fetches from the internet comes from the lab. Everything is emulated, so bounds are generous.

#[path = "../../cli/tests/support/dhcp.rs"]
mod dhcp;
#[allow(dead_code)]
#[path = "../../cli/tests/support/fenced.rs"]
mod fenced;
#[allow(dead_code, clippy::unwrap_used)]
#[path = "../../cli/tests/support/steps.rs"]
mod steps;

use kfimg_lab::programs::{COMPONENTS, Programs};
use kfimg_lab::qemu::{Delivery, Hardware, Image, Machine, Workplace};
use kfimg_lab::scenario::tell;
use kfimg_lab::site::with_patience;
use kfimg_lab::{Cluster, Error, Result, Topology, scenario};
use std::path::Path;
use std::time::Duration;

const DOCUMENT: &str = include_str!("../../docs/pxe.md");
const CHAPTER: &str = "From an empty folder to a control plane";
/// Who builds and serves, and the machine, as the document has them.
const SERVER: &str = "192.168.49.2/24";
const NODE: &str = "master1";
const MAC: &str = "52:54:00:00:01:51";
const DISK: u64 = 24 << 30;
/// What the terminal of `kfimg serve` says of the machine.
const STEPS: [&str; 6] = [
    "asks for a loader (UEFI)",
    "runs iPXE",
    "boot script",
    "kernel: vmlinuz fetched",
    "initrd: initrd fetched",
    "payload: ignition.json fetched",
];

/// A server's start.
const START: Duration = Duration::from_secs(60);
/// From power-on to the payload: firmware, loader, kernel, and an initrd with the root in it.
const BOOT: Duration = Duration::from_secs(1800);
/// From there to an API server that knows the node: its images come from the registry.
const API: Duration = Duration::from_secs(3600);

#[test]
#[ignore = "emulates a whole machine for minutes: make vm-test"]
fn the_document_leads_from_an_empty_folder_to_a_control_plane_that_booted_from_the_network() {
    scenario::run("pxe-walk-through", Topology::new(1, 0), |cluster| {
        let lan = cluster.lab().lan();
        lan.add_address(SERVER)?;
        let place = cluster.lab().folder().join("walk");
        let programs = Programs::build(&COMPONENTS)?;
        let mut workplace = Workplace::prepare(&place, &programs, &cluster.lab().bundle(), &lan)?;
        let chapter = &with_patience(steps::chapter(DOCUMENT, CHAPTER));
        let run = |line: &str, folder: &Path| workplace.command(line, folder).output().expect("nsenter is installed");
        assert_eq!(steps::walk("pxe.md", chapter, &workplace.folder(), run), 2, "commands");
        serve(cluster, &mut workplace, chapter)?;

        let hardware = Hardware::new(MAC, DISK);
        let folder = cluster.lab().folder().join("qemu");
        let mut machine = Machine::build(NODE, &folder, &Image::Network, hardware, &lan)?;
        let booted = machine.play(|machine| boot(&workplace, machine, chapter));
        booted.map_err(|error| {
            Error::unusable(error.to_string(), format!("kfimg serve said:\n{}", workplace.log("kfimg")))
        })
    });
}

/// The site's DHCP server, and what the document starts beside it.
fn serve(cluster: &Cluster, workplace: &mut Workplace, chapter: &str) -> Result<()> {
    // It listens where the document's does.
    cluster.lab().registry().stop()?;
    workplace.start(&format!("dnsmasq {}", dhcp::DNSMASQ.join(" ")), "dnsmasq")?;
    workplace.wait_for_log("dnsmasq", "IP range", START)?;
    workplace.start(steps::line(chapter, "kfimg serve "), "kfimg")?;
    workplace.wait_for_log("kfimg", "proxyDHCP", START).map(drop)
}

fn boot(workplace: &Workplace, machine: &mut Machine, chapter: &str) -> Result<()> {
    machine.power_on_with(Delivery::Nothing)?;
    tell("the payload is there", machine.wait_for_line("payload: master1, generation 1", BOOT)?);
    for step in STEPS {
        workplace.wait_for_log("kfimg", &format!("{NODE}: {step}"), START)?;
    }
    let ask = steps::line(chapter, "kubectl ");
    tell("the API answers", workplace.wait_for_answer(ask, API, |said| said.contains(NODE))?);
    Ok(())
}
