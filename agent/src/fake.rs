//! What tests stand on: a plan, a machine below a folder, and certificates of one authority. Each test changes what it is about.

use crate::http::Identity;
use crate::plan::{
    Cluster, Etcd, ManifestInstall, Member, Node, PLAN_PATH, PLAN_VERSION, Plan, Preflight, Role, Snapshot, Window,
};
use crate::program::Context;
use crate::root::Root;
use crate::step::{Step, StepLog};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use std::net::IpAddr;
use std::path::Path;

/// A machine below a folder of its own, which goes with it.
pub(crate) struct Machine {
    folder: tempfile::TempDir,
    /// Its root and its plan.
    pub(crate) context: Context,
}

impl Machine {
    /// One without any file.
    pub(crate) fn new(plan: Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        Self { folder, context: Context { root, plan } }
    }

    /// One whose plan lies where the agent reads it.
    pub(crate) fn with_plan_file(text: &str) -> Self {
        let machine = Self::new(serde_json::from_str(text).unwrap());
        machine.put(PLAN_PATH, text);
        machine
    }

    /// Its root.
    pub(crate) fn root(&self) -> &Root {
        &self.context.root
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, and makes the folders above it.
    pub(crate) fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root().at(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Removes a file or a folder with all that is in it.
    pub(crate) fn remove(&self, path: &str) {
        let path = self.root().at(path);
        if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
    }

    /// Begins a step.
    pub(crate) fn begin(&self, step: Step) -> StepLog {
        StepLog::begin(self.root(), step)
    }

    /// What a step has told, as JSON.
    pub(crate) fn told(&self, step: Step) -> String {
        std::fs::read_to_string(step.file(self.root())).unwrap_or_default()
    }
}

/// An authority of certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new one.
    pub(crate) fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate of this authority for both ends of a connection on 127.0.0.1, and whom its holder trusts.
    pub(crate) fn identity(&self, trusted: &Self) -> Identity {
        let mut parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        Identity::new(trusted.0.pem().into(), certificate.pem().into_bytes(), key.serialize_pem().into_bytes())
    }
}

impl Plan {
    /// The plan of `master1`, the first of three members.
    pub(crate) fn fake() -> Self {
        let member = |number: usize| Member {
            name: format!("master{number}"),
            peer_url: format!("https://192.0.2.1{number}:2380"),
            client_url: format!("https://192.0.2.1{number}:2379"),
            guard_url: format!("https://192.0.2.1{number}:2382"),
        };
        let install = |name: &str| ManifestInstall {
            source: format!("/etc/kfimg/manifests/{name}"),
            destination: format!("/etc/kubernetes/manifests/{}.yaml", name.split('.').next().unwrap_or(name)),
        };
        Self {
            version: PLAN_VERSION,
            generation: 1,
            render_time: 1_700_000_000,
            cluster: Cluster {
                name: "demo".to_owned(),
                uid: "0123456789abcdef0123456789abcdef".to_owned(),
                incarnation: 1,
                kubernetes_version: "v1.36.3".to_owned(),
                support_end: Some(1_814_227_199),
            },
            node: Node {
                name: "master1".to_owned(),
                role: Role::ControlPlane,
                addresses: vec![IpAddr::from([192, 0, 2, 11])],
                macs: Vec::new(),
                machine_id: "0123456789abcdef0123456789abcdef".to_owned(),
            },
            certificates: Window { not_before: 1_699_913_600, not_after: 1_794_521_600 },
            time_servers: Vec::new(),
            preflight: Preflight::default(),
            images: Vec::new(),
            copies: Vec::new(),
            etcd: Some(Etcd {
                members: (1..=3).map(member).collect(),
                manifest: install("etcd.json"),
                data_dir: "/var/lib/etcd".to_owned(),
                marker_dir: "/var/lib/kfimg/etcd".to_owned(),
                bootstrap_not_after: 1_731_536_000,
                recover_from: None,
                restore: None,
                without: Vec::new(),
                discard: Vec::new(),
                snapshot: Snapshot { dir: "/var/lib/kfimg/snapshots".to_owned(), interval_seconds: 21_600, retain: 4 },
            }),
            remote_etcd: Vec::new(),
            api_server_manifest: Some(install("kube-apiserver.yaml")),
            keepalived_manifest: Some(install("keepalived.yaml")),
            addons: None,
            data_partition: None,
            report_url: None,
            fetch: Vec::new(),
            sealed: None,
        }
    }
}
