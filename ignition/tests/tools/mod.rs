//! Running the programs that judge payloads, and trees that are hard to carry.

use kfimg_ignition::tree::NodeTree;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Programs that Debian keeps in a package of another name.
const PACKAGES: [(&str, &str); 9] = [
    ("blkid", "util-linux"),
    ("fsck.fat", "dosfstools"),
    ("ignition", "ignition"),
    ("mcopy", "mtools"),
    ("mdir", "mtools"),
    ("minfo", "mtools"),
    ("mmdebstrap", "mmdebstrap"),
    ("unshare", "util-linux"),
    ("useradd", "passwd"),
];

/// A program of this machine.
///
/// # Panics
/// When it is missing, with the package that brings it.
pub(crate) fn find(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = ["/usr/sbin", "/sbin", "/usr/lib/dracut/modules.d/30ignition"].map(PathBuf::from);
    let mut candidates = std::env::split_paths(&path).chain(places).map(|folder| folder.join(name));
    candidates.find(|candidate| candidate.is_file()).unwrap_or_else(|| {
        let package = PACKAGES.iter().find(|(program, _)| *program == name).map_or(name, |(_, package)| package);
        panic!("{name} is missing; the package {package} brings it")
    })
}

/// A command that must succeed; gives its standard output.
pub(crate) fn succeed(command: &mut Command) -> Vec<u8> {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{}{said}", output.status, text(&output.stdout));
    output.stdout
}

/// The same with bytes on its standard input.
pub(crate) fn succeed_with(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || pipe.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// What a program said.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A file of a test, in a folder that is gone with it.
pub(crate) fn file(folder: &tempfile::TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// Names that a shell, YAML, tar or a template might take for something else.
const NAMES: [&str; 16] = [
    "with two  blanks ",
    "#hash",
    "- dash: [x]",
    "{{ ds.meta_data }}",
    "${HOME} $(id) `id`",
    "'quoted' \"twice\"",
    "back\\slash\\n",
    "*?[a]",
    "!!binary |",
    "END",
    "%s%d",
    "ü 漢字 🦀",
    "line\u{2028}separator",
    "bom\u{feff}",
    "noncharacter\u{ffff}",
    "~",
];

/// Contents that a text format might change.
fn contents() -> Vec<Vec<u8>> {
    let texts = [
        "",
        "\n",
        "no line end",
        "trailing blanks  \t \n\n\n",
        "\r\nwindows\r\n",
        "## template: jinja\n{{ ds }} {% raw %}\n",
        "#cloud-config\nruncmd: [reboot]\n",
        "END\n  END\nexit 1\n",
        "\u{feff}bom \u{85} \u{2028}\n",
        "---\n...\nyes: no\n\ttab\n",
        "$INSTANCE_ID `id` \\\n",
    ];
    let every_byte: Vec<u8> = (0..=255).collect();
    // Not compressible, so that nothing of it may get lost unseen: a linear congruential generator's bytes.
    let large = std::iter::successors(Some(1_u32), |x| Some(x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)));
    let large = large.take(1 << 20).map(|x| x.to_be_bytes()[0]).collect();
    texts.iter().map(|text| text.as_bytes().to_vec()).chain([every_byte, large]).collect()
}

/// A tree of all these, below `/etc/hostile`.
pub(crate) fn hostile() -> NodeTree {
    let mut tree = NodeTree::new();
    for (index, name) in NAMES.iter().enumerate() {
        tree.file(&format!("/etc/hostile/names/{name}"), 0o644, format!("{index}\n")).unwrap();
        tree.link(&format!("/etc/hostile/links/{name}"), &format!("../names/{name}")).unwrap();
        tree.directory(&format!("/etc/hostile/folders/{name}"), 0o700).unwrap();
    }
    for (index, content) in contents().into_iter().enumerate() {
        tree.secret(&format!("/etc/hostile/contents/{index}"), content).unwrap();
    }
    for mode in [0o000, 0o400, 0o440, 0o600, 0o644, 0o666, 0o755, 0o777] {
        tree.file(&format!("/etc/hostile/modes/{mode:o}"), mode, "x").unwrap();
        tree.directory(&format!("/etc/hostile/folder-modes/{mode:o}"), mode).unwrap();
    }
    let (long, deep) = ("n".repeat(250), "d/".repeat(90));
    tree.file(&format!("/etc/hostile/{long}"), 0o644, "long").unwrap();
    tree.file(&format!("/etc/hostile/{deep}file"), 0o644, "deep").unwrap();
    tree.link(&format!("/etc/hostile/l{}", &long[1..]), &format!("{deep}file")).unwrap();
    tree
}

/// Whether a path is a folder, without following links.
pub(crate) fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}
