//! Running other programs: where they are, as whom they run, what they said.

use rustix::process::geteuid;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// Programs that lie where no `PATH` leads, or that a package of another name brings.
const PACKAGES: &[(&str, &str, &[&str])] = &[
    ("ignition", "ignition", &["/usr/lib/dracut/modules.d/30ignition"]),
    ("ignition-validate", "ignition", &[]),
    ("fsck.fat", "dosfstools", &[]),
    ("ip", "iproute2", &[]),
    ("mcopy", "mtools", &[]),
    ("mlabel", "mtools", &[]),
    ("systemctl", "systemd", &[]),
    ("systemd-analyze", "systemd", &[]),
    ("systemd-networkd", "systemd", &["/lib/systemd"]),
    ("systemd-sysusers", "systemd", &[]),
    ("systemd-tmpfiles", "systemd", &[]),
    ("udevadm", "udev", &[]),
    ("unshare", "util-linux", &[]),
    ("useradd", "passwd", &[]),
];

/// An empty folder for one test, at this place below the tests' own folder.
pub(crate) fn empty_folder(place: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(place);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The same where a former run may have left what only root can remove.
pub(crate) fn folder_emptied_by_root(place: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(place);
    succeed(as_root("rm").arg("-rf").arg(&folder));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Where a program is.
///
/// # Panics
/// When it is missing, with the package that brings it.
pub(crate) fn find(name: &str) -> PathBuf {
    let row = PACKAGES.iter().find(|row| row.0 == name);
    let (package, places) = row.map_or((name, &[][..]), |row| (row.1, row.2));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = places.iter().map(PathBuf::from);
    let mut candidates = places.chain(std::env::split_paths(&path)).chain(["/usr/sbin".into(), "/sbin".into()]);
    candidates
        .find_map(|folder| Some(folder.join(name)).filter(|candidate| candidate.is_file()))
        .unwrap_or_else(|| panic!("{name} is missing; `make test` installs the package {package}, which brings it"))
}

/// A program built by `qemu-tests/go/build.sh`, which `make interop` runs first.
pub(crate) fn built(name: &str) -> PathBuf {
    go_folder(&[]).join(name)
}

/// Builds components of `qemu-tests/go` unless they are there, and gives the folder of the programs.
pub(crate) fn go_folder(components: &[&str]) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../qemu-tests/go/build.sh");
    let said = succeed(Command::new(script).args(components));
    PathBuf::from(said.trim_end())
}

/// A command that runs as root: as it stands for root, else in a user namespace with the user's own range of numbers, where
/// what root owns is the user's.
pub(crate) fn as_root(program: impl AsRef<OsStr>) -> Command {
    if geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new(find("unshare"));
    command.args(["--map-root-user", "--map-auto"]);
    let allowed = run(Command::new(find("unshare")).args(["--map-root-user", "--map-auto", "true"]));
    assert!(
        allowed.status.success(),
        "these tests act as root on folders of their own: run them as root, or allow user namespaces and install uidmap ({})",
        both(&allowed).trim_end()
    );
    command.arg(program);
    command
}

/// Writes a program of these lines for `sh`, which anybody may execute.
pub(crate) fn put_script(path: &Path, lines: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{lines}")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Runs a command that must succeed; gives its standard output.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, both(&output));
    String::from_utf8(output.stdout).expect("programs print UTF-8")
}

/// Runs a command that must succeed, with text on its standard input; gives its standard output.
pub(crate) fn succeed_with(command: &mut Command, input: &str) -> String {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut pipe = child.stdin.take().expect("standard input is a pipe");
    pipe.write_all(input.as_bytes()).unwrap();
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, both(&output));
    String::from_utf8(output.stdout).expect("programs print UTF-8")
}

/// All that a program said.
pub(crate) fn both(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A process that ends with this value.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The sorted names in a folder, hidden ones too.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
