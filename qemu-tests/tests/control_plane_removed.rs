//! Control planes are taken out of the description and switched off, in the order that `kfimg diff` says: the others take their members out of etcd by
//! themselves, and those that were removed join nothing and found nothing when they come back with their old payload, with a disk as it was or
//! with a blank one.

use kfimg_lab::generation::Step;
use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Machine, Result, Topology, scenario};
use std::path::PathBuf;
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(300);
/// The address has moved by then, if a machine had it that is off now.
const SETTLED: Duration = Duration::from_secs(15);
/// What etcd, the API server and keepalived of a control plane are started by.
const MANIFESTS: [&str; 3] = [
    "/etc/kubernetes/manifests/etcd.yaml",
    "/etc/kubernetes/manifests/kube-apiserver.yaml",
    "/etc/kubernetes/manifests/keepalived.yaml",
];

#[test]
#[ignore = "boots machines: make cluster-test"]
fn control_planes_that_are_removed_leave_etcd_and_the_others_go_on() {
    scenario::run("control_plane_removed", Topology::new(5, 0), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(5, BOUND)?;
        cluster.wait_voters(BOUND)?;
        cluster.write_mark("five")?;
        let removed = ["master4", "master5"];
        let old = [kept_payload(cluster, removed[0])?, kept_payload(cluster, removed[1])?];

        // Who stays learns of it first; until then a machine that is off would still count in etcd's majority.
        let steps = cluster.render_next(Topology::new(3, 0))?;
        let (stay, go) = Step::split(&steps, removed[0]);
        stay.iter().try_for_each(|step| cluster.follow(step, BOUND))?;
        cluster.machine("master1")?.wait_told("etcd", "MEMBER_UNPLANNED", BOUND)?;
        go.iter().try_for_each(|step| cluster.follow(step, BOUND))?;
        cluster.wait_one_holder(SETTLED)?;
        // Now each of the three sees three voters, and nobody else.
        cluster.wait_voters(BOUND)?;
        cluster.wait_ready(3, BOUND)?;

        // Both come back. One still has its data, the other one nothing.
        let strays = [cluster.lab().machine(removed[0])?, cluster.lab().machine(removed[1])?];
        strays[1].wipe()?;
        for (stray, payload) in strays.iter().zip(old) {
            stray.power_on(&payload)?;
        }
        for stray in &strays {
            stray.wait_told("etcd", "PLAN_OLDER", BOUND)?;
            has_no_etcd(stray)?;
        }
        cluster.wait_voters(BOUND)?;
        cluster.wait_one_holder(SETTLED)?;
        for stray in &strays {
            // Its haproxy finds the others' API servers in good health, and nobody tells it who holds the address.
            assert!(!stray.has_address(cluster.topology().endpoint()), "{} has taken the address", stray.name());
            stray.power_cut()?;
        }
        cluster.wait_one_holder(SETTLED)?;
        cluster.wait_voters(BOUND)?;
        assert_eq!(cluster.marks()?, ["five"]);
        Ok(())
    });
}

/// A copy of a payload that the next render takes away.
fn kept_payload(cluster: &Cluster, node: &str) -> Result<PathBuf> {
    let copy = cluster.lab().folder().join(format!("{node}-old.json"));
    fs_err::copy(cluster.payload(node), &copy)?;
    Ok(copy)
}

/// It may have begun with its own data before it heard of the others; it ends that.
fn has_no_etcd(stray: &Machine) -> Result<()> {
    let look = || {
        let there: Vec<&str> = MANIFESTS.into_iter().filter(|path| stray.read(path).is_some()).collect();
        Ok(Look::when(there.is_empty(), (), || format!("{there:?}, {:?}", stray.step("etcd"))))
    };
    wait_for(&format!("no etcd, no API server and no keepalived on {}", stray.name()), BOUND, look).map(drop)
}
