//! Which machine may take which payload, and until when.
//!
//! A machine proves nothing: it says its Ethernet address, UUID or serial number when it asks for its script, and gets a ticket
//! with it, which stands in the URLs of that script. Without a ticket no payload goes out, so that the name of a node alone, which
//! everybody guesses, is worth nothing. Whoever runs the server may narrow that: a window of time, and each payload once.

use data_encoding::BASE32_NOPAD;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For so long, everybody who asks for a machine's script gets one and the same ticket. So nobody who asks on and on takes the
/// machine's away, and a node has no more than a few.
const TICKET_GIVEN: Duration = Duration::from_secs(30 * 60);
/// How long a ticket holds: an hour for whoever gets it last. A machine that loads slowly takes minutes.
const TICKET_LIFE: Duration = Duration::from_secs(90 * 60);

/// How payloads are released.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ReleaseRules {
    /// Anybody who names a node gets its payload, as from any web server.
    pub open: bool,
    /// Each file of a payload goes out whole once; a new render's goes out again.
    pub once: bool,
    /// No payload goes out later than this after the start.
    pub window: Option<Duration>,
}

/// Why a payload does not go out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// No ticket, or none of this node.
    NoTicket,
    /// The window is over.
    Closed,
    /// It went out before.
    Taken,
    /// It goes out once, and is on its way just now.
    OnItsWay,
}

impl Refused {
    /// For whoever runs the server: what it means.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::NoTicket => "it was asked for without a ticket of that machine's own script",
            Self::Closed => "the window for payloads is over; start kfimg serve again to open it",
            Self::Taken => "it went out before, and payloads go out once",
            Self::OnItsWay => "it goes out once, and somebody is fetching it",
        }
    }

    /// A short name, as the board shows it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoTicket => "NO_TICKET",
            Self::Closed => "WINDOW_CLOSED",
            Self::Taken => "TAKEN",
            Self::OnItsWay => "ON_ITS_WAY",
        }
    }
}

/// Judges.
#[derive(Debug)]
pub struct Release {
    rules: ReleaseRules,
    begin: Instant,
    state: Mutex<State>,
}

/// What opens the payload of one node.
struct Ticket {
    text: String,
    made: Instant,
}

#[derive(Default)]
struct State {
    /// The node of each ticket, and when it was made.
    tickets: HashMap<String, (String, Instant)>,
    /// The same, the newest of each node last.
    by_node: HashMap<String, VecDeque<Ticket>>,
    /// Path and render of files that went out.
    taken: BTreeSet<(String, String)>,
    /// The same of files that go out once and are on their way.
    leaving: BTreeSet<(String, String)>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

impl Release {
    /// Begins now.
    #[must_use]
    pub fn new(rules: ReleaseRules) -> Self {
        Self { rules, begin: Instant::now(), state: Mutex::default() }
    }

    /// A ticket for the machine of a node; `None` when the system gives no random bytes.
    #[must_use]
    pub fn ticket(&self, node: &str) -> Option<String> {
        self.ticket_at(node, Instant::now())
    }

    fn ticket_at(&self, node: &str, now: Instant) -> Option<String> {
        let mut state = self.state();
        let State { tickets, by_node, .. } = &mut *state;
        let own = by_node.entry(node.to_owned()).or_default();
        if let Some(newest) = own.back().filter(|newest| now.duration_since(newest.made) < TICKET_GIVEN) {
            return Some(newest.text.clone());
        }
        while let Some(oldest) = own.pop_front_if(|oldest| now.duration_since(oldest.made) >= TICKET_LIFE) {
            tickets.remove(&oldest.text);
        }
        let mut bytes = [0; 20];
        aws_lc_rs::rand::fill(&mut bytes).ok()?;
        let text = BASE32_NOPAD.encode(&bytes).to_ascii_lowercase();
        own.push_back(Ticket { text: text.clone(), made: now });
        tickets.insert(text.clone(), (node.to_owned(), now));
        Some(text)
    }

    /// The node that a ticket is for.
    #[must_use]
    pub fn node(&self, ticket: &str) -> Option<String> {
        self.node_at(ticket, Instant::now())
    }

    fn node_at(&self, ticket: &str, now: Instant) -> Option<String> {
        let state = self.state();
        let (node, made) = state.tickets.get(ticket)?;
        (now.duration_since(*made) < TICKET_LIFE).then(|| node.clone())
    }

    /// Whether a file of a node's payload may go out to the holder of a ticket for `holder`.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn judge(&self, node: &str, holder: Option<&str>, path: &str, render: &str) -> Result<(), Refused> {
        if !self.rules.open && holder != Some(node) {
            return Err(Refused::NoTicket);
        }
        if self.rules.window.is_some_and(|window| self.begin.elapsed() >= window) {
            return Err(Refused::Closed);
        }
        let is_taken = || self.state().taken.contains(&(path.to_owned(), render.to_owned()));
        if self.rules.once && is_taken() { Err(Refused::Taken) } else { Ok(()) }
    }

