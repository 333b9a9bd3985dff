//! One change of one node, as data. How it reads is in [`super::text`], where it comes from in [`super::files`].

use serde::Serialize;

/// What a change is about, in the order in which people read it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Topic {
    /// The cluster's name, identity and version.
    Cluster,
    /// Members of etcd and how its incarnation begins.
    Etcd,
    /// The API's addresses and who stands behind them.
    Endpoint,
    /// The machine itself: addresses, disks.
    Machine,
    /// What it boots over the network before its payload.
    Boot,
    /// Certificates and keys.
    Certificates,
    /// Images.
    Images,
    /// Command lines.
    Flags,
    /// Other settings of static pods.
    Pods,
    /// The kubelet's configuration.
    Kubelet,
    /// containerd's configuration.
    Containerd,
    /// Where images come from.
    Registry,
    /// Objects that the agent applies.
    Addons,
    /// Network and names of the machine.
    Network,
    /// Kernel settings and modules.
    Kernel,
    /// systemd's units.
    Units,
    /// Who may log in.
    Users,
    /// What the agent obeys.
    Plan,
    /// All other files.
    Files,
}

impl Topic {
    /// What stands in front of the changes.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Etcd => "etcd",
            Self::Endpoint => "endpoint",
            Self::Machine => "machine",
            Self::Boot => "boot script",
            Self::Certificates => "certificates",
            Self::Images => "images",
            Self::Flags => "flags",
            Self::Pods => "static pods",
            Self::Kubelet => "kubelet",
            Self::Containerd => "containerd",
            Self::Registry => "registry",
            Self::Addons => "addons",
            Self::Network => "network",
            Self::Kernel => "kernel",
            Self::Units => "units",
            Self::Users => "users",
            Self::Plan => "agent",
            Self::Files => "files",
        }
    }
}

/// One change.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    /// What it is about.
    pub(crate) topic: Topic,
    /// Whose setting it is: a pod, a certificate, a file; may be empty.
    pub(crate) subject: String,
    /// The setting; empty when the subject itself changed.
    pub(crate) name: String,
    /// What happened to it.
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What happened.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
pub(crate) enum What {
    /// It is new.
    Added {
        /// Its value, where it has one that may be shown.
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    /// It is gone.
    Removed {
        /// Its value, where it had one that may be shown.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<String>,
    },
    /// It has another value.
    Changed {
        /// Before.
        from: String,
        /// After.
        to: String,
    },
    /// A list lost or gained items; with neither, their order changed.
    Items {
        /// New ones.
        added: Vec<String>,
        /// Former ones.
        removed: Vec<String>,
    },
    /// It is another one, and what it is may not or need not be shown.
    Replaced,
}

impl Change {
    /// A change.
    pub(crate) fn new(topic: Topic, subject: impl Into<String>, name: impl Into<String>, what: What) -> Self {
        Self { topic, subject: subject.into(), name: name.into(), what }
    }
}

impl What {
    /// Compares two values, either of which may be missing; `None` when they are equal.
    pub(crate) fn of(from: Option<&str>, to: Option<&str>) -> Option<Self> {
        match (from, to) {
            (None, None) => None,
            (Some(from), Some(to)) if from == to => None,
            (Some(from), Some(to)) => Some(Self::Changed { from: from.to_owned(), to: to.to_owned() }),
            (None, Some(to)) => Some(Self::Added { to: Some(to.to_owned()) }),
            (Some(from), None) => Some(Self::Removed { from: Some(from.to_owned()) }),
        }
    }

    /// Compares two lists; `None` when they are equal.
    pub(crate) fn of_items(from: &[String], to: &[String]) -> Option<Self> {
        let missing = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|item| !those.contains(item)).cloned().collect()
        };
        (from != to).then(|| Self::Items { added: missing(to, from), removed: missing(from, to) })
    }
}
