//! The reference registry as upstream and as target, filled by our own client. `make interop` builds it, then runs these.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_images::component::Architecture;
use kfimg_images::digest::Digest;
use kfimg_images::layout::media_type::{EMPTY, OCI_CONFIG, OCI_INDEX};
use kfimg_images::layout::{Descriptor, Index, Manifest};
use kfimg_images::pull::{Options, Wanted, pull};
use kfimg_images::registry::{
    Client, Configuration, Credential, Credentials, HostConfiguration, Mounted, Registries, RegistryError, Secret,
    Settings, Upload,
};
use kfimg_images::stop::Stop;
use kfimg_images::store::Store;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::distribution::{Distribution, Manner, PASSWORD, USER, built};
use support::sample::{GZIP_LAYER, Sample, ZSTD_LAYER, assert_nothing_wrong, noise, snapshot};
use support::{client, limits, registries, wanted};

/// Fills a repository, and gives `tag` to the last document.
fn push(client: &Client, repository: &str, sample: &Sample, tag: &str) {
    for (digest, bytes) in &sample.blobs {
        push_blob(client, repository, digest, bytes);
    }
    for (descriptor, bytes) in &sample.documents {
        client.put_manifest(repository, descriptor.digest.as_str(), &descriptor.media_type, bytes).unwrap();
    }
    let (descriptor, bytes) = sample.documents.last().unwrap();
    client.put_manifest(repository, tag, &descriptor.media_type, bytes).unwrap();
}

fn push_blob(client: &Client, repository: &str, digest: &Digest, bytes: &[u8]) {
    if client.head_blob(repository, digest).unwrap().is_some() {
        return;
    }
    let bytes = bytes.to_vec();
    let size = bytes.len() as u64;
    let mut open = |from: u64| -> std::io::Result<Box<dyn Read>> {
        Ok(Box::new(Cursor::new(bytes[usize::try_from(from).unwrap()..].to_vec())))
    };
    client.upload(repository, Upload { digest, size, open: &mut open }, None).unwrap();
}

/// Several layers, gzip and zstd, one over the size of a chunk, in a nested index beside an artifact.
fn rich() -> Sample {
    let mut sample = Sample::default();
    let shared = sample.blob(GZIP_LAYER, noise(1, 3_500_000));
    let zstd = sample.blob(ZSTD_LAYER, noise(2, 200_000));
    let empty = sample.blob(GZIP_LAYER, Vec::new());
    let amd64 = sample.image("amd64", vec![shared.clone(), zstd, empty]);
    let own = sample.blob(GZIP_LAYER, noise(3, 100_000));
    let arm64 = sample.image("arm64", vec![shared, own]);
    let inner = sample.index(vec![amd64, arm64]);
    let config = sample.blob(EMPTY, b"{}".to_vec());
    let binary = sample.blob("application/octet-stream", noise(4, 50_000));
    let mut artifact = Manifest::of(config, vec![binary]);
    artifact.artifact_type = Some("application/vnd.kfimg.binary.v1".to_owned());
    let artifact = sample.manifest(&artifact);
    sample.index(vec![inner, artifact]);
    sample
}

fn assert_complete(store: &Store, sample: &Sample) {
    for (digest, bytes) in &sample.blobs {
        assert!(store.is_intact(digest, bytes.len() as u64).unwrap(), "{digest}");
    }
    for (descriptor, bytes) in &sample.documents {
        assert_eq!(store.read_small(&descriptor.digest, 4 << 20).unwrap().as_ref(), Some(bytes));
    }
}

#[test]
#[ignore = "needs the registry that `make interop` builds"]
fn what_was_pushed_is_pulled() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Distribution::start(folder.path(), &Manner::default());
    let (host, client, sample) = (registry.host(), client(registry.host()), rich());
    push(&client, "team/app", &sample, "1.0");
    push(&client, "team/app", &sample, "1.0");

    let store = Store::open(&folder.path().join("store")).unwrap();
    let image = wanted(&format!("{host}/team/app:1.0"));
    let pulled =
        pull(&store, &registries(&[host], |_| {}), std::slice::from_ref(&image), &Options::default(), &|_| {}).unwrap();
    assert_eq!(pulled.images[0].resolved, sample.documents.last().unwrap().0.digest);
    assert_complete(&store, &sample);
    assert_nothing_wrong(store.folder());

    let one = Store::open(&folder.path().join("one")).unwrap();
    let options = Options { architectures: vec![Architecture::Arm64], ..Options::default() };
    let pulled = pull(&one, &registries(&[host], |_| {}), &[image], &options, &|_| {}).unwrap();
    assert_eq!(pulled.images[0].descriptor.platform.as_ref().unwrap().architecture, "arm64");

    // A layout for one image is what crane puts as it is.
    let crane = Command::new(built("crane"))
        .args(["push", "--insecure"])
        .arg(one.folder())
        .arg(format!("{host}/crane:1"))
        .output()
        .unwrap();
    assert!(crane.status.success(), "{}", String::from_utf8_lossy(&crane.stderr));
    let head = client.head_manifest("crane", "1").unwrap().unwrap();
    assert_eq!(head.digest, pulled.images[0].descriptor.digest);
    let digest =
        Command::new(built("crane")).args(["digest", "--insecure", &format!("{host}/team/app:1.0")]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&digest.stdout).trim(), sample.documents.last().unwrap().0.digest.as_str());
}

