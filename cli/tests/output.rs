//! The output folder and the state folder whatever happens: full disks, read-only folders, kills, other people's files.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use support::program::{as_root, empty_folder};

const KFIMG: &str = env!("CARGO_BIN_EXE_kfimg");

/// An empty folder for one test.
fn folder(name: &str) -> PathBuf {
    empty_folder(&format!("output/{name}"))
}

fn render(folder: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(KFIMG);
    command.args(["render", "--profile", "ha3", "--registry", "reg.local"]).args(more).current_dir(folder);
    command
}

fn output(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

fn succeed(command: &mut Command) {
    let (code, stderr) = output(command);
    assert_eq!(code, Some(0), "{command:?}: {stderr}");
}

/// Every file below a folder: path, mode, contents.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let mode = metadata.permissions().mode();
            let relative = path.strip_prefix(folder).unwrap().to_path_buf();
            if metadata.is_dir() {
                found.insert(relative, (mode, Vec::new()));
                open.push(path);
            } else {
                found.insert(relative, (mode, fs::read(&path).unwrap_or_default()));
            }
        }
    }
    found
}

#[test]
fn a_second_render_changes_nothing_and_a_changed_node_changes_only_its_payload() {
    let folder = folder("again");
    succeed(&mut render(&folder, &[]));
    let first = snapshot(&folder);
    succeed(&mut render(&folder, &[]));
    assert_eq!(first, snapshot(&folder));

    succeed(&mut render(&folder, &["--set", "nodes[worker2].labels.rack=b"]));
    let second = snapshot(&folder);
    let changed: Vec<&PathBuf> =
        second.iter().filter(|(path, now)| first.get(*path) != Some(now)).map(|(path, _)| path).collect();
    let others = ["ha3.state/state.json", "out/manifest.json", "out/report.html"].map(PathBuf::from);
    assert!(others.iter().all(|path| changed.contains(&path)), "{changed:?}");
    let own = ["out/nodes/worker2", "out/vmware/worker2"];
    for path in changed.iter().filter(|path| !others.contains(path)) {
        assert!(own.iter().any(|folder| path.starts_with(folder)), "{} changed too", path.display());
    }
    assert!(changed.contains(&&PathBuf::from("out/nodes/worker2/ignition.json")), "{changed:?}");
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("out/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["nodes"]["worker1"]["generation"], 1);
    assert_eq!(manifest["nodes"]["worker2"]["generation"], 2);
}

#[test]
fn secrets_are_for_their_owner_alone() {
    let folder = folder("modes");
    succeed(&mut render(&folder, &[]));
    for (path, (mode, content)) in snapshot(&folder.join("out")) {
        let is_payload = path.starts_with("nodes") || path.to_string_lossy().contains("/guestinfo.");
        let secret = is_payload || path.ends_with("admin.kubeconfig");
        assert!(secret || !String::from_utf8_lossy(&content).contains("PRIVATE"), "{}", path.display());
        let expected = if content.is_empty() || path.ends_with("deploy.sh") {
            0o755
        } else if secret {
            0o600
        } else {
            0o644
        };
        assert_eq!(mode & 0o777, expected, "{}", path.display());
    }
}

/// Name, what is put at the output's place, exit code, message.
type Foreign = (&'static str, fn(&Path), i32, &'static str);

#[test]
fn what_is_not_kfimgs_is_left_alone_and_named() {
    let cases: [Foreign; 6] = [
        ("file", |out| fs::write(out, "x").unwrap(), 5, "is a file, not a folder"),
        ("link", |out| symlink("/tmp", out).unwrap(), 5, "is a symbolic link"),
        ("foreign", |out| write(out, "thesis.tex"), 5, "holds thesis.tex, which kfimg did not write"),
        (
            "added",
            |out| {
                rendered(out);
                write(out, "nodes/notes.txt");
            },
            5,
            "holds nodes/notes.txt",
        ),
        (
            "linked",
            |out| {
                rendered(out);
                symlink("/etc/passwd", out.join("nodes/x")).unwrap();
            },
            5,
            "holds nodes/x",
        ),
        (
            "manifest",
            |out| {
                rendered(out);
                fs::write(out.join("manifest.json"), "{").unwrap();
            },
            5,
            "manifest.json: ",
        ),
    ];
    for (name, arrange, code, message) in cases {
        let folder = folder(&format!("foreign-{name}"));
        arrange(&folder.join("out"));
        let before = snapshot(&folder);
        let (exit, stderr) = output(&mut render(&folder, &[]));
        assert_eq!(exit, Some(code), "{name}: {stderr}");
        assert!(stderr.contains(message), "{name}: {stderr}");
        assert_eq!(before, snapshot(&folder), "{name}");
    }
}

#[test]
fn a_state_is_never_a_part_of_what_renders_replace() {
    let folder = folder("state-apart");
    let rows = [
        ["-o", "out", "--state", "out"],
        ["-o", "out", "--state", "out/state"],
        ["-o", "out", "--state", "other/../out/deep/state"],
        ["-o", "ha3.state", "--state", "ha3.state"],
    ];
    for row in rows {
        let (code, stderr) = output(&mut render(&folder, &row));
        assert_eq!(code, Some(2), "{row:?}: {stderr}");
        assert!(stderr.contains("the keys would be lost"), "{stderr}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "{row:?}");
    }
    succeed(&mut render(&folder, &[]));
    let before = snapshot(&folder);
    symlink("out", folder.join("link")).unwrap();
    let (code, stderr) = output(&mut render(&folder, &["--state", "link/state"]));
    assert_eq!(code, Some(2), "{stderr}");
    fs::remove_file(folder.join("link")).unwrap();
    assert_eq!(snapshot(&folder), before);
}

fn write(out: &Path, file: &str) {
    fs::create_dir_all(out.join(file).parent().unwrap()).unwrap();
    fs::write(out.join(file), "x").unwrap();
}

fn rendered(out: &Path) {
    succeed(&mut render(out.parent().unwrap(), &[]));
}

#[test]
fn a_missing_or_read_only_place_is_named_with_what_to_do() {
    let folder = folder("places");
    let (exit, stderr) = output(&mut render(&folder, &["-o", "nowhere/out"]));
    assert_eq!(exit, Some(4), "{stderr}");
    assert!(stderr.contains("there is no folder nowhere"), "{stderr}");
    let (exit, stderr) = output(&mut render(&folder, &["-o", "."]));
    assert_eq!(exit, Some(4), "{stderr}");
    assert!(stderr.contains("such as -o out"), "{stderr}");
    let (exit, stderr) = output(&mut render(&folder, &["-o", "/proc/kfimg"]));
    assert_eq!(exit, Some(4), "{stderr}");
    assert!(!folder.join("ha3.state/state.json").exists(), "nothing may be kept of a failed first render");
}

/// Runs a script in a mount namespace of its own with `mount/` in the folder being a file system of `options`.
fn in_small_world(folder: &Path, options: &str, script: &str) -> (Option<i32>, String) {
    fs::create_dir_all(folder.join("mount")).unwrap();
    let script = format!("mount -t tmpfs -o {options} kfimg mount\n{script}");
    let mut command = as_root("unshare");
    command.args(["-m", "sh", "-euc", &script]).env("KFIMG", KFIMG).current_dir(folder);
    output(&mut command)
}

#[test]
fn a_full_disk_leaves_the_former_output_whole() {
    let folder = folder("full");
    let render = "\"$KFIMG\" render --profile ha3 --registry reg.local --state ../ha3.state";
    let script = format!(
        "cd mount; {render} -q; sha256sum $(find out -type f | sort) > ../before
         dd if=/dev/zero of=filler bs=4k 2>/dev/null || true
         code=0; {render} --set nodes[worker1].labels.rack=a || code=$?
         sha256sum $(find out -type f | sort) > ../after; ls -A > ../list; exit $code"
    );
    let (code, stderr) = in_small_world(&folder, "size=1536k", &script);
    assert_eq!(code, Some(4), "{stderr}");
    assert!(stderr.contains("make room"), "{stderr}");
    assert_eq!(fs::read(folder.join("before")).unwrap(), fs::read(folder.join("after")).unwrap());
    assert_eq!(fs::read_to_string(folder.join("list")).unwrap(), "filler\nout\n", "nothing half-written is left");
}

#[test]
fn a_full_disk_leaves_the_state_whole() {
    let folder = folder("full-state");
    let render = "\"$KFIMG\" render --profile ha3 --registry reg.local --state mount/ha3.state";
    let script = format!(
        "{render} -q; sha256sum $(find mount out -type f | sort) > before
         dd if=/dev/zero of=mount/filler bs=4k 2>/dev/null || true
         code=0; {render} --set nodes[worker1].labels.rack=a --set nodes[worker1].address=192.168.49.171 || code=$?
         rm mount/filler; sha256sum $(find mount out -type f | sort) > after; exit $code"
    );
    let (code, stderr) = in_small_world(&folder, "size=512k", &script);
    assert_eq!(code, Some(4), "{stderr}");
    assert_eq!(fs::read_to_string(folder.join("before")).unwrap(), fs::read_to_string(folder.join("after")).unwrap());
}

#[test]
fn a_read_only_file_system_is_named() {
    let folder = folder("read-only");
    let script =
        "mount -o remount,ro mount; cd mount; \"$KFIMG\" render --profile ha3 --registry reg.local --state ../s";
    let (code, stderr) = in_small_world(&folder, "size=1m", script);
    assert_eq!(code, Some(4), "{stderr}");
    assert!(stderr.contains("choose a folder that you may write to"), "{stderr}");
}

#[test]
fn two_renders_at_once_do_not_mix() {
    let folder = folder("in-use");
    succeed(&mut render(&folder, &[]));
    let before = snapshot(&folder.join("out"));
    let held = folder.join(".out.kfimg-staging");
    fs::create_dir(&held).unwrap();
    let mut holder = Command::new("flock").arg(&held).args(["sleep", "20"]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let (exit, stderr) = output(&mut render(&folder, &[]));
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(exit, Some(4), "{stderr}");
    assert!(stderr.contains("is being written by another kfimg"), "{stderr}");
    assert_eq!(before, snapshot(&folder.join("out")));
}

/// Kills the child after a while; whether it was still running.
fn kill_after(mut child: Child, pause: Duration) -> bool {
    std::thread::sleep(pause);
    let running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    running
}

#[test]
fn a_kill_at_any_moment_leaves_an_old_or_a_new_output_and_the_next_run_heals() {
    let folder = folder("killed");
    succeed(&mut render(&folder, &[]));
    let mut killed = 0;
    for step in 0..40_u64 {
        let label = format!("nodes[worker1].labels.step=n{step}");
        let child = render(&folder, &["--set", &label]).stderr(Stdio::null()).spawn().unwrap();
        killed += u32::from(kill_after(child, Duration::from_micros(step * 2500)));
        check_manifest(&folder.join("out"));
        if step % 8 == 7 {
            succeed(&mut render(&folder, &["--set", &label]));
            assert!(!folder.join(".out.kfimg-staging").exists(), "step {step}: the leftover is removed");
            check_manifest(&folder.join("out"));
        }
    }
    assert!(killed >= 5, "only {killed} of 40 kills hit a running render");
}

/// The output is exactly what its manifest says.
fn check_manifest(out: &Path) {
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    let listed: Vec<String> = manifest["files"].as_object().unwrap().keys().cloned().collect();
    let mut present: Vec<String> = snapshot(out)
        .into_iter()
        .filter(|(_, (mode, _))| mode & 0o170_000 == 0o100_000)
        .map(|(path, _)| path.to_str().unwrap().to_owned())
        .filter(|path| path != "manifest.json")
        .collect();
    present.sort();
    assert_eq!(present, listed);
    let sums: String = listed
        .iter()
        .map(|path| format!("{}  {path}\n", manifest["files"][path]["sha256"].as_str().unwrap()))
        .collect();
    fs::write(out.parent().unwrap().join("sums"), sums).unwrap();
    succeed(Command::new("sha256sum").args(["--check", "--quiet", "--strict", "../sums"]).current_dir(out));
}
