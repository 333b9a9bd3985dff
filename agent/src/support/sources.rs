//! What goes into the archive: a list of files, of folders whose contents are only listed, and of programs.
//!
//! Nothing that is not listed here gets in.

use crate::command;
use crate::plan::Plan;
use crate::root::Root;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Most bytes of a file: its end is kept, because logs end with what matters.
const FILE_LIMIT: u64 = 512 << 10;
/// Most bytes of what a program says, from the end as well.
const OUTPUT_LIMIT: u64 = 16 << 20;
/// Bound of one program.
const TIME: Duration = Duration::from_secs(20);
/// Most files of a folder, and most lines of a listing.
const FILES: usize = 100;
const LINES: usize = 5_000;

/// Files, and folders of which every file with one of the endings is taken (not what is in folders below).
const TEXTS: &[(&str, &[&str])] = &[
    ("/run/kfimg", &["boot.json"]),
    ("/run/kfimg/steps", &[".json"]),
    ("/etc/kfimg", &["plan.json"]),
    ("/etc/kfimg/manifests", &[".json", ".yaml"]),
    ("/etc/kubernetes", &["kubelet-config.yaml"]),
    ("/etc/kubernetes/manifests", &[".yaml"]),
    ("/etc/kubernetes/apiserver", &["audit-policy.yaml"]),
    ("/etc/kubernetes/haproxy", &["haproxy.cfg"]),
    ("/etc/kubernetes/keepalived", &["keepalived.conf"]),
    ("/etc/kubernetes/pki", &[".crt"]),
    ("/etc/kubernetes/pki/etcd", &[".crt"]),
    ("/etc/containerd", &["config.toml"]),
    ("/etc/systemd/system", &[".service", ".timer", ".mount"]),
    ("/etc/systemd/network", &[".network", ".link", ".netdev"]),
    ("/etc/sysctl.d", &[".conf"]),
    ("/etc/tmpfiles.d", &[".conf"]),
    ("/etc", &["hosts", "hostname", "machine-id", "os-release", "resolv.conf", "crictl.yaml"]),
    ("/var/lib/kubelet", &["config.yaml"]),
    ("/proc", &["meminfo", "loadavg", "uptime", "version", "modules"]),
    ("/proc/pressure", &["cpu", "memory", "io"]),
];

/// Folders whose contents are listed, never read.
const LISTINGS: &[&str] = &[
    "/etc/kubernetes",
    "/etc/kfimg",
    "/etc/containerd",
    "/run/kfimg",
    "/var/lib/etcd",
    "/var/lib/kfimg",
    "/var/lib/kubelet/pki",
    "/opt/cni/bin",
    "/etc/cni/net.d",
];

/// Programs: the name of the text, and the command line.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("journal.txt", &["journalctl", "--no-pager", "-o", "short-iso-precise", "-b", "0", "-n", "60000"]),
    ("journal-last-boot.txt", &["journalctl", "--no-pager", "-o", "short-iso-precise", "-b", "-1", "-n", "20000"]),
    ("dmesg.txt", &["dmesg", "--ctime"]),
    ("systemctl-failed.txt", &["systemctl", "--no-pager", "--failed"]),
    ("systemctl-units.txt", &["systemctl", "--no-pager", "list-units", "--all"]),
    ("systemctl-jobs.txt", &["systemctl", "--no-pager", "list-jobs"]),
    ("systemctl-status.txt", &["systemctl", "--no-pager", "status", "kfimg-*", "kubelet", "containerd", "var.mount"]),
    ("systemd-analyze.txt", &["systemd-analyze", "critical-chain", "--no-pager"]),
    ("timedatectl.txt", &["timedatectl"]),
    ("ip-address.txt", &["ip", "-s", "address"]),
    ("ip-route.txt", &["ip", "route", "show", "table", "all"]),
    ("ip-rule.txt", &["ip", "rule"]),
    ("ip-neighbour.txt", &["ip", "neighbour"]),
    ("sockets.txt", &["ss", "-tlnp"]),
    ("mounts.txt", &["findmnt"]),
    ("disks.txt", &["lsblk", "-f"]),
    ("df.txt", &["df", "-h"]),
    ("df-inodes.txt", &["df", "-i"]),
    ("processes.txt", &["ps", "-eo", "pid,ppid,user,stat,rss,etimes,comm"]),
    ("crictl-pods.txt", &["crictl", "pods"]),
    ("crictl-ps.txt", &["crictl", "ps", "-a"]),
    ("crictl-images.txt", &["crictl", "images", "--digests"]),
    ("containerd.txt", &["containerd", "--version"]),
    ("kubelet.txt", &["kubelet", "--version"]),
];

/// Logs of pods: those of the system's namespaces, never those of other people's workloads.
const POD_LOGS: &str = "/var/log/pods";
const NAMESPACES: [&str; 2] = ["kube-system_", "kube-flannel_"];

/// A text of the archive.
pub(super) struct Part {
    /// Its path in the archive.
    pub(super) name: String,
    text: Text,
}

enum Text {
    File(PathBuf),
    Written(String),
    Said(&'static [&'static str]),
}

