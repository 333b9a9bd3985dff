//! What the lab's clusters look like, and the description that a person would write for them.
//!
//! Settings that only this kind of machine needs stand here and in no profile.

use crate::Result;
use crate::lan::{GATEWAY, NETWORK, address};
use crate::machine::Hardware;
use fs_err as fs;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;

/// The registry's name, as nodes know it.
pub const REGISTRY: &str = "reg.local";
/// The address under which clients reach the API.
pub const VIP: Ipv4Addr = address(100);
/// The newest Kubernetes that the lab builds.
pub const KUBERNETES: &str = "v1.36.3";

/// Size of a machine's disk: room for all images, twice.
const DISK_BYTES: u64 = 16 << 30;
const FIRST_MASTER: u8 = 11;
const FIRST_WORKER: u8 = 21;

/// Which machines a cluster has, and what its site says beside that.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Topology {
    /// Control planes, `master1` and so on.
    pub masters: Vec<String>,
    /// Workers, `worker1` and so on.
    pub workers: Vec<String>,
    /// Version of Kubernetes.
    pub kubernetes: String,
    /// More layers of the description, each a text in YAML without `apiVersion` and `kind`.
    pub layers: Vec<String>,
    /// Files that those layers name: name and text.
    pub files: BTreeMap<String, String>,
}

impl Topology {
    /// So many control planes and workers.
    pub fn new(masters: u8, workers: u8) -> Self {
        let names = |role: &str, count: u8| (1..=count).map(|number| format!("{role}{number}")).collect();
        Self {
            masters: names("master", masters),
            workers: names("worker", workers),
            kubernetes: KUBERNETES.to_owned(),
            layers: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    /// With another version of Kubernetes.
    #[must_use]
    pub fn kubernetes(mut self, version: &str) -> Self {
        version.clone_into(&mut self.kubernetes);
        self
    }

    /// With another layer of the description.
    #[must_use]
    pub fn layer(mut self, yaml: &str) -> Self {
        self.layers.push(yaml.to_owned());
        self
    }

    /// With a file that a layer names.
    #[must_use]
    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.files.insert(name.to_owned(), text.to_owned());
        self
    }

    /// All machines, control planes first.
    pub fn machines(&self) -> impl Iterator<Item = &str> {
        self.masters.iter().chain(&self.workers).map(String::as_str)
    }

    /// The hardware of a machine: its card is the one that the inventory names.
    pub fn hardware(&self, name: &str) -> Hardware {
        Hardware { mac: mac(name), disk_bytes: DISK_BYTES, plugged: true }
    }

    /// The address of the API: the virtual one, or that of the only control plane.
    pub fn endpoint(&self) -> Ipv4Addr {
        if self.masters.len() > 1 { VIP } else { node_address("master1") }
    }

    /// Writes `site.yaml`, `layer-<n>.yaml` and `nodes.csv`; gives the options of `kfimg render` that name them.
    pub(crate) fn write(&self, folder: &Path) -> Result<Vec<String>> {
        let site = folder.join("site.yaml");
        fs::write(&site, self.site())?;
        let mut options = vec!["--site".to_owned(), site.display().to_string()];
        for (number, layer) in self.layers.iter().enumerate() {
            let file = folder.join(format!("layer-{number}.yaml"));
            fs::write(&file, format!("{HEAD}{layer}"))?;
            options.extend(["--site".to_owned(), file.display().to_string()]);
        }
        for (name, text) in &self.files {
            fs::write(folder.join(name), text)?;
        }
        let inventory = folder.join("nodes.csv");
        fs::write(&inventory, self.inventory())?;
        options.extend(["--inventory".to_owned(), inventory.display().to_string()]);
        Ok(options)
    }

    fn site(&self) -> String {
        let endpoint =
            if self.masters.len() > 1 { format!("{{mode: vip, address: {VIP}}}") } else { "{mode: node}".to_owned() };
        format!(
            "{HEAD}\
clusterName: lab
kubernetesVersion: {version}
# The disk is mounted by the lab before the machine boots: no payload can name it.
etcd: {{allowVolatileData: true}}
controlPlaneEndpoint: {endpoint}
networking: {{nodeSubnet: {NETWORK}, podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/16}}
nodeDefaults: {{network: {{interface: eth0, gateway: {GATEWAY}}}}}
registry: {{host: {REGISTRY}, address: {GATEWAY}}}
# All machines share one kernel, whose settings are not theirs.
kubelet: {{failCgroupV1: false, failSwapOn: false}}
containerd: {{disableApparmor: true}}
kubeProxy: {{conntrackMaxPerCore: 0, conntrackMin: 0}}
",
            version = self.kubernetes,
        )
    }

    fn inventory(&self) -> String {
        let mut text = String::from("name,role,address,mac,uuid,serial,labels\n");
        let masters = self.masters.iter().map(|name| (name, "control-plane"));
        for (name, role) in masters.chain(self.workers.iter().map(|name| (name, "worker"))) {
            let _ = writeln!(text, "{name},{role},{},{},,,", node_address(name), mac(name));
        }
        text
    }
}

const HEAD: &str = "apiVersion: kfimg/v1alpha1\nkind: Cluster\n";

/// The address of a machine, by its name.
pub fn node_address(name: &str) -> Ipv4Addr {
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    let number: u8 = digits.parse().unwrap_or(1);
    let first = if name.starts_with("master") { FIRST_MASTER } else { FIRST_WORKER };
    address(first + number - 1)
}

fn mac(name: &str) -> String {
    let [.., last] = node_address(name).octets();
    format!("52:54:00:77:00:{last:02x}")
}