#[test]
#[ignore = "needs the registry that `make interop` builds"]
fn a_partly_loaded_blob_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Distribution::start(folder.path(), &Manner::default());
    let (host, sample) = (registry.host(), rich());
    push(&client(host), "app", &sample, "1");
    let store = Store::open(&folder.path().join("store")).unwrap();
    let (digest, bytes) = sample.blobs.iter().max_by_key(|(_, bytes)| bytes.len()).unwrap();
    let mut ingest = store.ingest(digest, bytes.len() as u64).unwrap().unwrap();
    ingest.append(&bytes[..3_000_000]).unwrap();
    drop(ingest);
    let image = wanted(&format!("{host}/app:1"));
    let pulled = pull(&store, &registries(&[host], |_| {}), &[image], &Options::default(), &|_| {}).unwrap();
    let blobs: usize = sample.blobs.values().map(Vec::len).sum();
    assert!(pulled.received < (blobs - 3_000_000 + 100_000) as u64, "{}", pulled.received);
    assert_complete(&store, &sample);
}

#[test]
#[ignore = "needs the registry that `make interop` builds"]
fn mounts_lists_and_missing_things() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Distribution::start(folder.path(), &Manner::default());
    let (client, sample) = (client(registry.host()), rich());
    push(&client, "base", &sample, "1");
    let (digest, bytes) = sample.blobs.iter().next().unwrap();
    assert!(matches!(client.mount("app", digest, "base").unwrap(), Mounted::Done));
    assert_eq!(client.head_blob("app", digest).unwrap(), Some(bytes.len() as u64));
    let unknown: Digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    assert!(matches!(client.mount("app", &unknown, "base").unwrap(), Mounted::Upload(_)));
    assert_eq!(client.head_blob("app", &unknown).unwrap(), None);
    assert!(client.head_manifest("app", "none").unwrap().is_none());
    assert!(matches!(client.manifest("app", "none"), Err(RegistryError::NotFound { .. })));
    let (descriptor, document) = sample.documents.last().unwrap();
    for number in 0..25 {
        client.put_manifest("base", &format!("t{number:02}"), &descriptor.media_type, document).unwrap();
    }
    assert_eq!(client.tags("base", 100).unwrap().len(), 26);
    assert_eq!(client.tags("base", 7).unwrap().len(), 7);
    assert!(matches!(client.tags("none", 7), Err(RegistryError::NotFound { .. })));
}

#[test]
#[ignore = "needs the registry that `make interop` builds"]
fn referrers_and_sha512_come_along() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Distribution::start(folder.path(), &Manner::default());
    let (host, client) = (registry.host(), client(registry.host()));
    let mut sample = Sample::default();
    let like: Digest = format!("sha512:{}", "0".repeat(128)).parse().unwrap();
    let layer = sample.blob_like(&like, GZIP_LAYER, noise(1, 40_000));
    let config = sample.blob(OCI_CONFIG, b"{}".to_vec());
    let image = sample.manifest(&Manifest::of(config, vec![layer]));
    push(&client, "app", &sample, "1");

    let mut signatures = Sample::default();
    let config = signatures.blob(EMPTY, b"{}".to_vec());
    let layer = signatures.blob("application/vnd.example.signature", noise(2, 100));
    let mut manifest = Manifest::of(config, vec![layer]);
    manifest.artifact_type = Some("application/vnd.example.signature".to_owned());
    manifest.subject = Some(Descriptor::new(&image.media_type, image.digest.clone(), image.size));
    let mut signature = signatures.manifest(&manifest);
    signature.artifact_type = manifest.artifact_type.clone();
    push(&client, "app", &signatures, "signature");
    if client.referrers("app", &image.digest, None).unwrap().is_empty() {
        // This registry keeps no list, so its clients do.
        let tag = image.digest.as_str().replace(':', "-");
        client.put_manifest("app", &tag, OCI_INDEX, &Index::of(vec![signature.clone()]).to_bytes()).unwrap();
    }
    assert_eq!(client.referrers("app", &image.digest, Some("application/vnd.example.signature")).unwrap().len(), 1);
    assert!(client.referrers("app", &image.digest, Some("application/vnd.other")).unwrap().is_empty());

    let store = Store::open(&folder.path().join("store")).unwrap();
    let options = Options { referrers: true, ..Options::default() };
    pull(&store, &registries(&[host], |_| {}), &[wanted(&format!("{host}/app:1"))], &options, &|_| {}).unwrap();
    assert_complete(&store, &sample);
    assert_complete(&store, &signatures);
    assert_eq!(store.index().unwrap().len(), 2);
}

