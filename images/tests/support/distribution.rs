//! The reference registry, `github.com/distribution/distribution`, in its newest version or in Debian's, on this machine and as long
//! as a test runs.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time for its start.
const BOUND: Duration = Duration::from_secs(30);
/// A user, a password, and its line of bcrypt in a file of htpasswd.
pub const USER: &str = "ada";
pub const PASSWORD: &str = "correct-horse";
const HTPASSWD: &str = "ada:$2y$05$abcdefghijklmnopqrstuuZ0Fx87Pb/Aqb0E90lfvCwzXnaFKUHpS\n";
/// It takes manifests with foreign layers only when told.
const FOREIGN: &str = "validation:\n  manifests: {urls: {allow: [\"^https://\"]}}\n";

/// Programs that `qemu-tests/go/build.sh` builds from their Go modules.
pub fn built(component: &str) -> PathBuf {
    // Two tests that build the same would build in the same folder.
    static BUILDING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../qemu-tests/go/build.sh");
    let output = Command::new(script).arg(component).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "build.sh {component} failed");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end()).join(component)
}

/// How it runs.
#[derive(Default)]
pub struct Manner<'a> {
    /// Certificate and key, as files of PEM.
    pub tls: Option<(&'a Path, &'a Path)>,
    /// Whether it wants [`USER`] and [`PASSWORD`].
    pub login: bool,
}

/// Ends when it is dropped.
pub struct Distribution {
    child: Child,
    host: String,
}

impl Distribution {
    /// Starts the newest on a folder of its own, and waits until it listens.
    pub fn start(folder: &Path, manner: &Manner<'_>) -> Self {
        Self::run(&built("registry"), folder, manner)
    }

    /// As [`Distribution::start`]: Debian's, of the package docker-registry.
    pub fn debian(folder: &Path) -> Self {
        Self::run(Path::new("docker-registry"), folder, &Manner::default())
    }

    fn run(program: &Path, folder: &Path, manner: &Manner<'_>) -> Self {
        std::fs::create_dir_all(folder.join("storage")).unwrap();
        let mut text = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  delete: {{enabled: true}}\n{FOREIGN}http:\n  addr: 127.0.0.1:0\n",
            folder.join("storage").display()
        );
        if let Some((certificate, key)) = manner.tls {
            text.push_str(&format!("  tls: {{certificate: {}, key: {}}}\n", certificate.display(), key.display()));
        }
        if manner.login {
            let file = folder.join("htpasswd");
            std::fs::write(&file, HTPASSWD).unwrap();
            text.push_str(&format!("auth:\n  htpasswd: {{realm: kfimg, path: {}}}\n", file.display()));
        }
        let configuration = folder.join("registry.yml");
        std::fs::write(&configuration, text).unwrap();
        let mut command = Command::new(program);
        command
            .arg("serve")
            .arg(configuration)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; docker-registry is a package of Debian's", program.display()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let (end, mut said) = (Instant::now() + BOUND, String::new());
        let host = loop {
            assert!(Instant::now() < end, "the registry does not listen: {said}");
            let line = lines.next().unwrap_or_else(|| panic!("the registry ended: {said}"));
            if let Some((_, rest)) = line.split_once("listening on ") {
                let host = rest.split(|c: char| c != '.' && c != ':' && !c.is_ascii_digit()).next().unwrap();
                break host.to_owned();
            }
            said.push_str(&line);
        };
        // Its log goes on, and nobody else empties the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, host }
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl Drop for Distribution {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
