//! `kfimg build` asks for nothing but its files: an ordinary user without any capability, in a network namespace with nothing in it,
//! builds every output, and the same bytes as anybody else.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_builder::fake::{self, FakeBase};
use kfimg_images::Architecture;
use rustix::process::geteuid;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::program::{both, empty_folder, find, run};

const KFIMG: &str = env!("CARGO_BIN_EXE_kfimg");
const ALL: &str = "build --base base.tar.gz --output pxe,raw,qcow2,vmdk,ova,iso,sysext,parts -o images \
    --disk-size 512MiB --slot-size 64MiB --esp-size 64MiB";
/// Nobody's number on Debian.
const NOBODY: u32 = 65_534;
/// What is looked at before: no root, no capability, no way to anywhere, nothing that can be mounted, so no loop device either.
const LOOK: &str = "set -e; test $(id -u) != 0; \
    if grep -E '^Cap(Eff|Prm|Inh|Amb):' /proc/self/status | grep -vq '0000000000000000$'; then exit 90; fi; \
    if [ $(wc -l < /proc/net/route) -gt 1 ]; then exit 91; fi; \
    if mount -t tmpfs none . 2>/dev/null; then exit 92; fi; ";

fn site(name: &str) -> PathBuf {
    let folder = empty_folder(&format!("build_unprivileged/{name}"));
    fake::bundle(&folder.join("bundle"), Architecture::Amd64);
    FakeBase::new(Architecture::Amd64).stub(Architecture::Amd64).write(&folder.join("base.tar"));
    let packed = run(Command::new("gzip").args(["-n", "base.tar"]).current_dir(&folder));
    assert!(packed.status.success(), "{}", both(&packed));
    folder
}

/// A command in an empty network namespace as an ordinary user: nobody where root runs the tests, else who runs them.
fn confined(folder: &Path, script: &str) -> Command {
    let mut command = Command::new(find("unshare"));
    if !geteuid().is_root() {
        command.args(["--map-current-user", "--net", "sh", "-c", script]).current_dir(folder).env("KFIMG", KFIMG);
        return command;
    }
    chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    assert!(run(Command::new("chmod").args(["-R", "a+rX"]).arg(folder)).status.success());
    // Neither the program nor the folder need lie where nobody may look: both are put into a place of their own.
    let place = "set -e; mount -t tmpfs none /mnt; mkdir /mnt/site; touch /mnt/kfimg; chmod 755 /mnt; \
        mount --bind \"$SITE\" /mnt/site; mount --bind \"$KFIMG\" /mnt/kfimg; cd /mnt/site; export KFIMG=/mnt/kfimg; \
        exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --ambient-caps=-all --bounding-set=-all \
            --no-new-privs sh -c \"$SCRIPT\"";
    command.args(["--net", "--mount", "sh", "-c", place]).env("SITE", folder).env("KFIMG", KFIMG).env("SCRIPT", script);
    command
}

/// Every file below a folder with its bytes' digest, as sha256sum says.
fn digests(folder: &Path) -> String {
    let script = "find . -type f | LC_ALL=C sort | xargs sha256sum";
    let said = run(Command::new("sh").args(["-c", script]).current_dir(folder));
    assert!(said.status.success(), "{}", both(&said));
    String::from_utf8(said.stdout).unwrap()
}

#[test]
fn an_ordinary_user_without_a_network_builds_every_output_and_the_same_bytes() {
    let (own, other) = (site("confined"), site("free"));
    let confined = run(&mut confined(&own, &format!("{LOOK} exec \"$KFIMG\" {ALL}")));
    assert!(confined.status.success(), "{}", both(&confined));
    let free = run(Command::new(KFIMG).args(ALL.split_whitespace()).current_dir(&other));
    assert!(free.status.success(), "{}", both(&free));
    let (own, other) = (digests(&own.join("images")), digests(&other.join("images")));
    assert!(own.contains("./live.iso") && own.contains("./appliance.ova") && own.contains("./build.json"), "{own}");
    assert_eq!(own, other);
}
