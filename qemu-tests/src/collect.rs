//! Everything that tells what happened: written to a folder when a scenario fails, or when a person asks.
//!
//! It takes what there is and fails at nothing: a machine may be off, a program may be missing.

use crate::command::output;
use crate::{Cluster, Machine, Result};
use fs_err as fs;
use std::path::Path;
use std::process::Command;

/// What is asked of every running machine: name of the file, command line.
const QUESTIONS: &[(&str, &[&str])] = &[
    ("journal.txt", &["journalctl", "--boot", "--no-pager", "--output=short-precise"]),
    ("units.txt", &["systemctl", "list-units", "--all", "--no-pager"]),
    ("containers.txt", &["crictl", "ps", "--all"]),
    ("images.txt", &["crictl", "images"]),
    ("network.txt", &["sh", "-c", "ip addr; ip route; ip neigh; ss -tlnp"]),
    ("processes.txt", &["ps", "-eo", "pid,ppid,etimes,rss,stat,args"]),
    ("disk.txt", &["df", "-h"]),
    (
        "steps.txt",
        &["sh", "-c", "cd /run/kfimg && for f in *.json steps/*.json; do echo \"== $f\"; cat $f; echo; done"],
    ),
    ("marker.txt", &["sh", "-c", "for f in /var/lib/kfimg/etcd/* /var/lib/etcd/*; do echo \"== $f\"; ls -la $f; done"]),
    ("manifests.txt", &["sh", "-c", "ls -la --time-style=full-iso /etc/kubernetes/manifests"]),
    ("pod-logs.txt", &["sh", "-c", "tail -n 200 /var/log/pods/*/*/*.log"]),
];

/// What is asked of the cluster.
const OBJECTS: &[(&str, &[&str])] = &[
    ("nodes.txt", &["get", "nodes", "-o", "wide"]),
    ("pods.txt", &["get", "pods", "-A", "-o", "wide"]),
    ("events.txt", &["get", "events", "-A", "--sort-by=.lastTimestamp"]),
];

/// Folders of the lab whose logs are copied: consoles of emulated machines and pictures of their displays, and servers of a document
/// that is walked through.
const LOGS: &[&str] = &["qemu", "walk/logs"];
/// How names of such files end.
const KINDS: [&str; 2] = ["log", "png"];

/// Writes all that can be had into an empty or missing folder.
///
/// # Errors
/// [`crate::Error::Io`] when the folder can't be written.
pub(crate) fn collect(cluster: &Cluster, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for machine in cluster.lab().machines()? {
        collect_machine(cluster, &machine, &folder.join(machine.name()))?;
    }
    for (file, words) in OBJECTS {
        let mut kubectl = cluster.kubectl_command();
        write(&folder.join(file), kubectl.arg("--request-timeout=5s").args(*words))?;
    }
    copy_all_logs(cluster.lab().folder(), folder)
}

/// Copies the logs of a lab's folder.
pub(crate) fn copy_all_logs(lab: &Path, folder: &Path) -> Result<()> {
    LOGS.iter().try_for_each(|place| copy_logs(&lab.join(place), &folder.join(place)))
}

/// Copies the logs of a folder that need not be there.
fn copy_logs(source: &Path, target: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(source) else { return Ok(()) };
    fs::create_dir_all(target)?;
    for entry in entries {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| KINDS.iter().any(|kind| extension == *kind)) {
            fs::copy(&file, target.join(file.file_name().unwrap_or_default()))?;
        }
    }
    Ok(())
}

fn collect_machine(cluster: &Cluster, machine: &Machine, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("console.txt"), machine.console()?)?;
    for (file, words) in QUESTIONS {
        let Ok(mut command) = machine.command("timeout") else { return Ok(()) };
        write(&folder.join(file), command.arg("20").args(*words))?;
    }
    for (file, words) in [("etcd-members.txt", ["member", "list"]), ("etcd-status.txt", ["endpoint", "status"])] {
        if let Ok(mut etcdctl) = cluster.etcdctl_command(machine) {
            write(&folder.join(file), etcdctl.args(words).args(["-w", "table"]))?;
        }
    }
    Ok(())
}

fn write(path: &Path, command: &mut Command) -> Result<()> {
    let text = match output(command) {
        Ok(output) => [output.stdout, output.stderr].concat(),
        Err(error) => error.to_string().into_bytes(),
    };
    Ok(fs::write(path, text)?)
}
