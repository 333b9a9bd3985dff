//! What a render says at its end: what was written, and what to do next.

use super::delivery::guestinfo_values;
use crate::commands::description::{head_count, plural};
use crate::output::{FileRecord, Manifest};
use kfimg_profiles::cluster::Cluster;
use std::collections::BTreeMap;
use std::path::Path;

/// The finished render.
pub(super) struct Summary<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) manifest: &'a Manifest,
    /// Its files with what they are measured by.
    pub(super) measured: &'a BTreeMap<String, FileRecord>,
    pub(super) output: &'a Path,
    pub(super) state: &'a Path,
    /// What images are pinned to.
    pub(super) bundle: Option<&'a Path>,
    /// Whether machines wait for a key that opens their payloads.
    pub(super) sealed: bool,
}

impl Summary<'_> {
    /// At most eleven lines.
    pub(super) fn lines(&self) -> Vec<String> {
        let (output, state) = (self.output.display(), self.state.display());
        let machines = head_count(self.cluster);
        let written = [
            (format!("{output}/{}", self.folders()), self.payloads()),
            (format!("{output}/admin.kubeconfig"), "rules the cluster: for you alone".to_owned()),
            (format!("{output}/images.txt"), self.images()),
            (format!("{output}/report.html"), "all of it as a page to look at".to_owned()),
            (format!("{state}/"), "keys and certificates: *back it up and keep it secret*".to_owned()),
        ];
        let width = written.iter().map(|(path, _)| path.chars().count()).max().unwrap_or_default();
        let mut lines = vec![format!(
            "Rendered *{}*: Kubernetes {}, {machines}, generation {}.",
            self.cluster.name, self.cluster.version, self.manifest.generation
        )];
        lines.extend(written.iter().map(|(path, what)| format!("  {path:width$}  {what}")));
        lines.push("Next:".to_owned());
        let mut steps = Vec::new();
        steps.extend(match (self.bundle, &self.cluster.registry) {
            (Some(bundle), Some(registry)) => {
                let prefix = registry.prefix.as_ref().map(|prefix| format!(" --prefix {prefix}")).unwrap_or_default();
                let (bundle, registry) = (bundle.display(), registry.authority());
                Some(format!("kfimg bundle push --bundle {bundle} --registry {registry}{prefix}"))
            }
            (Some(bundle), None) => Some(format!("put *{}* on a medium of each machine", bundle.display())),
            (None, Some(registry)) => Some(format!("put the images of images.txt into *{}*", registry.place())),
            (None, None) => None,
        });
        steps.push("boot each machine with its payload, in any order".to_owned());
        if self.sealed {
            steps.push("bring each its key: kfimg.key on a medium KFIMG-KEY, guestinfo, or typed".to_owned());
        }
        steps.push(format!("kubectl --kubeconfig {output}/admin.kubeconfig get nodes"));
        lines.extend(steps.iter().enumerate().map(|(index, step)| format!("  {}. {step}", index + 1)));
        lines
    }

    /// The folders that hold payloads and what brings them to machines: `nodes/`, `{nodes,pxe,vmware}/`.
    fn folders(&self) -> String {
        let has = |folder: &&str| self.manifest.files.keys().any(|path| path.starts_with(&format!("{folder}/")));
        let folders: Vec<&str> = ["nodes", "pxe", "vmware", "content"].into_iter().filter(has).collect();
        if let [one] = folders[..] { format!("{one}/") } else { format!("{{{}}}/", folders.join(",")) }
    }

    fn payloads(&self) -> String {
        let count = plural(self.manifest.nodes.len(), "payload");
        let values = guestinfo_values(self.measured);
        let Some((node, _, bytes)) = values.max_by_key(|(_, _, bytes)| *bytes) else { return count };
        let (size, limit) = (bytes.div_ceil(1024), self.cluster.delivery.guestinfo_limit.div_ceil(1024));
        format!("{count}, guestinfo up to {size} of {limit} KiB ({node})")
    }

    fn images(&self) -> String {
        match &self.cluster.registry {
            Some(registry) => format!("what {} must hold", registry.place()),
            None if self.bundle.is_some() => "what the nodes will start from the bundle".to_owned(),
            None => "what the nodes will ask the upstream registries for".to_owned(),
        }
    }
}
