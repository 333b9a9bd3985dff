//! A control plane is replaced by a machine with another name, in the order that `kfimg diff` says: those that stay learn of it, the old one
//! is switched off, the new one joins. The one that is replaced has the virtual address. The API answers all the time, and nothing is lost.

use kfimg_lab::generation::{Action, Step};
use kfimg_lab::watch::{Asked, Watch};
use kfimg_lab::{Cluster, Result, Topology, scenario};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(300);
/// keepalived takes three looks at a fresh haproxy, and two that announce themselves have agreed by then.
const SETTLED: Duration = Duration::from_secs(15);
/// An answer may take this long to be there again: haproxy finds out who has gone, the address moves, and five machines share two
/// processors with one that boots.
const GAP: Duration = Duration::from_secs(10);
const NEW: &str = "master4";

#[test]
#[ignore = "boots machines: make cluster-test"]
fn a_control_plane_is_replaced_by_another_one_while_the_api_answers() {
    scenario::run("control_plane_replaced", Topology::new(3, 1), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(4, BOUND)?;
        cluster.wait_voters(BOUND)?;
        let old = cluster.wait_one_holder(SETTLED)?;
        cluster.write_mark("before")?;
        let kubeconfig = fs_err::read(cluster.output().join("admin.kubeconfig"))?;

        let mut next = cluster.topology().clone();
        next.masters.retain(|master| *master != old);
        next.masters.push(NEW.to_owned());
        let steps = cluster.render_next(next.clone())?;
        let [first, second, _] = &next.masters[..] else { panic!("three control planes: {:?}", next.masters) };
        let expected = [
            (Action::Boot, first.as_str()),
            (Action::Boot, second.as_str()),
            (Action::SwitchOff, old.as_str()),
            (Action::BootNew, NEW),
            (Action::Boot, "worker1"),
        ];
        assert_eq!(Step::named(&steps), expected);

        let watch = Watch::begin(cluster, &[Asked::Api]);
        for step in &steps {
            cluster.follow(step, BOUND)?;
            cluster.wait_one_holder(SETTLED)?;
            step.nodes.iter().try_for_each(|node| cluster.wait_written(node, SETTLED))?;
        }
        let silent = watch.end();
        assert!(silent.iter().all(|silent| *silent <= GAP), "the API was silent for {silent:?}");

        cluster.wait_ready(4, BOUND)?;
        cluster.wait_voters(BOUND)?;
        cluster.wait_pods(BOUND)?;
        assert_eq!(fs_err::read(cluster.output().join("admin.kubeconfig"))?, kubeconfig, "people keep what they have");
        nothing_is_lost(cluster, &expected)
    });
}

/// Each member has every mark by itself, the new one too.
fn nothing_is_lost(cluster: &Cluster, steps: &[(Action, &str)]) -> Result<()> {
    let mut marks: Vec<String> = steps.iter().map(|(_, node)| (*node).to_owned()).collect();
    marks.push("before".to_owned());
    marks.sort();
    for member in cluster.topology().members() {
        cluster.wait_marks_of(&cluster.machine(member)?, &marks, BOUND)?;
    }
    Ok(())
}
