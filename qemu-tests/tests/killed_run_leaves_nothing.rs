//! A run that is killed, and its systemd-nspawn with it, leaves machines that go on; the next run, of whichever scenario, removes
//! them with all that they held. What only looks like theirs stays.

use data_encoding::HEXLOWER;
use fs_err as fs;
use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Error, Result, Topology, leftovers, scenario};
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const NAME: &str = "killed-run";
/// Another scenario.
const NEXT: &str = "next-run";
/// The run that is killed is this very program, told so.
const VICTIM: &str = "KFIMG_LAB_VICTIM";
const BOOT: Duration = Duration::from_secs(120);
const END: Duration = Duration::from_secs(30);

#[test]
#[ignore = "boots a machine: make cluster-test"]
fn the_next_run_removes_what_a_killed_one_left() {
    if std::env::var_os(VICTIM).is_some() {
        return scenario::run(NAME, Topology::new(1, 0), |cluster| {
            cluster.power_on("master1")?;
            let machine = cluster.machine("master1")?;
            wait_for("its systemd", BOOT, || Ok(Look::when(machine.exec(&["true"]).is_ok(), (), String::new)))?;
            println!("up: {}", cluster.lab().folder().display());
            loop {
                std::thread::park();
            }
        });
    }
    let folder = kill_a_run();
    assert!(!held(&folder).is_empty(), "the killed run has left nothing to remove");
    scenario::run(NEXT, Topology::new(1, 0), |_| Ok(()));
    assert_eq!(held(&folder), [""; 0]);
    assert!(!folder.exists());
}

/// Starts a run, and kills it and the systemd-nspawn of its machine; gives its folder.
fn kill_a_run() -> PathBuf {
    let mut run = Command::new(std::env::current_exe().expect("this program has a path"));
    run.args(["the_next_run_removes_what_a_killed_one_left", "--exact", "--ignored", "--nocapture"]).env(VICTIM, "1");
    let mut run = run.stdout(Stdio::piped()).spawn().expect("this program runs once more");
    let lines = BufReader::new(run.stdout.take().expect("it is piped")).lines();
    // The name of the test stands before it.
    let folder = lines.map_while(std::result::Result::ok).find_map(|line| Some(line.split_once("up: ")?.1.to_owned()));
    let folder = PathBuf::from(folder.expect("the run gets its machine up"));
    let process = fs::read(folder.join("machines/master1/process.json")).expect("the machine runs");
    let process: serde_json::Value = serde_json::from_slice(&process).expect("the lab wrote it");
    run.kill().and_then(|()| run.wait()).expect("a run can be killed");
    assert!(
        Command::new("kill").args(["-KILL", &process["pid"].to_string()]).status().is_ok_and(|status| status.success())
    );
    folder
}

/// What this machine still has of a lab.
fn held(folder: &Path) -> Vec<String> {
    let id = id(folder);
    let mut held =
        listed("losetup", &["--list", "--noheadings", "--output", "BACK-FILE"], &folder.display().to_string());
    held.extend(listed("ip", &["netns", "list"], &format!("kflab-{id}")));
    held.extend(listed("cat", &["/proc/self/mounts"], &folder.display().to_string()));
    held.extend(listed("ps", &["-eo", "args"], &format!("--machine=kflab-{id}")));
    held
}

/// Lines of a program's output that hold this.
fn listed(program: &str, arguments: &[&str], part: &str) -> Vec<String> {
    let output = Command::new(program).args(arguments).output().expect("the lab's own programs are there");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
}

fn id(folder: &Path) -> String {
    HEXLOWER.encode(&Sha256::digest(folder.as_os_str().as_encoded_bytes())[..3])
}

