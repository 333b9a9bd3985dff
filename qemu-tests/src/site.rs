//! What the lab's clusters look like, and the description that a person would write for them.
//!
//! Settings that only this kind of machine needs stand here and in no profile.

use crate::Result;
use crate::lan::{GATEWAY, NETWORK, address};
use crate::machine::{Hardware, System};
use crate::seal::Seal;
use fs_err as fs;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;

/// The registry's name, as nodes know it.
pub const REGISTRY: &str = "reg.local";
/// The address under which clients reach the API, where the control planes hold it.
pub const VIP: Ipv4Addr = address(100);
/// The address of the load balancer that is no part of a cluster.
pub const BALANCER: Ipv4Addr = address(200);
/// The newest Kubernetes that the lab builds.
pub const KUBERNETES: &str = "v1.36.3";

/// Size of a machine's disk: room for all images, twice.
const DISK_BYTES: u64 = 16 << 30;
/// What the names of machines of each role begin with, and the last byte of the first one's address.
const ROLES: [(&str, u8); 3] = [("master", 11), ("worker", 21), ("etcd", 31)];

/// A setting for emulated processors, on which an API server takes longer to start than anywhere else.
const PATIENCE: &str = "timeouts: {controlPlaneComponentHealthCheck: 40m}\n";
/// Takes back what the site says for containers' sake.
const EMULATED: &str = "\
etcd: {allowVolatileData: false}
kubelet: {failCgroupV1: true, failSwapOn: true}
containerd: {disableApparmor: false}
kubeProxy: {conntrackMaxPerCore: 32768, conntrackMin: 131072}
";

/// What a control plane is without: packing, serving and importing an image costs minutes where all is emulated.
const FEW_IMAGES: &str = "\
networking: {cni: none}
kubeProxy: {disabled: true}
addons: {metricsServer: {enabled: false}}
";

/// How clients reach the API.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Entrance {
    /// At the only control plane's own address.
    Machine,
    /// At [`VIP`].
    #[default]
    Virtual,
    /// At [`BALANCER`].
    Balancer,
}

/// Which machines a cluster has, and what its site says beside that.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Topology {
    /// A built-in profile below the site; none: the site says it all.
    #[serde(default)]
    pub profile: Option<String>,
    /// Machines for etcd alone, `etcd1` and so on; none: control planes hold etcd.
    #[serde(default)]
    pub etcd: Vec<String>,
    /// Control planes, `master1` and so on.
    pub masters: Vec<String>,
    /// Workers, `worker1` and so on.
    pub workers: Vec<String>,
    /// How clients reach the API.
    #[serde(default)]
    pub entrance: Entrance,
    /// Version of Kubernetes.
    pub kubernetes: String,
    /// More layers of the description, each a text in YAML without `apiVersion` and `kind`.
    pub layers: Vec<String>,
    /// Files that those layers name: name and text.
    pub files: BTreeMap<String, String>,
    /// Machines with an installed system, whose payload is cloud-init's.
    #[serde(default)]
    pub installed: Vec<String>,
    /// Machines whose card the inventory does not name, so that their payload fits any.
    #[serde(default)]
    pub unnamed: Vec<String>,
    /// How payloads are sealed; none: not at all.
    #[serde(default)]
    pub seal: Option<Seal>,
}

impl Topology {
    /// So many control planes and workers; more than one control plane share a virtual address.
    pub fn new(masters: u8, workers: u8) -> Self {
        Self {
            profile: None,
            etcd: Vec::new(),
            masters: names("master", masters),
            workers: names("worker", workers),
            entrance: if masters > 1 { Entrance::Virtual } else { Entrance::Machine },
            kubernetes: KUBERNETES.to_owned(),
            layers: Vec::new(),
            files: BTreeMap::new(),
            installed: Vec::new(),
            unnamed: Vec::new(),
            seal: None,
        }
    }

    /// Of a built-in profile, with so many control planes and workers.
    pub fn of_profile(profile: &str, masters: u8, workers: u8, entrance: Entrance) -> Self {
        Self { profile: Some(profile.to_owned()), entrance, ..Self::new(masters, workers) }
    }

    /// With so many machines for etcd alone.
    #[must_use]
    pub fn etcd(mut self, machines: u8) -> Self {
        self.etcd = names("etcd", machines);
        self
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

    /// For an emulated machine: with what the lab's containers can't do and a machine can, and with this disk, which is Ignition's to
    /// partition.
    #[must_use]
    pub fn emulated(self, disk: &str) -> Self {
        self.layer(&format!("{PATIENCE}{EMULATED}nodeDefaults: {{dataDisk: {{path: {disk}}}}}\n"))
    }

    /// With hardly an image but those of the static pods: for machines of which no more is wanted.
    #[must_use]
    pub fn few_images(self) -> Self {
        self.layer(FEW_IMAGES)
    }

    /// With a file that a layer names.
    #[must_use]
    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.files.insert(name.to_owned(), text.to_owned());
        self
    }

