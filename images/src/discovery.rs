//! The images that a Kubernetes object names.
//!
//! For built-in kinds these are facts: the API server itself starts pods from those fields; so is what a rule of the user
//! leads to. For everything else (custom resources, arguments, configuration) likely images are reported as questions, never
//! as facts. No object is changed.

use std::fmt;

use serde_json::{Map, Value};

use crate::likely;
use crate::object_path::ObjectPath;
use crate::pod;
use crate::reference::{Reference, ReferenceError};
use crate::rule::{self, ImageRule};

/// Built-in kinds that hold a pod: API group, kind, and the fields that lead to the pod's specification.
///
/// Source: `k8s.io/api` core/v1, apps/v1, batch/v1. The version within the group doesn't matter.
const POD_KINDS: [(&str, &str, &[&str]); 9] = [
    ("", "Pod", &["spec"]),
    ("", "PodTemplate", &["template", "spec"]),
    ("", "ReplicationController", &["spec", "template", "spec"]),
    ("apps", "DaemonSet", &["spec", "template", "spec"]),
    ("apps", "Deployment", &["spec", "template", "spec"]),
    ("apps", "ReplicaSet", &["spec", "template", "spec"]),
    ("apps", "StatefulSet", &["spec", "template", "spec"]),
    ("batch", "CronJob", &["spec", "jobTemplate", "spec", "template", "spec"]),
    ("batch", "Job", &["spec", "template", "spec"]),
];

/// API groups that Kubernetes serves itself. Every other group belongs to a custom resource or an aggregated server.
const BUILT_IN_GROUPS: [&str; 22] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// All fields that a list of objects has.
const LIST_FIELDS: [&str; 4] = ["apiVersion", "kind", "metadata", "items"];

/// What was found in one object, or in all objects of a list. Everything stands in the order of the object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Images that will be pulled.
    pub images: Vec<FoundImage>,
    /// What is wrong, doubtful, or to be asked.
    pub remarks: Vec<Remark>,
}

/// An image that a built-in kind asks for, or to which a rule leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundImage {
    /// The object that asks; within a list, the item.
    pub object: ObjectName,
    /// Where in the value handed to [`discover`]: `spec.template.spec.containers[0].image`.
    pub path: String,
    /// The same place as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// The container, volume or field.
    pub place: Place,
    /// The text as it stands there.
    pub written: String,
    /// What it means.
    pub reference: Reference,
}

/// Kind, namespace and name of an object, as far as it has them. Shown as `Deployment/web`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectName {
    /// `Deployment`.
    pub kind: String,
    /// `metadata.namespace`.
    pub namespace: Option<String>,
    /// `metadata.name`, or `metadata.generateName` where there is no name.
    pub name: Option<String>,
}

/// The place within an object that asks for an image. Shown as `container nginx`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `containers`.
    Container(String),
    /// `initContainers`.
    InitContainer(String),
    /// `ephemeralContainers`.
    EphemeralContainer(String),
    /// A volume of type `image`.
    ImageVolume(String),
    /// A field that a rule names, by its path.
    Field(String),
}

/// Something to tell about an object's images. Its text starts with the object's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{object}{separator}{path}: {kind}", separator = if path.is_empty() { "" } else { ": " })]
pub struct Remark {
    /// The object, or item of a list.
    pub object: ObjectName,
    /// Where in the value handed to [`discover`].
    pub path: String,
    /// What it is.
    pub kind: RemarkKind,
}

