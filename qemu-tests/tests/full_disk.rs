//! A full disk is named, and a machine with room again works as if nothing had been.

use kfimg_lab::{Topology, scenario};
use std::time::Duration;

/// Bytes that stay free: the file system needs some for itself.
const LEFT: u64 = 16 << 20;
const BOUND: Duration = Duration::from_secs(240);

#[test]
#[ignore = "boots machines: make cluster-test"]
fn a_full_disk_is_named_at_boot_and_room_heals_it() {
    scenario::run("full_disk", Topology::new(3, 1), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(4, BOUND)?;
        cluster.write_mark("before")?;
        let machine = cluster.machine("master2")?;
        machine.power_cut()?;
        machine.with_disk(|disk| {
            let file = fs_err::File::create(disk.join("ballast"))?;
            let room = rustix::fs::statvfs(disk).map_err(std::io::Error::from)?;
            let all = room.f_bavail.saturating_mul(room.f_frsize).saturating_sub(LEFT);
            rustix::fs::fallocate(file.file(), rustix::fs::FallocateFlags::empty(), 0, all)
                .map_err(std::io::Error::from)?;
            Ok(())
        })?;
        cluster.power_on("master2")?;
        machine.wait_told("preflight", "DATA_FULL", Duration::from_secs(60))?;
        assert!(cluster.endpoint_answers());
        machine.power_cut()?;
        machine.with_disk(|disk| Ok(fs_err::remove_file(disk.join("ballast"))?))?;
        cluster.power_on("master2")?;
        cluster.wait_voters(BOUND)?;
        cluster.wait_ready(4, BOUND)?;
        assert_eq!(cluster.marks()?, ["before"]);
        Ok(())
    });
}
