use super::{INITRD, KERNEL, ROOT, SCRIPT, SITE, Way, write};
use crate::output::Watch;
use crate::parts::Parts;
use kfimg_images::Architecture;
use std::path::Path;
use std::process::Command;

const ROOT_BYTES: &[u8] = &[7; 8192];
const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn parts(folder: &Path) -> Parts {
    let file = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        fs_err::write(&path, content).unwrap();
        path
    };
    Parts {
        architecture: Architecture::Amd64,
        image_id: "kfimg".to_owned(),
        image_version: "1.2.3".to_owned(),
        kernel: file("part-kernel", b"kernel"),
        initrd: file("part-initrd", b"initrd of the build"),
        root: file("part-root", ROOT_BYTES),
        verity: file("part-verity", &[9; 4096]),
        root_hash: HASH.to_owned(),
        command_line: "ignition.firstboot=1 console=ttyS0".to_owned(),
        os_release: Vec::new(),
        stub: None,
        source_date_epoch: 1_700_000_000,
    }
}

/// Names and sizes in the archive behind the build's initrd, as GNU cpio lists them.
fn added(initrd: &Path) -> Vec<String> {
    let bytes = fs_err::read(initrd).unwrap();
    assert!(bytes.starts_with(b"initrd of the build\0"));
    let tail = initrd.with_extension("tail");
    fs_err::write(&tail, &bytes[512..]).unwrap();
    let input = fs_err::File::open(&tail).unwrap().into_file();
    let said = Command::new("cpio").args(["-itv", "--quiet"]).stdin(input).output().expect("make test installs cpio");
    let fields = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines = String::from_utf8(said.stdout).unwrap();
    lines.lines().map(fields).map(|words| format!("{} {}", words[words.len() - 1], words[4])).collect()
}

#[test]
fn a_carried_root_is_in_the_initrd() {
    let folder = tempfile::tempdir().unwrap();
    let parts = parts(folder.path());
    let output = folder.path().join("out");
    fs_err::create_dir(&output).unwrap();
    write(&parts, Way::Carried, "images", &output, &Watch::default()).unwrap();
    assert_eq!(added(&output.join(INITRD)), ["kfimg 0", "kfimg/root.img 8192", "kfimg/root.verity 4096"]);
    assert_eq!(fs_err::read(output.join(KERNEL)).unwrap(), b"kernel");
    assert!(!output.join(ROOT).exists());
    let site = fs_err::read_to_string(output.join(SITE)).unwrap();
    let expected = format!(
        "    kernel: \"images/vmlinuz\"\n    initrd: [\"images/initrd\"]\n    arguments:\n      - \"ignition.firstboot=1\"\n      \
         - \"console=ttyS0\"\n      - \"roothash={HASH}\"\n      - \"systemd.verity=no\"\n      - \"kfimg.root=initrd\"\n"
    );
    assert!(site.ends_with(&expected), "{site}");
    let script = fs_err::read_to_string(output.join(SCRIPT)).unwrap();
    assert!(script.starts_with("#!ipxe\n") && script.contains("kfimg.root=initrd ${payload}\n"), "{script}");
}

#[test]
fn a_fetched_root_lies_beside_and_the_initrd_knows_it() {
    let folder = tempfile::tempdir().unwrap();
    let parts = parts(folder.path());
    let output = folder.path().join("out");
    fs_err::create_dir(&output).unwrap();
    write(&parts, Way::Fetched { server: "http://192.0.2.1/images" }, "images", &output, &Watch::default()).unwrap();
    let note = added(&output.join(INITRD)).into_iter().find(|line| line.starts_with("kfimg/fetch.json ")).unwrap();
    assert!(!note.ends_with(" 0"), "{note}");
    assert_eq!(fs_err::read(output.join(ROOT)).unwrap(), ROOT_BYTES);
    let said = Command::new("sha256sum").arg(output.join(ROOT)).output().unwrap();
    let digest = String::from_utf8(said.stdout).unwrap()[..64].to_owned();
    let initrd = fs_err::read(output.join(INITRD)).unwrap();
    let expected = format!(r#"{{"size":8192,"sha256":"{digest}"}}"#);
    assert!(initrd.windows(expected.len()).any(|window| window == expected.as_bytes()));
    let site = fs_err::read_to_string(output.join(SITE)).unwrap();
    assert!(site.contains("kfimg.root=http://192.0.2.1/images/root.img"), "{site}");
}

#[test]
fn two_outputs_of_the_same_parts_are_equal() {
    let folder = tempfile::tempdir().unwrap();
    let parts = parts(folder.path());
    let bytes = ["one", "two"].map(|name| {
        let output = folder.path().join(name);
        fs_err::create_dir(&output).unwrap();
        write(&parts, Way::Carried, "images", &output, &Watch::default()).unwrap();
        [INITRD, KERNEL, SITE, SCRIPT].map(|file| fs_err::read(output.join(file)).unwrap())
    });
    assert_eq!(bytes[0], bytes[1]);
}

#[test]
fn a_root_that_no_initrd_carries_is_pointed_to_the_other_way() {
    let folder = tempfile::tempdir().unwrap();
    let parts = parts(folder.path());
    fs_err::OpenOptions::new().write(true).open(&parts.root).unwrap().file().set_len(4 << 30).unwrap();
    let output = folder.path().join("out");
    fs_err::create_dir(&output).unwrap();
    let error = write(&parts, Way::Carried, "images", &output, &Watch::default()).unwrap_err().to_string();
    assert!(error.contains("can't carry a file of 4 GiB or more: give --root-url"), "{error}");
    assert_eq!(fs_err::read_dir(&output).unwrap().count(), 0);
}
