//! What differs at one path of a node, by what kfimg writes there: the table is [`kind`], each format a file beside this one.
//!
//! Whatever is not known by its path is a file with a size. No value of a secret leaves this module.

mod addons;
mod certificate;
mod command;
mod endpoint;
mod host;
mod pod;

pub(super) use certificate::{encrypted_resources, encryption_key_names, kubeconfig};

use super::change::{Change, Topic, What};
use super::settings::{self, Settings};
use kfimg_ignition::tree::{Entry, File};

/// Configuration of encryption at rest.
pub(super) const ENCRYPTION: &str = "/etc/kubernetes/apiserver/encryption.yaml";
/// The subject of its changes.
pub(super) const ENCRYPTION_KEYS: &str = "encryption keys";

/// How the contents of a file are compared.
#[derive(Clone, Copy)]
enum Format {
    /// As settings by name.
    Settings(fn(&str) -> Option<Settings>),
    /// In its own way, by its subject, the old text and the new one.
    Own(fn(&str, &str, &str) -> Vec<Change>),
    /// Only whether they are equal.
    Bytes,
}

/// What lies at a path.
struct Kind {
    topic: Topic,
    subject: String,
    format: Format,
}

/// What kfimg writes at a path.
fn kind(path: &str) -> Kind {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let below_pki = path.strip_prefix("/etc/kubernetes/pki/").and_then(|rest| rest.rsplit_once('.'));
    let (topic, subject, format) = match (folder, name) {
        _ if below_pki.is_some() => {
            (Topic::Certificates, below_pki.map_or(stem, |(stem, _)| stem), Format::Own(certificate::pem))
        }
        ("/etc/kfimg", "sealed.age") => (Topic::Plan, "sealed secrets", Format::Bytes),
        ("/etc/kfimg/addons", _) => (Topic::Addons, name, Format::Own(addons::changes)),
        ("/etc/kfimg/manifests" | "/etc/kubernetes/manifests", _) => (Topic::Pods, stem, Format::Own(pod::changes)),
        ("/etc/kubernetes", "kubelet-config.yaml") => (Topic::Kubelet, "", Format::Settings(yaml)),
        ("/etc/kubernetes", _) if name.ends_with(".conf") => {
            (Topic::Certificates, name, Format::Own(certificate::kubeconfig))
        }
        _ if path == ENCRYPTION => (Topic::Certificates, ENCRYPTION_KEYS, Format::Own(certificate::encryption)),
        ("/etc/kubernetes/apiserver", "authentication.yaml") => {
            (Topic::Pods, "kube-apiserver authentication", Format::Settings(yaml))
        }
        ("/etc/kubernetes/haproxy", _) => (Topic::Endpoint, "haproxy", Format::Settings(endpoint::haproxy)),
        ("/etc/kubernetes/keepalived", _) => (Topic::Endpoint, "keepalived", Format::Settings(endpoint::keepalived)),
        ("/etc/containerd", "config.toml") => (Topic::Containerd, "", Format::Settings(host::containerd)),
        (_, "hosts.toml") => (Topic::Registry, file_name(folder), Format::Settings(host::mirror)),
        ("/etc/systemd/network", _) => (Topic::Network, name, Format::Settings(sections)),
        ("/etc/systemd/system", _) => (Topic::Units, name, Format::Own(host::unit)),
        _ if folder.starts_with("/etc/systemd/system/") => (Topic::Units, file_name(folder), Format::Own(host::unit)),
        _ if folder.starts_with("/etc/systemd/") => (Topic::Network, file_name(folder), Format::Settings(sections)),
        ("/etc/sysctl.d", _) => (Topic::Kernel, "", Format::Settings(sections)),
        ("/etc/modules-load.d", _) => (Topic::Kernel, "", Format::Settings(|text| lines("modules", text))),
        ("/etc", "hosts") => (Topic::Network, path, Format::Settings(|text| lines("", text))),
        ("/etc", "hostname" | "machine-id") => (Topic::Machine, name, Format::Settings(|text| lines("", text))),
        ("/etc/sysusers.d" | "/etc/tmpfiles.d", _) => (Topic::Files, path, Format::Settings(|text| lines("", text))),
        _ => (Topic::Files, path, Format::Bytes),
    };
    let subject = if topic == Topic::Registry { host::registry(subject) } else { subject.to_owned() };
    Kind { topic, subject, format }
}

fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn yaml(text: &str) -> Option<Settings> {
    settings::yaml(text).map(|value| settings::flatten(&value))
}

fn sections(text: &str) -> Option<Settings> {
    Some(settings::sections(text))
}

fn lines(name: &str, text: &str) -> Option<Settings> {
    Some([(name.to_owned(), settings::Setting::Many(settings::lines(text)))].into())
}

