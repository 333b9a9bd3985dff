//! Content of every shape that peers are asked to carry: several layers, gzip and zstd, index and nested index, artifact,
//! referrer, SHA-512, a foreign layer. Layers are real archives, because some peers look at how they are compressed.

use crate::support::sample::{FOREIGN_LAYER, GZIP_LAYER, Sample, ZSTD_LAYER, noise, platform};
use flate2::{Compression, write::GzEncoder};
use kfimg_images::content::Content;
use kfimg_images::digest::Digest;
use kfimg_images::hasher::sha256;
use kfimg_images::layout::media_type::{EMPTY, OCI_CONFIG};
use kfimg_images::layout::{Descriptor, Manifest, REFERENCE_ANNOTATION};
use kfimg_images::store::Store;
use std::io::Write;
use std::path::Path;

/// The name of every piece of content that has one.
pub(crate) const NAMES: [&str; 5] = ["app", "nested", "tool", "foreign", "sha512"];
/// Nobody listens there: no test may need this layer.
const ELSEWHERE: &str = "https://127.0.0.1:9/layer";
/// The most that one block of a zstd frame holds.
const ZSTD_BLOCK: usize = 128 << 10;

pub(crate) struct Rich {
    sample: Sample,
    /// In the order of [`NAMES`].
    roots: Vec<Descriptor>,
    /// Of `app`.
    pub(crate) signature: Descriptor,
}

/// How a bundle names one of [`NAMES`], and so, behind a host, where a mirror keeps it. regctl knows a name in a layout by its tag
/// alone, so that each has its own.
pub(crate) fn reference(name: &str) -> String {
    format!("example.test/team/{name}:of-{name}")
}

impl Rich {
    pub(crate) fn new() -> Self {
        let mut sample = Sample::default();
        let [large, middle, small, tiny] = [1_500_000, 200_000, 1_000, 500].map(archive);
        let shared = sample.blob(GZIP_LAYER, gzip(&large));
        let packed = sample.blob(ZSTD_LAYER, zstd(&middle));
        let own = sample.blob(GZIP_LAYER, gzip(&small));
        let entries = vec![
            image(&mut sample, "amd64", vec![shared.clone(), packed], &[&large, &middle]),
            image(&mut sample, "arm64", vec![shared, own.clone()], &[&large, &small]),
        ];
        let app = sample.index(entries);
        let tool = artifact(&mut sample, "application/vnd.kfimg.binary.v1", noise(7, 50_000), None);
        let nested = sample.index(vec![app.clone(), tool.clone()]);
        let foreign = gzip(&tiny);
        let mut layer = Descriptor::new(FOREIGN_LAYER, sha256(&foreign), foreign.len() as u64);
        layer.urls = vec![ELSEWHERE.to_owned()];
        let foreign = image(&mut sample, "amd64", vec![own, layer], &[&small, &tiny]);
        let like: Digest = format!("sha512:{}", "0".repeat(128)).parse().unwrap();
        let long = sample.blob_like(&like, GZIP_LAYER, gzip(&tiny));
        let sha512 = image(&mut sample, "amd64", vec![long], &[&tiny]);
        let signature =
            artifact(&mut sample, "application/vnd.example.signature.v1", b"signed".to_vec(), Some(app.clone()));
        Self { sample, roots: vec![app, nested, tool, foreign, sha512], signature }
    }

    pub(crate) fn root(&self, name: &str) -> &Descriptor {
        &self.roots[NAMES.iter().position(|one| *one == name).unwrap()]
    }

    /// Everything, in a layout that kfimg writes.
    pub(crate) fn bundle(&self, folder: &Path) -> Content {
        let mut entries: Vec<_> = NAMES.iter().map(|name| self.entry(name)).collect();
        entries.push(self.signature.clone());
        let store = Store::open(folder).unwrap();
        for (digest, bytes) in &self.sample.blobs {
            let mut ingest = store.ingest(digest, bytes.len() as u64).unwrap().unwrap();
            ingest.append(bytes).unwrap();
            ingest.commit().unwrap();
        }
        for (descriptor, bytes) in &self.sample.documents {
            store.put(&descriptor.digest, bytes).unwrap();
        }
        store.set_index(&entries).unwrap();
        Content::open(folder).unwrap()
    }

    /// A layout for one image of a bundle, which is what crane takes.
    pub(crate) fn single(&self, bundle: &Content, folder: &Path, name: &str) {
        let from = bundle.place();
        for (digest, _) in bundle.blobs() {
            let blob = Path::new("blobs").join(digest.algorithm()).join(digest.hexadecimal());
            std::fs::create_dir_all(folder.join(&blob).parent().unwrap()).unwrap();
            std::fs::hard_link(from.join(&blob), folder.join(&blob)).unwrap();
        }
        std::fs::copy(from.join("oci-layout"), folder.join("oci-layout")).unwrap();
        Store::open(folder).unwrap().set_index(&[self.entry(name)]).unwrap();
    }

    fn entry(&self, name: &str) -> Descriptor {
        let mut entry = self.root(name).clone();
        entry.annotations.insert(REFERENCE_ANNOTATION.to_owned(), reference(name));
        entry
    }
}

/// An image whose configuration tells what its layers are when unpacked.
fn image(sample: &mut Sample, architecture: &str, layers: Vec<Descriptor>, unpacked: &[&Vec<u8>]) -> Descriptor {
    let digests: Vec<String> = unpacked.iter().map(|bytes| format!("\"{}\"", sha256(bytes))).collect();
    let config = format!(
        r#"{{"architecture":"{architecture}","os":"linux","rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
        digests.join(",")
    );
    let config = sample.blob(OCI_CONFIG, config.into_bytes());
    let mut image = sample.manifest(&Manifest::of(config, layers));
    image.platform = Some(platform(architecture));
    image
}

fn artifact(sample: &mut Sample, artifact_type: &str, bytes: Vec<u8>, subject: Option<Descriptor>) -> Descriptor {
    let config = sample.blob(EMPTY, b"{}".to_vec());
    let layer = sample.blob("application/octet-stream", bytes);
    let mut manifest = Manifest::of(config, vec![layer]);
    manifest.artifact_type = Some(artifact_type.to_owned());
    manifest.subject = subject;
    let mut artifact = sample.manifest(&manifest);
    artifact.artifact_type = manifest.artifact_type;
    artifact
}

/// A tar of one file.
fn archive(length: usize) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_size(length as u64);
    header.set_mode(0o644);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, format!("file-{length}"), &noise(length as u64, length)[..]).unwrap();
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A frame of raw blocks (RFC 8878, 3.1.1): noise would not become smaller, so no compressor is needed.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    // One segment, its size in four bytes, no checksum.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0b1010_0000];
    frame.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
    let mut blocks = bytes.chunks(ZSTD_BLOCK).peekable();
    while let Some(block) = blocks.next() {
        let header = u32::try_from(block.len() << 3).unwrap() | u32::from(blocks.peek().is_none());
        frame.extend(&header.to_le_bytes()[..3]);
        frame.extend(block);
    }
    frame
}
