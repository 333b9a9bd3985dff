//! `docs/vmware.md` leads from an empty folder to a control plane: its files and commands, as they stand there, make an appliance that the vCenter
//! simulator imports and gives its payload; a machine boots the appliance's disk with the guestinfo that the simulator has.
//!
//! No ESXi is here: guestinfo reaches the machine by QEMU's firmware. What the document fetches from the internet comes from the lab. Everything
//! is emulated, so bounds are generous.

#[allow(dead_code)]
#[path = "../../cli/tests/support/fenced.rs"]
mod fenced;
#[allow(dead_code, clippy::unwrap_used)]
#[path = "../../cli/tests/support/steps.rs"]
mod steps;
#[allow(clippy::unwrap_used)]
#[path = "../../cli/tests/support/vcenter.rs"]
mod vcenter;

use kfimg_lab::programs::{COMPONENTS, Programs};
use kfimg_lab::qemu::{Built, Delivery, Hardware, Machine, Make, Workplace};
use kfimg_lab::scenario::tell;
use kfimg_lab::site::with_patience;
use kfimg_lab::{Result, Topology, scenario};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;
use vcenter::Vcenter;

const DOCUMENT: &str = include_str!("../../docs/vmware.md");
const CHAPTER: &str = "From an empty folder to a control plane";
/// Who asks the API, and the machine, as the document has them.
const PERSON: &str = "192.168.49.2/24";
const NODE: &str = "master1";
const MAC: &str = "00:50:56:00:01:51";
/// As large as the appliance's own.
const DISK: u64 = 32 << 30;
const PAYLOAD: &str = "guestinfo.ignition.config.data";

/// From power-on to the payload.
const BOOT: Duration = Duration::from_secs(1200);
/// From there to an API server that knows the node: its images come from the appliance.
const API: Duration = Duration::from_secs(3600);

/// The folder in which the document is walked through, and its vCenter.
struct Site {
    workplace: Workplace,
    vcenter: Vcenter,
}

impl Site {
    /// Runs a line in this folder, with govc's environment.
    fn run(&self, line: &str, folder: &Path) -> Output {
        let mut command = self.workplace.command(line, folder);
        command.envs(self.vcenter.environment()).env("GOVMOMI_HOME", folder);
        command.output().expect("nsenter is installed")
    }

    /// Runs a line that must succeed in the reader's folder; gives its standard output.
    fn succeed(&self, line: &str) -> String {
        let output = self.run(line, &self.workplace.folder());
        assert!(output.status.success(), "$ {line}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What vCenter knows of the machine.
    fn machine(&self) -> serde_json::Value {
        vcenter::machine(&self.succeed(&format!("govc vm.info -json -e {NODE}")))
    }

    /// The payload that the machine would read as guestinfo, as a file.
    fn given(&self) -> PathBuf {
        let machine = self.machine();
        assert_eq!(machine["runtime"]["powerState"], "poweredOn");
        assert!(machine.to_string().contains(MAC), "{machine}");
        let guestinfo = vcenter::guestinfo(&machine);
        assert_eq!(guestinfo[&format!("{PAYLOAD}.encoding")], "gzip+base64");
        let folder = self.workplace.folder();
        std::fs::write(folder.join("given"), &guestinfo[PAYLOAD]).expect("the folder is the test's own");
        self.succeed("base64 --decode given >given.gz; gzip --decompress --stdout given.gz >given.json");
        folder.join("given.json")
    }
}

#[test]
#[ignore = "emulates a whole machine for minutes: make vm-test"]
fn the_document_leads_from_an_empty_folder_to_a_control_plane_that_booted_the_appliances_disk() {
    scenario::run("vmware-walk-through", Topology::new(1, 0), |cluster| {
        let lab = cluster.lab();
        let lan = lab.lan();
        lan.add_address(PERSON)?;
        lab.registry().stop()?;
        let components: Vec<&str> = COMPONENTS.into_iter().chain(["vsphere"]).collect();
        let programs = Programs::build(&components)?;
        let place = lab.folder().join("walk");
        let workplace = Workplace::prepare(&place, &programs, &lab.bundle(), &lan)?;
        workplace.install("govc", &programs.path("govc")?)?;
        let vcenter = Vcenter::start(&mut lan.command(programs.path("vcsim")?));
        let site = Site { workplace, vcenter };
        let chapter = &with_patience(steps::chapter(DOCUMENT, CHAPTER));
        let folder = site.workplace.folder();
        assert_eq!(steps::walk("vmware.md", chapter, &folder, |line, folder| site.run(line, folder)), 3, "commands");

        let disk = Built::at(&folder.join("images")).appliance(&place.join("appliance"))?;
        let hardware = Hardware { make: Make::Vmware, ..Hardware::new(MAC, DISK) };
        let mut machine = Machine::build(NODE, &lab.folder().join("qemu"), &disk, hardware, &lan)?;
        machine.play(|machine| boot(&site, machine, chapter))
    });
}

fn boot(site: &Site, machine: &mut Machine, chapter: &str) -> Result<()> {
    machine.power_on_with(Delivery::Firmware(&site.given()))?;
    tell("the payload is there", machine.wait_for_line("payload: master1, generation 1", BOOT)?);
    let ask = steps::line(chapter, "kubectl ");
    tell("the API answers", site.workplace.wait_for_answer(ask, API, |said| said.contains(NODE))?);
    site.succeed(steps::line(chapter, "out/vmware/deploy.sh --erase"));
    let left = vcenter::guestinfo(&site.machine());
    assert!(left.values().all(String::is_empty), "erased: {:?}", left.keys());
    Ok(())
}
