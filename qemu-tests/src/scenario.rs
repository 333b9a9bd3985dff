//! A scenario: one cluster (or none), something done to it, something that must hold; then everything is gone again.
//!
//! Scenarios are slow and share two processors, so one runs at a time on a machine, whoever started it.

use crate::lan::Lan;
use crate::{Cluster, Error, Lab, Result, Topology, cache, collect, leftovers};
use fs_err as fs;
use rustix::fs::{FlockOperation, flock};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Variable that leaves a failed scenario's machines up, to look into them.
const KEEP: &str = "KFIMG_LAB_KEEP";
/// How the name of a folder with the logs of a failed scenario ends.
const LOGS: &str = "failed";

/// What a scenario is played on.
trait Stage: Sized {
    /// Writes what tells why it failed into this folder.
    fn collect(&self, logs: &Path) -> Result<()>;
    /// Takes everything down, and leaves the folder.
    fn down(&self) -> Result<()>;
}

impl Stage for Cluster {
    fn collect(&self, logs: &Path) -> Result<()> {
        Cluster::collect(self, logs)
    }

    fn down(&self) -> Result<()> {
        Cluster::down(self)
    }
}

/// A lab without a cluster: a folder and a network, for machines that get no payload of one.
#[derive(Debug)]
pub struct Bench {
    folder: PathBuf,
    lan: Lan,
}

impl Bench {
    fn create(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let folder = fs::canonicalize(folder)?;
        let lan = Lan::of(&Lab::id_of(&folder));
        lan.up()?;
        Ok(Self { folder, lan })
    }

    /// The folder, which is gone afterwards.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The network.
    pub fn lan(&self) -> &Lan {
        &self.lan
    }
}

impl Stage for Bench {
    fn collect(&self, logs: &Path) -> Result<()> {
        collect::copy_all_logs(&self.folder, logs)
    }

    fn down(&self) -> Result<()> {
        leftovers::remove(&self.folder)
    }
}

/// Runs `act` on a fresh cluster of this topology, all machines off; removes it afterwards.
///
/// # Panics
/// When `act` fails or panics: after all logs and states were collected into a folder that the message names.
pub fn run(name: &str, topology: Topology, act: impl FnOnce(&mut Cluster) -> Result<()>) {
    end_well(name, attempt(name, |folder| Cluster::create(folder, topology), act));
}

/// Runs `act` where there is no cluster.
///
/// # Panics
/// As [`run`].
pub fn run_alone(name: &str, act: impl FnOnce(&mut Bench) -> Result<()>) {
    end_well(name, attempt(name, Bench::create, act));
}

fn end_well(name: &str, played: Result<()>) {
    if let Err(error) = played {
        panic!("{name}: {error}");
    }
}

fn attempt<S: Stage>(
    name: &str,
    create: impl FnOnce(&Path) -> Result<S>,
    act: impl FnOnce(&mut S) -> Result<()>,
) -> Result<()> {
    let place = cache().join("scenarios");
    fs::create_dir_all(&place)?;
    let lock = fs::File::create(place.join("lock"))?;
    flock(lock.file(), FlockOperation::LockExclusive).map_err(std::io::Error::from)?;
    let folder = place.join(name);
    let is_kept = std::env::var_os(KEEP).is_some();
    if !is_kept {
        clear_all(&place)?;
    }
    leftovers::clear(&folder)?;
    let mut stage = create(&folder)?;
    let acted = catch_unwind(AssertUnwindSafe(|| act(&mut stage)));
    let result = acted.unwrap_or_else(|panic| Err(Error::unusable("the scenario", said(panic.as_ref()))));
    let Err(error) = result else { return end(&stage, &folder) };
    let logs = place.join(format!("{name}.{LOGS}"));
    if logs.exists() {
        fs::remove_dir_all(&logs)?;
    }
    stage.collect(&logs)?;
    if !is_kept {
        end(&stage, &folder)?;
    }
    let machines =
        if is_kept { format!("; the machines are still up: KFIMG_LAB={}", folder.display()) } else { String::new() };
    Err(Error::unusable(format!("{error}\nlogs in {}{machines}", logs.display()), "this must not happen"))
}

/// Removes what killed runs of any scenario left: their machines go on, and share the processors with the next one.
fn clear_all(place: &Path) -> Result<()> {
    for entry in fs::read_dir(place)? {
        let path = entry?.path();
        if path.is_dir() && path.extension().is_none_or(|extension| extension != LOGS) {
            leftovers::clear(&path)?;
        }
    }
    Ok(())
}

fn end(stage: &impl Stage, folder: &Path) -> Result<()> {
    stage.down()?;
    Ok(fs::remove_dir_all(folder)?)
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_else(|| "a panic".to_owned())
}

/// How often a scenario that throws dice is to be played: `KFIMG_LAB_ROUNDS`, else this.
pub fn rounds(usual: usize) -> usize {
    std::env::var("KFIMG_LAB_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Says how long something took, for whoever watches.
pub fn tell(what: &str, time: Duration) {
    println!("{what} after {} s", time.as_secs());
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    const MAKEFILE: &str = include_str!("../../Makefile");
    const DOCUMENT: &str = include_str!("../../docs/lab.md");
    /// Targets that play what a list of the Makefile names. The first one plays all others.
    const TARGETS: [(&str, &str); 3] =
        [("make cluster-test", ""), ("make qemu-test", "EMULATED := "), ("make vm-test", "IMAGES := ")];

    type Played = BTreeMap<&'static str, BTreeSet<String>>;

    /// Which scenarios each target plays.
    fn played() -> Played {
        let entries = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")).unwrap();
        let names =
            entries.filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".rs")?.to_owned()));
        let mut left: BTreeSet<String> = names.collect();
        let mut played = Played::new();
        for (target, list) in TARGETS.iter().skip(1) {
            let line = MAKEFILE.lines().find_map(|line| line.strip_prefix(list)).unwrap();
            let named: BTreeSet<String> = line.split_whitespace().map(str::to_owned).collect();
            assert!(named.is_subset(&left), "the Makefile names scenarios that are not there: {named:?}");
            left.retain(|name| !named.contains(name));
            played.insert(target, named);
        }
        played.insert(TARGETS[0].0, left);
        played
    }

    /// The same, as the document tells it: a heading for each target, a table below, file names in its first column.
    fn told() -> Played {
        let chapters = TARGETS.map(|(target, _)| {
            let chapter = DOCUMENT.split(&format!("\n### `{target}`")).nth(1).unwrap();
            let chapter = chapter.split("\n#").next().unwrap();
            let rows = chapter.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
            let names = rows.flat_map(|row| row.split(['`', ',', ' '])).filter(|name| !name.is_empty());
            (target, names.map(str::to_owned).collect())
        });
        chapters.into()
    }

    #[test]
    fn the_document_and_each_scenario_say_which_target_plays_it() {
        let played = played();
        assert_eq!(played, told(), "docs/lab.md");
        for (target, names) in played {
            for name in names {
                let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(&name).with_extension("rs");
                let text = std::fs::read_to_string(file).unwrap();
                let reasons = text.lines().filter(|line| line.starts_with("#[ignore"));
                reasons.for_each(|reason| assert!(reason.contains(target), "{name}: {reason}"));
            }
        }
    }
}
