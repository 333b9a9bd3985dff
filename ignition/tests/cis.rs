//! The lint of the CIS benchmark: every built-in profile passes for every role, and every automated check can fail, alone.
//!
//! Whether the checks are those of kube-bench is asked in `make interop`; whether a booted node agrees, in the lab.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "cis/automated.rs"]
mod automated;
#[path = "cis/changes.rs"]
mod changes;
#[path = "cis/manual.rs"]
mod manual;
#[allow(dead_code, reason = "each test takes a part of it")]
mod site;

use automated::AUTOMATED;
use changes::{Change, apply, deployment};
use kfimg_ignition::cis::{Applied, Check, Judged, Kind, Outcome, checks, judge};
use kfimg_ignition::tree::NodeTree;
use kfimg_profiles::builtin::PROFILES;
use kfimg_profiles::cluster::Cluster;
use kfimg_profiles::description::{Argument, Role};
use kfimg_profiles::load::{self, Inputs};
use manual::MANUAL;
use serde_json::json;
use site::Site;
use std::collections::BTreeSet;

/// Number of automated checks that a role has; control planes are etcd members here.
const ROLES: [(Role, usize); 3] = [(Role::ControlPlane, 65), (Role::Etcd, 16), (Role::Worker, 12)];

fn judged(site: &Site, node: &str) -> Judged {
    let first = site.cluster.control_planes().next().unwrap().name.clone();
    judge(&site.tree(node), &Applied::of(&site.tree(&first)).unwrap()).unwrap()
}

/// Ids of a kind whose outcome is of a sort.
fn ids(judged: &Judged, kind: Kind, is: fn(&Outcome) -> bool) -> BTreeSet<&'static str> {
    let of_kind =
        |(check, outcome): (&'static Check, &Outcome)| (check.kind == kind && is(outcome)).then_some(check.id);
    checks().zip(&judged.outcomes).filter_map(of_kind).collect()
}

fn fails(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Fail(_))
}

fn passes(outcome: &Outcome) -> bool {
    *outcome == Outcome::Pass
}

#[test]
fn every_built_in_profile_passes_for_every_role() {
    for profile in PROFILES {
        let inputs = Inputs { profile: Some(profile.name.to_owned()), ..Inputs::default() };
        let site = Site::new(load::load(&inputs).unwrap().cluster);
        for node in &site.cluster.nodes {
            let judged = judged(&site, &node.name);
            let failed = ids(&judged, Kind::Automated, fails);
            assert!(failed.is_empty(), "{} {}: {failed:?}", profile.name, node.name);
            let passed = ids(&judged, Kind::Automated, passes).len();
            let expected = ROLES.iter().find(|(role, _)| *role == node.role).unwrap().1;
            let without_etcd = if site.cluster.is_etcd_member(node) || node.role == Role::Worker { 0 } else { 10 };
            assert_eq!(passed, expected - without_etcd, "{} {}", profile.name, node.name);
        }
    }
}

#[test]
fn etcd_nodes_and_control_planes_without_etcd_have_what_is_theirs() {
    let site = Site::with(|cluster| {
        let workers = cluster.nodes.iter_mut().filter(|node| node.role == Role::Worker);
        workers.for_each(|node| node.role = Role::Etcd);
    });
    for (node, expected) in [("master1", 55), ("worker1", 16)] {
        let judged = judged(&site, node);
        assert_eq!(ids(&judged, Kind::Automated, fails), BTreeSet::new(), "{node}");
        assert_eq!(ids(&judged, Kind::Automated, passes).len(), expected, "{node}");
    }
}

/// What `ha3` leaves to a look, on purpose or because it is the site's choice. `docs/cis.md` says why.
#[test]
fn manual_checks_say_what_they_see() {
    let master = judged(&Site::new(Cluster::fake()), "master1");
    let warned = [
        "1.2.3", "1.2.9", "1.2.11", "3.1.1", "4.2.7", "5.1.7", "5.2.1", "5.2.2", "5.2.5", "5.2.7", "5.2.8", "5.2.9",
        "5.2.11", "5.3.1", "5.3.2", "5.5.1",
    ];
    assert_eq!(ids(&master, Kind::Manual, fails), BTreeSet::from(warned));
    let left = ids(&master, Kind::Manual, |outcome| matches!(outcome, Outcome::NotJudged(_)));
    assert_eq!(left, BTreeSet::from(["3.1.2", "5.4.2", "5.6.1"]));
}

