//! Machines that asked and are in no inventory: the newest, each once.

use super::allowance::{Allowance, Turn};
use super::clean;
use serde::Serialize;
use std::collections::VecDeque;
use std::net::IpAddr;

/// Strangers that are remembered.
pub(super) const STRANGERS: usize = 32;
/// Lines about them within a minute: whoever makes names up must not fill the terminal.
pub(super) const LINES: u32 = 30;

/// A machine that is in no inventory.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Stranger {
    /// What it calls itself.
    name: String,
    address: IpAddr,
    at: i64,
    count: u64,
    /// It is certain that nobody knows it.
    #[serde(skip)]
    is_told: bool,
}

/// All who are remembered.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    newest: VecDeque<Stranger>,
    lines: Allowance,
}

/// What is told of a stranger.
pub(super) struct Told {
    /// Whom the line is about, and what it says, where there is one.
    pub(super) line: Option<(&'static str, String)>,
}

impl Strangers {
    /// Takes a machine that asked; `None`: nothing is told of it yet. Where it is not certain that nobody knows it, as it may be known
    /// by its next name, it counts when it asks again.
    pub(super) fn asked(&mut self, name: &str, address: IpAddr, at: i64, is_certain: bool) -> Option<Told> {
        let name = clean(name, 60);
        let known = self.newest.iter().position(|known| known.name == name);
        let former = known.and_then(|known| self.newest.remove(known));
        let was_told = former.as_ref().is_some_and(|former| former.is_told);
        let is_told = was_told || is_certain || former.is_some();
        let count = former.map_or(0, |former| former.count).saturating_add(1);
        if self.newest.len() >= STRANGERS {
            self.newest.pop_front();
        }
        self.newest.push_back(Stranger { name: name.clone(), address, at, count, is_told });
        if !is_told {
            return None;
        }
        let turn = if was_told { Turn::Silent } else { self.lines.take(at, LINES) };
        let text = || format!("{name} at {address} is in no inventory; add it, render, and it boots");
        Some(Told {
            line: match turn {
                Turn::Told => Some(("unknown machine", text())),
                Turn::Last => Some(("unknown machines", "many; the board shows the newest".to_owned())),
                Turn::Silent => None,
            },
        })
    }

    /// A machine at this address is known by another of its names.
    pub(super) fn is_known(&mut self, address: IpAddr) {
        self.newest.retain(|stranger| stranger.is_told || stranger.address != address);
    }

    /// Those of whom it is certain, the newest last.
    pub(super) fn told(&self) -> Vec<&Stranger> {
        self.newest.iter().filter(|stranger| stranger.is_told).collect()
    }
}
