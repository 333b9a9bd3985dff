//! Those who watch the board: a bounded number, each with a bounded queue. Who reads too slowly is let go, and comes back by itself
//! to begin anew.
//!
//! Source: HTML Living Standard, "Server-sent events".

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Those who watch at once.
const WATCHERS: usize = 32;
/// Events that wait for one of them: those of a quarter of a minute.
const QUEUE: usize = 64;

/// All who watch.
#[derive(Debug, Default)]
pub(super) struct Watchers(Vec<Sender<Bytes>>);

impl Watchers {
    /// One more, who gets the whole state first; `None` when there are too many.
    pub(super) fn add(&mut self, first: &str) -> Option<Receiver<Bytes>> {
        self.0.retain(|watcher| !watcher.is_closed());
        if self.0.len() >= WATCHERS {
            return None;
        }
        let (watcher, events) = channel(QUEUE);
        watcher.try_send(event("all", first)).ok()?;
        self.0.push(watcher);
        Some(events)
    }

    /// Whether nobody watches, so that nothing need be made for them.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An event with a JSON text, which has no line breaks.
    pub(super) fn send(&mut self, name: &str, json: &str) {
        self.pass(&event(name, json));
    }

    /// A comment, which keeps the connection from falling silent.
    pub(super) fn beat(&mut self) {
        self.pass(&Bytes::from_static(b": still here\n\n"));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    fn pass(&mut self, bytes: &Bytes) {
        self.0.retain(|watcher| watcher.try_send(bytes.clone()).is_ok());
    }
}

fn event(name: &str, json: &str) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {json}\n\n"))
}