#[test]
fn each_automated_check_can_fail_and_fails_alone() {
    let base = Site::new(Cluster::fake());
    let mut seen = BTreeSet::new();
    for (id, change) in AUTOMATED {
        let nodes: &[&str] = if id.starts_with("4.") { &["master1", "worker1"] } else { &["master1"] };
        for node in nodes {
            let failed = ids(&after(&base, node, change), Kind::Automated, fails);
            assert_eq!(failed, BTreeSet::from([*id]), "{id} on {node}");
        }
        seen.insert(*id);
    }
    let all = checks().filter(|check| check.kind == Kind::Automated).map(|check| check.id).collect();
    assert_eq!(seen, all, "each has a change that it sees");
}

#[test]
fn manual_checks_change_their_answer_alone() {
    let base = Site::new(Cluster::fake());
    let before = ids(&judged(&base, "master1"), Kind::Manual, fails);
    for (expected, change) in MANUAL {
        let judged = after(&base, "master1", change);
        let differing = ids(&judged, Kind::Manual, fails).symmetric_difference(&before).copied().collect();
        assert_eq!(expected.iter().copied().collect::<BTreeSet<_>>(), differing);
        assert_eq!(ids(&judged, Kind::Automated, fails), BTreeSet::new(), "{expected:?}");
    }
    let seen: BTreeSet<&str> = MANUAL.iter().flat_map(|(ids, _)| ids.iter().copied()).collect();
    let judged_here = checks().filter(|check| check.kind == Kind::Manual && check.left_to_people().is_none());
    let left: Vec<&str> = judged_here.map(|check| check.id).filter(|id| !seen.contains(id)).collect();
    // The kubelet always has a name, and the control plane's own pods always do some of these things.
    assert_eq!(left, [&["4.2.7"], &OF_OWN_PODS[..]].concat());
}

/// What some pod of every cluster does.
const OF_OWN_PODS: [&str; 6] = ["5.2.2", "5.2.5", "5.2.7", "5.2.8", "5.2.9", "5.2.11"];

#[test]
fn only_pods_that_do_what_few_should_are_faults() {
    let good = deployment(&json!({}), &json!({}));
    let bad = deployment(
        &json!({"hostNetwork": true, "securityContext": {}, "volumes": [{"name": "a", "hostPath": {"path": "/a"}}]}),
        &json!({"securityContext": {"privileged": true}}),
    );
    let base = Site::new(Cluster::fake());
    for (pod, expected) in [(&good, &[][..]), (&bad, &OF_OWN_PODS)] {
        let master = judged(&base.changed(|cluster| apply(cluster, pod)), "master1");
        let of_pod = |outcome: &Outcome| match outcome {
            Outcome::Fail(faults) => faults.iter().any(|fault| fault.found.starts_with("Deployment/own ")),
            _ => false,
        };
        let found: Vec<&str> =
            checks().zip(&master.outcomes).filter(|(_, outcome)| of_pod(outcome)).map(|(check, _)| check.id).collect();
        assert_eq!(found, expected);
    }
}

/// The node judged after a change of its cluster or of its tree.
fn after(base: &Site, node: &str, change: &Change) -> Judged {
    let changed = |tree: NodeTree| change.apply(tree);
    match change.cluster() {
        Some(change) => judged(&base.changed(change), node),
        None => {
            // What control planes apply is read from the changed tree, where it is one of theirs.
            let applied = Applied::of(&changed(base.tree("master1"))).unwrap();
            judge(&changed(base.tree(node)), &applied).unwrap()
        }
    }
}

#[test]
fn faults_name_the_file_what_was_found_and_what_is_required() {
    let site = Site::with(|cluster| {
        cluster.scheduler.extra_args = vec![Argument { name: "profiling".to_owned(), value: "true".to_owned() }];
    });
    let master = judged(&site, "master1");
    let (_, outcome) = checks().zip(&master.outcomes).find(|(check, _)| check.id == "1.4.1").unwrap();
    let Outcome::Fail(faults) = outcome else { panic!("{outcome:?}") };
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].path, "/etc/kubernetes/manifests/kube-scheduler.yaml");
    assert_eq!((&*faults[0].found, &*faults[0].required), ("--profiling=true", "--profiling=false"));
}

#[test]
fn no_outcome_shows_a_key() {
    let site = Site::with(|cluster| {
        cluster.api_server.encryption.provider = kfimg_profiles::description::EncryptionProvider::Identity;
    });
    let shown = format!("{:?}", judged(&site, "master1").outcomes);
    assert!(shown.contains("identity is the first provider"), "{shown}");
    let config = site::object(&site.tree("master1"), "/etc/kubernetes/apiserver/encryption.yaml");
    let keys = config.pointer("/resources/0/providers/1/secretbox/keys/0/secret").unwrap();
    assert!(!shown.contains(keys.as_str().unwrap()));
}

#[test]
fn a_tree_without_a_plan_is_refused() {
    let error = judge(&NodeTree::new(), &Applied::default()).unwrap_err();
    assert_eq!(error.to_string(), "/etc/kfimg/plan.json: there is no plan; this is a bug of kfimg");
}
