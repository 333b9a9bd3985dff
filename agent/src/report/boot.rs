//! The format of `/run/kfimg/boot.json`: how far a boot has come, for programs and for `kfimg serve`.
//!
//! It carries no secret and may be read by everybody. It changes only when there is something new to tell.

use super::UNIT_FAILED;
use super::probe::{Probe, Readiness};
use super::units::Unit;
use crate::failure::Code;
use crate::plan::{Plan, Role, SUPPORT_ENDS_SOON};
use crate::root::Root;
use crate::step::{Notice, State, Status, Step};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// The format that is written.
const VERSION: u32 = 1;
/// Certificates that end within this many seconds are told of.
const SOON: i64 = 30 * 24 * 3600;
/// No such file is larger, in bytes.
const STATUS_LIMIT: u64 = 1 << 20;

/// All of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Boot {
    /// [`VERSION`].
    pub(super) version: u32,
    /// Name of the node.
    pub(super) node: String,
    /// Its role.
    pub(super) role: Option<Role>,
    /// Name of the cluster.
    pub(super) cluster: Option<String>,
    /// Generation of its payload.
    pub(super) generation: Option<u64>,
    /// Versions of what is told about.
    pub(super) versions: Versions,
    /// The kernel's id of this boot.
    pub(super) boot_id: String,
    /// How far it is, in one word.
    pub(super) phase: Phase,
    /// Second since 1970 since which the phase is so.
    pub(super) since: i64,
    /// Seconds from the start of the machine until it was up for the first time.
    pub(super) up_after_seconds: Option<u64>,
    /// What has to be done, in order: the steps of kfimg, then `kubelet`, `api-server` and `node`.
    pub(super) steps: Vec<Item>,
    /// Units that systemd calls failed, or starts again and again.
    pub(super) units: Vec<Unit>,
    /// How long the certificates of the payload hold. A client certificate that the kubelet has renewed itself is not counted.
    pub(super) certificates: Option<End>,
    /// How long the Kubernetes project corrects the version that runs here.
    pub(super) support: Option<End>,
}

/// Versions.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Versions {
    /// Of this program.
    pub(super) agent: String,
    /// Of Kubernetes, as the plan says.
    pub(super) kubernetes: Option<String>,
}

/// Until when something is good.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct End {
    /// The last second since 1970.
    pub(super) not_after: i64,
    /// Whether that is near, or over.
    pub(super) end_soon: bool,
}

impl End {
    /// Near it is only when the clock was read.
    fn at(not_after: i64) -> Self {
        Self { not_after, end_soon: false }
    }
}

/// A boot in one word.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Phase {
    /// Everything that has begun goes on.
    Booting,
    /// Something waits for somebody else.
    Waiting,
    /// Something failed; see its code.
    Failed,
    /// All steps are done, and Kubernetes calls the node ready.
    Up,
}

/// How far one step is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Progress {
    /// It has not begun.
    Pending,
    /// It works.
    Running,
    /// It waits for somebody else.
    Waiting,
    /// It has reached its aim.
    Done,
    /// It has not.
    Failed,
}

/// One step.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    /// Its name.
    pub(super) name: String,
    /// How far it is.
    pub(super) state: Progress,
    /// A line for a person.
    pub(super) message: String,
    /// Second since 1970 since which state and message are so; 0 where it has not begun.
    pub(super) since: i64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) failure: Option<Notice>,
    /// What did not stop it.
    pub(super) warnings: Vec<Notice>,
}

impl Item {
    fn pending(name: &str) -> Self {
        let (name, message) = (name.to_owned(), String::new());
        Self { name, state: Progress::Pending, message, since: 0, failure: None, warnings: Vec::new() }
    }

    fn of(status: &Status) -> Self {
        let state = match status.state {
            State::Running => Progress::Running,
            State::Waiting => Progress::Waiting,
            State::Done => Progress::Done,
            State::Failed => Progress::Failed,
        };
        Self {
            name: status.step.name().to_owned(),
            state,
            message: status.message.clone(),
            since: status.since,
            failure: status.failure.clone(),
            warnings: status.warnings.clone(),
        }
    }

    fn readiness(name: &str, readiness: &Readiness) -> Self {
        let (state, message) = match readiness {
            Readiness::Unasked => (Progress::Pending, String::new()),
            Readiness::No(reason) => (Progress::Waiting, reason.clone()),
            Readiness::Yes => (Progress::Done, "ready".to_owned()),
        };
        Self { state, message, ..Self::pending(name) }
    }

    fn fail(&mut self, code: &Code, message: &str) {
        let (code, remedy) = (code.name.to_owned(), code.remedy.to_owned());
        self.state = Progress::Failed;
        message.clone_into(&mut self.message);
        self.failure = Some(Notice { code, message: message.to_owned(), remedy });
    }
}

impl Boot {
    /// What is known now; [`Boot::finish`] adds the rest.
    pub(super) fn new(root: &Root, plan: Option<&Plan>, statuses: &[Status], probe: &Probe) -> Self {
        let mut boot = Self {
            version: VERSION,
            node: plan.map_or_else(|| kernel_text(root, "hostname"), |plan| plan.node.name.clone()),
            role: plan.map(|plan| plan.node.role),
            cluster: plan.map(|plan| plan.cluster.name.clone()),
            generation: plan.map(|plan| plan.generation),
            versions: Versions {
                agent: env!("CARGO_PKG_VERSION").to_owned(),
                kubernetes: plan.map(|plan| plan.cluster.kubernetes_version.clone()),
            },
            boot_id: kernel_text(root, "random/boot_id"),
            phase: Phase::Booting,
            since: 0,
            up_after_seconds: None,
            steps: items(plan, statuses, probe),
            units: probe.units.clone(),
            certificates: plan.map(|plan| End::at(plan.certificates.not_after)),
            support: plan.and_then(|plan| plan.cluster.support_end).map(End::at),
        };
        boot.tell_of_silent_units();
        boot
    }

