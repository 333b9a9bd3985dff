//! The terminal that bars are drawn on: standard error, by the few sequences that every terminal knows.
//!
//! The cursor stays behind the last bar's text. At the terminal's edge, where indicatif's own leaves it, the `^C` that a terminal shows
//! would begin a new line, and bars, which are counted upwards from the cursor, would be taken away one line too low.

use indicatif::TermLike;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// Columns and rows of a terminal that does not tell.
const UNKNOWN: (u16, u16) = (80, 24);
/// Erases what stands behind the cursor.
const ERASE_REST: &str = "\u{1b}[K";

/// Draws all at once, when all is there.
#[derive(Debug, Default)]
pub(super) struct Canvas(Mutex<String>);

impl Canvas {
    fn add(&self, text: &str) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
        Ok(())
    }

    fn step(&self, count: usize, direction: char) -> io::Result<()> {
        // To a terminal, no step is one.
        if count == 0 { Ok(()) } else { self.add(&format!("\u{1b}[{count}{direction}")) }
    }
}

fn size() -> (u16, u16) {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok();
    size.map(|size| (size.ws_col, size.ws_row)).filter(|(columns, rows)| *columns > 0 && *rows > 0).unwrap_or(UNKNOWN)
}

impl TermLike for Canvas {
    fn width(&self) -> u16 {
        size().0
    }

    fn height(&self) -> u16 {
        size().1
    }

    fn move_cursor_up(&self, count: usize) -> io::Result<()> {
        self.step(count, 'A')
    }

    fn move_cursor_down(&self, count: usize) -> io::Result<()> {
        self.step(count, 'B')
    }

    fn move_cursor_right(&self, count: usize) -> io::Result<()> {
        self.step(count, 'C')
    }

    fn move_cursor_left(&self, count: usize) -> io::Result<()> {
        self.step(count, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.add(text)?;
        self.add("\n")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.add(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add("\r\u{1b}[2K")
    }

    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let text = drawn.trim_end_matches(' ');
        let rest = if text.len() < drawn.len() { ERASE_REST } else { "" };
        let mut screen = io::stderr().lock();
        screen.write_all(text.as_bytes())?;
        screen.write_all(rest.as_bytes())?;
        screen.flush()
    }
}
