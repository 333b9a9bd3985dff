//! The images of a pod's specification: containers of all three sorts, and volumes of type `image`.
//!
//! It knows `PodSpec` only; which kinds hold one is known by [`crate::discovery`].

use serde_json::Value;

use crate::discovery::{Place, RemarkKind, Search, elements};
use crate::likely;
use crate::object_path::ObjectPath;

/// Makes the place of a container from its name.
type PlaceOf = fn(String) -> Place;

/// The lists of containers in a `PodSpec`, and what a container of each is called.
const CONTAINER_FIELDS: [(&str, PlaceOf); 3] = [
    ("initContainers", Place::InitContainer),
    ("containers", Place::Container),
    ("ephemeralContainers", Place::EphemeralContainer),
];

/// Searches the `PodSpec` at `path`.
pub(crate) fn search(search: &mut Search<'_>, specification: &Value, path: &ObjectPath) {
    if !specification.is_object() {
        return search.remark(path, RemarkKind::WrongType("an object"));
    }
    for (field, place) in CONTAINER_FIELDS {
        let path = path.key(field);
        for (index, container) in elements(search, specification.get(field), &path) {
            search_container(search, container, &path.index(index), place);
        }
    }
    let path = path.key("volumes");
    for (index, volume) in elements(search, specification.get("volumes"), &path) {
        search_volume(search, volume, &path.index(index));
    }
}

fn search_container(search: &mut Search<'_>, container: &Value, path: &ObjectPath, place: PlaceOf) {
    match given(&container["image"]) {
        Some(image) => search.image(image, &path.key("image"), place(name_of(container))),
        None => search.remark(&path.key("image"), RemarkKind::Missing),
    }
    likely::search_text(search, &container["command"], &path.key("command"));
    likely::search_text(search, &container["args"], &path.key("args"));
    let path = path.key("env");
    for (index, variable) in container["env"].as_array().into_iter().flatten().enumerate() {
        likely::search_text(search, &variable["value"], &path.index(index).key("value"));
    }
}

/// An image volume: `image: {reference: …}`, Kubernetes 1.31 and later.
fn search_volume(search: &mut Search<'_>, volume: &Value, path: &ObjectPath) {
    let Some(image) = given(&volume["image"]) else { return };
    let path = path.key("image").key("reference");
    match given(&image["reference"]) {
        Some(reference) => search.image(reference, &path, Place::ImageVolume(name_of(volume))),
        None => search.remark(&path, RemarkKind::Missing),
    }
}

/// The value of a field, unless it is absent, null or an empty text: Kubernetes treats these alike.
fn given(value: &Value) -> Option<&Value> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        _ => Some(value),
    }
}

fn name_of(value: &Value) -> String {
    value["name"].as_str().unwrap_or("(no name)").to_owned()
}