/// An authority of the site, and a certificate for this machine; as files.
fn certificates(folder: &Path) -> [PathBuf; 3] {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::from_params(&parameters, &key);
    let leaf_key = rcgen::KeyPair::generate().unwrap();
    let leaf =
        rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&leaf_key, &issuer).unwrap();
    let files = ["ca.crt", "tls.crt", "tls.key"].map(|name| folder.join(name));
    for (file, text) in files.iter().zip([authority.pem(), leaf.pem(), leaf_key.serialize_pem()]) {
        std::fs::write(file, text).unwrap();
    }
    files
}

fn login(password: &str) -> Credential {
    Credential::Password { user: USER.to_owned(), password: Secret::new(password.to_owned()) }
}

#[test]
#[ignore = "needs the registry that `make interop` builds"]
fn tls_of_the_site_and_a_login() {
    let folder = tempfile::tempdir().unwrap();
    let [authority, certificate, key] = certificates(folder.path());
    let manner = Manner { tls: Some((&certificate, &key)), login: true };
    let registry = Distribution::start(folder.path(), &manner);
    let host = registry.host();
    let settings = |authorities: Vec<PathBuf>, credential| {
        Client::new(host, Settings { authorities, credential, limits: limits(), ..Settings::default() }).unwrap()
    };
    let sample = rich();
    push(&settings(vec![authority.clone()], Some(login(PASSWORD))), "app", &sample, "1");

    let unknown = settings(Vec::new(), Some(login(PASSWORD))).manifest("app", "1").unwrap_err().to_string();
    assert!(unknown.contains("name its authority"), "{unknown}");
    for credential in [None, Some(login("wrong-pony"))] {
        let error = settings(vec![authority.clone()], credential).manifest("app", "1").unwrap_err();
        assert!(
            matches!(&error, RegistryError::Unauthorized { .. }) && !error.to_string().contains("wrong-pony"),
            "{error}"
        );
    }
    let plain = client(host).manifest("app", "1").unwrap_err();
    assert!(matches!(plain, RegistryError::Status { status: 400, .. }), "{plain}");

    // As the user has it: a file of logins, a folder of authorities.
    let auth = data_encoding::BASE64.encode(format!("{USER}:{PASSWORD}").as_bytes());
    let logins = folder.path().join("config.json");
    std::fs::write(&logins, format!(r#"{{"auths":{{"{host}":{{"auth":"{auth}"}}}}}}"#)).unwrap();
    let authorities = folder.path().join("certs.d").join(host);
    std::fs::create_dir_all(&authorities).unwrap();
    std::fs::copy(&authority, authorities.join("ca.crt")).unwrap();
    let configuration = Configuration {
        hosts: [(host.to_owned(), HostConfiguration::default())].into(),
        credentials: Credentials::from_file(&logins).unwrap(),
        certificate_folders: vec![folder.path().join("certs.d")],
        limits: limits(),
        ..Configuration::default()
    };
    let store = Store::open(&folder.path().join("store")).unwrap();
    let digest = sample.documents.last().unwrap().0.digest.clone();
    let image = Wanted { reference: format!("{host}/app:1").parse().unwrap(), digest: Some(digest) };
    pull(&store, &Registries::new(configuration, Stop::new()), &[image], &Options::default(), &|_| {}).unwrap();
    assert_complete(&store, &sample);
    assert!(
        snapshot(store.folder())
            .values()
            .all(|bytes| !bytes.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes()))
    );
}
