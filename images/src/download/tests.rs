//! Checksum files as projects write them, names, and files of this machine.

use super::checksum::find;
use super::{AttachError, Binary, DownloadError, LocalFile, attach, download};
use crate::component::{Architecture, HostPart};
use crate::hasher::sha256;
use crate::lock::Pin;
use crate::pull::Options;
use crate::registry::{Configuration, HostConfiguration, Limits, Mirror, Registries};
use crate::steps::{Step, Steps, Watcher};
use crate::stop::Stop;
use crate::store::Store;
use crate::{Catalog, digest::Digest};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

#[test]
fn a_checksum_is_found_as_projects_write_it() {
    let digits = sha256(b"runc").hexadecimal().to_owned();
    let other = sha256(b"other").hexadecimal().to_owned();
    let table = [
        (digits.clone(), None),
        (format!("{digits}\n"), None),
        (digits.to_ascii_uppercase(), None),
        (format!("{other}  runc.arm64\n{digits}  runc.amd64\r\n"), None),
        (format!("{digits} *release/runc.amd64\n{digits}  ./runc.amd64\n"), None),
        (format!("{other}  runc.arm64\n"), Some("no checksum of runc.amd64")),
        (format!("{other}  runc.amd64\n{digits}  runc.amd64\n"), Some("several checksums")),
        (String::new(), Some("no checksum")),
        ("<html>not found</html>".to_owned(), Some("no checksum")),
        ("abc".to_owned(), Some("64 hexadecimal digits")),
        (format!("{digits}\n{other}\n"), Some("no checksum")),
        (format!("../../{digits}"), Some("only 0-9")),
    ];
    for (text, wrong) in table {
        match (find(text.as_bytes(), "sha256", "runc.amd64"), wrong) {
            (Ok(found), None) => assert_eq!(found, sha256(b"runc"), "{text}"),
            (Err(said), Some(wrong)) => assert!(said.contains(wrong), "{text}: {said}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }
    assert!(find(&[0xff, 0xfe], "sha256", "x").is_err());
    let long = "0a".repeat(64);
    assert_eq!(find(long.as_bytes(), "sha512", "x").unwrap(), format!("sha512:{long}").parse::<Digest>().unwrap());
}

fn file_of(folder: &Path, bytes: &[u8]) -> LocalFile {
    let path = folder.join("flatcar.raw");
    std::fs::write(&path, bytes).unwrap();
    let (name, version) = ("flatcar".to_owned(), "4230.2.1".to_owned());
    LocalFile { name, version, architecture: None, is_program: false, path }
}

#[test]
fn a_file_that_is_damaged_in_the_store_is_put_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let (file, store) = (file_of(folder.path(), b"an image"), Store::open(&folder.path().join("store")).unwrap());
    attach(&store, &file).unwrap();
    std::fs::write(store.path(&sha256(b"an image")), b"no image").unwrap();
    attach(&store, &file).unwrap();
    assert_eq!(std::fs::read(store.path(&sha256(b"an image"))).unwrap(), b"an image");
}

#[test]
fn a_program_that_nobody_may_be_asked_for_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let catalog = Catalog::newest();
    let artifact = catalog.artifact(HostPart::Runc, catalog.tested_patch(), Architecture::Amd64).unwrap();
    let binary = Binary { artifact, architecture: Architecture::Amd64 };
    let pin = Pin { digest: sha256(b"runc"), size: 4 };
    // A port that was free a moment ago: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mirror = Mirror { registry: format!("127.0.0.1:{port}"), by_host: true };
    for (mirrors, wanted) in [(vec![], "--mirrors-only"), (vec![mirror], "127.0.0.1")] {
        let every_host = HostConfiguration { mirrors, mirrors_only: true, ..HostConfiguration::default() };
        let limits = Limits { attempts: 1, ..Limits::default() };
        let registries = Registries::new(Configuration { every_host, limits, ..Configuration::default() }, Stop::new());
        for pins in [BTreeMap::new(), [(binary.reference().unwrap(), pin.clone())].into()] {
            let wanted_binaries = std::slice::from_ref(&binary);
            let error =
                download(&store, &registries, wanted_binaries, &pins, &Options::default(), &|_| {}).unwrap_err();
            let DownloadError::Incomplete(failures) = &error else { panic!("{error}") };
            assert!(failures[0].to_string().contains(wanted), "{}", failures[0]);
        }
    }
}

/// Every disk that it is asked about is full once bytes are to be written.
struct Full;

impl Steps for Full {
    fn before(&self, step: Step, _: &Path) -> std::io::Result<()> {
        if step == Step::Write { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

#[test]
fn a_full_disk_is_no_fault_of_the_file_that_is_attached() {
    let folder = tempfile::tempdir().unwrap();
    let file = file_of(folder.path(), b"an image");
    let place = folder.path().join("store");
    Store::open(&place).unwrap();
    let error = attach(&Store::open_watched(&place, Watcher::of(Arc::new(Full))).unwrap(), &file).unwrap_err();
    assert!(matches!(&error, AttachError::Store(error) if error.is_full()), "{error}");
}

#[test]
fn every_program_of_a_catalog_has_a_name_of_its_own() {
    let mut names = std::collections::BTreeSet::new();
    let catalog = Catalog::newest();
    for (part, architecture) in HostPart::ALL.iter().flat_map(|part| Architecture::ALL.iter().map(move |a| (part, a))) {
        let artifact = catalog.artifact(*part, catalog.tested_patch(), *architecture).unwrap();
        let binary = super::Binary { artifact, architecture: *architecture };
        assert!(names.insert(binary.reference().unwrap()), "{binary:?}");
        assert!(binary.file_name().starts_with(part.as_str()), "{binary:?}");
    }
    assert!(names.contains(&"kfimg.invalid/binary/kubelet:v1.36.3-amd64".parse().unwrap()));
}
