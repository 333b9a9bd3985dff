//! What every component can say: arguments, feature gates, volumes.

use std::collections::BTreeMap;

use super::{Subject, at, syntax};
use crate::description::{Argument, ExtraVolume, FeatureGates};
use crate::document::Path;
use crate::flags::{self, Component, Finding, Kind, Severity};
use crate::problem::Report;
use crate::resolve::DEFAULT_VERSION;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let version = subject.description.kubernetes_version.unwrap_or(DEFAULT_VERSION);
    let minor = (version.major, version.minor);
    let allow_unsafe = subject.description.allow_unsafe_args;
    for component in Component::ALL {
        let path = at(component.setting());
        let (arguments, gates) = settings(subject, component);
        let pairs: Vec<(&str, &str)> = arguments.iter().map(|one| (one.name.as_str(), one.value.as_str())).collect();
        for finding in flags::check(component, minor, &pairs, allow_unsafe) {
            let argument = path.key("extraArgs").index(finding.index);
            let key = if is_about_value(&finding) { "value" } else { "name" };
            tell(&finding, &argument.key(key), report);
        }
        let pairs: Vec<(&str, bool)> = gates.iter().map(|(name, on)| (name.as_str(), *on)).collect();
        for finding in flags::check_feature_gates(component, minor, &pairs, allow_unsafe) {
            let name = pairs.get(finding.index).map_or("", |(name, _)| name);
            tell(&finding, &path.key("featureGates").key(name), report);
        }
        twice(component, arguments, gates, report);
    }
}

fn settings<'a>(subject: &Subject<'a>, component: Component) -> (&'a [Argument], &'a FeatureGates) {
    static NO_GATES: FeatureGates = FeatureGates::new();
    let description = subject.description;
    match component {
        Component::ApiServer => (&description.api_server.extra_args, &description.api_server.feature_gates),
        Component::ControllerManager => {
            (&description.controller_manager.extra_args, &description.controller_manager.feature_gates)
        }
        Component::Scheduler => (&description.scheduler.extra_args, &description.scheduler.feature_gates),
        Component::Kubelet => (&description.kubelet.extra_args, &description.kubelet.feature_gates),
        Component::Etcd => (&description.etcd.extra_args, &NO_GATES),
        Component::KubeProxy => (&description.kube_proxy.extra_args, &description.kube_proxy.feature_gates),
    }
}

fn is_about_value(finding: &Finding) -> bool {
    finding.kind == Kind::WrongValue
}

/// Reports a finding of the reviewed table at a setting.
pub(super) fn tell(finding: &Finding, path: &Path, report: &mut Report) {
    let code = code(finding.kind);
    let message = match finding.cis {
        Some(check) => format!("{} (CIS {check})", finding.message),
        None => finding.message.clone(),
    };
    let draft = match finding.severity {
        Severity::Error => report.error(code, path, message),
        Severity::Warning => report.warning(code, path, message),
    };
    draft.help(finding.help.clone());
}

/// The stable code of a kind of finding.
pub(super) fn code(kind: Kind) -> &'static str {
    match kind {
        Kind::Dashes => "argument-dashes",
        Kind::Unknown => "unknown-argument",
        Kind::OtherVersion => "argument-of-other-version",
        Kind::Deprecated => "deprecated-argument",
        Kind::Repeated => "duplicate-argument",
        Kind::WrongValue => "wrong-argument",
        Kind::Owned => "owned-argument",
        Kind::DataLoss => "data-loss-argument",
        Kind::Unsafe => "unsafe-argument",
    }
}

/// A feature gate that stands among the arguments too.
fn twice(component: Component, arguments: &[Argument], gates: &FeatureGates, report: &mut Report) {
    let path = at(component.setting());
    let given = arguments.iter().enumerate().filter(|(_, argument)| argument.name == "feature-gates");
    for (index, argument) in given {
        for gate in argument.value.split(',').filter_map(|pair| pair.split('=').next()) {
            if gates.contains_key(gate.trim()) {
                report
                    .error(
                        "duplicate-feature-gate",
                        path.key("extraArgs").index(index).key("value"),
                        format!("the feature gate `{}` is given twice", gate.trim()),
                    )
                    .note(path.key("featureGates").key(gate.trim()), "given here as well")
                    .help("keep it under `featureGates`");
            }
        }
    }
}

/// Volumes of the static pods.
pub(super) fn check_extra_volumes(subject: &Subject<'_>, report: &mut Report) {
    let description = subject.description;
    volumes(&at("apiServer.extraVolumes"), &description.api_server.extra_volumes, report);
    volumes(&at("controllerManager.extraVolumes"), &description.controller_manager.extra_volumes, report);
    volumes(&at("scheduler.extraVolumes"), &description.scheduler.extra_volumes, report);
}

/// Folders of a static pod that kfimg mounts itself.
const OWN_MOUNTS: [&str; 4] = ["/etc/kubernetes", "/etc/kfimg", "/run/kfimg", "/var/log/kubernetes"];

fn volumes(path: &Path, volumes: &[ExtraVolume], report: &mut Report) {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut mounts: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, volume) in volumes.iter().enumerate() {
        let setting = path.index(index);
        if let Some(wrong) = syntax::label(&volume.name) {
            report
                .error("invalid-name", setting.key("name"), format!("the volume's name {wrong}"))
                .help("use at most 63 lower-case letters, digits and `-`");
        }
        for (key, text) in [("hostPath", &volume.host_path), ("mountPath", &volume.mount_path)] {
            if !syntax::is_clean_path(text) || text == "/" {
                report
                    .error("invalid-path", setting.key(key), format!("`{text}` is no absolute path below /"))
                    .help("write a path such as /etc/ssl/company, without `..` and without a `/` at its end");
            }
        }
        let is_own = |own: &str| volume.mount_path == own || volume.mount_path.starts_with(&format!("{own}/"));
        if let Some(own) = OWN_MOUNTS.into_iter().find(|own| is_own(own)) {
            report
                .error("owned-path", setting.key("mountPath"), format!("`{own}` in the container belongs to kfimg"))
                .help("write another path");
        }
        for (key, text, seen) in [("name", &volume.name, &mut names), ("mountPath", &volume.mount_path, &mut mounts)] {
            if let Some(first) = seen.insert(text, index) {
                report
                    .error("duplicate-volume", setting.key(key), format!("two volumes have the {key} `{text}`"))
                    .note(path.index(first).key(key), "first given here")
                    .help("give each volume its own");
            }
        }
    }
}
