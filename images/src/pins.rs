//! Pins: the digest that each image is started by, written into references and into objects.
//!
//! Which digests those are is [`crate::proof`]'s to say.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::digest::Digest;
use crate::discovery::FoundImage;
use crate::proof::Proof;
use crate::reference::Reference;

/// What references are pinned to. Without pins every reference stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pins(BTreeMap<Reference, Digest>);

impl Pins {
    /// No pins.
    #[must_use]
    pub const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// Whether a reference has a pin.
    #[must_use]
    pub fn has(&self, reference: &Reference) -> bool {
        self.0.contains_key(reference)
    }

    /// The reference with its digest beside its tag. One that has a digest, or that nothing is known of, stays.
    #[must_use]
    pub fn pin(&self, reference: &Reference) -> Reference {
        match self.0.get(reference).filter(|_| reference.digest().is_none()) {
            Some(digest) => reference.with_digest(digest.clone()),
            None => reference.clone(),
        }
    }

    /// Pins the images that [`crate::discover`] found in this very object: in what was found, and in a copy of the object. Texts
    /// whose image has no pin stay as they were written.
    #[must_use]
    pub fn pin_object(&self, object: &Value, images: &mut [FoundImage]) -> Value {
        let mut object = object.clone();
        for image in images {
            let pinned = self.pin(&image.reference);
            if pinned == image.reference {
                continue;
            }
            if let Some(text) = object.pointer_mut(&image.pointer) {
                *text = Value::String(pinned.to_string());
            }
            image.reference = pinned;
        }
        object
    }
}

impl From<&Proof> for Pins {
    fn from(proof: &Proof) -> Self {
        Self(proof.pins.clone())
    }
}

impl FromIterator<(Reference, Digest)> for Pins {
    fn from_iter<I: IntoIterator<Item = (Reference, Digest)>>(pins: I) -> Self {
        Self(pins.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::Pins;
    use crate::digest::Digest;
    use crate::discovery::discover;
    use crate::reference::Reference;
    use serde_json::json;

    const NGINX: &str = "docker.io/library/nginx:1.29";

    fn digest() -> Digest {
        format!("sha256:{}", "ab".repeat(32)).parse().unwrap()
    }

    fn pins() -> Pins {
        [(NGINX.parse().unwrap(), digest())].into_iter().collect()
    }

    #[test]
    fn a_tag_gets_its_digest_and_a_digest_stays() {
        let pinned = |text: &str| pins().pin(&text.parse::<Reference>().unwrap()).to_string();
        let own = format!("nginx:1.29@sha256:{}", "cd".repeat(32));
        assert_eq!(pinned("nginx:1.29"), format!("{NGINX}@{}", digest()));
        assert_eq!(pinned(&own), format!("docker.io/library/{own}"));
        assert_eq!(pinned("nginx:1.30"), "docker.io/library/nginx:1.30");
        assert_eq!(Pins::default().pin(&NGINX.parse().unwrap()).to_string(), NGINX);
    }

    #[test]
    fn objects_are_pinned_where_the_image_stands_and_nowhere_else() {
        let container = |name: &str, image: &str| json!({"name": name, "image": image, "args": [image]});
        let object = |image: &str| {
            let containers = [container("other", "quay.io/a/b:1"), container("a/b~c", image)];
            json!({"apiVersion": "v1", "kind": "List", "items": [
                {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "x", "annotations": {"image": "nginx:1.29"}},
                 "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": containers}}}}}},
            ]})
        };
        let written = object("nginx:1.29");
        let mut found = discover(&written).images;
        let pinned = pins().pin_object(&written, &mut found);
        let mut expected = written.clone();
        let containers = "/items/0/spec/jobTemplate/spec/template/spec/containers";
        *expected.pointer_mut(&format!("{containers}/1/image")).unwrap() = json!(format!("{NGINX}@{}", digest()));
        assert_eq!(pinned, expected);
        assert_eq!(found[1].reference.to_string(), format!("{NGINX}@{}", digest()));
        assert_eq!(Pins::default().pin_object(&written, &mut discover(&written).images), written);
    }
}