    /// Sets a file aside for one answer, by the same rules. Where payloads go out once, nobody else gets it meanwhile.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn reserve(
        self: &Arc<Self>,
        node: &str,
        holder: Option<&str>,
        path: &str,
        render: &str,
    ) -> Result<Reservation, Refused> {
        self.judge(node, holder, path, render)?;
        let file = (path.to_owned(), render.to_owned());
        if self.rules.once {
            let mut state = self.state();
            // The last one may have gone out whole since it was judged.
            if state.taken.contains(&file) {
                return Err(Refused::Taken);
            }
            if !state.leaving.insert(file.clone()) {
                return Err(Refused::OnItsWay);
            }
        }
        Ok(Reservation { release: Arc::clone(self), file })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file that is on its way to one machine. When it is dropped without having gone out whole, the next one may have it.
#[derive(Debug)]
pub struct Reservation {
    release: Arc<Release>,
    file: (String, String),
}

impl Reservation {
    /// The file went out whole.
    pub fn taken(&self) {
        if self.release.rules.once {
            self.release.state().taken.insert(self.file.clone());
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.release.rules.once {
            self.release.state().leaving.remove(&self.file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_goes_to_the_holder_of_its_nodes_ticket_alone() {
        let release = Release::new(ReleaseRules::default());
        let ticket = release.ticket("a").unwrap();
        assert_eq!(release.node(&ticket).as_deref(), Some("a"));
        assert_eq!(release.node("other"), None);
        assert!(release.judge("a", Some("a"), "p", "1").is_ok());
        for holder in [None, Some("b")] {
            assert_eq!(release.judge("a", holder, "p", "1"), Err(Refused::NoTicket));
        }
        let open = Release::new(ReleaseRules { open: true, ..ReleaseRules::default() });
        assert!(open.judge("a", None, "p", "1").is_ok());
        assert!(!format!("{release:?}").contains(&ticket));
    }

    #[test]
    fn whoever_asks_on_and_on_neither_takes_a_machines_ticket_away_nor_fills_memory() {
        let release = Release::new(ReleaseRules::default());
        let (begin, second) = (Instant::now(), Duration::from_secs(1));
        let machines = release.ticket_at("a", begin).unwrap();
        // A stranger asks every second for a day, and every ticket holds for an hour after it was given.
        let mut given = machines.clone();
        for now in (1..86_400).map(|seconds| begin + second * seconds) {
            let ticket = release.ticket_at("a", now).unwrap();
            assert!(
                now.duration_since(begin).as_secs() % 600 > 0
                    || release.node_at(&ticket, now + 3600 * second).is_some()
            );
            assert_eq!(release.node_at(&machines, now).is_some(), now < begin + TICKET_LIFE);
            given = ticket;
        }
        assert!(given != machines && given.len() == 32);
        let state = release.state();
        assert!(state.tickets.len() <= 4 && state.by_node["a"].len() == state.tickets.len(), "{}", state.tickets.len());
    }

    #[test]
    fn once_is_once_for_each_render_and_a_window_ends() {
        let once = Arc::new(Release::new(ReleaseRules { once: true, ..ReleaseRules::default() }));
        let fetch = |path: &str, sha256: &str| once.reserve("a", Some("a"), path, sha256);
        // An answer that ended early takes nothing away; while it lasts, nobody else has the file.
        let first = fetch("p", "1").unwrap();
        assert_eq!(fetch("p", "1").unwrap_err(), Refused::OnItsWay);
        assert!(fetch("p", "2").is_ok() && fetch("q", "1").is_ok());
        drop(first);
        fetch("p", "1").unwrap().taken();
        assert_eq!(fetch("p", "1").unwrap_err(), Refused::Taken);
        assert_eq!(once.judge("a", Some("a"), "p", "1"), Err(Refused::Taken));
        assert!(once.judge("a", Some("a"), "p", "2").is_ok() && once.judge("a", Some("a"), "q", "1").is_ok());
        let closed = Release::new(ReleaseRules { window: Some(Duration::ZERO), ..ReleaseRules::default() });
        assert_eq!(closed.judge("a", Some("a"), "p", "1"), Err(Refused::Closed));
        let many = Arc::new(Release::new(ReleaseRules::default()));
        let [one, other] = [(); 2].map(|()| many.reserve("a", Some("a"), "p", "1").unwrap());
        one.taken();
        drop((one, other));
        assert!(many.judge("a", Some("a"), "p", "1").is_ok());
    }
}
