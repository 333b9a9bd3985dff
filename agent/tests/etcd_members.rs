//! Members of a cluster as they boot, lose their disks and come back: the real agent and the real etcd, on loopback.
//!
//! They need the real etcd; `make guard-test` builds it and runs them all, `make interop` the first. A stand-in starts it where a node has its kubelet.

#![allow(clippy::unwrap_used)]

mod members;

use members::cluster::Cluster;
use members::node::Node;
use std::process::Command;
use std::time::Duration;

const ALL: &[u8] = &[1, 2, 3];

fn founded(test: &str, network: u8, members: u8) -> Cluster {
    let mut cluster = Cluster::new(test, network, members);
    cluster.boot_all();
    cluster.wait_joined(60);
    assert!(cluster.put(&[1], "before", "kept"));
    cluster
}

fn sleep(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

#[test]
#[ignore = "needs etcd, which `make guard-test` and `make interop` build"]
fn three_blank_members_found_one_cluster_at_once() {
    let mut cluster = Cluster::new("found", 1, 3);
    cluster.boot_all();
    let manifests = cluster.wait("manifests", 20, |cluster| cluster.nodes.iter().all(Node::has_manifest));
    let joined = cluster.wait_joined(60);
    println!("manifests after {manifests:?}, joined {joined:?} later");
    assert!(cluster.put(&[1], "a", "1"));
    assert_eq!(cluster.get(&[3], "a"), "1");
    assert_eq!(cluster.listed(&[2]), ["master1", "master2", "master3"]);
    for node in &cluster.nodes {
        assert!(node.has_api_server());
        println!("{}", node.memory());
    }
}

#[test]
#[ignore = "needs etcd, which `make guard-test` builds"]
fn members_that_start_late_are_waited_for_and_then_found_without_delay() {
    for (network, order) in [(2, [1, 2, 3]), (3, [3, 1, 2]), (4, [2, 3, 1])] {
        let mut cluster = Cluster::new(&format!("order{network}"), network, 3);
        for number in &order[..2] {
            cluster.nodes[number - 1].boot();
            sleep(1500);
        }
        let missing = format!("master{}", order[2]);
        let first = &cluster.nodes[order[0] - 1];
        assert_eq!(first.message(), format!("waiting for {missing}"));
        assert!(!first.has_manifest());
        cluster.nodes[order[2] - 1].boot();
        let manifests = cluster.wait("manifests", 20, |cluster| cluster.nodes.iter().all(Node::has_manifest));
        println!("{manifests:?} after the last one started");
        assert!(manifests < Duration::from_secs(2));
        cluster.wait_joined(60);
        assert_eq!(cluster.listed(ALL), ["master1", "master2", "master3"]);
    }
}

#[test]
#[ignore = "needs etcd, which `make guard-test` builds"]
fn a_single_member_founds_restarts_and_stops_when_its_data_are_gone_but_its_marker_is_not() {
    let mut cluster = founded("single", 5, 1);
    let node = &mut cluster.nodes[0];
    node.cut();
    node.boot();
    cluster.wait_joined(30);
    assert_eq!(cluster.get(&[1], "before"), "kept");
    let node = &mut cluster.nodes[0];
    node.cut();
    std::fs::remove_dir_all(node.root.join("var/lib/etcd/member")).unwrap();
    node.boot();
    cluster.wait("stop", 20, |cluster| cluster.nodes[0].status()["failure"]["code"] == "TOTAL_LOSS");
    assert!(!cluster.nodes[0].has_manifest());
}

#[test]
#[ignore = "needs etcd, which `make guard-test` builds"]
fn an_etcd_that_the_kubelet_starts_when_its_manifest_is_gone_touches_no_data() {
    let mut cluster = Cluster::new("late", 30, 1);
    cluster.nodes[0].boot_with_late_kubelet(Duration::from_secs(100));
    cluster.wait("first decision", 10, |cluster| cluster.nodes[0].has_manifest());
    let first = std::fs::read(cluster.nodes[0].manifest_path()).unwrap();
    // A container that was started gets a minute to show its process.
    cluster.wait("another start", 90, |cluster| {
        std::fs::read(cluster.nodes[0].manifest_path()).is_ok_and(|text| text != first)
    });
    cluster.wait_joined(60);
    assert!(cluster.put(&[1], "before", "kept"));
    let said = std::fs::read_to_string(cluster.nodes[0].root.join("etcd.log")).unwrap();
    assert!(said.contains("peer.crt: no such file or directory"), "the first one had its keys");
}

#[test]
#[ignore = "needs etcd, which `make guard-test` builds"]
fn each_member_in_turn_is_wiped_and_comes_back_by_itself() {
    let mut cluster = founded("wipe", 6, 3);
    for wiped in [1_u8, 2, 3, 3, 1] {
        let others: Vec<u8> = (1..=3).filter(|number| *number != wiped).collect();
        let node = &mut cluster.nodes[usize::from(wiped) - 1];
        node.cut();
        node.wipe();
        sleep(1000);
        cluster.wait("a leader", 20, |cluster| cluster.put(&others, "meanwhile", &wiped.to_string()));
        cluster.nodes[usize::from(wiped) - 1].boot();
        println!("master{wiped} is back after {:?}", cluster.wait_joined(60));
        assert_eq!(cluster.listed(&[wiped]), ["master1", "master2", "master3"]);
        assert_eq!(cluster.get(&[wiped], "before"), "kept");
        assert_eq!(cluster.get(&[wiped], "meanwhile"), wiped.to_string());
        assert!(cluster.nodes[usize::from(wiped) - 1].has_api_server());
    }
}

#[test]
#[ignore = "needs etcd, which `make guard-test` builds"]
fn two_wiped_members_that_start_first_found_nothing_and_the_third_brings_everything_back() {
    let mut cluster = founded("two-wiped", 7, 3);
    cluster.nodes.iter_mut().for_each(Node::cut);
    for node in &mut cluster.nodes[..2] {
        node.wipe();
        node.boot();
    }
    sleep(5000);
    for node in &cluster.nodes[..2] {
        assert!(!node.has_manifest());
        assert_eq!(node.message(), "waiting for master3");
    }
    cluster.nodes[2].boot();
    cluster.wait("QUORUM_LOST", 20, |cluster| {
        cluster.nodes[..2].iter().all(|node| node.message().starts_with("QUORUM_LOST"))
    });
    assert!(!cluster.nodes[0].has_manifest() && !cluster.nodes[1].has_manifest());
    cluster.nodes.iter_mut().for_each(Node::cut);
    cluster.render.incarnation = 2;
    cluster.render.generation = 2;
    cluster.render.recover_from = Some(3);
    cluster.deliver();
    cluster.boot_all();
    println!("recovered after {:?}", cluster.wait_joined(120));
    assert_eq!(cluster.get(&[1], "before"), "kept");
    assert_eq!(cluster.listed(&[2]), ["master1", "master2", "master3"]);
    // The payload still says so at the next boot, and nothing is forced again.
    assert!(cluster.put(&[1], "after", "kept"));
    cluster.nodes.iter_mut().for_each(Node::cut);
    cluster.boot_all();
    cluster.wait_joined(60);
    assert_eq!(cluster.get(&[3], "after"), "kept");
    assert_eq!(cluster.listed(&[3]), ["master1", "master2", "master3"]);
}

#[test]
#[ignore = "needs etcd, which `make guard-test` builds"]
fn a_cut_of_all_or_of_some_at_any_moment_ends_in_one_cluster() {
    for (network, seed) in [(8, 1_u64), (9, 2), (10, 3)] {
        let mut cluster = Cluster::new(&format!("cut{seed}"), network, 3);
        let mut random = seed;
        let mut draw = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        let mut written = None;
        for turn in 0..12 {
            cluster.boot_all();
            sleep(draw(700));
            if cluster.put(ALL, "turn", &turn.to_string()) {
                written = Some(turn);
            }
            for node in &mut cluster.nodes {
                match draw(4) {
                    0 => {}
                    1 => node.restart_agent(),
                    _ => node.cut(),
                }
            }
        }
        cluster.boot_all();
        println!("seed {seed}: joined after {:?}, last write {written:?}", cluster.wait_joined(240));
        assert_eq!(cluster.listed(ALL), ["master1", "master2", "master3"]);
        if let Some(turn) = written {
            // A later write that nobody acknowledged may have come through too.
            assert!(cluster.get(&[1], "turn").parse::<i32>().unwrap() >= turn);
        }
    }
}

#[test]
#[ignore = "needs etcd, which `make guard-test` builds"]
fn an_etcd_that_dies_in_its_first_boot_is_started_again_with_its_data_and_without_them_it_joins_anew() {
    let mut cluster = founded("dies", 11, 3);
    let kill = |cluster: &Cluster| {
        let id = cluster.nodes[0].etcd_id().unwrap();
        assert!(Command::new("kill").args(["-9", &id.to_string()]).status().unwrap().success());
        cluster.wait("its end", 5, |cluster| cluster.nodes[0].etcd_id() != Some(id));
    };
    kill(&cluster);
    cluster.wait("etcd", 60, |cluster| cluster.nodes[0].etcd_id().is_some() && cluster.put(&[1], "again", "1"));
    let manifest = std::fs::read_to_string(cluster.nodes[0].manifest_path()).unwrap();
    assert!(manifest.contains("--initial-cluster-state=existing") && !manifest.contains("restartPolicy"));
    // Now the kubelet starts it again by itself; etcd refuses, and the guard takes over.
    std::fs::remove_dir_all(cluster.nodes[0].root.join("var/lib/etcd/member")).unwrap();
    kill(&cluster);
    cluster.wait("joining", 150, |cluster| cluster.put(&[1], "third", "1"));
    assert_eq!(cluster.get(&[1], "before"), "kept");
    cluster.nodes[1].kill_agent();
    let before = cluster.nodes[1].etcd_id();
    cluster.nodes[1].start_agent();
    cluster.wait_joined(60);
    assert_eq!(cluster.nodes[1].etcd_id(), before, "an agent that starts again leaves etcd alone");
}

#[test]
#[ignore = "needs etcd, which `make guard-test` builds"]
fn an_etcd_that_takes_no_part_while_the_others_do_is_started_again() {
    let cluster = founded("partitioned", 33, 3);
    assert!(cluster.put(&[1], "before", "kept"));
    let stopped = cluster.nodes[1].etcd_id().unwrap();
    assert!(Command::new("kill").args(["-STOP", &stopped.to_string()]).status().unwrap().success());
    cluster.wait("two of three", 20, |cluster| cluster.put(&[1], "meanwhile", "kept"));
    sleep(20_000);
    assert_eq!(cluster.nodes[1].etcd_id(), Some(stopped), "patience lasts longer than that");
    cluster.wait("another start", 150, |cluster| cluster.nodes[1].etcd_id().is_some_and(|id| id != stopped));
    cluster.wait_joined(60);
    assert_eq!(cluster.get(&[2], "meanwhile"), "kept");
}

#[test]
#[ignore = "needs etcd, which `make guard-test` builds"]
fn a_fourth_and_a_fifth_member_come_by_the_next_generation_and_one_goes_for_good() {
    let mut cluster = founded("grow", 12, 3);
    for expected in [4, 5] {
        cluster.add();
        cluster.deliver();
        cluster.nodes.last_mut().unwrap().boot();
        println!("member {expected} joined after {:?}", cluster.wait_joined(60));
        for number in 0..cluster.nodes.len() - 1 {
            cluster.nodes[number].cut();
            cluster.nodes[number].boot();
            cluster.wait_joined(60);
        }
        assert_eq!(cluster.listed(&[1]).len(), expected);
    }
    cluster.render.members.retain(|number| *number != 2);
    cluster.render.generation += 1;
    let mut gone = cluster.nodes.remove(1);
    gone.cut();
    cluster.deliver();
    for node in 0..4 {
        cluster.nodes[node].cut();
        cluster.nodes[node].boot();
        cluster.wait_joined(60);
    }
    let time =
        cluster.wait("removal", 150, |cluster| cluster.listed(&[1]) == ["master1", "master3", "master4", "master5"]);
    println!("removed after {time:?}");
    // Its old payload does not bring it back.
    gone.boot();
    sleep(6000);
    assert_eq!(cluster.listed(&[1]), ["master1", "master3", "master4", "master5"]);
    assert!(gone.message().contains("newer plan"), "{}", gone.message());
    assert_eq!(cluster.get(&[5], "before"), "kept");
}

#[test]
#[ignore = "needs etcd, which `make guard-test` builds"]
fn two_of_five_are_wiped_at_once_and_both_come_back() {
    let mut cluster = founded("five", 13, 5);
    for node in &mut cluster.nodes[1..3] {
        node.cut();
        node.wipe();
    }
    sleep(1000);
    cluster.boot_all();
    println!("two of five are back after {:?}", cluster.wait_joined(120));
    assert_eq!(cluster.listed(&[2]).len(), 5);
    assert_eq!(cluster.get(&[3], "before"), "kept");
}

#[test]
#[ignore = "needs etcd, which `make guard-test` builds"]
fn data_of_another_cluster_stop_a_member_until_the_description_discards_them() {
    let mut cluster = founded("foreign", 14, 3);
    cluster.nodes[2].cut();
    cluster.nodes[2].wipe();
    let mut other = founded("other", 15, 1);
    other.nodes[0].cut();
    let from = other.nodes[0].root.join("var/lib/etcd/member");
    let to = cluster.nodes[2].root.join("var/lib/etcd");
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    cluster.nodes[2].boot();
    cluster.wait("stop", 20, |cluster| cluster.nodes[2].status()["failure"]["code"] == "FOREIGN_DATA");
    cluster.nodes[2].cut();
    cluster.render.discard = vec![3];
    cluster.deliver();
    cluster.nodes[2].boot();
    cluster.wait_joined(60);
    assert_eq!(cluster.get(&[3], "before"), "kept");
}

#[test]
#[ignore = "needs etcd, which `make guard-test` builds"]
fn an_api_server_apart_from_etcd_waits_for_a_quorum_and_stays_when_it_is_gone() {
    let mut cluster = Cluster::new("apart", 40, 3);
    cluster.add_client();
    cluster.nodes[3].boot();
    let says = |words: &'static str| move |cluster: &Cluster| cluster.nodes[3].message().contains(words);
    cluster.wait("a silent etcd", 20, says("no answer from master1, master2, master3"));
    cluster.nodes[0].boot();
    cluster.wait("a member alone", 20, says("no answer from master2, master3, no quorum on master1"));
    assert!(!cluster.nodes[3].has_api_server());
    cluster.boot_all();
    cluster.wait("an API server", 60, |cluster| cluster.nodes[3].has_api_server());
    cluster.wait_joined(60);
    for node in &mut cluster.nodes[..2] {
        node.cut();
    }
    sleep(10_000);
    assert!(cluster.nodes[3].has_api_server() && cluster.nodes[3].is_done(), "{}", cluster.nodes[3].status());
}

#[test]
#[ignore = "needs etcd, which `make guard-test` builds"]
fn an_api_server_apart_from_etcd_starts_anew_when_etcd_begins_anew() {
    let mut cluster = founded("anew", 41, 3);
    cluster.add_client();
    cluster.nodes[3].boot();
    cluster.wait_joined(60);
    let manifest = cluster.nodes[3].root.join("etc/kubernetes/manifests/kube-apiserver.yaml");
    let installed = || std::fs::metadata(&manifest).and_then(|metadata| metadata.modified()).ok();
    let before = installed().expect("the API server runs");
    for node in &mut cluster.nodes[..3] {
        node.cut();
    }
    for node in &cluster.nodes[1..3] {
        node.wipe();
    }
    cluster.render.incarnation = 2;
    cluster.render.generation = 2;
    cluster.render.recover_from = Some(1);
    // Its agent still has the plan with which it booted.
    cluster.deliver();
    for node in &mut cluster.nodes[..3] {
        node.boot();
    }
    cluster.wait("an API server that is started anew", 120, |_| installed().is_some_and(|time| time != before));
    cluster.wait_joined(60);
    assert_eq!(cluster.get(&[2], "before"), "kept");
}

#[test]
#[ignore = "needs etcd, which `make guard-test` builds"]
fn an_api_server_of_the_next_incarnation_does_not_start_on_the_last_one() {
    let mut cluster = founded("ahead", 42, 1);
    cluster.add_client();
    cluster.render.incarnation = 2;
    cluster.render.generation = 2;
    cluster.deliver();
    cluster.nodes[1].boot();
    cluster.wait("to wait", 20, |cluster| {
        cluster.nodes[1].message() == "waiting for incarnation 2 of etcd: its members still run 1"
    });
    assert!(!cluster.nodes[1].has_api_server());
}
