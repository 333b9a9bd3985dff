//! `kfimg build` as people run it: the same bytes everywhere, and nothing left behind by what fails.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_builder::fake::{self, FakeBase};
use kfimg_images::Architecture;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use support::program::{as_root, empty_folder, find};

const KFIMG: &str = env!("CARGO_BIN_EXE_kfimg");
const BUILD: &str = "build --base base.tar --output parts,sysext -o images";

/// A folder with a base and a bundle.
fn site(name: &str) -> PathBuf {
    let folder = empty_folder(&format!("build/{name}"));
    fake::bundle(&folder.join("bundle"), Architecture::Amd64);
    FakeBase::new(Architecture::Amd64).write(&folder.join("base.tar"));
    folder
}

struct Said {
    code: i32,
    stdout: String,
    stderr: String,
}

fn said(command: &mut Command) -> Said {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: status.code().expect("no signal"), stdout: text(stdout), stderr: text(stderr) }
}

fn run(folder: &Path, line: &str) -> Said {
    said(Command::new(KFIMG).args(line.split_whitespace()).current_dir(folder))
}

/// Every file by its name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
    fs::read_dir(folder).unwrap().map(|entry| read(entry.unwrap())).collect()
}

/// Names in a folder, hidden ones too.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_same_build_gives_the_same_bytes_wherever_and_however_it_runs() {
    let (one, other) = (site("same-one"), site("same-other/deeper"));
    let first = run(&one, BUILD);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let script = format!("umask 077; exec taskset -c 0 {KFIMG} {BUILD}");
    let mut command = Command::new("sh");
    command
        .args(["-c", &script])
        .current_dir(&other)
        .env("TZ", "Asia/Tokyo")
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", "/nonexistent");
    let second = said(&mut command);
    assert_eq!(second.code, 0, "{}", second.stderr);
    let (one, other) = (files(&one.join("images")), files(&other.join("images")));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (name, bytes) in one {
        assert!(bytes == other[&name], "{name} differs");
    }
}

#[test]
fn the_time_of_everything_can_be_given() {
    let folder = site("epoch");
    let said = said(Command::new(KFIMG).args(BUILD.split(' ')).current_dir(&folder).env("SOURCE_DATE_EPOCH", "86400"));
    assert_eq!(said.code, 0, "{}", said.stderr);
    let listed = Command::new(find("unsquashfs"))
        .args(["-lln", "images/root.squashfs"])
        .env("TZ", "UTC")
        .current_dir(&folder)
        .output();
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    assert!(
        listed.lines().filter(|line| line.contains("squashfs-root")).all(|line| line.contains("1970-01-02 00:00")),
        "{listed}"
    );
}

#[test]
fn lints_are_listed_and_findings_have_exit_code_5() {
    let folder = site("lints");
    let listed = run(&folder, "build --list-lints");
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    for lint in [
        "kernel-missing",
        "setuid",
        "secrets",
        "world-writable",
        "kernel-config",
        "second-kubelet",
        "time-zone",
        "licences",
    ] {
        assert!(listed.stdout.lines().any(|line| line.starts_with(lint)), "{lint}\n{}", listed.stdout);
    }
    FakeBase::new(Architecture::Amd64).file("etc/open", 0o666, "x").write(&folder.join("base.tar"));
    let refused = run(&folder, BUILD);
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    assert!(refused.stderr.contains("world-writable: everybody may write to /etc/open"), "{}", refused.stderr);
    assert!(refused.stderr.contains("to do: correct the modes in the base"), "{}", refused.stderr);
    assert_eq!(names(&folder), ["base.tar", "bundle"], "nothing is left");
    let allowed = run(&folder, &format!("{BUILD} --allow world-writable"));
    assert_eq!(allowed.code, 0, "{}", allowed.stderr);
}

#[test]
fn missing_and_damaged_inputs_have_their_exit_codes() {
    let folder = site("inputs");
    fs::write(folder.join("cut.tar"), &fs::read(folder.join("base.tar")).unwrap()[..5000]).unwrap();
    fs::write(folder.join("text"), "no tar at all, but long enough to hold a header".repeat(20)).unwrap();
    let cases = [
        ("build --output parts", 2, "--base"),
        ("build --base base.tar --output parts,floppy", 2, "write some of pxe, raw"),
        ("build --base none.tar --output parts", 4, "opening the base none.tar"),
        ("build --base base.tar --output parts --bundle none", 4, "none"),
        ("build --base base.tar --output parts --agent none", 4, "none"),
        ("build --base cut.tar --output parts", 5, "cut.tar: at byte"),
        ("build --base text --output parts", 5, "text: at byte 0: this is no tar, or it is damaged"),
        ("build --base base.tar --output parts --arch arm64", 4, "it has no kubelet for arm64"),
    ];
    for (line, code, text) in cases {
        let said = run(&folder, line);
        assert_eq!(said.code, code, "{line}: {}", said.stderr);
        assert!(said.stderr.contains(text), "{line}: {}", said.stderr);
        assert_eq!(names(&folder), ["base.tar", "bundle", "cut.tar", "text"], "{line}");
    }
}

