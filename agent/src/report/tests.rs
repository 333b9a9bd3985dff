//! What a person reads, from steps as they happen.

use super::Reporter;
use super::boot::{Boot, Item, Phase, Progress};
use super::console::{Console, duration};
use super::probe::{Probe, Readiness};
use crate::failure::{Failure, INTERNAL};
use crate::fake::Machine;
use crate::plan::{PLAN_PATH, Plan};
use crate::root::Root;
use crate::step::{Notice, Step, StepLog};
use crate::texts::Text;
use std::time::Duration;

const PLAN: &str = include_str!("../../tests/data/plan-worker.json");

fn ready() -> Probe {
    Probe { kubelet: Readiness::Yes, api_server: Readiness::Yes, node: Readiness::Yes, ..Probe::default() }
}

#[test]
fn a_boot_is_told_from_its_first_step_to_its_end() {
    let machine = Machine::with_plan_file(PLAN);
    let root = machine.root();
    let mut reporter = Reporter::new(root);
    assert_eq!(reporter.look(&Probe::default()), [""; 0]);
    StepLog::begin(root, Step::Data).done(&Text::fake(""));
    assert_eq!(reporter.look(&Probe::default()), ["data: done"]);
    let mut clock = StepLog::begin(root, Step::Clock);
    clock.waiting(&Text::fake("waiting for time servers"));
    assert_eq!(reporter.look(&Probe::default()), ["clock: waiting for time servers"]);
    assert_eq!(reporter.phase, Phase::Waiting);
    clock.done(&Text::fake("the clock is right"));
    StepLog::begin(root, Step::Preflight).done(&Text::fake("all is well"));
    StepLog::begin(root, Step::Images).done(&Text::fake("no bundle"));
    let lines = reporter.look(&Probe::default());
    assert_eq!(lines, ["clock: the clock is right", "preflight: all is well", "images: no bundle"]);
    assert_eq!(reporter.phase, Phase::Booting);
    let lines = reporter.look(&ready());
    assert_eq!(lines[..3], ["kubelet: ready", "api-server: ready", "node: ready"]);
    assert!(lines[3].starts_with("node worker1: up after "), "{lines:?}");
    let text = std::fs::read(root.at("/run/kfimg/boot.json")).unwrap();
    let boot: Boot = serde_json::from_slice(&text).unwrap();
    assert_eq!((boot.phase, boot.node.as_str(), boot.steps.len()), (Phase::Up, "worker1", 7));
}

#[test]
fn a_failure_stands_out_with_its_code_and_its_remedy() {
    let machine = Machine::with_plan_file(PLAN);
    let root = machine.root();
    let mut reporter = Reporter::new(root);
    StepLog::begin(root, Step::Preflight).failed(&Failure::new(&INTERNAL, "port 10250 is taken"));
    let lines = reporter.look(&Probe::default());
    assert_eq!(lines[1..3], ["preflight FAILED: INTERNAL", "    what:  port 10250 is taken"]);
    assert!(lines[3].starts_with("    to do: read the message"), "{lines:?}");
    assert_eq!(reporter.phase, Phase::Failed);
}

#[test]
fn a_node_without_a_plan_says_so() {
    let machine = Machine::new(Plan::fake());
    machine.put(PLAN_PATH, "{");
    let lines = Reporter::new(machine.root()).look(&Probe::default());
    assert_eq!(lines[1], "plan FAILED: PLAN");
}

fn item(state: Progress, message: &str) -> Item {
    let (name, message) = ("etcd".to_owned(), message.to_owned());
    Item { name, state, message, since: 1, failure: None, warnings: Vec::new() }
}

fn boot(items: Vec<Item>) -> Boot {
    let plan = serde_json::from_str(PLAN).unwrap();
    let mut boot = Boot::new(&Root::new("/nonexistent"), Some(&plan), &[], &Probe::default());
    boot.steps = items;
    boot
}

