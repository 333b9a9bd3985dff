//! What a cluster's machines are made of: programs, node images, container images. Built once, kept in the cache.

use crate::images::{self, Store};
use crate::machine::System;
use crate::programs::{COMPONENTS, OLDER_KUBERNETES, Programs};
use crate::rootfs::NodeImage;
use crate::{Result, Topology, site};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Programs that a lab runs, and the read-only layers of its machines. They stay the same while the lab lives, but for the
/// layers: an upgrade brings others.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Parts {
    /// Read-only folders of the node image, topmost first.
    pub layers: Vec<PathBuf>,
    /// The same of the installed system; none where no machine has it.
    #[serde(default)]
    pub installed: Vec<PathBuf>,
    /// The real Ignition.
    pub ignition: PathBuf,
    /// `kubectl`.
    pub kubectl: PathBuf,
    /// `kfimg`.
    pub kfimg: PathBuf,
    /// `etcdctl`.
    pub etcdctl: PathBuf,
    /// The registry of distribution.
    pub registry: PathBuf,
}

impl Parts {
    /// Read-only folders of a machine's root, topmost first.
    pub fn layers(&self, system: System) -> &[PathBuf] {
        match system {
            System::Image => &self.layers,
            System::Installed => &self.installed,
        }
    }
}

/// Builds what the topology's machines need; minutes where the cache is empty, else a second.
///
/// # Errors
/// Those of the builds.
pub(crate) fn build(topology: &Topology) -> Result<(Programs, Parts)> {
    let kubernetes = topology.kubernetes.as_str();
    let older = (kubernetes != site::KUBERNETES).then_some(OLDER_KUBERNETES);
    let components: Vec<&str> = COMPONENTS.into_iter().chain(older).collect();
    let programs = Programs::build(&components)?;
    let parts = Parts {
        layers: NodeImage::build(&programs, kubernetes, System::Image)?.layers(),
        installed: if topology.installed.is_empty() {
            Vec::new()
        } else {
            NodeImage::build(&programs, kubernetes, System::Installed)?.layers()
        },
        ignition: programs.path("ignition")?,
        kubectl: programs.path("kubectl")?,
        kfimg: programs.kfimg().to_owned(),
        etcdctl: programs.path("etcdctl")?,
        registry: programs.path("registry")?,
    };
    Ok((programs, parts))
}

/// Puts the images of a list, one a line, into the registry's store.
pub(crate) fn pack(programs: &Programs, list: &str) -> Result<()> {
    let references = list.lines().filter_map(|line| line.split_whitespace().next()).chain([images::WORKLOAD]);
    images::pack(&Store::open(), programs, references)
}
