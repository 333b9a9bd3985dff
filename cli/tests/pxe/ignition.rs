//! The real Ignition as an initrd starts it: it reads where its configuration is on the kernel's command line, and fetches it.

use crate::support::boot::Boot;
use crate::support::program::{Running, as_root, find};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Time to fetch a configuration from a server that is ready, far more than it takes.
const BOUND: Duration = Duration::from_secs(60);
/// A machine whose kernel was started with what the file `cmdline` says; the command in place of `$@`.
const SCRIPT: &str = "mount --bind cmdline /proc/cmdline; exec \"$@\"";

/// One that fetches.
pub(crate) struct Ignition {
    folder: PathBuf,
    process: Running,
}

impl Ignition {
    /// Starts one with this command line of a kernel, in that folder.
    pub(crate) fn start(folder: &Path, command_line: &str) -> Self {
        Self::with(folder, command_line, None)
    }

    /// The same on a system that trusts this authority.
    pub(crate) fn trusting(folder: &Path, command_line: &str, authority: &Path) -> Self {
        Self::with(folder, command_line, Some(authority))
    }

    fn with(folder: &Path, command_line: &str, authority: Option<&Path>) -> Self {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder.join("root")).unwrap();
        fs::write(folder.join("cmdline"), format!("{command_line}\n")).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let mut command = as_root(find("unshare"));
        command.args(["--mount", "sh", "-euc", SCRIPT, "sh"]).arg(find("ignition"));
        command.args(["--root=root", "--stage=fetch", "--platform=metal", "--log-to-stdout"]);
        command.args(["--config-cache=config", "--state-file=state", "--neednet=neednet"]);
        command.envs(authority.map(|authority| ("SSL_CERT_FILE", authority)));
        command.current_dir(folder).stdin(Stdio::null()).stderr(log.try_clone().unwrap()).stdout(log);
        Self { folder: folder.to_owned(), process: Running(command.spawn().unwrap()) }
    }

    /// What it said so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join("log")).unwrap()).into_owned()
    }

    /// Whether it still fetches.
    pub(crate) fn runs(&mut self) -> bool {
        self.process.0.try_wait().unwrap().is_none()
    }

    /// Waits until it ends.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.process.0.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < BOUND, "it still runs after {BOUND:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The configuration that it fetched.
    pub(crate) fn configuration(&mut self) -> Value {
        let status = self.end();
        assert!(status.success(), "{status}\n{}", self.log());
        serde_json::from_slice(&fs::read(self.folder.join("config")).unwrap()).unwrap()
    }
}

/// The files of a configuration: paths and contents.
pub(crate) fn files(configuration: &Value) -> Vec<(&Value, &Value)> {
    let files = configuration["storage"]["files"].as_array().unwrap();
    files.iter().map(|file| (&file["path"], &file["contents"]["source"])).collect()
}

/// The files of a node's payload as it was rendered.
pub(crate) fn rendered(folder: &Path, node: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(format!("out/nodes/{node}/ignition.json"))).unwrap()).unwrap()
}

/// The kernel's command line by a machine's script, as iPXE makes it.
pub(crate) fn command_line(boot: &Boot, script: &str) -> String {
    let (status, script) = boot.get(&format!("/pxe/{script}.ipxe"));
    let script = String::from_utf8(script).unwrap();
    assert_eq!(status, 200, "{script}");
    kernel_arguments(&script, &boot.url)
}

/// What a script of that server tells the kernel.
pub(crate) fn kernel_arguments(script: &str, server: &str) -> String {
    let kernel = script.lines().find_map(|line| line.strip_prefix("kernel ")).unwrap();
    kernel.split_once(' ').unwrap().1.replace("${boot-server}", server)
}
