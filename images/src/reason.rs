//! Why an image is needed, and where.
//!
//! The words that people read are made here; which images there are is not decided here.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::discovery::FoundImage;

/// One reason for one image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// What asks for the image.
    pub cause: Cause,
    /// Which nodes will ask for it.
    pub scope: Scope,
}

/// What asks for an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A static pod, by the name of its manifest: `kube-apiserver`.
    StaticPod {
        /// The pod.
        pod: String,
        /// The container; left out of the text when it is named like the pod.
        container: String,
    },
    /// containerd starts this image for every pod.
    Sandbox,
    /// A container of an addon that kfimg renders.
    Addon {
        /// The addon: `coredns`.
        addon: String,
        /// The container; left out of the text when it is named like the addon.
        container: String,
    },
    /// A manifest of the user.
    Manifest {
        /// The file, as the description names it.
        file: String,
        /// The line, counted from 1, where it is known.
        line: Option<usize>,
        /// The object: `Deployment/web`.
        object: String,
        /// The place in it: `container nginx`.
        place: String,
    },
    /// Something else that the description asks for, in its words: `images.extra[2]`.
    Description(String),
}

/// Which nodes ask for an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Every node that runs a kubelet may be asked to start it.
    EveryNode,
    /// Every node of a role: `control-plane`, `etcd` or `worker`.
    Role(String),
    /// One node, by name.
    Node(String),
}

impl Reason {
    /// A static pod's container on a node.
    #[must_use]
    pub fn static_pod(pod: &str, container: &str, node: &str) -> Self {
        let cause = Cause::StaticPod { pod: pod.to_owned(), container: container.to_owned() };
        Self { cause, scope: Scope::Node(node.to_owned()) }
    }

    /// The sandbox image of a node's containerd.
    #[must_use]
    pub fn sandbox(node: &str) -> Self {
        Self { cause: Cause::Sandbox, scope: Scope::Node(node.to_owned()) }
    }

    /// An addon's container.
    #[must_use]
    pub fn addon(addon: &str, container: &str, scope: Scope) -> Self {
        Self { cause: Cause::Addon { addon: addon.to_owned(), container: container.to_owned() }, scope }
    }

    /// An image that [`crate::discover`] found in a file of the user; such a pod may run on every node.
    #[must_use]
    pub fn manifest(file: &str, line: Option<usize>, found: &FoundImage) -> Self {
        let (object, place) = (found.object.to_string(), found.place.to_string());
        Self { cause: Cause::Manifest { file: file.to_owned(), line, object, place }, scope: Scope::EveryNode }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StaticPod { pod, container } if pod == container => write!(f, "static pod {pod}"),
            Self::StaticPod { pod, container } => write!(f, "static pod {pod} container {container}"),
            Self::Sandbox => f.write_str("sandbox image of containerd"),
            Self::Addon { addon, container } if addon == container => write!(f, "addon {addon}"),
            Self::Addon { addon, container } => write!(f, "addon {addon} container {container}"),
            Self::Manifest { file, line: Some(line), object, place } => {
                write!(f, "manifest {file}:{line} {object} {place}")
            }
            Self::Manifest { file, line: None, object, place } => write!(f, "manifest {file} {object} {place}"),
            Self::Description(place) => write!(f, "description {place}"),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EveryNode => f.write_str("every node"),
            Self::Role(role) => write!(f, "role {role}"),
            Self::Node(node) => f.write_str(node),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.cause, self.scope)
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `every node`, `master1`, `master1, master2, master3`, or `worker1, worker2, worker3 and 997 more`.
pub(crate) fn joined(scopes: &BTreeSet<Scope>) -> String {
    const NAMED: usize = 3;
    let named: Vec<String> = scopes.iter().take(NAMED).map(ToString::to_string).collect();
    match scopes.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
