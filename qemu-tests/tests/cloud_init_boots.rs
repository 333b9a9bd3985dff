//! A control plane on a stock Debian gets its payload from the real cloud-init and is a node as any other one; the worker beside
//! it has an image with Ignition.

use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Error, Machine, Result, Topology, scenario};
use serde_json::Value;
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(300);
const CERTIFICATE: &str = "/etc/kubernetes/pki/apiserver.crt";
/// cloud-init has nothing to wait for once its node is Ready.
const ENDED: Duration = Duration::from_secs(60);
/// Which payload lies on the root.
const APPLIED: &str = "/etc/cloud/kfimg";

#[test]
#[ignore = "boots machines: make cluster-test"]
fn cloud_init_makes_a_control_plane_of_a_stock_debian_and_keeps_it_up_to_date() {
    scenario::run("cloud_init_boots", Topology::new(1, 1).installed(&["master1"]), |cluster| {
        cluster.power_on_all()?;
        cluster.wait_ready(2, BOUND)?;
        cluster.wait_voters(BOUND)?;
        cluster.wait_pods(BOUND)?;
        let master = cluster.machine("master1")?;
        is_content(&master)?;
        assert_eq!(cluster.machine("worker1")?.read(APPLIED), None, "the worker's payload came by cloud-init");
        has_no_failed_unit(&master)?;
        cluster.write_mark("first")?;
        let applied = master.read(APPLIED);

        // The same payload again: the root has it, and cloud-init finds its work done.
        master.power_cut()?;
        cluster.power_on("master1")?;
        cluster.wait_node("master1", BOUND)?;
        is_content(&master)?;
        assert_eq!(master.read(APPLIED), applied);

        next_payload(cluster, &master)?;
        assert_ne!(master.read(APPLIED), applied);
        assert_eq!(cluster.marks()?, ["first"]);
        Ok(())
    });
}

/// A payload that has changed is another instance, and is laid down at the next boot.
fn next_payload(cluster: &mut Cluster, master: &Machine) -> Result<()> {
    let before = master.read(CERTIFICATE);
    cluster.renew("master1")?;
    cluster.render(cluster.topology().clone())?;
    cluster.reboot("master1", BOUND)?;
    cluster.wait_voters(BOUND)?;
    is_content(master)?;
    assert_ne!(before, master.read(CERTIFICATE), "the certificate is the old one");
    Ok(())
}

/// cloud-init is through with all its stages, took the seed, and has nothing to complain about.
fn is_content(machine: &Machine) -> Result<()> {
    let look = || {
        let told = |path: &str| machine.read(path).unwrap_or_default();
        let text = told("/run/cloud-init/result.json");
        Ok(if text.is_empty() { Look::NotYet(told("/run/cloud-init/status.json")) } else { Look::Found(text) })
    };
    let (text, _) = wait_for("the end of cloud-init", ENDED, look)?;
    let result: Value = serde_json::from_str(&text).map_err(|error| Error::unusable("result.json", error))?;
    assert!(text.contains("DataSourceNoCloud"), "{text}");
    assert_eq!(result["v1"]["errors"], Value::Array(Vec::new()), "{text}");
    Ok(())
}

fn has_no_failed_unit(machine: &Machine) -> Result<()> {
    let failed = machine.exec(&["systemctl", "list-units", "--failed", "--plain", "--no-legend"])?;
    assert_eq!(failed, "", "{} has failed units", machine.name());
    Ok(())
}
