//! Checksum files as projects write them, and names.

use super::checksum::find;
use crate::component::{Architecture, HostPart};
use crate::hasher::sha256;
use crate::{Catalog, digest::Digest};

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
