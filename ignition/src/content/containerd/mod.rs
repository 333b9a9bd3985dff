//! containerd 2.x: its configuration (version 3), its unit, and `crictl`'s way to it.
//!
//! Where images come from is in [`mirror`]. Network plug-ins stay in `/opt/cni/bin`, containerd's default, because
//! installers of plug-ins write there.

mod mirror;
mod toml;

pub use mirror::upstream_hosts;

use super::{Content, ContentError, Context};
use kfimg_images::{Component, Reason};
use kfimg_profiles::description::CgroupDriver;
use toml::string;

const UNIT: &str = "containerd.service";
const CONFIG: &str = "/etc/containerd/config.toml";
/// Folder with one folder for each upstream registry (`hosts.md` of containerd).
const CERTS_D: &str = "/etc/containerd/certs.d";

/// Writes all of it, and notes the sandbox image.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let sandbox = context.image(Component::Pause);
    // containerd pulls and keeps a pinned image under this name, and compares this text with it to keep the garbage
    // collection away (`getLabels` in its `internal/cri/server/images`).
    content.tree.file(CONFIG, 0o644, config(context, &sandbox.containerd_name()))?;
    content.tree.file("/etc/crictl.yaml", 0o644, CRICTL)?;
    content.tree.unit(UNIT, include_str!("containerd.service"), Some("multi-user.target"))?;
    content.images.add(sandbox, Reason::sandbox(&context.node.name));
    mirror::write(context, content)
}

const CRICTL: &str = "\
runtime-endpoint: unix:///run/containerd/containerd.sock
image-endpoint: unix:///run/containerd/containerd.sock
timeout: 10
";

/// Plug-in names are those of containerd 2.0 and newer; 2.4 reads version 3 as its own version 4.
fn config(context: &Context<'_>, sandbox: &str) -> String {
    let settings = &context.cluster.containerd;
    format!(
        "\
version = 3

[plugins.'io.containerd.cri.v1.images']
snapshotter = {snapshotter}
# Layers are on the disk before an image counts as there: the power may go at any moment.
image_pull_with_sync_fs = true

[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = {sandbox}

[plugins.'io.containerd.cri.v1.images'.registry]
config_path = {certs_d}

[plugins.'io.containerd.cri.v1.runtime']
disable_apparmor = {disable_apparmor}

[plugins.'io.containerd.cri.v1.runtime'.containerd]
default_runtime_name = \"runc\"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = \"io.containerd.runc.v2\"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = \"/usr/bin/runc\"
SystemdCgroup = {systemd}
",
        snapshotter = string(&settings.snapshotter),
        sandbox = string(sandbox),
        certs_d = string(CERTS_D),
        disable_apparmor = settings.disable_apparmor,
        systemd = context.cluster.kubelet.cgroup_driver == CgroupDriver::Systemd,
    )
}