/// What differs at a path between two trees, of which at least one has it.
pub(super) fn compare(path: &str, old: Option<&Entry>, new: Option<&Entry>) -> Vec<Change> {
    match (old, new) {
        (Some(Entry::File(old)), Some(Entry::File(new))) => compare_files(path, old, new),
        (Some(old), Some(new)) if is_alike(old, new) => compare_others(path, old, new),
        _ => {
            let gone = old.into_iter().flat_map(|entry| appeared(path, entry, |from| What::Removed { from }));
            gone.chain(new.into_iter().flat_map(|entry| appeared(path, entry, |to| What::Added { to }))).collect()
        }
    }
}

fn is_alike(old: &Entry, new: &Entry) -> bool {
    std::mem::discriminant(old) == std::mem::discriminant(new)
}

/// What came or went as a whole.
fn appeared(path: &str, entry: &Entry, what: fn(Option<String>) -> What) -> Vec<Change> {
    let Kind { topic, subject, format } = kind(path);
    match (entry, format) {
        (Entry::Link(_), _) if topic == Topic::Units => {
            vec![Change::new(Topic::Units, file_name(path), "enabled", what(None))]
        }
        (Entry::Link(link), _) => {
            vec![Change::new(Topic::Files, path, "", what(Some(format!("link to {}", link.target))))]
        }
        (Entry::Directory(_), _) => vec![Change::new(Topic::Files, path, "", what(Some("folder".to_owned())))],
        (Entry::File(file), Format::Own(own)) if topic == Topic::Addons => {
            let text = String::from_utf8_lossy(&file.content);
            match what(None) {
                What::Added { .. } => own(&subject, "", &text),
                _ => own(&subject, &text, ""),
            }
        }
        (Entry::File(file), Format::Bytes) => vec![Change::new(topic, subject, "", what(Some(size(file))))],
        (Entry::File(_), _) => vec![Change::new(topic, subject, "", what(None))],
    }
}

fn compare_files(path: &str, old: &File, new: &File) -> Vec<Change> {
    let kind = kind(path);
    let mut changes = Vec::new();
    if old.content != new.content {
        changes = compare_contents(&kind, old, new).unwrap_or_else(|| {
            let is_sized = kind.topic == Topic::Files && size(old) != size(new);
            let sizes = || What::Changed { from: size(old), to: size(new) };
            let what = if is_sized { sizes() } else { What::Replaced };
            vec![Change::new(kind.topic, kind.subject.as_str(), "", what)]
        });
    }
    let rights = |file: &File| format!("{:04o} {}", file.mode, file.owner);
    let what = What::of(Some(&rights(old)), Some(&rights(new)));
    changes.extend(what.map(|what| Change::new(Topic::Files, path, "mode and owner", what)));
    changes
}

/// What differs in the contents; nothing where all of it is told elsewhere, as images are, or means nothing. `None` when the
/// format is not known or can't be read.
fn compare_contents(kind: &Kind, old: &File, new: &File) -> Option<Vec<Change>> {
    let (old, new) = (std::str::from_utf8(&old.content).ok()?, std::str::from_utf8(&new.content).ok()?);
    match kind.format {
        Format::Bytes => None,
        Format::Own(own) => Some(own(&kind.subject, old, new)),
        Format::Settings(read) => Some(named(kind.topic, &kind.subject, settings::compare(&read(old)?, &read(new)?))),
    }
}

/// Changes of settings as changes of a subject.
fn named(topic: Topic, subject: &str, changes: Vec<(String, What)>) -> Vec<Change> {
    changes.into_iter().map(|(name, what)| Change::new(topic, subject, name, what)).collect()
}

fn compare_others(path: &str, old: &Entry, new: &Entry) -> Vec<Change> {
    let words = |entry: &Entry| match entry {
        Entry::Link(link) => format!("link to {}", link.target),
        Entry::Directory(folder) => format!("{:04o} {}", folder.mode, folder.owner),
        Entry::File(file) => size(file),
    };
    let what = What::of(Some(&words(old)), Some(&words(new)));
    what.map(|what| Change::new(Topic::Files, path, "", what)).into_iter().collect()
}

fn size(file: &File) -> String {
    match file.content.len() {
        1 => "1 byte".to_owned(),
        bytes => format!("{bytes} bytes"),
    }
}

/// Whether the text of a file may be shown to whoever may read its node's payload. Only its owner may read most secrets; some
/// files have that mode for CIS and hold none.
pub(super) fn may_show(path: &str, old: &File, new: &File) -> bool {
    const NO_SECRET: [&str; 6] = [
        "/etc/systemd/",
        "/etc/kubernetes/manifests/",
        "/etc/kfimg/manifests/",
        "/etc/kubernetes/kubelet-config.yaml",
        "/etc/kubernetes/apiserver/audit-policy.yaml",
        "/etc/kubernetes/apiserver/authentication.yaml",
    ];
    // Certificates are text to nobody.
    let is_open = [old, new].iter().all(|file| file.mode & 0o077 != 0) && !path.starts_with("/etc/kubernetes/pki/");
    is_open || NO_SECRET.iter().any(|place| path.starts_with(place))
}