/// The kinds of [`Remark`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemarkKind {
    /// The text is no image reference: the kubelet would refuse it (`InvalidImageName`).
    #[error("{0}")]
    Invalid(#[from] ReferenceError),
    /// A container or image volume without an image.
    #[error("has no image; name one")]
    Missing,
    /// Something has another type than the field's.
    #[error("is not {0}, as this field must be")]
    WrongType(&'static str),
    /// Something on a rule's way is not of the type that the rule's next step needs.
    #[error("is not {0}, as a rule of `imagePaths` has it")]
    OffRule(&'static str),
    /// No `kind`: not a Kubernetes object.
    #[error("has no `kind`; this is not a Kubernetes object")]
    NoKind,
    /// Neither digest nor a tag other than `latest`: what it means changes with time.
    #[error("`{written}` means `{reference}`, which is another image tomorrow; give it a version's tag or a digest")]
    Floating {
        /// As it stands there.
        written: String,
        /// What it means.
        reference: Reference,
    },
    /// A text that looks like an image, where nothing says that it is one.
    #[error("looks like the image `{0}`; if the cluster pulls it, name its place in `imagePaths`")]
    Likely(Reference),
}

/// How much a [`Remark`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// For a person to decide.
    Question,
    /// Works today.
    Warning,
    /// Cannot work.
    Error,
}

impl Remark {
    /// How much it matters.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self.kind {
            RemarkKind::Invalid(_)
            | RemarkKind::Missing
            | RemarkKind::WrongType(_)
            | RemarkKind::OffRule(_)
            | RemarkKind::NoKind => Severity::Error,
            RemarkKind::Floating { .. } => Severity::Warning,
            RemarkKind::Likely(_) => Severity::Question,
        }
    }
}

/// Finds the images of a Kubernetes object of any kind; lists are searched item by item.
///
/// `null` (an empty YAML document) holds nothing. A list's items may lack `kind` and `apiVersion`, as those of
/// `DeploymentList` do: then they have the list's.
#[must_use]
pub fn discover(object: &Value) -> Discovery {
    discover_by(object, &[])
}

/// As [`discover`], and also follows the user's rules.
#[must_use]
pub fn discover_by(object: &Value, rules: &[ImageRule]) -> Discovery {
    let mut search = Search { rules, found: Discovery::default(), object: ObjectName::default() };
    if !object.is_null() {
        search.value(object, &ObjectPath::default(), None);
    }
    search.found
}

/// The kind and `apiVersion` that a list gives to items without their own.
type Inherited<'a> = Option<(&'a str, &'a str)>;

/// One search: what was found so far, and the object that is being searched.
pub(crate) struct Search<'r> {
    rules: &'r [ImageRule],
    found: Discovery,
    object: ObjectName,
}

