//! Running other programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Programs whose package has another name.
const PACKAGES: &[(&str, &str)] = &[
    ("cc", "gcc"),
    ("sgdisk", "gdisk"),
    ("qemu-img", "qemu-utils"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("fsck.fat", "dosfstools"),
    ("mcopy", "mtools"),
    ("mdir", "mtools"),
    ("objdump", "binutils"),
    ("objcopy", "binutils"),
    ("sbverify", "sbsigntool"),
    ("veritysetup", "cryptsetup-bin"),
    ("xmllint", "libxml2-utils"),
];

/// A command of a program.
///
/// # Panics
/// When it is missing, with the package that brings it.
pub(crate) fn program(name: &str) -> Command {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&folders).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|candidate| candidate.is_file());
    let package = PACKAGES.iter().find(|row| row.0 == name).map_or(name, |row| row.1);
    let path = found
        .unwrap_or_else(|| panic!("{name} is missing; `make test` or `make interop` installs the package {package}"));
    let mut command = Command::new(path);
    command.stdin(Stdio::null()).env("LC_ALL", "C");
    command
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// What a command said, which has to have ended well.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", both(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// All that a program said.
pub(crate) fn both(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// An empty folder for one test.
pub(crate) fn empty_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("outputs").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
