//! Builds of bootable outputs that end early: killed, asked to stop, on a full disk. Nothing half-written is left, and what was
//! there before stays.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_builder::fake::{self, FakeBase};
use kfimg_images::Architecture;
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::noise::noise;
use support::program::{as_root, both, empty_folder, names, put_script, run};

const KFIMG: &str = env!("CARGO_BIN_EXE_kfimg");
/// What a plain build writes.
const PARTS: &str = "build --base base.tar --output parts,sysext -o images";
/// Every output that something boots from, each small.
const ALL: &str = "build --base base.tar --output pxe,raw,qcow2,vmdk,ova,iso -o images \
    --disk-size 512MiB --slot-size 64MiB --esp-size 64MiB";
/// Bytes of the base that nothing compresses.
const NOISE: usize = 4 << 20;

/// A folder with a bundle and a base of a few megabytes, from which everything can be made.
fn site(name: &str) -> PathBuf {
    let folder = empty_folder(&format!("build_ended/{name}"));
    fake::bundle(&folder.join("bundle"), Architecture::Amd64);
    let mut base = FakeBase::new(Architecture::Amd64);
    base.file("usr/share/noise", 0o644, noise(NOISE)).stub(Architecture::Amd64);
    base.write(&folder.join("base.tar"));
    folder
}

