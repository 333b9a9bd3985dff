//! What is done before any clock starts: disks that hold all images, and what kubeadm's guide has people put on a machine.

use super::{BOUND, kubeadm, payload};
use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Machine, Result};

/// Boots each machine with a payload without Kubernetes, pulls all images, switches it off, lays kubeadm down, and keeps the disk.
pub(crate) fn disks(cluster: &Cluster) -> Result<()> {
    let images = fs_err::read_to_string(cluster.output().join("images.txt"))?;
    for machine in cluster.machines()? {
        machine.power_on(&payload::bare(cluster, machine.name(), &[])?)?;
    }
    for machine in cluster.machines()? {
        pull(&machine, &images)?;
        machine.power_off()?;
        machine.with_disk(|disk| kubeadm::lay_down(cluster, &machine, disk))?;
        machine.keep_disk()?;
    }
    Ok(())
}

fn pull(machine: &Machine, images: &str) -> Result<()> {
    wait_for("containerd", BOUND, || {
        let answer = machine.exec(&["crictl", "info"]);
        Ok(answer.map_or_else(|error| Look::NotYet(error.to_string()), |_| Look::Found(())))
    })?;
    images.lines().try_for_each(|image| machine.exec(&["crictl", "pull", image]).map(drop))
}

/// Ends what runs, and makes all disks what they were.
pub(crate) fn restore(cluster: &Cluster) -> Result<()> {
    cluster.power_cut_all()?;
    cluster.machines()?.iter().try_for_each(Machine::restore_disk)
}