#[test]
#[ignore = "needs root: make cluster-test"]
fn only_what_is_the_labs_is_removed() -> Result<()> {
    let top = std::env::temp_dir().join(format!("kfimg-lab-leftovers-{}", std::process::id()));
    let folder = fs::canonicalize(std::env::temp_dir())?.join(top.file_name().unwrap_or_default()).join("lab");
    let (id, beside) = (id(&folder), top.join("beside"));
    for path in [folder.join("disk"), folder.join("beside"), beside.clone()] {
        fs::create_dir_all(path)?;
    }
    // A name that begins alike is another lab's.
    let other = format!("kflab-{id}0");
    for name in [&format!("kflab-{id}"), &format!("kflab-{id}-master1"), &other] {
        run(&["ip", "netns", "add", name])?;
    }
    for file in [folder.join("disk.img"), folder.join("medium.img"), beside.join("medium.img")] {
        fs::File::create(&file)?.set_len(8 << 20)?;
        run(&["mkfs.ext4", "-q", "-F", &file.display().to_string()])?;
    }
    let show = |path: &Path| path.display().to_string();
    run(&["mount", "-o", "loop", &show(&folder.join("disk.img")), &show(&folder.join("disk"))])?;
    run(&["losetup", "--find", &show(&folder.join("medium.img"))])?;
    run(&["losetup", "--find", &show(&beside.join("medium.img"))])?;
    fs::write(folder.join("serve.log"), "")?;
    let log = show(&folder.join("serve.log"));
    let group = group(&id)?;
    let mut server = start(&["nsenter", &format!("--net=/run/netns/kflab-{id}"), "tail", "-f", &log])?;
    let mut machine = start(&["sh", "-c", &format!("echo $$ >{}/cgroup.procs; exec sleep 1000", group.display())])?;
    // Somebody who reads the log, and something else that runs in the lab's network.
    let mut reader = start(&["tail", "-f", &log])?;
    let mut guest = start(&["nsenter", &format!("--net=/run/netns/kflab-{id}"), "sleep", "1000"])?;
    wait_for("the machine in its group", END, || {
        let members = fs::read_to_string(group.join("cgroup.procs"))?;
        Ok(Look::when(members.contains(&machine.id().to_string()), (), || members))
    })?;

    fs::remove_file(folder.join("medium.img"))?;
    leftovers::remove(&folder)?;
    let lives = [&mut server, &mut machine, &mut reader, &mut guest].map(|child| matches!(child.try_wait(), Ok(None)));
    let (devices, names) = (held(&folder), listed("ip", &["netns", "list"], &other));
    let foreign = listed("losetup", &["--list", "--noheadings", "--output", "NAME,BACK-FILE"], &show(&beside));
    for mut child in [reader, guest] {
        let _ = child.kill().and_then(|()| child.wait());
    }
    run(&["ip", "netns", "del", &other])?;
    let device = foreign.first().and_then(|line| line.split_whitespace().next()).unwrap_or_default().to_owned();
    run(&["losetup", "--detach", &device])?;
    fs::remove_dir_all(&top)?;
    assert_eq!(lives, [false, false, true, true], "server, machine, reader, guest");
    assert_eq!((devices.iter().filter(|line| !line.starts_with(&other)).count(), names.len()), (0, 1), "{devices:?}");
    assert!(!group.exists() && foreign.len() == 1, "{foreign:?}");
    Ok(())
}

/// A group of a machine of the lab, in one hierarchy.
fn group(id: &str) -> Result<PathBuf> {
    let hierarchies = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].map(Path::new);
    let hierarchy = hierarchies.into_iter().find(|path| path.join("cgroup.procs").exists());
    let hierarchy = hierarchy.ok_or_else(|| Error::unusable("/sys/fs/cgroup", "there are no control groups"))?;
    let group = hierarchy.join("kfimg-lab").join(id).join("master1");
    fs::create_dir_all(&group)?;
    Ok(group)
}

fn start(words: &[&str]) -> Result<Child> {
    Ok(Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?)
}

fn run(words: &[&str]) -> Result<()> {
    let output = Command::new(words[0]).args(&words[1..]).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::unusable(words.join(" "), String::from_utf8_lossy(&output.stderr).into_owned()))
}
