use super::{AGENT, Archive, FILES, LINKS, write};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const TIME: u64 = 1_700_000_000;

/// What GNU cpio lists of archives that follow each other.
fn listed(archive: &[u8], folder: &Path) -> Vec<String> {
    let file = folder.join("archive");
    fs_err::write(&file, archive).unwrap();
    let input = fs_err::File::open(&file).unwrap().into_file();
    let said =
        Command::new("cpio").args(["-itv", "--numeric-uid-gid", "--quiet"]).env("TZ", "UTC").stdin(input).output();
    let said = said.expect("make test installs cpio");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    String::from_utf8(said.stdout).unwrap().lines().map(words).collect()
}

#[test]
fn gnu_cpio_reads_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut archive = Archive::new(Vec::new(), TIME);
    archive.folder("usr", 0o755).unwrap();
    archive.file("usr/a", 0o600, b"12345").unwrap();
    archive.link("usr/b", "a").unwrap();
    let bytes = archive.finish().unwrap();
    let expected = [
        "drwxr-xr-x 2 0 0 0 Nov 14 2023 usr",
        "-rw------- 1 0 0 5 Nov 14 2023 usr/a",
        "lrwxrwxrwx 1 0 0 1 Nov 14 2023 usr/b -> a",
    ];
    assert_eq!(listed(&bytes, folder.path()), expected);
}

#[test]
fn what_an_initrd_cannot_hold_is_refused() {
    let mut archive = Archive::new(Vec::new(), TIME);
    for path in ["", "/usr", "usr/../etc", "usr//bin", "./usr", "usr/"] {
        assert!(archive.folder(path, 0o755).is_err(), "{path}");
    }
    let error = archive.file_from("large", 0o644, 4 << 30, std::io::empty()).unwrap_err();
    assert!(error.to_string().contains("4 GiB"), "{error}");
    let error = archive.file_from("short", 0o644, 9, &b"1234"[..]).unwrap_err();
    assert!(error.to_string().contains("it changed"), "{error}");
    let error = archive.file_from("long", 0o644, 2, &b"1234"[..]).unwrap_err();
    assert!(error.to_string().contains("it changed"), "{error}");
}

#[test]
fn the_base_stays_as_it_is_and_kfimgs_part_follows_it_in_the_same_bytes_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs_err::write(path("base"), b"not a multiple of anything").unwrap();
    fs_err::write(path("agent"), b"agent").unwrap();
    write(&path("base"), &path("agent"), TIME, &path("one")).unwrap();
    write(&path("base"), &path("agent"), TIME, &path("two")).unwrap();
    let bytes = fs_err::read(path("one")).unwrap();
    assert!(bytes.starts_with(b"not a multiple of anything\0\0") && bytes == fs_err::read(path("two")).unwrap());
    let lines = listed(&bytes[512..], folder.path());
    assert!(lines.iter().any(|line| line.starts_with("-rwxr-xr-x 1 0 0 5 ") && line.ends_with(AGENT)), "{lines:#?}");
    let folders: BTreeSet<&str> =
        lines.iter().filter(|line| line.starts_with('d')).filter_map(|line| line.rsplit(' ').next()).collect();
    let all = FILES.iter().map(|file| file.path).chain(LINKS.iter().map(|link| link.path));
    for path in all {
        assert!(folders.contains(path.rsplit_once('/').unwrap().0), "no folder for {path}");
        assert!(lines.iter().any(|line| line.contains(path)), "no {path}");
    }
    let missing = write(&path("base"), &path("missing"), TIME, &path("three")).unwrap_err();
    assert!(missing.to_string().contains("missing"), "{missing}");
}

#[test]
fn what_a_target_pulls_in_is_there_or_the_bases() {
    let base = ["systemd-networkd.service", "systemd-resolved.service"];
    for link in LINKS.iter().filter(|link| link.path.starts_with("usr/lib/systemd")) {
        let unit = link.target.strip_prefix("../").unwrap();
        let own = format!("usr/lib/systemd/system/{unit}");
        assert!(base.contains(&unit) || FILES.iter().any(|file| file.path == own), "{}", link.path);
    }
}

/// Ignition's stages and `kfimg-platform.service` come after `basic.target`, and so after `sysinit.target`. A unit that waits for one of
/// them and is part of `sysinit.target` closes a circle, and systemd opens it by leaving a unit out.
#[test]
fn what_waits_for_ignition_is_no_part_of_what_ignition_waits_for() {
    for file in FILES.iter().filter(|file| file.path.ends_with(".service")) {
        let words = |setting: &str| {
            let lines = file.text.lines().filter_map(|line| line.strip_prefix(setting)?.strip_prefix('='));
            lines.flat_map(str::split_whitespace).collect::<Vec<_>>()
        };
        let waits = words("After").iter().any(|unit| unit.starts_with("ignition-") || *unit == "basic.target");
        let first = words("Before").iter().any(|unit| ["sysinit.target", "basic.target"].contains(unit));
        assert!(!(waits && first) && words("DefaultDependencies") == ["no"], "{}", file.path);
    }
    // The drop-in of one that systemd itself puts before sysinit.target would do the same.
    let own = FILES.iter().any(|file| file.path == "etc/systemd/system/systemd-resolved.service");
    assert!(own && !FILES.iter().any(|file| file.path.contains("systemd-resolved.service.d")));
}

/// systemd gives up a device after 90 s, and with it the unit that opens the root: a disk behind a slow controller comes later.
#[test]
fn nobody_gives_up_waiting_for_the_device_of_a_root() {
    // What systemd-veritysetup-generator and the agent's root wait for, as systemd escapes it.
    for device in ["dev-mapper-root", "dev-disk-by\\x2dpartuuid-"] {
        let path = format!("usr/lib/systemd/system/{device}.device.d/50-kfimg.conf");
        let file = FILES.iter().find(|file| file.path == path).expect(&path);
        assert!(file.text.contains("\nJobRunningTimeoutSec=infinity\n"), "{path}");
    }
}

/// Units of an initrd name units that only an initrd has, so `systemd-analyze verify` can judge the syntax alone.
#[test]
fn every_line_of_a_unit_is_a_section_a_setting_or_a_comment() {
    for file in FILES {
        let mut section = None;
        for line in file.text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                Some(name) => section = Some(name),
                None => assert!(section.is_some() && line.split_once('=').is_some(), "{}: {line}", file.path),
            }
        }
        let mount = file.path.ends_with(".mount");
        assert_eq!(mount, section == Some("Mount"), "{}", file.path);
    }
}
