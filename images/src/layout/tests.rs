use std::collections::BTreeMap;
use std::convert::Infallible;

use super::media_type::{DOCKER_LIST, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST};
use super::*;
use crate::digest::Digest;
use crate::hasher::sha256;

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

fn described(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor::new(media_type, sha256(bytes), bytes.len() as u64)
}

fn manifest() -> Manifest {
    Manifest::of(described(OCI_CONFIG, b"{}"), vec![described(LAYER, b"layer")])
}

#[test]
fn documents_are_written_as_they_are_read() {
    let manifest = manifest();
    let bytes = manifest.to_bytes();
    assert!(
        bytes.starts_with(br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"#)
    );
    assert_eq!(Document::parse(OCI_MANIFEST, &bytes), Ok(Document::Manifest(manifest)));

    let mut child = described(OCI_MANIFEST, &bytes);
    child.annotations.insert(REFERENCE_ANNOTATION.to_owned(), "registry.k8s.io/pause:3.10.2".to_owned());
    let index = Index::of(vec![child]);
    assert_eq!(Index::parse_root(&index.to_bytes()), Ok(index.clone()));
    assert_eq!(index.manifests[0].reference(), Some("registry.k8s.io/pause:3.10.2"));
}

#[test]
fn what_could_be_taken_for_something_else_is_refused() {
    let config = format!(r#""config":{{"mediaType":"{OCI_CONFIG}","digest":"{}","size":2}}"#, sha256(b"{}"));
    let table = [
        (OCI_MANIFEST, r#"{"schemaVersion":1,"name":"old"}"#.to_owned(), "schema 1"),
        (OCI_MANIFEST, r#"{"fsLayers":[],"history":[]}"#.to_owned(), "schema 1"),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", "{}".to_owned(), "schema 1"),
        (OCI_MANIFEST, format!(r#"{{"schemaVersion":2,{config},"layers":[],"manifests":[]}}"#), "field `manifests`"),
        (OCI_INDEX, r#"{"schemaVersion":2,"manifests":[],"layers":[]}"#.to_owned(), "field `layers`"),
        (OCI_INDEX, format!(r#"{{"schemaVersion":2,"manifests":[],{config}}}"#), "field `config`"),
        (DOCKER_LIST, format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[]}}"#), "calls itself"),
        (DOCKER_MANIFEST, format!(r#"{{"schemaVersion":3,{config},"layers":[]}}"#), "schemaVersion 3"),
        (OCI_CONFIG, "{}".to_owned(), "neither an index nor a manifest"),
        (OCI_INDEX, "no json".to_owned(), "malformed"),
        (OCI_INDEX, r#"{"manifests":[],"manifests":[]}"#.to_owned(), "duplicate field"),
        (OCI_MANIFEST, r#"{"schemaVersion":2,"layers":[]}"#.to_owned(), "config"),
        (
            OCI_INDEX,
            r#"{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha256:../../etc/passwd","size":1}]}"#
                .to_owned(),
            "lower case",
        ),
        (OCI_INDEX, format!(r#"{{"a":"{}"}}"#, " ".repeat(4 << 20)), "at most 4194304"),
        (OCI_INDEX, "[".repeat(10_000), "malformed"),
        (
            OCI_INDEX,
            format!(r#"{{"manifests":[{{"mediaType":"{}","digest":"{}","size":1}}]}}"#, "x".repeat(513), sha256(b"")),
            "at most 512",
        ),
    ];
    for (offered, text, wanted) in table {
        let error = Document::parse(offered, text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{}: {error}", &text[..text.len().min(80)]);
    }
}

#[test]
fn what_is_wrong_is_told_in_a_short_line_that_commands_no_terminal() {
    let long = format!(r"\u001b]0;{}", "x".repeat(100_000));
    let table = [
        (OCI_INDEX.to_owned(), format!(r#"{{"mediaType":"{long}","manifests":[]}}"#)),
        (OCI_INDEX.to_owned(), format!(r#"{{"schemaVersion":"{long}"}}"#)),
        (format!("\u{1b}]0;{}", "x".repeat(100_000)), "{}".to_owned()),
    ];
    for (offered, text) in table {
        let error = Document::parse(&offered, text.as_bytes()).unwrap_err().to_string();
        assert!(error.len() < 1000 && !error.contains(char::is_control), "{}", error.len());
    }
}

#[test]
fn lists_may_be_null_as_go_writes_them() {
    let text = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"{OCI_CONFIG}","digest":"{}","size":2,"urls":null}},"layers":null,"annotations":null}}"#,
        sha256(b"{}")
    );
    let Ok(Document::Manifest(manifest)) = Document::parse(DOCKER_MANIFEST, text.as_bytes()) else { panic!("{text}") };
    assert!(manifest.layers.is_empty());
}

/// Documents by digest, as a store that does not verify would hand them out.
type Documents = BTreeMap<Digest, Vec<u8>>;

fn walked(documents: &Documents, roots: &[Descriptor], limits: Limits) -> Result<Vec<String>, String> {
    let mut seen = Vec::new();
    let read = |descriptor: &Descriptor| Ok::<_, Infallible>(documents.get(&descriptor.digest).cloned());
    let visit = |edge: Edge<'_>| seen.push(format!("{:?} {}", edge.role, edge.descriptor.size));
    walk(roots, limits, read, visit).map_err(|error| error.to_string())?;
    Ok(seen)
}

#[test]
fn a_walk_sees_every_reference_and_opens_a_document_once() {
    let image = manifest().to_bytes();
    let child = described(OCI_MANIFEST, &image);
    let inner = Index::of(vec![child.clone(), child.clone()]).to_bytes();
    let outer = Index::of(vec![described(OCI_INDEX, &inner), child]).to_bytes();
    let documents = [&image, &inner, &outer].map(|bytes| (sha256(bytes), bytes.clone())).into_iter().collect();
    let seen = walked(&documents, &[described(OCI_INDEX, &outer)], Limits::default()).unwrap();
    let (image, inner, outer) = (image.len(), inner.len(), outer.len());
    let wanted = [
        format!("Index {outer}"),
        format!("Index {inner}"),
        format!("Manifest {image}"),
        "Config 2".to_owned(),
        "Layer 5".to_owned(),
        format!("Manifest {image}"),
        format!("Manifest {image}"),
    ];
    assert_eq!(seen, wanted);
}

#[test]
fn a_walk_ends_at_its_limits() {
    let mut documents = Documents::new();
    let mut deep = described(OCI_MANIFEST, &manifest().to_bytes());
    documents.insert(deep.digest.clone(), manifest().to_bytes());
    let wide = Index::of(vec![described(LAYER, b"x"); 50]).to_bytes();
    let wide_root = described(OCI_INDEX, &wide);
    documents.insert(wide_root.digest.clone(), wide);
    for _ in 0..9 {
        let bytes = Index::of(vec![deep]).to_bytes();
        deep = described(OCI_INDEX, &bytes);
        documents.insert(deep.digest.clone(), bytes);
    }
    // A store that does not verify could hand out a document that names itself.
    let own = sha256(b"a digest that nobody can find a document for");
    let cycle = Index::of(vec![Descriptor::new(OCI_INDEX, own.clone(), 251)]).to_bytes();
    let cycle_root = Descriptor::new(OCI_INDEX, own.clone(), cycle.len() as u64);
    documents.insert(own, cycle);
    let mut short = wide_root.clone();
    short.size -= 1;
    let few = Limits { depth: 8, documents: 3, edges: 40 };
    let table = [
        (&deep, Limits::default(), "deeper than 8"),
        (&deep, few, "more than 3 indexes"),
        (&wide_root, few, "more than 40 references"),
        (&cycle_root, Limits::default(), "refers to itself"),
        (&short, Limits::default(), "are promised"),
    ];
    for (root, limits, wanted) in table {
        let error = walked(&documents, std::slice::from_ref(root), limits).unwrap_err();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn two_sizes_of_one_content_are_named_and_hide_nothing() {
    let mut other = described(LAYER, b"layer");
    other.size = 6;
    let image = Manifest::of(described(OCI_CONFIG, b"{}"), vec![described(LAYER, b"layer"), other]).to_bytes();
    let root = described(OCI_MANIFEST, &image);
    let documents: Documents = [(root.digest.clone(), image)].into();
    let mut seen = Vec::new();
    let read = |descriptor: &Descriptor| Ok::<_, Infallible>(documents.get(&descriptor.digest).cloned());
    let last = described(LAYER, b"the last root");
    let walked = walk(&[root, last], Limits::default(), read, |edge| seen.push(edge.descriptor.size));
    let wanted = format!("{} has 5 bytes by one reference and 6 by another", sha256(b"layer"));
    assert_eq!(walked.unwrap_err().to_string(), wanted);
    assert_eq!(seen[1..], [2, 5, 6, 13]);
}
