//! Asking from outside, again and again, while other things happen: how long was it silent?
//!
//! What is done meanwhile, and how long a silence may be, is the scenario's.

use crate::lan::Lan;
use crate::observe::answers;
use crate::workload::NODE_PORT;
use crate::{Cluster, site};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often is asked.
const EVERY: Duration = Duration::from_millis(250);

/// What is asked.
#[derive(Clone, Debug)]
pub enum Asked {
    /// The API, at the address that clients know.
    Api,
    /// The workload, at this node's port.
    Workload(&'static str),
}

/// A watch that goes on until it is ended or dropped.
#[derive(Debug)]
pub struct Watch {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Duration>>,
}

impl Watch {
    /// Begins to ask all of these, each for itself.
    pub fn begin(cluster: &Cluster, asked: &[Asked]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = asked.iter().map(|asked| {
            let url = match asked {
                Asked::Api => format!("https://{}:6443/readyz", cluster.topology().endpoint()),
                Asked::Workload(node) => format!("http://{}:{NODE_PORT}/", site::node_address(node)),
            };
            let (lan, stop) = (cluster.lab().lan(), Arc::clone(&stop));
            std::thread::spawn(move || longest_silence(&lan, &url, &stop))
        });
        Self { threads: threads.collect(), stop }
    }

    /// Ends the watch; gives the longest time between two answers of each, in the order in which they were named, and says it.
    ///
    /// # Panics
    /// When a thread that asked has panicked.
    pub fn end(mut self) -> Vec<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        let threads = std::mem::take(&mut self.threads).into_iter();
        let silences: Vec<Duration> = threads.map(|thread| thread.join().expect("asking does not panic")).collect();
        println!("longest silences: {silences:.1?}");
        silences
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn longest_silence(lan: &Lan, url: &str, stop: &AtomicBool) -> Duration {
    let (mut longest, mut answered) = (Duration::ZERO, Instant::now());
    while !stop.load(Ordering::Relaxed) {
        let answers = answers(lan, url);
        longest = longest.max(answered.elapsed());
        if answers {
            answered = Instant::now();
        }
        std::thread::sleep(EVERY);
    }
    longest
}
