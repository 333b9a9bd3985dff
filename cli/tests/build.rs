//! `kfimg build` as people run it: the same bytes everywhere, and every failure with its words and exit code.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_builder::fake::{self, FakeBase};
use kfimg_images::Architecture;
use kfimg_images::hasher::sha256;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use support::program::{empty_folder, find, names};
use support::said::{kfimg as run, said};

const KFIMG: &str = env!("CARGO_BIN_EXE_kfimg");
const BUILD: &str = "build --base base.tar --output parts,sysext -o images";

/// Every output, each small.
const ALL: &str = "build --base base.tar --output pxe,raw,qcow2,vmdk,ova,iso,sysext,parts -o images \
    --disk-size 512MiB --slot-size 64MiB --esp-size 64MiB";

/// A folder with a base and a bundle.
fn site(name: &str) -> PathBuf {
    let folder = empty_folder(&format!("build/{name}"));
    fake::bundle(&folder.join("bundle"), Architecture::Amd64);
    FakeBase::new(Architecture::Amd64).write(&folder.join("base.tar"));
    folder
}

/// The same with what makes a kernel start by itself under UEFI.
fn unified_site(name: &str) -> PathBuf {
    let folder = site(name);
    FakeBase::new(Architecture::Amd64).stub(Architecture::Amd64).write(&folder.join("base.tar"));
    folder
}

/// Every file by its path, as text.
fn files_by_path(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    files(folder).into_iter().map(|(path, bytes)| (path.display().to_string(), bytes)).collect()
}

/// Every file by its path.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = Path::new(path.file_name().unwrap());
            found.extend(files(&path).into_iter().map(|(below, bytes)| (name.join(below), bytes)));
        } else {
            found.insert(path.file_name().unwrap().into(), fs::read(&path).unwrap());
        }
    }
    found
}

/// Two builds by the same words, the second in a deeper folder and as other people have their machines.
fn built_twice(name: &str, line: &str, epoch: &str) {
    let (one, other) = (unified_site(&format!("{name}-one")), unified_site(&format!("{name}-other/deeper")));
    for file in ["db.key", "db.crt"] {
        let key = signing_key().join(file);
        fs::copy(&key, one.join(file)).and_then(|_| fs::copy(&key, other.join(file))).unwrap();
    }
    let first =
        said(Command::new(KFIMG).args(line.split_whitespace()).current_dir(&one).env("SOURCE_DATE_EPOCH", epoch));
    assert_eq!(first.code, 0, "{}", first.stderr);
    let script = format!("umask 077; exec taskset -c 0 {KFIMG} {line}");
    let mut command = Command::new("sh");
    command
        .args(["-c", &script])
        .current_dir(&other)
        .env("TZ", "Asia/Tokyo")
        .env("LC_ALL", "C.UTF-8")
        .env("RAYON_NUM_THREADS", "3")
        .env("HOME", "/nonexistent")
        .env("SOURCE_DATE_EPOCH", epoch);
    let second = said(&mut command);
    assert_eq!(second.code, 0, "{}", second.stderr);
    let (one, other) = (files(&one.join("images")), files(&other.join("images")));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (name, bytes) in one {
        assert!(bytes == other[&name], "{} differs", name.display());
    }
}

/// A folder with a key that signs, and its certificate.
fn signing_key() -> &'static Path {
    static KEY: OnceLock<PathBuf> = OnceLock::new();
    KEY.get_or_init(|| {
        let folder = empty_folder("build/signing-key");
        let key = "req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=db -keyout db.key -out db.crt";
        assert_eq!(said(Command::new("openssl").args(key.split(' ')).current_dir(&folder)).code, 0);
        folder
    })
}

#[test]
fn the_same_build_gives_the_same_bytes_wherever_and_however_it_runs() {
    built_twice("same", ALL, "");
    let options =
        "--preload all --root-url http://boot.local/images --secure-boot-key db.key --secure-boot-certificate db.crt";
    built_twice("same-signed", &format!("{ALL} {options}"), "86400");
}