impl Search<'_> {
    fn value(&mut self, value: &Value, path: &ObjectPath, inherited: Inherited<'_>) {
        let Some(fields) = value.as_object() else {
            return self.remark(path, RemarkKind::WrongType("an object"));
        };
        let own_kind = fields.get("kind").and_then(Value::as_str).filter(|kind| !kind.is_empty());
        let Some(kind) = own_kind.or(inherited.map(|(kind, _)| kind)) else {
            return self.remark(path, RemarkKind::NoKind);
        };
        let own_version = fields.get("apiVersion").and_then(Value::as_str);
        let version = own_version.or(inherited.map(|(_, version)| version)).unwrap_or_default();
        let former = std::mem::replace(&mut self.object, ObjectName::read(kind, fields));
        let is_list = BUILT_IN_GROUPS.contains(&group_of(version)) || self.is_list(version, kind, fields);
        match (list_of(kind), fields.get("items")) {
            (Some(item_kind), Some(items)) if is_list => {
                self.items(items, &path.key("items"), item_kind, version);
            }
            _ => self.object(version, kind, value, path),
        }
        self.object = former;
    }

    /// Whether a custom resource is a list of objects. It may be called, say, `AllowList` and have texts there, or images
    /// elsewhere; a rule about just this kind says that it is none.
    fn is_list(&self, version: &str, kind: &str, fields: &Map<String, Value>) -> bool {
        let is_ruled = self.rules.iter().any(|rule| rule.is_about(version, kind));
        let items = fields.get("items").and_then(Value::as_array);
        let are_objects = items.is_some_and(|items| items.iter().all(Value::is_object));
        are_objects && !is_ruled && fields.keys().all(|field| LIST_FIELDS.contains(&field.as_str()))
    }

    fn items(&mut self, items: &Value, path: &ObjectPath, item_kind: &str, version: &str) {
        let inherited = if item_kind.is_empty() { None } else { Some((item_kind, version)) };
        for (index, item) in elements(self, Some(items), path) {
            self.value(item, &path.index(index), inherited);
        }
    }

    fn object(&mut self, version: &str, kind: &str, value: &Value, path: &ObjectPath) {
        let rules = self.rules;
        for rule in rules.iter().filter(|rule| rule.is_about(version, kind)) {
            rule::follow(self, &rule.path, value, path);
        }
        let group = group_of(version);
        let holder = POD_KINDS.iter().find(|(pod_group, pod_kind, _)| *pod_group == group && *pod_kind == kind);
        if let Some((_, _, fields)) = holder {
            self.pod_of(fields, value, path);
        } else if (group, kind) == ("", "ConfigMap") {
            likely::search_text(self, &value["data"], &path.key("data"));
        } else if !BUILT_IN_GROUPS.contains(&group) {
            likely::search_object(self, value, path);
        }
    }

    fn pod_of(&mut self, fields: &[&str], value: &Value, path: &ObjectPath) {
        let (mut value, mut path) = (value, path.clone());
        for field in fields {
            path = path.key(field);
            match value.get(field) {
                Some(child) => value = child,
                None => return self.remark(&path, RemarkKind::WrongType("an object")),
            }
        }
        pod::search(self, value, &path);
    }

    /// Reads the text of a field that holds an image.
    pub(crate) fn image(&mut self, written: &Value, path: &ObjectPath, place: Place) {
        let Some(written) = written.as_str() else {
            return self.remark(path, RemarkKind::WrongType("a text"));
        };
        match written.parse::<Reference>() {
            Ok(reference) => {
                if reference.is_floating() {
                    let kind = RemarkKind::Floating { written: written.to_owned(), reference: reference.clone() };
                    self.remark(path, kind);
                }
                let (object, pointer, written) = (self.object.clone(), path.pointer().to_owned(), written.to_owned());
                let path = path.clone().into_string();
                self.found.images.push(FoundImage { object, path, pointer, place, written, reference });
            }
            Err(error) => self.remark(path, RemarkKind::Invalid(error)),
        }
    }

    pub(crate) fn remark(&mut self, path: &ObjectPath, kind: RemarkKind) {
        // What a rule has answered is no question.
        let is_answered = matches!(kind, RemarkKind::Likely(_))
            && self.found.images.iter().any(|image| image.pointer == path.pointer());
        let remark = Remark { object: self.object.clone(), path: path.clone().into_string(), kind };
        if !is_answered && !self.found.remarks.contains(&remark) {
            self.found.remarks.push(remark);
        }
    }
}

/// The elements of an optional array; anything else that is not null is remarked upon.
pub(crate) fn elements<'a>(
    search: &mut Search<'_>,
    array: Option<&'a Value>,
    path: &ObjectPath,
) -> impl Iterator<Item = (usize, &'a Value)> + use<'a> {
    let elements = match array {
        None | Some(Value::Null) => &[],
        Some(Value::Array(elements)) => elements.as_slice(),
        Some(_) => {
            search.remark(path, RemarkKind::WrongType("a list"));
            &[]
        }
    };
    elements.iter().enumerate()
}

/// The group of an `apiVersion`: `apps/v1` is of `apps`, `v1` of the core group, whose name is empty.
fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// The kind of a list's items (empty for `List` itself), or `None` for anything else.
fn list_of(kind: &str) -> Option<&str> {
    kind.strip_suffix("List")
}

impl ObjectName {
    fn read(kind: &str, fields: &Map<String, Value>) -> Self {
        let metadata = |field: &str| {
            let text = fields.get("metadata").and_then(|metadata| metadata.get(field)).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let name = metadata("name").or_else(|| metadata("generateName"));
        Self { kind: kind.to_owned(), namespace: metadata("namespace"), name }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.kind.is_empty() { "this document" } else { &self.kind };
        match &self.name {
            Some(name) => write!(f, "{kind}/{name}"),
            None => f.write_str(kind),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container(name) => write!(f, "container {name}"),
            Self::InitContainer(name) => write!(f, "init container {name}"),
            Self::EphemeralContainer(name) => write!(f, "ephemeral container {name}"),
            Self::ImageVolume(name) => write!(f, "image volume {name}"),
            Self::Field(path) => write!(f, "field {path}"),
        }
    }
}

#[cfg(test)]
mod tests;
