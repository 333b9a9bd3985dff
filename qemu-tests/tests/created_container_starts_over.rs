//! A container that was created and not yet started when the power went keeps no init container of its pod from running again:
//! flannel's write the CNI configuration, without which no node is Ready. The kubelet alone would leave them out
//! (kubernetes/kubernetes#137710).

use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Error, Machine, Result, Topology, scenario};
use serde_json::Value;
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(180);
/// The container, and one of the init containers before it.
const CONTAINER: &str = "kube-flannel";
const INIT: &str = "install-cni";
/// Later than every start that the kubelet has made.
const ATTEMPT: u32 = 7;

#[test]
#[ignore = "boots machines: make cluster-test"]
fn a_container_that_was_never_started_keeps_no_init_container_from_running() {
    scenario::run("created_container_starts_over", Topology::new(1, 0), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(1, BOUND)?;
        let machine = cluster.machine("master1")?;
        let created = create(&machine)?;
        machine.power_cut()?;
        cluster.power_on("master1")?;
        cluster.wait_ready(1, BOUND)?;
        // Others may be about to start.
        let there = machine.exec(&["crictl", "ps", "--all", "--quiet", "--state", "Created"])?;
        assert!(!created.is_empty() && !there.contains(&created), "{created} in {there}");
        let ran = machine.exec(&["crictl", "ps", "--quiet", "--state", "Exited", "--name", &format!("^{INIT}$")])?;
        assert!(!ran.is_empty(), "{INIT} did not run");
        let told = machine.read("/run/kfimg/boot.json").unwrap_or_default();
        assert!(!told.contains("CREATED_CONTAINERS"), "{told}");
        Ok(())
    });
}

/// Creates the container once more in its sandbox, as the kubelet does before it starts one. Returns its id.
fn create(machine: &Machine) -> Result<String> {
    let inside = |words: &[&str]| machine.exec(&[&["crictl"], words].concat());
    // The node may be Ready before it runs.
    let (id, _) = wait_for(CONTAINER, BOUND, || {
        let id = inside(&["ps", "--quiet", "--name", &format!("^{CONTAINER}$")])?;
        Ok(Look::when(!id.is_empty(), id, String::new))
    })?;
    let info = |kind: &str, id: &str| -> Result<Value> {
        let told: Value = serde_json::from_str(&inside(&[kind, "--output", "json", id])?)
            .map_err(|error| Error::unusable("crictl", error))?;
        Ok(told["info"].clone())
    };
    let mut container = info("inspect", id.trim())?;
    let sandbox = container["sandboxID"].as_str().unwrap_or_default().to_owned();
    container["config"]["metadata"]["attempt"] = ATTEMPT.into();
    let run = machine.running_root()?.join("run");
    fs_err::write(run.join("container.json"), container["config"].to_string())?;
    fs_err::write(run.join("sandbox.json"), info("inspectp", &sandbox)?["config"].to_string())?;
    Ok(inside(&["create", &sandbox, "/run/container.json", "/run/sandbox.json"])?.trim().to_owned())
}