    /// With a stock Debian on these machines, and cloud-init in it.
    #[must_use]
    pub fn installed(mut self, machines: &[&str]) -> Self {
        self.installed = machines.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// With an inventory that does not name the cards of these machines.
    #[must_use]
    pub fn unnamed(mut self, machines: &[&str]) -> Self {
        self.unnamed = machines.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// With sealed payloads.
    #[must_use]
    pub fn sealed(mut self, seal: Seal) -> Self {
        self.seal = Some(seal);
        self
    }

    /// All machines: those of etcd, control planes, workers.
    pub fn machines(&self) -> impl Iterator<Item = &str> {
        self.etcd.iter().chain(&self.masters).chain(&self.workers).map(String::as_str)
    }

    /// Machines that are Nodes of the cluster.
    pub fn nodes(&self) -> usize {
        self.masters.len() + self.workers.len()
    }

    /// The members of etcd.
    pub fn members(&self) -> &[String] {
        if self.etcd.is_empty() { &self.masters } else { &self.etcd }
    }

    /// What a machine is made of: its card is the one that the inventory names.
    pub fn hardware(&self, name: &str) -> Hardware {
        let installed = self.installed.iter().any(|machine| machine == name);
        let system = if installed { System::Installed } else { System::Image };
        Hardware { mac: mac(name), disk_bytes: DISK_BYTES, plugged: true, system }
    }

    /// The address of the API.
    pub fn endpoint(&self) -> Ipv4Addr {
        match self.entrance {
            Entrance::Machine => node_address("master1"),
            Entrance::Virtual => VIP,
            Entrance::Balancer => BALANCER,
        }
    }

    /// Writes `site.yaml`, `layer-<n>.yaml` and `nodes.csv`; gives the options of `kfimg render` that name them.
    pub(crate) fn write(&self, folder: &Path) -> Result<Vec<String>> {
        let mut options = Vec::new();
        if let Some(profile) = &self.profile {
            options.extend(["--profile".to_owned(), profile.clone()]);
        }
        let site = folder.join("site.yaml");
        fs::write(&site, self.site())?;
        options.extend(["--site".to_owned(), site.display().to_string()]);
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
        let endpoint = match self.entrance {
            Entrance::Machine => "{mode: node}".to_owned(),
            Entrance::Virtual => format!("{{mode: vip, address: {VIP}}}"),
            Entrance::Balancer => format!("{{mode: external, address: {BALANCER}}}"),
        };
        format!(
            "{HEAD}\
clusterName: lab
kubernetesVersion: {version}
# The disk is mounted by the lab before the machine boots: no payload can name it.
etcd: {{allowVolatileData: true}}
controlPlaneEndpoint: {endpoint}
networking: {{nodeSubnet: {NETWORK}, podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/16}}
nodeDefaults: {{dataDisk: null, network: {{interface: eth0, gateway: {GATEWAY}}}}}
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
        let roles = [("etcd", &self.etcd), ("control-plane", &self.masters), ("worker", &self.workers)];
        for (role, name) in roles.iter().flat_map(|(role, names)| names.iter().map(move |name| (role, name))) {
            let mac = if self.unnamed.contains(name) { String::new() } else { mac(name) };
            let _ = writeln!(text, "{name},{role},{},{mac},,,", node_address(name));
        }
        text
    }
}

/// The chapter of a document, whose site gets what an emulated machine needs and no other does.
///
/// # Panics
/// When the chapter has no site that begins with the name of its cluster.
pub fn with_patience(chapter: &str) -> String {
    let name = "\nclusterName: first\n";
    assert!(chapter.contains(name), "the document's site does not begin with{name}");
    chapter.replacen(name, &format!("{name}{PATIENCE}"), 1)
}

fn names(role: &str, count: u8) -> Vec<String> {
    (1..=count).map(|number| format!("{role}{number}")).collect()
}

const HEAD: &str = "apiVersion: kfimg/v1alpha1\nkind: Cluster\n";

/// The address of a machine, by its name.
pub fn node_address(name: &str) -> Ipv4Addr {
    let role = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number: u8 = name[role.len()..].parse().unwrap_or(1);
    let first = ROLES.into_iter().find(|(known, _)| *known == role).map_or(ROLES[1].1, |(_, first)| first);
    address(first + number - 1)
}

fn mac(name: &str) -> String {
    let [.., last] = node_address(name).octets();
    format!("52:54:00:77:00:{last:02x}")
}

#[cfg(test)]
mod tests {
    use super::{Entrance, Topology, node_address};
    use std::collections::BTreeSet;

    #[test]
    fn every_machine_has_an_address_of_its_own() {
        let topology = Topology::of_profile("external-etcd", 9, 9, Entrance::Virtual).etcd(5);
        let addresses: BTreeSet<_> = topology.machines().map(node_address).collect();
        assert_eq!(addresses.len(), 23);
        assert_eq!(node_address("etcd3").octets()[3], 33);
        assert!(topology.inventory().contains("etcd1,etcd,10.77.0.31,52:54:00:77:00:1f,,,\n"));
    }
}
