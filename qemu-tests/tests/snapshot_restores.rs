//! Snapshots are taken by a timer and on demand. All disks but one with a snapshot are lost: the next incarnation starts from the snapshot,
//! with higher revisions.

use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Error, Machine, Result, Topology, scenario};
use std::path::Path;
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(300);
/// Where the data partition, the machine's `/var`, keeps snapshots.
const SNAPSHOTS: &str = "lib/kfimg/snapshots";
/// By so much a restored store is ahead (`docs/recovery.md`), so that no revision comes twice.
const AHEAD: u64 = 1_000_000_000;
/// The timer's own times are a quarter of an hour after a boot, and six hours: here it is told to be due at once.
const DUE: &str = "[Timer]\nOnBootSec=\nOnActiveSec=1s\nRandomizedDelaySec=0\nAccuracySec=1s\n";
const TIMER: &str = "kfimg-snapshot.timer";
/// From the timer to a verified snapshot.
const SOON: Duration = Duration::from_secs(60);
/// Where an operator puts the one that counts.
const KEPT: &str = "lib/kfimg/restore.db";

#[test]
#[ignore = "boots machines: make cluster-test"]
fn a_snapshot_named_in_the_description_brings_a_lost_cluster_back() {
    scenario::run("snapshot_restores", Topology::new(3, 0), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(3, BOUND)?;
        by_the_timer(&cluster.machine("master2")?)?;
        cluster.write_mark("in-the-snapshot")?;
        let machine = cluster.machine("master1")?;
        cluster.wait_marks_of(&machine, &["in-the-snapshot".to_owned()], BOUND)?;
        let revision = revision(cluster)?;
        machine.exec(&["systemctl", "start", "kfimg-snapshot.service"])?;
        cluster.write_mark("after-it")?;

        cluster.power_cut_all()?;
        let snapshot = machine.with_disk(|disk| {
            let snapshot = newest(&disk.join(SNAPSHOTS))?;
            Ok(fs_err::read(snapshot)?)
        })?;
        cluster.wipe_all()?;
        machine.with_disk(|disk| {
            let file = disk.join(KEPT);
            fs_err::create_dir_all(file.parent().unwrap_or(disk))?;
            Ok(fs_err::write(file, &snapshot)?)
        })?;
        let layer = format!("etcd: {{incarnation: 2, restore: {{node: master1, file: /var/{KEPT}}}}}\n");
        let topology = cluster.topology().clone().layer(&layer);
        cluster.render(topology)?;
        cluster.power_on_all()?;
        cluster.wait_ready(3, BOUND)?;
        cluster.wait_voters(BOUND)?;
        assert_eq!(cluster.marks()?, ["in-the-snapshot"]);
        let ahead = self::revision(cluster)?.saturating_sub(revision);
        assert!(ahead >= AHEAD, "the restored store is ahead by {ahead} only");
        Ok(())
    });
}

/// A boot leaves the timer waiting, nobody has taken a snapshot yet, and when it is due one is taken.
fn by_the_timer(machine: &Machine) -> Result<()> {
    assert!(machine.step("snapshot").is_none(), "{:?}", machine.step("snapshot"));
    let timer = machine.exec(&["systemctl", "list-timers", "--no-legend", TIMER])?;
    assert!(timer.contains("kfimg-snapshot.service"), "the timer does not wait: {timer}");
    let folder = machine.running_root()?.join(format!("run/systemd/system/{TIMER}.d"));
    fs_err::create_dir_all(&folder)?;
    fs_err::write(folder.join("10-due.conf"), DUE)?;
    machine.exec(&["systemctl", "daemon-reload"])?;
    machine.exec(&["systemctl", "restart", TIMER])?;
    let look = || {
        let step = machine.step("snapshot");
        let done = step.as_ref().is_some_and(|step| step.state == "done");
        Ok(Look::when(done, (), || format!("{step:?}")))
    };
    wait_for("a snapshot by the timer", SOON, look)?;
    newest(&machine.disk().join(SNAPSHOTS)).map(drop)
}

fn newest(folder: &Path) -> Result<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        files.push(entry?.path());
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "db"));
    files.sort();
    let missing = || Error::unusable(folder.display().to_string(), "holds no snapshot");
    files.pop().ok_or_else(missing)
}

/// The revision of the store, which every list carries. Objects keep those of their own.
fn revision(cluster: &Cluster) -> Result<u64> {
    let wrong = |error: &dyn std::fmt::Display| Error::unusable("the list of namespaces", error.to_string());
    let text = cluster.kubectl(&["get", "--raw", "/api/v1/namespaces"])?;
    let list: serde_json::Value = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
    let revision = list["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    revision.parse().map_err(|error| wrong(&error))
}
