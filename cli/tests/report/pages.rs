//! The pages that are judged: of profiles as they stand, of a hostile description, of hundreds of machines; and of a build.

use crate::support::program::{empty_folder, succeed};
use kfimg_builder::fake::{self, FakeBase};
use kfimg_images::Architecture;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const KFIMG: &str = env!("CARGO_BIN_EXE_kfimg");

/// A site whose texts are markup wherever the description lets them.
const HOSTILE: &str = r#"
clusterName: hostile
nodes:
- {name: worker1, serial: "<script>alert(1)<x>\"'&amp;", dataDisk: {path: "/dev/disk/by-id/</td><b onload='x'>"}}
- {name: worker2, uuid: 4c4c4544-0042-3510-8051-b4c04f4d3132, labels: {zone: a}, taints: [{key: gpu, value: "yes", effect: NoSchedule}]}
- {name: a-control-plane-with-a-name-as-long-as-a-name-may-be-63-letters, role: control-plane, address: 192.168.49.154}
- {name: master3, $patch: delete}
manifests: ["<img src=x onerror=y>.yaml"]
time: {servers: [ntp.example.com]}
users: [{name: ops, passwordHash: $6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/}]
"#;

const OBJECTS: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: default}\n\
    spec: {containers: [{name: web, image: 'registry.k8s.io/web@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'}]}\n";

pub(crate) fn render(folder: &Path, options: &[&str]) -> String {
    let mut command = Command::new(KFIMG);
    command
        .args(["render", "--quiet", "--profile", "ha3", "--registry", "reg.local"])
        .args(options)
        .current_dir(folder);
    succeed(&mut command);
    fs::read_to_string(folder.join("out/report.html")).unwrap()
}

/// The page of a profile as it stands.
pub(crate) fn profile_page(profile: &str, test: &str) -> String {
    let folder = empty_folder(&format!("report/{test}-{profile}"));
    let mut command = Command::new(KFIMG);
    command.args(["render", "--quiet", "--profile", profile, "--registry", "reg.local"]).current_dir(&folder);
    succeed(&mut command);
    fs::read_to_string(folder.join("out/report.html")).unwrap()
}

pub(crate) fn hostile(name: &str) -> (PathBuf, String) {
    let folder = empty_folder(&format!("report/{name}"));
    fs::write(folder.join("site.yaml"), HOSTILE).unwrap();
    fs::write(folder.join("<img src=x onerror=y>.yaml"), OBJECTS).unwrap();
    let page = render(&folder, &["--site", "site.yaml"]);
    (folder, page)
}

/// 297 workers in two racks.
pub(crate) fn many(name: &str) -> (PathBuf, String) {
    let folder = empty_folder(&format!("report/{name}"));
    let mut inventory = "name,role,address,mac,uuid,serial,labels\n".to_owned();
    for number in 1..=3 {
        inventory += &format!("master{number},control-plane,10.20.0.{},,,,\n", 10 + number);
    }
    for number in 1..=297 {
        let rack = if number <= 180 { "a" } else { "b" };
        inventory += &format!("worker{number},worker,10.20.{}.{},,,,rack={rack}\n", 1 + number / 200, 1 + number % 200);
    }
    fs::write(folder.join("nodes.csv"), inventory).unwrap();
    let page = render(
        &folder,
        &[
            "--inventory",
            "nodes.csv",
            "--set",
            "networking.nodeSubnet=10.20.0.0/16",
            "--set",
            "networking.podSubnet=10.128.0.0/14",
            "--set",
            "controlPlaneEndpoint.address=10.20.0.10",
            "--set",
            "nodeDefaults.network.gateway=10.20.255.254",
        ],
    );
    (folder, page)
}

/// What takes room in a base, by the places that the page tells apart, and kibibytes.
const PLACES: [(&str, usize); 9] = [
    ("usr/lib/modules/6.1.0-fake/kernel/all.ko", 900),
    ("usr/lib/firmware/blob", 700),
    ("usr/lib/systemd/units", 300),
    ("usr/share/doc/all", 90),
    ("usr/share/zoneinfo/all", 60),
    ("usr/bin/one", 500),
    ("usr/lib/libone.so", 800),
    ("usr/share/data", 200),
    ("var/lib/data", 100),
];
/// A package whose name and licence are markup.
const PACKAGE: &str = "Package: <script>alert(1)</script>\nStatus: install ok installed\nVersion: 1\n";
const COPYRIGHT: &str = "Format: x\n\nFiles: *\nLicense: <img src=x onerror=y>\n";

/// The page of a build of a base with markup in its words, and the folder that it is in.
pub(crate) fn build_page(name: &str) -> (PathBuf, String) {
    let folder = empty_folder(&format!("report/{name}"));
    fake::bundle(&folder.join("bundle"), Architecture::Amd64);
    let mut base = FakeBase::new(Architecture::Amd64);
    for (place, size) in PLACES {
        base.file(place, 0o644, vec![7; size << 10]);
    }
    base.file(
        "usr/lib/os-release",
        0o644,
        "PRETTY_NAME=\"Fake <b onload='x'>&amp; 12\"\nID=debian\nVERSION_ID=\"12\"\n",
    );
    base.file(
        "var/lib/dpkg/status",
        0o644,
        format!("{PACKAGE}\nPackage: bash\nStatus: install ok installed\nVersion: 5\n"),
    );
    base.file("usr/share/doc/bash/copyright", 0o644, COPYRIGHT).file("usr/bin/su", 0o4755, "x");
    base.stub(Architecture::Amd64).write(&folder.join("base.tar"));
    let mut command = Command::new(KFIMG);
    let line = "build --quiet --base base.tar --output pxe,iso,sysext,parts --preload all -o out";
    succeed(command.args(line.split(' ')).current_dir(&folder));
    let page = fs::read_to_string(folder.join("out/build.html")).unwrap();
    (folder, page)
}
