//! What is too large for a payload's channel comes from the boot server. What somebody changed there is named, and nothing of it
//! is applied; the boot goes on by itself when it is right again.

use kfimg_lab::boot_server::BootServer;
use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Error, Machine, Result, Topology, scenario};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(300);
/// Longer than the agent lets pass between two requests.
const WATCHED: Duration = Duration::from_secs(30);

#[test]
#[ignore = "boots machines: make cluster-test"]
fn content_that_was_changed_on_the_boot_server_is_named_and_not_applied() {
    let delivery = format!(
        "nodeDefaults: {{schedulable: true}}\n\
         delivery: {{channels: [ignition], userDataLimit: 100Ki, bootServer: \"{}\"}}\n",
        BootServer::url()
    );
    scenario::run("changed_content_is_not_applied", Topology::new(1, 0).layer(&delivery), |cluster| {
        let master = cluster.machine("master1")?;
        let served = served(&cluster.output())?;
        assert!(!served.is_empty(), "the whole payload has room");
        let last = served.last().cloned().unwrap_or_default();
        let whole = fs_err::read(&last)?;
        flip(&last)?;
        cluster.lab().boot_server().start()?;
        cluster.power_on("master1")?;

        // The server sees that its disk holds something else, and gives nothing.
        master.wait_told("fetch", &refused(&last), BOUND)?;
        nothing_is_applied(cluster, &master)?;

        // A server that means no good says that all is well.
        let manifest = cluster.output().join("manifest.json");
        let honest = fs_err::read(&manifest)?;
        vouch(&manifest, &last)?;
        master.wait_told("fetch", "FETCH_CHANGED", BOUND)?;
        std::thread::sleep(WATCHED);
        nothing_is_applied(cluster, &master)?;

        fs_err::write(&last, whole)?;
        fs_err::write(&manifest, honest)?;
        cluster.wait_ready(1, BOUND)?;
        cluster.wait_pods(BOUND)?;
        let is_done = master.step("fetch").is_some_and(|step| step.state == "done");
        assert!(is_done && master.step("addons").is_some(), "{:?}", master.step("fetch"));

        // What was fetched is kept: a boot needs no server.
        cluster.lab().boot_server().stop()?;
        master.power_cut()?;
        cluster.power_on("master1")?;
        cluster.wait_node("master1", BOUND)?;
        master.wait_told("fetch", &format!("{} files", served.len()), BOUND)?;
        cluster.wait_pods(BOUND).map(drop)
    });
}

/// Files that nodes fetch, in the order of their names.
fn served(output: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs_err::read_dir(output.join("content"))? {
        files.push(entry?.path());
    }
    files.sort();
    Ok(files)
}

/// What the agent says of a server that does not give this file.
fn refused(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    format!("waiting for {}/content/{name}: http status: 503", BootServer::url())
}

/// Turns one bit in its middle.
fn flip(file: &Path) -> Result<()> {
    let mut content = fs_err::read(file)?;
    let middle = content.len() / 2;
    content[middle] ^= 1;
    Ok(fs_err::write(file, content)?)
}

/// Has the manifest say that the file is what it should be.
fn vouch(manifest: &Path, file: &Path) -> Result<()> {
    let wrong = |error: serde_json::Error| Error::unusable("manifest.json", error);
    let mut all: Value = serde_json::from_slice(&fs_err::read(manifest)?).map_err(wrong)?;
    let path = format!("content/{}", file.file_name().unwrap_or_default().to_string_lossy());
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(fs_err::read(file)?));
    all["files"][&path]["sha256"] = Value::String(digest);
    Ok(fs_err::write(manifest, serde_json::to_vec(&all).map_err(wrong)?)?)
}

/// The API server works, and nobody has applied an addon.
fn nothing_is_applied(cluster: &Cluster, master: &Machine) -> Result<()> {
    let ready = || Ok(Look::when(cluster.endpoint_answers(), (), || "no answer".to_owned()));
    wait_for("the API", BOUND, ready)?;
    assert_eq!(master.step("fetch").map(|step| step.state).as_deref(), Some("waiting"));
    assert!(master.step("addons").is_none(), "{:?}", master.step("addons"));
    for kind in ["daemonsets/", "deployments/"] {
        let mut etcdctl = cluster.etcdctl_command(master)?;
        let found = etcdctl.args(["get", "--prefix", "--keys-only", &format!("/registry/{kind}")]).output()?;
        assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
        assert_eq!(String::from_utf8_lossy(&found.stdout), "", "addons are applied");
    }
    Ok(())
}
