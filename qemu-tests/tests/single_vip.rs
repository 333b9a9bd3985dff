//! Profile `single-vip`: one control plane behind a virtual address, which later is one of three; nobody has to learn another
//! address for it.

use kfimg_lab::{Entrance, Topology, scenario};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(300);
/// keepalived takes three looks at a fresh haproxy, and two that announce themselves have agreed by then.
const SETTLED: Duration = Duration::from_secs(15);

fn topology(masters: u8) -> Topology {
    Topology::of_profile("single-vip", masters, 1, Entrance::Virtual)
}

#[test]
#[ignore = "boots machines: make cluster-test"]
fn one_control_plane_behind_a_virtual_address_becomes_three() {
    scenario::run("single_vip", topology(1), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(2, BOUND)?;
        cluster.wait_voters(BOUND)?;
        cluster.wait_pods(BOUND)?;
        assert_eq!(cluster.wait_one_holder(SETTLED)?, "master1");
        cluster.write_mark("one")?;
        let kubeconfig = fs_err::read(cluster.output().join("admin.kubeconfig"))?;

        // The first one learns of the others before they come.
        cluster.render(topology(3).layer("etcd: {members: 3}\n"))?;
        cluster.build_missing_machines()?;
        cluster.reboot("master1", BOUND)?;
        for (number, new) in ["master2", "master3"].into_iter().enumerate() {
            cluster.power_on(new)?;
            cluster.wait_ready(3 + number, BOUND)?;
        }
        cluster.wait_voters(BOUND)?;
        cluster.wait_one_holder(SETTLED)?;
        assert_eq!(fs_err::read(cluster.output().join("admin.kubeconfig"))?, kubeconfig, "people keep what they have");
        cluster.write_mark("three")?;

        // What they were added for.
        let holder = cluster.wait_one_holder(SETTLED)?;
        cluster.machine(&holder)?.power_cut()?;
        let other = cluster.wait_one_holder(SETTLED)?;
        assert_ne!(other, holder);
        assert_eq!(cluster.marks()?, ["one", "three"]);
        Ok(())
    });
}
