//! The machine's own files: systemd's units, containerd and its mirrors of registries.

use super::{command, named};
use crate::diff::change::{Change, Topic};
use crate::diff::settings::{self, Setting, Settings};

/// What differs between two units, with the flags of the program that they start.
pub(super) fn unit(unit: &str, old: &str, new: &str) -> Vec<Change> {
    const START: &str = "[Service] ExecStart";
    let (mut old, mut new) = (settings::sections(old), settings::sections(new));
    let mut changes = Vec::new();
    if let (Some((program, old_words)), Some((same, new_words))) = (line(old.get(START)), line(new.get(START)))
        && program == same
    {
        changes = command::changes(program.rsplit_once('/').map_or(&program, |(_, name)| name), &old_words, &new_words);
        old.remove(START);
        new.remove(START);
    }
    changes.extend(named(Topic::Units, unit, settings::compare(&old, &new)));
    changes
}

/// A program and its arguments.
fn line(setting: Option<&Setting>) -> Option<(String, Vec<String>)> {
    let line = match setting? {
        Setting::One(line) => line,
        // systemd's way to replace a line: an empty one before it.
        Setting::Many(lines) => lines.last()?,
    };
    let mut words = line.split_whitespace().map(str::to_owned);
    Some((words.next()?, words.collect()))
}

/// containerd's settings with the plug-in by its short name: `[plugins.'io.containerd.cri.v1.images'.registry] config_path` is
/// `images registry config_path`. The sandbox's image is told with the images.
pub(super) fn containerd(text: &str) -> Option<Settings> {
    let mut short = Settings::new();
    for (name, setting) in settings::sections(text) {
        if name.ends_with("] sandbox") {
            continue;
        }
        let parts = name.strip_prefix("[plugins.'").and_then(|rest| rest.split_once('\''));
        let name = match parts {
            Some((plugin, rest)) => {
                let plugin = plugin.rsplit_once('.').map_or(plugin, |(_, last)| last);
                format!("{plugin} {}", rest.replacen(']', "", 1).trim_start_matches(['.', ' ']))
            }
            None => name,
        };
        short.insert(name, setting);
    }
    Some(short)
}

/// The registry that a folder of mirrors stands for: a port lies between underscores there.
pub(super) fn registry(folder: &str) -> String {
    let port = folder.strip_suffix('_').and_then(|rest| rest.rsplit_once('_'));
    port.map_or_else(|| folder.to_owned(), |(name, port)| format!("{name}:{port}"))
}

/// A `hosts.toml`: the registry without the part of its path that names the upstream, so that many files change alike. What
/// follows `[header]` is a secret.
pub(super) fn mirror(text: &str) -> Option<Settings> {
    let mut settings = settings::sections(text);
    if let Some(Setting::One(server)) = settings.get_mut("server") {
        let end = server.find("/v2/").unwrap_or(server.len());
        server.truncate(end);
    }
    settings.retain(|name, _| !name.starts_with("[header]"));
    Some(settings)
}

#[cfg(test)]
mod tests {
    use super::{containerd, mirror, registry, unit};
    use crate::diff::settings::compare;

    #[test]
    fn a_unit_tells_the_flags_of_its_program_apart() {
        let old = "[Service]\nExecStart=/usr/bin/kubelet \\\n    --a=1 \\\n    --b=2\nRestartSec=2\n";
        let new = old.replace("--a=1", "--a=3").replace("RestartSec=2", "RestartSec=5");
        let words: Vec<String> = unit("kubelet.service", old, &new)
            .iter()
            .map(|change| format!("{:?} {} {}: {:?}", change.topic, change.subject, change.name, change.what))
            .collect();
        assert_eq!(
            words,
            [
                r#"Flags kubelet --a: Changed { from: "1", to: "3" }"#,
                r#"Units kubelet.service [Service] RestartSec: Changed { from: "2", to: "5" }"#,
            ]
        );
    }

    #[test]
    fn containerds_settings_have_short_names() {
        let text = "version = 3\n[plugins.'io.containerd.cri.v1.images']\nsnapshotter = \"overlayfs\"\n\
            [plugins.'io.containerd.cri.v1.images'.pinned_images]\nsandbox = \"p\"\n\
            [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\nx = 1\n";
        let names: Vec<String> = containerd(text).unwrap().into_keys().collect();
        assert_eq!(names, ["images snapshotter", "runtime containerd.runtimes.runc x", "version"]);
        assert_eq!([registry("docker.io"), registry("reg_5000_")], ["docker.io", "reg:5000"]);
    }

    #[test]
    fn a_mirrors_password_is_never_told() {
        let old = "server = \"https://a/v2/docker.io\"\n\n[header]\nAuthorization = \"Basic c2VjcmV0\"\n";
        let new = old.replace("https://a/", "https://b/").replace("c2Vj", "b3Ro");
        let changes = format!("{:?}", compare(&mirror(old).unwrap(), &mirror(&new).unwrap()));
        assert_eq!(changes, r#"[("server", Changed { from: "https://a", to: "https://b" })]"#);
    }
}
