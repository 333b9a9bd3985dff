//! What the registry counts, in the text format of Prometheus.
//!
//! Source: Prometheus, "Exposition formats", text format 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::log::Line;

/// Counters since the start.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// By route and status: few of both.
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    bytes: AtomicU64,
    cut: AtomicU64,
    accepted: AtomicU64,
    open: AtomicU64,
    turned_away: AtomicU64,
}

impl Metrics {
    pub(super) fn finished(&self, line: &Line) {
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner).entry((line.route, line.status)).or_default() +=
            1;
        self.bytes.fetch_add(line.bytes, Ordering::Relaxed);
        self.cut.fetch_add(u64::from(line.cut), Ordering::Relaxed);
    }

    pub(super) fn connected(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn disconnected(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    /// The page. `blobs`: how many were found sound, and how many damaged; `lost`: lines that the log had no room for.
    pub(super) fn page(&self, blobs: (usize, usize), lost: u64) -> String {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut page = String::from(
            "# HELP kfimg_registry_requests_total Requests answered.\n# TYPE kfimg_registry_requests_total counter\n",
        );
        for ((route, status), count) in &*self.requests.lock().unwrap_or_else(PoisonError::into_inner) {
            // Writing to a text does not fail.
            let _ = writeln!(page, "kfimg_registry_requests_total{{route=\"{route}\",code=\"{status}\"}} {count}");
        }
        let rows = [
            ("sent_bytes_total", "counter", "Bytes of bodies sent.", load(&self.bytes)),
            ("cut_total", "counter", "Answers that ended early.", load(&self.cut)),
            ("connections_total", "counter", "Connections that had a place.", load(&self.accepted)),
            ("connections", "gauge", "Connections that have a place.", load(&self.open)),
            (
                "connections_turned_away_total",
                "counter",
                "Connections of clients that had too many.",
                load(&self.turned_away),
            ),
            ("blobs_sound", "gauge", "Blobs that were hashed and are sound.", blobs.0 as u64),
            ("blobs_damaged", "gauge", "Blobs that were hashed and are damaged.", blobs.1 as u64),
            ("log_lines_lost_total", "counter", "Lines that the access log had no room for.", lost),
        ];
        for (name, kind, help, value) in rows {
            let _ = writeln!(
                page,
                "# HELP kfimg_registry_{name} {help}\n# TYPE kfimg_registry_{name} {kind}\nkfimg_registry_{name} {value}"
            );
        }
        page
    }
}
