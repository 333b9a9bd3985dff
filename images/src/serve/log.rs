//! The access log: one JSON object a line. It holds no header but the client's name for itself, and no query but `ns`.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// Lines that wait to be written; more are lost and counted, since a slow log must not stop the registry.
const WAITING: usize = 4096;
/// Characters of a client's name that are kept.
const SHOWN: usize = 200;

/// Where requests are written down. Clones write to the same place.
#[derive(Clone, Debug, Default)]
pub struct AccessLog {
    lines: Option<SyncSender<Vec<u8>>>,
    /// Ends with the thread that writes.
    end: Option<Arc<Mutex<Receiver<()>>>>,
    lost: Arc<AtomicU64>,
}

impl AccessLog {
    /// Nowhere.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// To `out`, by a thread that ends with the last clone.
    #[must_use]
    pub fn to(out: impl Write + Send + 'static) -> Self {
        let (lines, waiting) = sync_channel(WAITING);
        let (ended, end) = sync_channel(0);
        std::thread::spawn(move || {
            write_lines(out, &waiting);
            drop(ended);
        });
        Self { lines: Some(lines), end: Some(Arc::new(Mutex::new(end))), lost: Arc::default() }
    }

    /// Waits until every line is written, after the registry ended and no other clone is left; no longer than `bound`.
    pub fn finish(mut self, bound: Duration) {
        drop(self.lines.take());
        if let Some(end) = self.end {
            let _ = end.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(bound);
        }
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(super) fn write(&self, line: &Line) {
        let Some(lines) = &self.lines else { return };
        let mut bytes = serde_json::to_vec(&line.entry()).expect("texts and numbers always have a JSON form");
        bytes.push(b'\n');
        if lines.try_send(bytes).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A log that can't be written any more is no reason to stop serving.
fn write_lines(mut out: impl Write, lines: &Receiver<Vec<u8>>) {
    while let Ok(line) = lines.recv() {
        let _ = out.write_all(&line);
        while let Ok(line) = lines.try_recv() {
            let _ = out.write_all(&line);
        }
        let _ = out.flush();
    }
}

/// What is known of one request when its answer ends.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) begin: Instant,
    pub(super) client: SocketAddr,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) namespace: Option<String>,
    pub(super) agent: Option<String>,
    pub(super) route: &'static str,
    pub(super) status: u16,
    pub(super) bytes: u64,
    /// The answer ended before its end: the client left, or the blob is damaged.
    pub(super) cut: bool,
}

/// A line, as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    /// Milliseconds since 1970, when the answer ended.
    time: u64,
    client: SocketAddr,
    method: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ns: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
    status: u16,
    bytes: u64,
    milliseconds: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

impl Line {
    fn entry(&self) -> Entry<'_> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Entry {
            time: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
            client: self.client,
            method: &self.method,
            path: &self.path,
            ns: self.namespace.as_deref(),
            agent: self.agent.as_deref(),
            status: self.status,
            bytes: self.bytes,
            milliseconds: u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX),
            cut: self.cut,
        }
    }
}

/// The start of a text that a client chose.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}
