//! A real `kfimg serve` that emulated machines boot from, and what it was asked.

use crate::support::boot::Boot;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Time for an emulated machine to ask for something, far more than it takes.
const BOUND: Duration = Duration::from_secs(120);
/// A machine that is in no inventory.
pub(crate) const STRANGER: [&str; 6] = [
    "-nic",
    "user,model=e1000,mac=52:54:00:ff:ff:ff",
    "-uuid",
    "4c4c4544-0047-3510-8052-b4c04f4d3700",
    "-smbios",
    "type=1,serial=none of ours",
];

pub(crate) struct Served {
    pub(crate) boot: Boot,
    folder: PathBuf,
}

impl Served {
    /// Serves a folder's output and images.
    pub(crate) fn start(folder: &Path) -> Self {
        Self { boot: Boot::start(folder, &["--access-log", "access.log"]), folder: folder.to_owned() }
    }

    pub(crate) fn port(&self) -> u16 {
        self.boot.authority().rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Status and path of every request that was answered, without tickets.
    pub(crate) fn requests(&self) -> Vec<(u64, String)> {
        let text = fs::read_to_string(self.folder.join("access.log")).unwrap_or_default();
        // The last line may be on its way.
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| (line["status"].as_u64().unwrap(), line["path"].as_str().unwrap().to_owned())).collect()
    }

    /// Waits for an answer, passing over so many; gives all up to it.
    pub(crate) fn until(&self, passed: usize, status: u64, path: &str) -> Vec<(u64, String)> {
        let begin = Instant::now();
        loop {
            let requests = self.requests();
            let asked = requests.get(passed..).unwrap_or_default();
            if let Some(at) = asked.iter().position(|request| *request == (status, path.to_owned())) {
                return asked[..=at].to_vec();
            }
            assert!(begin.elapsed() < BOUND, "{path} was not answered {status} within {BOUND:?}: {asked:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
