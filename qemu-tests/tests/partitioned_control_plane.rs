//! The network fails, and nobody loses power: the holder of the virtual address loses its cable, then another holder is parted from the other
//! control planes while clients still reach it. Each time the majority goes on, the address is where it can answer, the minority acknowledges
//! nothing, and when the network is whole again all members have every acknowledged write.

use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Machine, Result, Topology, scenario, site};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(240);
/// A holder without a majority has let the address go by then: its API server says so after 2 s, its haproxy and keepalived each want to see
/// that twice; where a processor is short, all of this takes its time.
const MOVED: Duration = Duration::from_secs(60);
/// A write may go to a connection that leads nowhere any more.
const WRITTEN: Duration = Duration::from_secs(60);
/// Two that announce themselves have agreed by then.
const SETTLED: Duration = Duration::from_secs(15);
/// Looks in a row, a second apart, that have to find the same holder.
const LOOKS: usize = 5;

#[test]
#[ignore = "boots machines: make cluster-test"]
fn a_control_plane_without_the_others_acknowledges_nothing_and_is_one_of_them_again_when_the_network_is_whole() {
    scenario::run("partitioned_control_plane", Topology::new(3, 1), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(4, BOUND)?;
        cluster.wait_voters(Duration::from_secs(60))?;
        let mut marks = Vec::new();
        write(cluster, &mut marks, "whole")?;
        without_its_cable(cluster, &mut marks)?;
        is_whole(cluster, &marks)?;
        apart_from_the_others(cluster, &mut marks)?;
        is_whole(cluster, &marks)
    });
}

/// Nothing reaches the holder any more, and it reaches nobody.
fn without_its_cable(cluster: &Cluster, marks: &mut Vec<String>) -> Result<()> {
    let holder = cluster.wait_one_holder(SETTLED)?;
    let mut machine = cluster.machine(&holder)?;
    machine.cut()?;
    let next = moved(cluster, &holder)?;
    write(cluster, marks, "without-a-cable")?;
    println!("{holder} has no cable, {next} has the address");
    assert!(!machine.has_address(site::VIP), "{holder} still has the address");
    machine.plug()
}

/// The other control planes and the holder do not reach each other; the worker and clients reach all of them.
fn apart_from_the_others(cluster: &Cluster, marks: &mut Vec<String>) -> Result<()> {
    let holder = cluster.wait_one_holder(SETTLED)?;
    let machine = cluster.machine(&holder)?;
    let masters: Vec<Machine> =
        cluster.topology().masters.iter().map(|name| cluster.machine(name)).collect::<Result<_>>()?;
    let others: Vec<Machine> = masters.into_iter().filter(|other| other.name() != holder).collect();
    machine.part_from(&others)?;
    let next = moved(cluster, &holder)?;
    println!("{holder} is apart from the others, {next} has the address");
    acknowledges_nothing(cluster, &holder);
    write(cluster, marks, "apart")?;
    // Nobody takes it back and forth.
    for _ in 0..LOOKS {
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(cluster.endpoint_holders()?, [next.as_str()]);
    }
    machine.part_from(&[])
}

/// Waits until one machine alone has the address, and it is another one than this.
fn moved(cluster: &Cluster, former: &str) -> Result<String> {
    let look = || {
        let holders = cluster.endpoint_holders()?;
        let one = holders.first().filter(|one| holders.len() == 1 && *one != former).cloned();
        let answers = cluster.endpoint_answers();
        let found = one.filter(|_| answers);
        Ok(found.map_or_else(|| Look::NotYet(format!("held by {holders:?}, answers: {answers}")), Look::Found))
    };
    let (next, time) = wait_for(&format!("an address that is {former}'s no more"), MOVED, look)?;
    println!("the API answered at its address {:.1} s later", time.as_secs_f32());
    Ok(next)
}

/// Asked at its own address, a control plane without a majority takes no write.
fn acknowledges_nothing(cluster: &Cluster, apart: &str) {
    let server = format!("--server=https://{}:6443", site::node_address(apart));
    let said = cluster.kubectl(&[&server, "create", "configmap", "lost"]);
    assert!(said.is_err(), "{apart} has acknowledged a write by itself: {said:?}");
}

fn write(cluster: &Cluster, marks: &mut Vec<String>, mark: &str) -> Result<()> {
    cluster.wait_written(mark, WRITTEN)?;
    marks.push(mark.to_owned());
    marks.sort();
    Ok(())
}

/// One holder, all members voters, all nodes Ready, and every member itself has every acknowledged write.
fn is_whole(cluster: &Cluster, marks: &[String]) -> Result<()> {
    cluster.wait_voters(BOUND)?;
    cluster.wait_ready(4, BOUND)?;
    for name in &cluster.topology().masters {
        let machine = cluster.machine(name)?;
        cluster.wait_marks_of(&machine, marks, BOUND)?;
        let url = format!("https://{}:6443/readyz", site::node_address(name));
        let look = || Ok(Look::when(cluster.answers(&url), (), || "silent".to_owned()));
        wait_for(&format!("the API server of {name}"), BOUND, look)?;
    }
    cluster.wait_one_holder(SETTLED)?;
    assert_eq!(cluster.marks()?, marks);
    Ok(())
}
