//! Unified kernel images: binutils read them, sbsigntool checks their signatures.

use crate::made::{Made, RELEASE};
use crate::program::{both, program, run, succeed};
use kfimg_builder::output::Medium;
use kfimg_builder::sign::Signer;
use kfimg_builder::uki;
use std::fs;
use std::path::Path;

fn objdump(words: &[&str], path: &Path) -> String {
    succeed(program("objdump").args(words).arg(path))
}

/// A section's content, as binutils takes it out.
fn section(path: &Path, name: &str) -> Vec<u8> {
    let out = path.with_extension(name.trim_start_matches('.'));
    let mut objcopy = program("objcopy");
    objcopy.arg("--dump-section").arg(format!("{name}={}", out.display()));
    succeed(objcopy.arg(path).arg(path.with_extension("rest")));
    fs::read(out).unwrap()
}

/// Name, length, address of each section.
fn sections(path: &Path) -> Vec<(String, u64, u64)> {
    let said = objdump(&["-h"], path);
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.first()?.parse::<u32>().ok()?;
        let number = |index: usize| u64::from_str_radix(words[index], 16).unwrap();
        Some((words[1].to_owned(), number(2), number(3)))
    };
    said.lines().filter_map(row).collect()
}

#[test]
fn every_section_is_there_and_holds_its_part() {
    let made = Made::new("sections");
    let path = made.kernel_image(Medium::Disk);
    let sections = sections(&path);
    let names: Vec<&str> = sections.iter().map(|section| section.0.as_str()).collect();
    let uname: &[&str] = if cfg!(target_arch = "aarch64") { &[] } else { &[".uname"] };
    let added = [&[".sbat", ".osrel"][..], uname, &[".cmdline", ".initrd", ".linux"]].concat();
    assert_eq!(names[names.len() - added.len()..], added, "{names:?}");
    assert_eq!(names.iter().filter(|name| **name == ".sbat").count(), 1, "{names:?}");
    for pair in sections.windows(2) {
        assert!(pair[0].2 + pair[0].1 <= pair[1].2, "one after the other in memory: {sections:?}");
    }
    let text = |name: &str| String::from_utf8(section(&path, name)).unwrap();
    let hash = &made.parts.root_hash;
    assert_eq!(text(".cmdline"), format!("quiet console=ttyS0 roothash={hash}"));
    assert_eq!(text(".osrel").as_bytes(), made.parts.os_release);
    assert!(uname.is_empty() || text(".uname") == RELEASE);
    let sbat = text(".sbat");
    assert!(sbat.starts_with("sbat,1,") && sbat.contains("\nsystemd-stub,") || sbat.contains("\nsystemd,"), "{sbat}");
    assert!(sbat.ends_with("\nkfimg,1,kfimg,kfimg,1.36.3-1,https://github.com/kfimg/kfimg\n"), "{sbat}");
    assert!(sbat.lines().all(|line| line.split(',').count() >= 6 || line.starts_with("sbat,")), "{sbat}");
    assert!(section(&path, ".initrd") == fs::read(&made.parts.initrd).unwrap());
    assert!(section(&path, ".linux") == fs::read(&made.parts.kernel).unwrap());
    let header = objdump(&["-p"], &path);
    assert!(header.contains("EFI application"), "{header}");
    assert!(!both(&run(program("objdump").arg("-x").arg(&path))).contains("warning"), "objdump finds nothing odd");
}

/// Everything of the stub but its list of revisions is where it was.
#[test]
fn the_stub_is_not_changed() {
    let made = Made::new("stub");
    let path = made.kernel_image(Medium::Iso);
    let stub = made.parts.stub.as_ref().unwrap();
    let copy = made.path("stub.efi");
    fs::copy(stub, &copy).unwrap();
    for (name, length, address) in sections(stub).into_iter().filter(|section| section.0 != ".sbat") {
        let found = sections(&path).into_iter().find(|section| section.0 == name);
        assert_eq!(found, Some((name.clone(), length, address)));
        if name != ".reloc" {
            assert!(section(&path, &name) == section(&copy, &name), "{name}");
        }
    }
    let command_line = String::from_utf8(section(&path, ".cmdline")).unwrap();
    let label = made.parts.root_hash[..8].to_uppercase();
    assert!(command_line.ends_with(&format!(" systemd.verity=no kfimg.root=LABEL=KFIMG_{label}")), "{command_line}");
}

#[test]
fn a_signature_is_what_others_check() {
    let made = Made::new("signed");
    let [key_file, certificate] = made.key("ours");
    let [_, other] = made.key("other");
    let signer = Signer::load(&key_file, &certificate).unwrap();
    let path = made.path("signed.efi");
    uki::write(&made.parts, Medium::Disk, Some(&signer), &path).unwrap();
    let verify = |certificate: &Path, path: &Path| run(program("sbverify").arg("--cert").arg(certificate).arg(path));
    let said = verify(&certificate, &path);
    assert!(said.status.success(), "{}", both(&said));
    assert!(!verify(&other, &path).status.success(), "another key's certificate");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(made.path("flipped.efi"), &bytes).unwrap();
    assert!(!verify(&certificate, &made.path("flipped.efi")).status.success(), "one bit is another");

    let again = made.path("again.efi");
    uki::write(&made.parts, Medium::Disk, Some(&signer), &again).unwrap();
    assert_eq!(fs::read(&path).unwrap(), fs::read(&again).unwrap());
    assert_eq!(format!("{signer:?}"), "Signer");

    let wrong = |key: &Path, certificate: &Path| Signer::load(key, certificate).unwrap_err().to_string();
    assert!(wrong(&key_file, &other).ends_with("this is not the certificate of the key that was given with it"));
    assert!(wrong(&certificate, &certificate).contains("this is no unencrypted RSA key in PEM"));
    assert!(wrong(&key_file, &key_file).ends_with("this is no certificate in PEM"));
}