impl Part {
    /// Its text. What a program says goes through the file.
    pub(super) fn open(self, said: &File) -> io::Result<Box<dyn BufRead + '_>> {
        match self.text {
            Text::File(path) => Ok(Box::new(end_of(File::open(path)?, FILE_LIMIT)?)),
            Text::Written(text) => Ok(Box::new(Cursor::new(text))),
            Text::Said(words) => Ok(Box::new(end_of(run(words, said)?, OUTPUT_LIMIT)?)),
        }
    }
}

/// All parts, one after the other.
pub(super) fn collect<'a>(root: &'a Root, plan: Option<&'a Plan>) -> impl Iterator<Item = Part> + 'a {
    let folders = TEXTS.iter().flat_map(|(folder, endings)| texts(root, folder, endings));
    let programs = PROGRAMS.iter().filter(|_| root.is_machine());
    let program = |(name, words): &(&str, &'static [&str])| Part { name: (*name).to_owned(), text: Text::Said(words) };
    let listing = || Part { name: "listing.txt".to_owned(), text: Text::Written(listings(root)) };
    folders
        .chain(markers(root, plan))
        .chain(std::iter::once_with(listing))
        .chain(pod_logs(root))
        .chain(programs.map(program))
}

fn texts(root: &Root, folder: &str, endings: &[&str]) -> Vec<Part> {
    let mut names: Vec<String> = entries(&root.at(folder)).map(|path| file_name(&path)).collect();
    names.sort();
    let wanted =
        names.into_iter().filter(|name| endings.iter().any(|ending| name == ending || is_ending(name, ending)));
    wanted.take(FILES).filter_map(|name| file(root, &format!("{folder}/{name}"))).collect()
}

fn is_ending(name: &str, ending: &str) -> bool {
    ending.starts_with('.') && name.ends_with(ending)
}

/// The guard's markers, which are no secrets.
fn markers(root: &Root, plan: Option<&Plan>) -> Vec<Part> {
    let etcd = plan.and_then(|plan| plan.etcd.as_ref());
    let folders = etcd.into_iter().flat_map(|etcd| [&etcd.marker_dir, &etcd.data_dir]);
    folders.filter_map(|folder| file(root, &format!("{folder}/marker.json"))).collect()
}

fn pod_logs(root: &Root) -> Vec<Part> {
    let folder = root.at(POD_LOGS);
    let pods = entries(&folder).map(|path| file_name(&path));
    let pods = pods.filter(|pod| NAMESPACES.iter().any(|namespace| pod.starts_with(namespace)));
    let containers = pods.flat_map(|pod| {
        let folder = format!("{POD_LOGS}/{pod}");
        let names: Vec<String> = entries(&root.at(&folder)).map(|path| file_name(&path)).collect();
        names.into_iter().map(move |name| format!("{folder}/{name}"))
    });
    containers.take(FILES).flat_map(|container| texts(root, &container, &[".log"])).collect()
}

fn file(root: &Root, path: &str) -> Option<Part> {
    let full = root.at(path);
    // A pipe or a device would be read for ever.
    let is_file = fs::metadata(&full).ok()?.is_file();
    is_file.then(|| Part { name: format!("files{path}"), text: Text::File(full) })
}

/// The last bytes of a file, from the beginning of a line.
fn end_of(mut file: File, limit: u64) -> io::Result<impl BufRead + 'static> {
    let before = file.metadata()?.len().saturating_sub(limit);
    file.seek(SeekFrom::Start(before))?;
    let mut end = BufReader::new(file.take(limit));
    if before > 0 {
        end.skip_until(b'\n')?;
    }
    Ok(end)
}

/// The file, with what a program says, and what is wrong with it.
fn run(words: &[&str], said: &File) -> io::Result<File> {
    said.set_len(0)?;
    let mut said = said.try_clone()?;
    said.rewind()?;
    if let Err(error) = command::spooled(Command::new(words[0]).args(&words[1..]), TIME, &said) {
        said.seek(SeekFrom::End(0))?;
        writeln!(said, "{error}")?;
    }
    Ok(said)
}

fn listings(root: &Root) -> String {
    let mut lines = BTreeMap::new();
    for folder in LISTINGS {
        list(&root.at(folder), folder, &mut lines, 8);
    }
    let mut text = String::from("mode    uid   gid         size     modified  path\n");
    for (path, line) in lines.iter().take(LINES) {
        let _ = writeln!(text, "{line}  {path}");
    }
    text
}

fn list(folder: &Path, name: &str, lines: &mut BTreeMap<String, String>, depth: u32) {
    for path in entries(folder).take(LINES) {
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let name = format!("{name}/{}", file_name(&path));
        let (mode, uid, gid, size) = (metadata.mode(), metadata.uid(), metadata.gid(), metadata.len());
        lines.insert(name.clone(), format!("{mode:06o} {uid:5} {gid:5} {size:12} {:12}", metadata.mtime()));
        if metadata.is_dir() && depth > 0 && lines.len() < LINES {
            list(&path, &name, lines, depth - 1);
        }
    }
}

/// What is in a folder; nothing where it can't be read.
fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