#[test]
fn waits_are_told_when_they_change_and_every_half_minute() {
    let mut console = Console::default();
    let mut at = |seconds: u64, state, message: &str| {
        console.lines(&boot(vec![item(state, message)]), Duration::from_secs(seconds)).join("|")
    };
    use Progress::{Running, Waiting};
    for (second, state, message, expected) in [
        (0, Running, "", ""),
        (1, Waiting, "waiting for master2", "etcd: waiting for master2"),
        (2, Waiting, "waiting for master2", ""),
        (30, Waiting, "waiting for master2", ""),
        (31, Waiting, "waiting for master2", "etcd: waiting for master2 (for 30 s)"),
        (91, Waiting, "waiting for master2", "etcd: waiting for master2 (for 1 min 30 s)"),
        (92, Waiting, "waiting for master2, master3", ""),
        (96, Waiting, "waiting for master2, master3", "etcd: waiting for master2, master3"),
        (97, Waiting, "waiting for master2, master3 (no answer for 5 s)", ""),
        (126, Waiting, "waiting for master3 (no answer for 40 s)", "etcd: waiting for master3 (no answer for 40 s)"),
        (150, Waiting, "waiting for master3 (no answer for 64 s)", ""),
        (156, Waiting, "waiting for master3 (no answer for 70 s)", "etcd: waiting for master3 (no answer for 70 s)"),
        (157, Running, "starting etcd", "etcd: starting etcd"),
    ] {
        assert_eq!(at(second, state, message), expected, "second {second}");
    }
}

#[test]
fn a_step_that_fails_again_and_again_is_told_every_five_minutes() {
    let mut console = Console::default();
    let mut at = |seconds: u64, state, message: &str| {
        console.lines(&boot(vec![item(state, message)]), Duration::from_secs(seconds)).len()
    };
    use Progress::{Done, Failed, Running};
    for (second, state, message, lines) in [
        (0, Failed, "one", 4),
        (2, Running, "", 0),
        (4, Failed, "one", 0),
        (10, Failed, "two", 4),
        (12, Running, "", 0),
        (14, Failed, "two", 0),
        (310, Failed, "two", 4),
        (311, Done, "well", 1),
        (312, Failed, "two", 4),
    ] {
        assert_eq!(at(second, state, message), lines, "second {second}");
    }
}

#[test]
fn warnings_are_told_once() {
    let mut console = Console::default();
    let notice = Notice { code: "MEMORY".into(), message: "1 GiB".into(), remedy: "add some".into() };
    let warned = Item { warnings: vec![notice], ..item(Progress::Done, "well") };
    let lines = console.lines(&boot(vec![warned.clone()]), Duration::ZERO);
    assert_eq!(lines, ["etcd: well", "etcd: warning MEMORY: 1 GiB", "    to do: add some"]);
    assert_eq!(console.lines(&boot(vec![warned]), Duration::from_secs(60)), [""; 0]);
}

#[test]
fn ends_that_are_near_are_told_once() {
    const DAY: i64 = 86_400;
    let mut console = Console::default();
    let mut at = |now: i64| {
        let mut boot = boot(Vec::new());
        boot.finish(None, now, Duration::ZERO);
        let near = [&boot.certificates, &boot.support].map(|end| end.as_ref().unwrap().end_soon);
        let lines = console.lines(&boot, Duration::ZERO).into_iter().filter(|line| !line.contains(" up")).collect();
        (near, lines)
    };
    // The plan's version is supported until 2027-06-28, its certificates end at 2029-11-20.
    let (support, certificates) = (1_814_227_199, 1_889_841_760);
    let none: Vec<String> = Vec::new();
    assert_eq!(at(support - 60 * DAY), ([false, false], none.clone()));
    let (near, lines) = at(support - 60 * DAY + 1);
    assert_eq!(near, [false, true]);
    let first = "warning KUBERNETES_END_OF_LIFE: the last corrections of v1.36.3 are those of 2027-06-28";
    assert_eq!(lines[0], first);
    assert!(lines[1].starts_with("    to do: write the next minor version"), "{lines:?}");
    assert_eq!(at(support + 100 * DAY), ([false, true], none));
    let (near, lines) = at(certificates - 30 * DAY + 1);
    assert_eq!((near, lines[0].as_str()), ([true, true], "certificates of this node end in less than 30 days"));
}

#[test]
fn durations_read_as_people_say_them() {
    for (seconds, expected) in
        [(0, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (11_400, "3 h 10 min")]
    {
        assert_eq!(duration(Duration::from_secs(seconds)), expected);
    }
}

/// The example of `docs/boot.md`, by which people write programs.
#[test]
fn the_example_of_the_document_has_every_field_of_the_format() {
    let document = include_str!("../../../docs/boot.md");
    let example = document.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let boot: Boot = serde_json::from_str(example).unwrap();
    let written: serde_json::Value = serde_json::to_value(&boot).unwrap();
    assert_eq!(written, serde_json::from_str::<serde_json::Value>(example).unwrap());
}
