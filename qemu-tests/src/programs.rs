//! The programs that the lab runs: real components, built by `go/build.sh`, and kfimg's own, built by cargo.
//!
//! Which machine gets which of them is in [`crate::rootfs`] and [`crate::images`].

use crate::command::{command, succeed};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Components of `go/` that a lab with Kubernetes 1.36 needs.
pub const COMPONENTS: [&str; 14] = [
    "cloud-controller-manager",
    "cni",
    "containerd",
    "coredns",
    "crictl",
    "etcd",
    "flannel",
    "flannel-cni",
    "ignition",
    "kubernetes",
    "metrics-server",
    "pause",
    "registry",
    "runc",
];
/// The component with the older Kubernetes, for upgrades; its programs are in the folder `1.35`.
pub const OLDER_KUBERNETES: &str = "kubernetes-1.35";

/// Versions of Kubernetes that the components hold, and the folder of each.
const KUBERNETES: [(&str, &str); 2] = [("v1.36.3", ""), ("v1.35.4", "1.35/")];

/// Folder of the crate, and above it the project's.
const CRATE: &str = env!("CARGO_MANIFEST_DIR");

/// Programs that are built and can be run.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Programs {
    folder: PathBuf,
    kfimg: PathBuf,
    agent: PathBuf,
}

impl Programs {
    /// Builds what is not there yet: these components of `go/`, `kfimg` and the agent. `KFIMG_BIN` and `KFIMG_AGENT_BIN`
    /// name finished ones of the last two instead.
    ///
    /// # Errors
    /// [`Error::Program`] with the compiler's words.
    pub fn build(components: &[&str]) -> Result<Self> {
        let said = succeed(command(Path::new(CRATE).join("go/build.sh")).args(components))?;
        Ok(Self { folder: PathBuf::from(said.trim_end()), kfimg: kfimg()?, agent: agent()? })
    }

    /// A component's program: by its name, or as `1.35/kubelet` where it is of the older Kubernetes.
    ///
    /// # Errors
    /// [`Error::Unusable`] when its component was not asked for.
    pub fn path(&self, name: &str) -> Result<PathBuf> {
        // The link changes with the set of components; what it leads to, only with the program.
        fs_err::canonicalize(self.folder.join(name))
            .map_err(|error| Error::unusable(name, format!("no component was built that has it: {error}")))
    }

    /// `kfimg` itself.
    pub fn kfimg(&self) -> &Path {
        &self.kfimg
    }

    /// The agent, linked statically.
    pub fn agent(&self) -> &Path {
        &self.agent
    }
}

/// Folder for what machines are made of: built once, kept for every lab.
pub(crate) fn cache() -> PathBuf {
    crate::cache().join("parts")
}

/// Where [`Programs::path`] finds the programs of this version of Kubernetes: in front of a program's name.
///
/// # Errors
/// [`Error::Unusable`] when the lab does not build it.
pub fn kubernetes_folder(version: &str) -> Result<&'static str> {
    let row = KUBERNETES.iter().find(|(built, _)| *built == version);
    row.map(|(_, folder)| *folder).ok_or_else(|| {
        let built = KUBERNETES.map(|(built, _)| built).join(" and ");
        Error::unusable(format!("Kubernetes {version}"), format!("the lab builds {built} only"))
    })
}

fn kfimg() -> Result<PathBuf> {
    if let Some(given) = given("KFIMG_BIN")? {
        return Ok(given);
    }
    let mut build = command("cargo");
    succeed(build.current_dir(project()).args(["build", "--quiet", "--release", "--locked", "-p", "kfimg-cli"]))?;
    Ok(target().join("release/kfimg"))
}

fn agent() -> Result<PathBuf> {
    if let Some(given) = given("KFIMG_AGENT_BIN")? {
        return Ok(given);
    }
    succeed(command("make").current_dir(project()).args(["--silent", "agent"]))?;
    let version = succeed(command("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or_else(|| Error::unusable("rustc -vV", "names no host"))?;
    Ok(target().join(host).join("agent/kfimg-agent"))
}

fn given(variable: &str) -> Result<Option<PathBuf>> {
    let Some(value) = std::env::var_os(variable).filter(|value| !value.is_empty()) else { return Ok(None) };
    let path = fs_err::canonicalize(&value)
        .map_err(|error| Error::unusable(variable, format!("must name a program: {error}")))?;
    Ok(Some(path))
}

fn project() -> PathBuf {
    Path::new(CRATE).join("..")
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| project().join("target"), PathBuf::from)
}
