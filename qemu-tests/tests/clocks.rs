//! A machine whose clock is wrong boots until its API answers: a clock that stands before the render is set to it, years or a day; one that
//! goes ahead within the certificates' time is taken as it is; one after their end is named and starts nothing.
//!
//! A clock belongs to the kernel, so these machines are emulated whole.

use kfimg_lab::programs::{COMPONENTS, Programs};
use kfimg_lab::qemu::{Hardware, Image, Machine, wait_for_api};
use kfimg_lab::scenario::tell;
use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Error, Result, Topology, scenario};
use std::process::Command;
use std::time::Duration;

const NODE: &str = "master1";
const DISK: u64 = 20 << 30;
const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;
const YEAR: i64 = 365 * DAY;
/// By so much a clock may differ from what is expected of it: the emulated machine takes its time.
const SLACK: i64 = 10 * MINUTE;
const BOOT: Duration = Duration::from_secs(600);
/// From there to an API that answers. The first machine has to get its images.
const API: Duration = Duration::from_secs(2400);
const COMMAND: Duration = Duration::from_secs(60);

/// How wrong the clock is, how far ahead of the right time it must be afterwards, and what the step must say. One that is not ahead was set to
/// the moment of the render.
struct Case {
    wrong: i64,
    after: i64,
    state: &'static str,
    code: &'static str,
}

const CASES: [Case; 4] = [
    Case { wrong: -20 * YEAR, after: 0, state: "done", code: "" },
    Case { wrong: -DAY, after: 0, state: "done", code: "" },
    Case { wrong: 5 * MINUTE, after: 5 * MINUTE, state: "done", code: "" },
    // Later than fifteen years after its own making systemd takes a clock for broken, and sets it back.
    Case { wrong: 10 * YEAR, after: 10 * YEAR, state: "failed", code: "CLOCK_AFTER_CERTIFICATES" },
];

#[test]
#[ignore = "emulates a whole machine for minutes: make qemu-test"]
fn a_wrong_clock_is_set_or_named() {
    scenario::run("clocks", Topology::new(1, 0).emulated("/dev/vdb"), |cluster| {
        let rendered = now()?;
        let image = Image::build(&Programs::build(&COMPONENTS)?)?;
        let mac = cluster.topology().hardware(NODE).mac;
        let hardware = Hardware { memory_mib: 3072, ..Hardware::new(&mac, DISK) };
        let folder = cluster.lab().folder().join("qemu");
        let mut machine = Machine::build(NODE, &folder, &image, hardware, &cluster.lab().lan())?;
        // One disk for all: it has its images after the first boot, and its cluster lives through all of this.
        for case in &CASES {
            machine.set_clock(date(&["--date", &format!("@{}", now()? + case.wrong), "+%Y-%m-%dT%H:%M:%S"])?.trim());
            machine.play(|machine| boot(cluster, machine, case, rendered))?;
            machine.power_cut()?;
        }
        Ok(())
    });
}

fn boot(cluster: &Cluster, machine: &mut Machine, case: &Case, rendered: i64) -> Result<()> {
    machine.power_on(&cluster.payload(NODE))?;
    let look = || {
        let told = match machine.run("cat /run/kfimg/steps/clock.json; echo; date +%s", COMMAND) {
            Ok(said) if said.code == 0 => said.text,
            Ok(said) => return Ok(Look::NotYet(said.text)),
            Err(Error::Late { last, .. }) => return Ok(Look::NotYet(last)),
            Err(error) => return Err(error),
        };
        let ended = told.contains("\"done\"") || told.contains("\"failed\"");
        Ok(Look::when(ended, told.clone(), || told))
    };
    let (told, _) = wait_for("the clock step", BOOT, look)?;
    println!("{} s wrong: {told}", case.wrong);
    assert!(told.contains(&format!("\"{}\"", case.state)) && told.contains(case.code), "{told}");
    let clock: i64 = told.split_whitespace().next_back().and_then(|word| word.parse().ok()).unwrap_or(0);
    let latest = now()? + case.after;
    let earliest = if case.after == 0 { rendered } else { latest };
    assert!(clock > earliest - SLACK && clock < latest + SLACK, "{clock} is not from {earliest} to {latest}");
    if case.state == "failed" {
        let kubelet = machine.run("sleep 5; systemctl is-active kubelet", COMMAND)?;
        assert_ne!(kubelet.text, "active");
        assert!(!cluster.endpoint_answers(), "an API with certificates that have ended");
        return Ok(());
    }
    tell("the API answers", wait_for_api(cluster, API)?);
    // What was settled before a clock jumped is there after it.
    match cluster.marks()?.as_slice() {
        [] => cluster.write_mark("kept"),
        marks => {
            assert_eq!(marks, ["kept"]);
            Ok(())
        }
    }
}

fn now() -> Result<i64> {
    date(&["+%s"])?.trim().parse().map_err(|error| Error::unusable("date", error))
}

fn date(words: &[&str]) -> Result<String> {
    let output = Command::new("date").arg("-u").args(words).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
