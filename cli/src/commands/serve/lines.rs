//! What happens to machines, told in lines by a thread of its own: a terminal that was stopped (Ctrl-S), or a pipe that nobody reads, must
//! not keep machines from booting.

use crate::console::Console;
use kfimg_delivery::board::Tell;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// Lines that wait to be written; more are left out, and stand on the board all the same.
const WAITING: usize = 4096;

/// The end of the lines.
pub(super) struct LastLine(Receiver<()>);

impl LastLine {
    /// Waits until the last line is written, once nobody is left who tells; no longer than `bound`.
    pub(super) fn wait(self, bound: Duration) {
        let _ = self.0.recv_timeout(bound);
    }
}

/// Who takes lines and waits for nobody, and the end of them.
pub(super) fn lines(console: Console) -> (Tell, LastLine) {
    let (lines, waiting) = sync_channel::<(String, String)>(WAITING);
    let (ended, end) = sync_channel(0);
    std::thread::spawn(move || {
        waiting.iter().for_each(|(who, what)| console.event(&who, &what));
        drop(ended);
    });
    let tell = move |who: &str, what: &str| drop(lines.try_send((who.to_owned(), what.to_owned())));
    (Box::new(tell), LastLine(end))
}