/// A build in a group of processes of its own, as a shell starts it.
fn start(folder: &Path, line: &str) -> Child {
    let mut command = Command::new(KFIMG);
    command.args(line.split_whitespace()).current_dir(folder).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Every file of a build is there as its record says; `None` where there is no build.
fn whole(folder: &Path) -> Option<()> {
    let record = fs::read(folder.join("build.json")).ok()?;
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    for (name, output) in record["outputs"].as_object().unwrap() {
        assert_eq!(fs::metadata(folder.join(name)).unwrap().len(), output["size"].as_u64().unwrap(), "{name}");
    }
    Some(())
}

/// Commands of the processes that work in this folder: kfimg's own, and programs that it has started.
fn at_work(folder: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let works = |process: &PathBuf| fs::read_link(process.join("cwd")).is_ok_and(|place| place.starts_with(folder));
    let command =
        |process: PathBuf| String::from_utf8_lossy(&fs::read(process.join("cmdline")).ok()?).replace('\0', " ").into();
    processes.filter(works).filter_map(command).filter(|command: &String| !command.is_empty()).collect()
}

/// Nobody works in this folder any more, within what a machine needs to end a process.
fn nobody_works_in(folder: &Path) {
    let since = Instant::now();
    loop {
        let left = at_work(folder);
        if left.is_empty() {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(5), "{left:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Moments of a build, in milliseconds after its start. The machine's speed says which steps they meet.
const MOMENTS: [u64; 6] = [5, 60, 150, 400, 900, 2000];

#[test]
fn ctrl_c_ends_a_build_of_disks_and_media_at_once_and_leaves_nothing() {
    let folder = site("stopped");
    let mut stopped = 0;
    for milliseconds in MOMENTS {
        let child = start(&folder, ALL);
        std::thread::sleep(Duration::from_millis(milliseconds));
        // A terminal sends it to the programs that kfimg has started, too.
        let group = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        let sent = kill_process_group(group, Signal::INT);
        let output = child.wait_with_output().unwrap();
        let said = both(&output);
        match (output.status.code(), output.status.signal()) {
            (Some(0), _) => assert!(whole(&folder.join("images")).is_some(), "{said}"),
            (Some(130), _) => {
                stopped += 1;
                assert!(sent.is_ok() && said.contains("stopped; nothing was written"), "{milliseconds} ms: {said}");
            }
            // Before kfimg handles signals.
            (None, Some(2)) => {}
            other => panic!("after {milliseconds} ms: {other:?}: {said}"),
        }
        let left = names(&folder);
        let expected = if folder.join("images").exists() {
            vec!["base.tar", "bundle", "images"]
        } else {
            vec!["base.tar", "bundle"]
        };
        assert_eq!(left, expected, "after {milliseconds} ms");
    }
    assert!(stopped > 0, "some moment meets a build that runs");
}

/// A program that is in the middle of its work when kfimg is killed: nothing in it would end it.
#[test]
fn programs_that_kfimg_executes_end_when_it_is_killed() {
    let folder = site("bound");
    let programs = folder.join("programs");
    fs::create_dir(&programs).unwrap();
    for program in ["mksquashfs", "xorriso"] {
        // It tells its version, and hangs in all else.
        let script = format!("case $* in *-version*) exec /usr/bin/{program} \"$@\";; esac\nexec sleep 1000\n");
        put_script(&programs.join(program), &script);
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(KFIMG);
        command.args("build --base base.tar --output iso -o images".split(' ')).current_dir(&folder).env("PATH", path);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let since = Instant::now();
        while !at_work(&folder).iter().any(|command| command.starts_with("sleep ")) {
            assert!(since.elapsed() < Duration::from_secs(60), "{program} hangs: {:?}", at_work(&folder));
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        nobody_works_in(&folder);
        fs::remove_file(programs.join(program)).unwrap();
    }
    fs::remove_dir_all(&programs).unwrap();
    let last = start(&folder, PARTS).wait_with_output().unwrap();
    assert!(last.status.success(), "{}", both(&last));
    assert_eq!(names(&folder), ["base.tar", "bundle", "images"]);
}

#[test]
fn a_build_that_is_killed_leaves_no_half_image_and_the_next_one_cleans_up() {
    let folder = site("killed");
    for (line, moments) in [(PARTS, &[1, 10, 20, 40, 80, 160]), (ALL, &MOMENTS)] {
        for milliseconds in moments {
            let mut child = start(&folder, line);
            std::thread::sleep(Duration::from_millis(*milliseconds));
            child.kill().unwrap();
            child.wait().unwrap();
            nobody_works_in(&folder);
            assert_eq!(
                folder.join("images").exists(),
                whole(&folder.join("images")).is_some(),
                "after {milliseconds} ms"
            );
        }
        let last = start(&folder, line).wait_with_output().unwrap();
        assert!(last.status.success(), "{}", both(&last));
        assert!(whole(&folder.join("images")).is_some());
        assert_eq!(names(&folder), ["base.tar", "bundle", "images"]);
    }
}

/// The root itself does not fit: the program that writes it meets the end.
#[test]
fn a_disk_that_is_full_before_the_root_is_whole_is_told_and_left_empty() {
    let folder = site("small");
    fs::create_dir(folder.join("small")).unwrap();
    let build = format!("{KFIMG} build --base base.tar --output parts -o small/images");
    let script = format!("mount -t tmpfs -o size=1m none small && {build}; code=$?; ls -A small; exit $code");
    let output = run(as_root("unshare").args(["--mount", "sh", "-c", &script]).current_dir(&folder));
    let said = both(&output);
    assert!([4, 6].contains(&output.status.code().unwrap()), "{said}");
    assert!(said.contains("No space left on device") || said.contains("mksquashfs: "), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "nothing is left");
}

/// The parts fit onto the disk, and the output does not: each writer meets its end.
#[test]
fn a_disk_that_is_full_before_the_output_is_whole_is_told_and_left_empty() {
    let folder = site("full");
    fs::create_dir(folder.join("small")).unwrap();
    let sizes = "--disk-size 512MiB --slot-size 64MiB --esp-size 64MiB";
    for (kind, options) in [("pxe", ""), ("raw", sizes), ("qcow2", sizes), ("vmdk", sizes), ("ova", sizes), ("iso", "")]
    {
        let build = format!("{KFIMG} build --base base.tar --output {kind} -o small/images {options}");
        let script = format!("mount -t tmpfs -o size=7m none small && {build}; code=$?; ls -A small; exit $code");
        let output = run(as_root("unshare").args(["--mount", "sh", "-c", &script]).current_dir(&folder));
        let said = both(&output);
        // xorriso is another program, looks beforehand, and says it in its own words.
        let (code, words) = match kind {
            "iso" => (6, "exceeds free space on media"),
            _ => (4, "No space left on device (os error 28); make room or choose another -o"),
        };
        assert_eq!(output.status.code(), Some(code), "{kind}: {said}");
        assert!(said.contains(words), "{kind}: {said}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{kind}: nothing is left");
    }
}
