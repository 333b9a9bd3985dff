//! Units that run the agent.

use crate::is_wanted;
use crate::site::{Site, text};
use kfimg_profiles::description::Role;

const EVERYWHERE: [&str; 4] = ["clock", "preflight", "images", "report"];

#[test]
fn each_role_runs_its_steps() {
    let stacked = Site::with(|_| {});
    let external = Site::with(|cluster| cluster.nodes[0].role = Role::Etcd);
    let cases: [(&Site, &str, &[&str]); 4] = [
        (&stacked, "master1", &["etcd", "addons", "snapshot"]),
        (&stacked, "worker1", &[]),
        (&external, "master1", &["etcd", "snapshot"]),
        // Its API server is installed by the same step, without a member beside it.
        (&external, "master2", &["etcd", "addons"]),
    ];
    for (site, node, own) in cases {
        let tree = site.tree(node);
        for step in EVERYWHERE.iter().chain(&["etcd", "addons", "snapshot"]) {
            let unit = format!("kfimg-{step}.service");
            let has = tree.get(&format!("/etc/systemd/system/{unit}")).is_some();
            assert_eq!(has, EVERYWHERE.contains(step) || own.contains(step), "{node} {step}");
            let wanted = is_wanted(&tree, &unit, "multi-user.target");
            assert_eq!(wanted, has && *step != "snapshot", "{node} {step}");
        }
        let timed = is_wanted(&tree, "kfimg-snapshot.timer", "timers.target");
        assert_eq!(timed, own.contains(&"snapshot"), "{node}");
    }
}

#[test]
fn no_boot_starts_what_the_guard_has_not_let_go() {
    let site = Site::with(|_| {});
    let pods = ["etcd", "kube-apiserver", "keepalived"];
    let expected = pods.map(|pod| format!("r! /etc/kubernetes/manifests/{pod}.yaml\n")).concat();
    let tree = site.tree("master1");
    assert_eq!(text(&tree, "/etc/tmpfiles.d/kfimg-manifests.conf"), expected);
    for pod in pods {
        assert!(tree.get(&format!("/etc/kubernetes/manifests/{pod}.yaml")).is_none(), "{pod}");
    }
    assert!(site.tree("worker1").get("/etc/tmpfiles.d/kfimg-manifests.conf").is_none());
}

#[test]
fn every_step_ends_in_bounded_time() {
    let tree = Site::with(|_| {}).tree("master1");
    let steps = ["clock", "preflight", "images", "etcd", "snapshot"];
    for step in steps {
        let unit = text(&tree, &format!("/etc/systemd/system/kfimg-{step}.service"));
        assert!(unit.contains("\nTimeoutStartSec="), "{step}");
    }
}

#[test]
fn snapshots_come_in_the_interval_of_the_description() {
    let site = Site::with(|cluster| cluster.etcd.snapshot_interval = std::time::Duration::from_secs(3600));
    let expected = "\
[Unit]
Description=kfimg: regular snapshots of etcd

[Timer]
OnBootSec=15min
OnUnitActiveSec=3600s
RandomizedDelaySec=360s
FixedRandomDelay=yes
";
    assert_eq!(text(&site.tree("master1"), "/etc/systemd/system/kfimg-snapshot.timer"), expected);
}
