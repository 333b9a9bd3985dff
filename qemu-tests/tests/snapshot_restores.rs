//! All disks but one with a snapshot are lost: the next incarnation starts from the snapshot, with higher revisions.

use kfimg_lab::{Cluster, Error, Result, Topology, scenario};
use std::path::Path;
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(300);
/// Where the data partition, the machine's `/var`, keeps snapshots.
const SNAPSHOTS: &str = "lib/kfimg/snapshots";
/// Where an operator puts the one that counts.
const KEPT: &str = "lib/kfimg/restore.db";

#[test]
#[ignore = "boots machines: make cluster-test"]
fn a_snapshot_named_in_the_description_brings_a_lost_cluster_back() {
    scenario::run("snapshot_restores", Topology::new(3, 0), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(3, BOUND)?;
        cluster.write_mark("in-the-snapshot")?;
        let machine = cluster.machine("master1")?;
        machine.exec(&["systemctl", "start", "kfimg-snapshot.service"])?;
        let revision = revision(cluster)?;
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
        assert!(self::revision(cluster)? > revision + 1_000_000, "a revision came twice");
        Ok(())
    });
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
