//! The versions of containerd and of the kubelet that the image brings, against what the payload was rendered for.
//!
//! Versions of images are not judged: a digest or a tag names them exactly.

use super::Findings;
use super::codes::{CONTAINERD_VERSION, KUBELET_VERSION};
use crate::command;
use crate::plan::Plan;
use crate::root::Root;
use std::panic::resume_unwind;
use std::process::Command;
use std::time::Duration;

/// A cold disk and a program of a hundred megabytes take seconds, not minutes.
const TIME: Duration = Duration::from_secs(60);
/// Older kubelets than by so many minor versions are not supported (`kubernetes.io/releases/version-skew-policy`).
const KUBELET_SKEW: u64 = 3;

/// Major, minor, patch.
type Version = (u64, u64, u64);

/// Asks both at the same time.
pub(super) fn check(root: &Root, plan: &Plan) -> Findings {
    let (containerd, kubelet) = std::thread::scope(|scope| {
        let containerd = scope.spawn(|| ask(root, "/usr/bin/containerd"));
        let kubelet = ask(root, "/usr/bin/kubelet");
        (containerd.join().unwrap_or_else(|panic| resume_unwind(panic)), kubelet)
    });
    let mut findings = Findings::default();
    if let Err(reason) = containerd.and_then(|is| judge_containerd(is, &plan.preflight.containerd)) {
        findings.add(&CONTAINERD_VERSION, reason);
    }
    if let Err(reason) = kubelet.and_then(|is| judge_kubelet(is, &plan.cluster.kubernetes_version)) {
        findings.add(&KUBELET_VERSION, reason);
    }
    findings
}

fn ask(root: &Root, program: &str) -> Result<Version, String> {
    let said = command::output(Command::new(root.at(program)).arg("--version"), TIME, 1024);
    let said = said.map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&said);
    let version = said.split_ascii_whitespace().find_map(parse);
    version.ok_or_else(|| format!("{program} --version says {:?}, which names no version", said.trim()))
}

/// `v1.36.3`, `2.4.2`, `1.36.3-rc.1+build`; two numbers alone are none.
fn parse(word: &str) -> Option<Version> {
    let mut numbers = word.strip_prefix('v').unwrap_or(word).splitn(3, '.');
    let (major, minor, rest) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let patch = rest.split(['-', '+', '~']).next()?;
    Some((major.parse().ok()?, minor.parse().ok()?, patch.parse().ok()?))
}

fn judge_containerd(is: Version, least: &str) -> Result<(), String> {
    match parse(least) {
        Some(least) if is < least => Err(format!("containerd is {}, the payload needs {}", text(is), text(least))),
        _ => Ok(()),
    }
}

fn judge_kubelet(is: Version, cluster: &str) -> Result<(), String> {
    let Some(cluster) = parse(cluster) else { return Ok(()) };
    let (is_minor, cluster_minor) = ((is.0, is.1), (cluster.0, cluster.1));
    let reason = if is_minor > cluster_minor {
        "is newer than"
    } else if is.0 != cluster.0 || cluster.1 - is.1 > KUBELET_SKEW {
        "is too old for"
    } else {
        return Ok(());
    };
    Err(format!("the kubelet {} {reason} Kubernetes {}", text(is), text(cluster)))
}

fn text((major, minor, patch): Version) -> String {
    format!("{major}.{minor}.{patch}")
}

#[cfg(test)]
mod tests {
    use super::{judge_containerd, judge_kubelet, parse};

    #[test]
    fn versions_are_read_as_the_programs_write_them() {
        for (said, version) in [
            ("Kubernetes v1.36.3", Some((1, 36, 3))),
            ("containerd github.com/containerd/containerd/v2 v2.4.2 1a2b3c", Some((2, 4, 2))),
            ("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+b1", Some((1, 6, 20))),
            ("Kubernetes v1.37.0-alpha.1+abc", Some((1, 37, 0))),
            ("something 2.1", None),
        ] {
            assert_eq!(said.split_ascii_whitespace().find_map(parse), version, "{said}");
        }
    }

    #[test]
    fn a_kubelet_is_never_newer_than_the_cluster_and_at_most_three_minors_older() {
        for (kubelet, fits) in
            [((1, 36, 0), true), ((1, 36, 9), true), ((1, 37, 0), false), ((1, 33, 0), true), ((1, 32, 9), false)]
        {
            assert_eq!(judge_kubelet(kubelet, "v1.36.3").is_ok(), fits, "{kubelet:?}");
        }
        for (containerd, fits) in [((2, 0, 0), true), ((1, 7, 30), false), ((2, 4, 2), true)] {
            assert_eq!(judge_containerd(containerd, "2.0.0").is_ok(), fits, "{containerd:?}");
        }
    }
}
