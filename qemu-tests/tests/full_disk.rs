//! A disk that fills up takes no snapshot and stops nobody else; a machine that boots with it says so; and with room again it works as if
//! nothing had been.

use kfimg_lab::{Cluster, Error, Machine, Result, Topology, scenario};
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use std::path::Path;
use std::time::Duration;

/// Bytes that stay free of a disk that is full: the file system needs some for itself.
const LEFT: u64 = 16 << 20;
/// So much is too little for a snapshot (`agent`, `snapshot`), and enough for etcd.
const LEFT_FOR_ETCD: u64 = 300 << 20;
const BALLAST: &str = "ballast";
const BOUND: Duration = Duration::from_secs(240);
const SOON: Duration = Duration::from_secs(60);

#[test]
#[ignore = "boots machines: make cluster-test"]
fn a_full_disk_is_named_and_room_heals_it() {
    scenario::run("full_disk", Topology::new(3, 1), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(4, BOUND)?;
        cluster.wait_voters(SOON)?;
        cluster.write_mark("before")?;
        let machine = cluster.machine("master2")?;
        fills_up_while_it_runs(cluster, &machine)?;

        machine.power_cut()?;
        machine.with_disk(|disk| fill(disk, LEFT))?;
        cluster.power_on("master2")?;
        machine.wait_told("preflight", "DATA_FULL", SOON)?;
        cluster.wait_written("without-master2", SOON)?;
        machine.power_cut()?;
        machine.with_disk(|disk| Ok(fs_err::remove_file(disk.join(BALLAST))?))?;
        cluster.power_on("master2")?;
        cluster.wait_voters(BOUND)?;
        cluster.wait_ready(4, BOUND)?;
        takes_a_snapshot(&machine)?;
        assert_eq!(cluster.marks()?, ["before", "full", "without-master2"]);
        Ok(())
    });
}

/// No snapshot is begun that would leave etcd without room; and when there is none at all, the other two write on.
fn fills_up_while_it_runs(cluster: &Cluster, machine: &Machine) -> Result<()> {
    takes_a_snapshot(machine)?;
    fill(&machine.disk(), LEFT_FOR_ETCD)?;
    assert!(machine.exec(&["systemctl", "start", "kfimg-snapshot.service"]).is_err(), "a snapshot without room");
    machine.wait_told("snapshot", "SNAPSHOT_SPACE", SOON)?;
    cluster.wait_voters(SOON)?;
    fill(&machine.disk(), LEFT)?;
    cluster.wait_written("full", SOON)
}

fn takes_a_snapshot(machine: &Machine) -> Result<()> {
    machine.exec(&["systemctl", "start", "kfimg-snapshot.service"])?;
    let done = machine.step("snapshot").filter(|step| step.state == "done");
    done.map(drop).ok_or_else(|| Error::unusable("the snapshot", format!("{:?}", machine.step("snapshot"))))
}

/// Lets one file grow until so many bytes of the disk are left. Blocks are only set aside, so it takes a moment.
fn fill(disk: &Path, left: u64) -> Result<()> {
    let file = fs_err::OpenOptions::new().create(true).write(true).truncate(false).open(disk.join(BALLAST))?;
    let room = statvfs(disk).map_err(std::io::Error::from)?;
    let more = room.f_bavail.saturating_mul(room.f_frsize).saturating_sub(left);
    if more > 0 {
        let size = file.metadata()?.len();
        fallocate(file.file(), FallocateFlags::empty(), size, more).map_err(std::io::Error::from)?;
    }
    Ok(())
}
