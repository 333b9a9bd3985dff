//! Same input, same bytes, without a network: whatever the clock's zone, the locale, the umask and the number of cores.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::program::{as_root, empty_folder, succeed};

const KFIMG: &str = env!("CARGO_BIN_EXE_kfimg");
/// Every channel, so that seeds, drives and boot scripts are among the files.
const RENDER: &str = "\"$KFIMG\" render -q --profile ha5 --registry reg.local --state ../state -o out \
    --channel ignition --channel nocloud --channel config-drive --channel guestinfo --channel pxe";

fn folder() -> PathBuf {
    empty_folder("reproducible")
}

/// Path, mode and digest of every file of an output.
fn listing(folder: &Path) -> String {
    let script = "find out -printf '%m %p\n' | sort; find out -type f | sort | xargs sha256sum";
    let output = Command::new("sh").args(["-c", script]).env("LC_ALL", "C").current_dir(folder).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_render_is_the_same_everywhere() {
    let folder = folder();
    let worlds = [
        ("plain", "".to_owned(), RENDER.to_owned()),
        ("zone", "export TZ=Pacific/Kiritimati".to_owned(), RENDER.to_owned()),
        ("locale", "export LC_ALL=tr_TR.UTF-8 LANG=tr_TR.UTF-8".to_owned(), RENDER.to_owned()),
        ("umask", "umask 0077".to_owned(), RENDER.to_owned()),
        ("open-umask", "umask 0".to_owned(), RENDER.to_owned()),
        ("one-core", "".to_owned(), format!("taskset -c 0 {RENDER}")),
        ("threads", "export RAYON_NUM_THREADS=7".to_owned(), RENDER.to_owned()),
        ("bare", "".to_owned(), format!("env -i {}", RENDER.replace("\"$KFIMG\"", KFIMG))),
    ];
    let mut first = None;
    for (name, prepare, render) in worlds {
        let place = folder.join(name);
        fs::create_dir(&place).unwrap();
        let script = format!("{prepare}\n{render}");
        succeed(Command::new("sh").args(["-euc", &script]).env("KFIMG", KFIMG).current_dir(&place));
        let listing = listing(&place);
        for file in [
            "seed.img",
            "config-drive.img",
            "guestinfo.ignition.config.data",
            "ignition.json",
            "boot.ipxe",
            "report.html",
        ] {
            assert!(listing.contains(file), "{file}: {listing}");
        }
        assert_eq!(first.get_or_insert(listing.clone()), &listing, "{name}");
    }
}

#[test]
fn every_command_works_where_there_is_no_network_at_all() {
    let folder = empty_folder("offline");
    let script = "
        test -z \"$(ip -o link show up)\"
        \"$KFIMG\" render --profile ha3 --registry reg.local
        \"$KFIMG\" init ha3 site
        \"$KFIMG\" render --profile ha3 --site site/site.yaml --inventory site/nodes.csv -o out2
        \"$KFIMG\" validate --profile ha3 --explain
        \"$KFIMG\" pki show --profile ha3
        \"$KFIMG\" images --profile ha3 --why
        \"$KFIMG\" profiles
        \"$KFIMG\" schema";
    succeed(as_root("unshare").args(["-n", "sh", "-euc", script]).env("KFIMG", KFIMG).current_dir(&folder));
}