#[test]
fn a_missing_program_is_named_with_its_package() {
    let folder = site("program");
    let said = said(Command::new(KFIMG).args(BUILD.split(' ')).current_dir(&folder).env("PATH", "/nonexistent"));
    assert_eq!(said.code, 6, "{}", said.stderr);
    assert!(said.stderr.contains("mksquashfs: is not installed; the package squashfs-tools"), "{}", said.stderr);
    assert_eq!(names(&folder), ["base.tar", "bundle"]);
}

#[test]
fn a_folder_of_somebody_else_is_left_alone_and_an_older_build_is_replaced() {
    let folder = site("target");
    fs::create_dir(folder.join("images")).unwrap();
    fs::write(folder.join("images/photo.jpg"), "x").unwrap();
    let refused = run(&folder, BUILD);
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    assert!(refused.stderr.contains("photo.jpg, which kfimg did not write"), "{}", refused.stderr);
    fs::remove_file(folder.join("images/photo.jpg")).unwrap();
    assert_eq!(run(&folder, BUILD).code, 0);
    let before = files(&folder.join("images"));
    let failed = run(&folder, "build --base none --output parts -o images");
    assert_eq!(failed.code, 4);
    assert!(files(&folder.join("images")) == before, "a failed build leaves the former one");
    let again = run(&folder, &format!("{BUILD} --image-version 2"));
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(files(&folder.join("images")) != before);
    assert_eq!(names(&folder), ["base.tar", "bundle", "images"]);
}

#[test]
fn a_full_disk_ends_a_build_cleanly() {
    let folder = site("full");
    fs::create_dir(folder.join("small")).unwrap();
    // Programs of four megabytes that nothing compresses, onto a disk of one.
    let mut state = 1_u64;
    let mut noise = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    let noise: Vec<u8> = std::iter::repeat_with(&mut noise).take(4 << 20).collect();
    FakeBase::new(Architecture::Amd64).file("usr/share/noise", 0o644, noise).write(&folder.join("base.tar"));
    let script = format!(
        "mount -t tmpfs -o size=1m none small && {KFIMG} build --base base.tar --output parts -o small/images; \
         code=$?; ls -A small >&2; exit $code"
    );
    let mut command = as_root("unshare");
    let said = said(command.args(["--mount", "sh", "-c", &script]).current_dir(&folder));
    assert!([4, 6].contains(&said.code), "{}: {}", said.code, said.stderr);
    assert!(said.stderr.contains("No space left on device") || said.stderr.contains("mksquashfs: "), "{}", said.stderr);
    assert!(!said.stderr.lines().any(|line| line.contains("images") && !line.contains("error")), "{}", said.stderr);
}

#[test]
fn a_build_that_is_killed_leaves_no_half_image_and_the_next_one_cleans_up() {
    let folder = site("killed");
    for milliseconds in [1, 10, 20, 40, 80, 160] {
        let mut child = Command::new(KFIMG)
            .args(BUILD.split(' '))
            .current_dir(&folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        if folder.join("images").exists() {
            let record = fs::read(folder.join("images/build.json")).unwrap();
            let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
            for (name, output) in record["outputs"].as_object().unwrap() {
                assert_eq!(
                    fs::metadata(folder.join("images").join(name)).unwrap().len(),
                    output["size"].as_u64().unwrap()
                );
            }
        }
    }
    // A writer whose standard input ended with kfimg may take a moment to end too.
    let whole = run(&folder, BUILD);
    assert_eq!(whole.code, 0, "{}", whole.stderr);
    assert_eq!(names(&folder), ["base.tar", "bundle", "images"]);
}

#[test]
fn two_builds_are_compared() {
    let folder = site("diff");
    assert_eq!(run(&folder, "build --base base.tar --output parts -o old").code, 0);
    FakeBase::new(Architecture::Amd64).file("usr/bin/su", 0o4755, "x").write(&folder.join("base.tar"));
    assert_eq!(run(&folder, "build --base base.tar --output parts -o new").code, 0);
    let same = run(&folder, "diff old old --exit-code");
    assert_eq!((same.code, same.stdout.as_str()), (0, "The builds are the same.\n"));
    let said = run(&folder, "diff old new --exit-code");
    assert_eq!(said.code, 8, "{}", said.stderr);
    for line in
        ["  + ./usr/bin/su mode=4755", "  + setuid 1 programs: /usr/bin/su (4755)", "Settings (", "  ~ root.squashfs: "]
    {
        assert!(said.stdout.contains(line), "{line}\n{}", said.stdout);
    }
}