#[test]
fn a_base_gives_the_same_root_whichever_way_it_comes() {
    let folder = site("ways");
    let tar = fs::read(folder.join("base.tar")).unwrap();
    let mut bundle = fake::bundle(&folder.join("bundle"), Architecture::Amd64);
    let image = bundle.image("amd64", &[&tar]);
    bundle.name("docker.io/library/debian:12", image);
    let file = bundle.artifact("application/vnd.kfimg.binary.v1", &tar, None);
    bundle.name("kfimg.invalid/file/base:12", file);
    bundle.finish();
    assert_eq!(said(Command::new("gzip").args(["--keep", "base.tar"]).current_dir(&folder)).code, 0);
    let ways = [
        "base.tar",
        "base.tar.gz",
        "bundle#docker.io/library/debian:12",
        "docker.io/library/debian:12",
        "kfimg.invalid/file/base:12",
    ];
    let root_hash = |base: &str| {
        let built = run(&folder, &format!("build --base {base} --output parts -o images"));
        assert_eq!(built.code, 0, "{base}: {}", built.stderr);
        fs::read_to_string(folder.join("images/parts/root.hash")).unwrap()
    };
    let hashes = ways.map(root_hash);
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
    // Owners and times of a folder are those of whoever unpacked it.
    fs::create_dir(folder.join("root")).unwrap();
    assert_eq!(said(Command::new("tar").args(["-xf", "base.tar", "-C", "root"]).current_dir(&folder)).code, 0);
    let built = run(&folder, "build --base root --output parts -o images");
    assert_eq!(built.code, 0, "{}", built.stderr);
    assert!(built.stderr.contains("owners are taken as they are found"), "{}", built.stderr);
}

/// The offset of the EFI system partition, which is the second of a disk.
fn esp_offset(disk: &Path) -> u64 {
    let table = said(Command::new(find("sgdisk")).arg("-i").arg("2").arg(disk)).stdout;
    let sector = table.lines().find_map(|line| line.strip_prefix("First sector: ")).unwrap();
    sector.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 512
}

#[test]
fn one_build_writes_every_output_as_its_options_say() {
    let folder = unified_site("outputs");
    for file in ["db.key", "db.crt"] {
        fs::copy(signing_key().join(file), folder.join(file)).unwrap();
    }
    let signed = "--secure-boot-key db.key --secure-boot-certificate db.crt";
    let built = run(&folder, &format!("{ALL} --root-url http://boot.local/images/ {signed}"));
    assert_eq!(built.code, 0, "{}", built.stderr);
    let images = folder.join("images");
    let expected = [
        "appliance.ova",
        "boot.ipxe",
        "build.html",
        "build.json",
        "disk.qcow2",
        "disk.raw",
        "disk.vmdk",
        "initrd",
        "kfimg.raw",
        "live.iso",
        "parts",
        "pxe.yaml",
        "root.img",
        "root.mtree",
        "sysext.yaml",
        "vmlinuz",
    ];
    assert_eq!(names(&images), expected);
    let record: serde_json::Value = serde_json::from_slice(&fs::read(images.join("build.json")).unwrap()).unwrap();
    let programs: Vec<&str> = record["programs"].as_array().unwrap().iter().filter_map(|name| name.as_str()).collect();
    assert!(programs[0].starts_with("mksquashfs 4.") && programs[1].starts_with("xorriso 1."), "{programs:?}");
    // Every file that is there, but the record itself and its picture, is in it by the digest that others make of it.
    let listed = record["outputs"].as_object().unwrap();
    let there = files_by_path(&images);
    let missing: Vec<_> = there.keys().filter(|name| !listed.contains_key(*name)).collect();
    assert_eq!(missing, ["build.html", "build.json"]);
    for (name, output) in listed {
        assert_eq!(output["digest"], sha256(&there[name]).as_str(), "{name}");
    }
    let disk = images.join("disk.raw");
    assert_eq!(fs::metadata(&disk).unwrap().len(), 512 << 20);
    let place = format!("{}@@{}", disk.display(), esp_offset(&disk));
    let kernel = folder.join("boot.efi");
    let copied = said(Command::new("mcopy").args(["-i", &place, "::/EFI/BOOT/BOOTX64.EFI"]).arg(&kernel));
    assert_eq!(copied.code, 0, "{}", copied.stderr);
    let checked = said(Command::new("sbverify").args(["--cert", "db.crt"]).arg(&kernel).current_dir(&folder));
    assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
    let layer = fs::read_to_string(images.join("pxe.yaml")).unwrap();
    assert!(layer.contains("\"kfimg.root=http://boot.local/images/root.img\""), "{layer}");
    // As docs/pxe.md has it: the layer brings the image into the boot scripts.
    let rendered = run(&folder, "render --profile ha3 --registry reg.local --channel pxe --site images/pxe.yaml");
    assert_eq!(rendered.code, 0, "{}", rendered.stderr);
    let script = fs::read_to_string(folder.join("out/pxe/node-master1.ipxe")).unwrap();
    let hash = fs::read_to_string(images.join("parts/root.hash")).unwrap();
    for part in [
        "kernel ${boot-server}/images/vmlinuz ",
        "${boot-server}/images/initrd\n",
        &format!(" roothash={} ", hash.trim()),
        " systemd.verity=no ",
        " kfimg.root=http://boot.local/images/root.img\n",
    ] {
        assert!(script.contains(part), "{part} in {script}");
    }
    assert_eq!(run(&folder, "build --base base.tar --output raw --secure-boot-key db.key").code, 2);
    let unsigned = run(&folder, &format!("build --base base.tar --output pxe -o other {signed}"));
    assert_eq!(unsigned.code, 2, "{}", unsigned.stderr);
    assert!(
        unsigned.stderr.contains("--secure-boot-key signs the kernel image of disks and ISO"),
        "{}",
        unsigned.stderr
    );
    FakeBase::new(Architecture::Amd64).write(&folder.join("base.tar"));
    let no_stub = run(&folder, "build --base base.tar --output iso -o other");
    assert_eq!(no_stub.code, 4, "{}", no_stub.stderr);
    assert!(no_stub.stderr.contains("install systemd-boot-efi in the base"), "{}", no_stub.stderr);
}

