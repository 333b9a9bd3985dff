//! A single machine is a whole cluster, survives a power cut, and never mistakes a blank disk for a lost one. The agent
//! takes little of it, and gives none of its secrets away in the archive for whoever is to help.

use kfimg_lab::{Cluster, Entrance, Error, Machine, Result, Topology, scenario, secrets};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(180);
const SCHEDULABLE: &str = "nodeDefaults: {schedulable: true}\n";
/// No process of the agent may ever have had so much memory, in KiB.
const MEMORY: u64 = 10 << 10;
/// Secrets that a site brings, in every place of the description that takes one.
const PASSWORD: &str = "the-password-of-the-registry";
const TOKEN: &str = "the-token-of-the-reports";
const HASH: &str =
    "$6$lablablab$0fnUTi1ITdRnNW.UdT35FZ5rhPa7nxCi7DQonLnczcG9Z20w8YXx.H2fTh68OiK2cD8phco8ntI9/MZU4aCal1";
/// `puller:` and the password, as HTTP sends both.
const BASIC: &str = "cHVsbGVyOnRoZS1wYXNzd29yZC1vZi10aGUtcmVnaXN0cnk=";
/// Parts of the archive that show that it is one.
const PARTS: [&str; 5] =
    ["journal.txt", "etc/kfimg/plan.json", "run/kfimg/steps/etcd.json", "etc/kubernetes/pki/ca.crt", "crictl-ps.txt"];
const ARCHIVE: &str = "run/support.tar.gz";

#[test]
#[ignore = "boots machines: make cluster-test"]
fn a_single_control_plane_founds_its_cluster_and_keeps_it_over_a_power_cut() {
    scenario::run("single_master", topology(), |cluster| {
        cluster.power_on("master1")?;
        cluster.wait_ready(1, BOUND)?;
        cluster.wait_pods(BOUND)?;
        cluster.write_mark("before")?;
        let peaks = peaks(&cluster.machine("master1")?)?;
        println!("peaks of the agent's processes: {peaks:?} KiB");
        assert!(!peaks.is_empty() && peaks.iter().all(|peak| *peak < MEMORY), "{peaks:?}");
        archive_has_no_secret(cluster, &cluster.machine("master1")?)?;
        for _ in 0..3 {
            cluster.power_cut_all()?;
            cluster.power_on("master1")?;
            cluster.wait_voters(BOUND)?;
            cluster.wait_ready(1, BOUND)?;
            assert_eq!(cluster.marks()?, ["before"]);
        }
        Ok(())
    });
}

fn topology() -> Topology {
    let site = format!(
        "users: [{{name: helper, passwordHash: \"{HASH}\"}}]\n\
         registry: {{username: puller, passwordFile: password.txt}}\n\
         report: {{url: \"http://10.77.0.254:9/report?token={TOKEN}\"}}\n"
    );
    Topology::of_profile("single", 1, 0, Entrance::Machine)
        .layer(SCHEDULABLE)
        .layer(&site)
        .file("password.txt", &format!("{PASSWORD}\n"))
}

/// The archive of the booted node, unpacked and searched for everything secret that its cluster has.
fn archive_has_no_secret(cluster: &Cluster, machine: &Machine) -> Result<()> {
    let mut secrets = secrets::of_state(&cluster.state())?;
    let keys = secrets.len();
    secrets.extend([PASSWORD, TOKEN, HASH, BASIC, "PRIVATE KEY", "eyJhbGciOi"].map(str::to_owned));
    println!("{keys} lines of keys to look for");
    let holds = |path: &str| secrets.iter().any(|secret| machine.read(path).is_some_and(|text| text.contains(secret)));
    for path in ["/etc/kubernetes/pki/apiserver.key", "/etc/kubernetes/pki/sa.key", "/etc/shadow"] {
        assert!(holds(path), "no secret of the cluster is in {path}: nothing would be found anywhere");
    }
    machine.exec(&["kfimg-agent", "support", &format!("/{ARCHIVE}")])?;
    let unpacked = cluster.lab().folder().join("support");
    unpack(&machine.running_root()?.join(ARCHIVE), &unpacked)?;
    let names = names(&unpacked)?;
    for part in PARTS {
        assert!(names.iter().any(|name| name.ends_with(part)), "the archive has no {part}: {names:?}");
    }
    let found = secrets::files_with(&unpacked, &secrets)?;
    assert!(found.is_empty(), "secrets in {found:?}");
    Ok(())
}

fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    fs_err::create_dir_all(folder)?;
    let unpacked = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder).output()?;
    assert!(unpacked.status.success(), "{}", String::from_utf8_lossy(&unpacked.stderr));
    Ok(())
}

/// Paths of all files below this folder.
fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            names.extend(self::names(&path)?);
        } else {
            names.push(path.display().to_string());
        }
    }
    Ok(names)
}

/// The most memory that each process of the agent has had, in KiB.
fn peaks(machine: &Machine) -> Result<Vec<u64>> {
    let script = "for folder in /proc/[0-9]*; do \
                  [ \"$(cat $folder/comm)\" = kfimg-agent ] && grep VmHWM $folder/status; done; true";
    let text = machine.exec(&["sh", "-c", script])?;
    let peak = |line: &str| line.split_whitespace().nth(1)?.parse().ok();
    text.lines().map(|line| peak(line).ok_or_else(|| Error::unusable("VmHWM", line))).collect()
}