    /// Phase and times, which depend on what was told before.
    pub(super) fn finish(&mut self, before: Option<&Self>, now: i64, elapsed: Duration) {
        self.phase = self.phase();
        let same = before.filter(|before| before.phase == self.phase);
        self.since = same.map_or(now, |before| before.since);
        let first = (self.phase == Phase::Up).then_some(elapsed.as_secs());
        self.up_after_seconds = before.and_then(|before| before.up_after_seconds).or(first);
        for (end, soon) in [(&mut self.certificates, SOON), (&mut self.support, SUPPORT_ENDS_SOON)] {
            if let Some(end) = end {
                end.end_soon = end.not_after.saturating_sub(now) < soon;
            }
        }
        for item in self.steps.iter_mut().filter(|item| item.since == 0 && item.state != Progress::Pending) {
            let same = |old: &&Item| old.name == item.name && old.state == item.state && old.message == item.message;
            let old = before.and_then(|before| before.steps.iter().find(same));
            item.since = old.map_or(now, |old| old.since);
        }
    }

    /// A failure of something that has no step of its own.
    pub(super) fn fail(&mut self, name: &str, code: &Code, message: &str) {
        let mut item = Item::pending(name);
        item.fail(code, message);
        self.steps.insert(0, item);
    }

    /// Whether a reader would learn nothing new.
    pub(super) fn tells_the_same(&self, other: &Self) -> bool {
        self == other
    }

    /// Units that failed while their step, if they have one, says something else. A unit that systemd starts again,
    /// and whose step tells its own failure, is not told of twice.
    fn tell_of_silent_units(&mut self) {
        for unit in self.units.iter().filter(|unit| unit.matters()) {
            let name = unit.step();
            let message = unit.to_string();
            match self.steps.iter_mut().find(|item| item.name == name) {
                Some(item) if item.state == Progress::Failed => {}
                Some(item) => item.fail(&UNIT_FAILED, &message),
                None => {
                    let mut item = Item::pending(name);
                    item.fail(&UNIT_FAILED, &message);
                    self.steps.push(item);
                }
            }
        }
    }

    fn phase(&self) -> Phase {
        let any = |state| self.needed().any(|item| item.state == state);
        match () {
            () if any(Progress::Failed) => Phase::Failed,
            () if any(Progress::Waiting) => Phase::Waiting,
            () if any(Progress::Running) || any(Progress::Pending) => Phase::Booting,
            () => Phase::Up,
        }
    }

    /// Snapshots come and go, and a node without one is up.
    fn needed(&self) -> impl Iterator<Item = &Item> {
        self.steps.iter().filter(|item| item.name != Step::Snapshot.name())
    }
}

/// Every step that this node has, whether it has begun or not.
fn items(plan: Option<&Plan>, statuses: &[Status], probe: &Probe) -> Vec<Item> {
    let step = |step: Step| {
        let told = statuses.iter().find(|status| status.step == step).map(Item::of);
        told.or_else(|| expected(plan, step).then(|| Item::pending(step.name())))
    };
    let mut items: Vec<Item> = [Step::Data, Step::Unseal, Step::Clock, Step::Preflight, Step::Images, Step::Etcd]
        .into_iter()
        .filter_map(step)
        .collect();
    items.push(Item::readiness("kubelet", &probe.kubelet));
    if plan.is_some_and(|plan| plan.node.role != Role::Etcd) {
        items.push(Item::readiness("api-server", &probe.api_server));
        items.push(Item::readiness("node", &probe.node));
    }
    items.extend([Step::Fetch, Step::Addons, Step::Snapshot].into_iter().filter_map(step));
    items
}

/// Whether a boot of this node is not over before the step has begun.
fn expected(plan: Option<&Plan>, step: Step) -> bool {
    let Some(plan) = plan else { return false };
    match step {
        Step::Data => plan.data_partition.as_ref().is_some_and(|data| data.min_disk_bytes.is_some()),
        Step::Unseal => plan.sealed.is_some(),
        Step::Clock | Step::Preflight | Step::Images => true,
        Step::Etcd => plan.etcd.is_some() || plan.api_server_manifest.is_some(),
        Step::Fetch => !plan.fetch.is_empty(),
        Step::Addons => plan.addons.is_some(),
        Step::Snapshot => false,
    }
}

/// What a step told last. A file that can't be read tells nothing.
pub(super) fn read_status(root: &Root, step: Step) -> Option<Status> {
    read(&step.file(root))
}

/// What was written last to one of the files below `/run/kfimg`.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let small = std::fs::metadata(path).is_ok_and(|metadata| metadata.len() <= STATUS_LIMIT);
    small.then(|| std::fs::read(path).ok()).flatten().and_then(|text| serde_json::from_slice(&text).ok())
}

/// A text of the kernel below `/proc/sys/kernel`.
fn kernel_text(root: &Root, name: &str) -> String {
    let text = std::fs::read_to_string(root.at("/proc/sys/kernel").join(name)).unwrap_or_default();
    text.trim().to_owned()
}

/// A reader sees the old text or the new one; everybody may read it.
pub(super) fn write(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let partial = path.with_extension("partial");
    let _ = std::fs::remove_file(&partial);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(&partial)?;
    std::io::Write::write_all(&mut file, text)?;
    std::fs::rename(&partial, path)
}