#[test]
fn the_time_of_everything_can_be_given() {
    let folder = site("epoch");
    let said = said(Command::new(KFIMG).args(BUILD.split(' ')).current_dir(&folder).env("SOURCE_DATE_EPOCH", "86400"));
    assert_eq!(said.code, 0, "{}", said.stderr);
    let listed = Command::new(find("unsquashfs"))
        .args(["-lln", "images/parts/root.squashfs"])
        .env("TZ", "UTC")
        .current_dir(&folder)
        .output();
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    let mut rows = listed.lines().filter(|line| line.contains("squashfs-root/")).peekable();
    assert!(rows.peek().is_some() && rows.all(|line| line.contains("1970-01-02 00:00")), "{listed}");
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
    // All that a build of a medium needs but one.
    fs::create_dir(folder.join("bin")).unwrap();
    std::os::unix::fs::symlink(find("mksquashfs"), folder.join("bin/mksquashfs")).unwrap();
    let mut kfimg = Command::new(KFIMG);
    kfimg.args(["build", "--base", "base.tar", "--output", "iso"]).env("PATH", folder.join("bin"));
    let without = self::said(kfimg.current_dir(&folder));
    assert_eq!(without.code, 6, "{}", without.stderr);
    let text = "xorriso is missing, and it writes the ISO: install the package xorriso";
    assert!(without.stderr.contains(text), "{}", without.stderr);
    assert_eq!(names(&folder), ["base.tar", "bin", "bundle"]);
}

#[test]
fn the_kernel_talks_to_the_serial_line_that_its_machines_have() {
    let folder = empty_folder("build/console");
    for (architecture, console) in [(Architecture::Amd64, "ttyS0"), (Architecture::Arm64, "ttyAMA0")] {
        fake::bundle(&folder.join(format!("bundle-{architecture}")), architecture);
        FakeBase::new(architecture).write(&folder.join("base.tar"));
        let line = format!(
            "build --base base.tar --bundle bundle-{architecture} --arch {architecture} --output parts --append quiet"
        );
        let built = run(&folder, &line);
        assert_eq!(built.code, 0, "{}", built.stderr);
        let record = fs::read(folder.join("images/build.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        let wanted = format!("ignition.firstboot=1 console=tty0 console={console},115200 quiet");
        assert_eq!(record["commandLine"], wanted.as_str());
    }
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
fn two_builds_are_compared() {
    let folder = site("diff");
    assert_eq!(run(&folder, "build --base base.tar --output parts -o old").code, 0);
    FakeBase::new(Architecture::Amd64).file("usr/bin/su", 0o4755, "x").write(&folder.join("base.tar"));
    assert_eq!(run(&folder, "build --base base.tar --output parts -o new").code, 0);
    let same = run(&folder, "diff old old --exit-code");
    assert_eq!((same.code, same.stdout.as_str()), (0, "The builds are the same.\n"));
    let said = run(&folder, "diff old new --exit-code");
    assert_eq!(said.code, 8, "{}", said.stderr);
    assert!(said.stdout.starts_with("Inputs that changed: base.\n\n"), "{}", said.stdout);
    for line in [
        "  + ./usr/bin/su mode=4755",
        "  + setuid 1 programs: /usr/bin/su (4755)",
        "Settings (",
        "  ~ parts/root.squashfs: ",
    ] {
        assert!(said.stdout.contains(line), "{line}\n{}", said.stdout);
    }
}
