//! Posts boot reports to the plan's URL, where a site wants them. Nothing depends on whether they arrive.
//!
//! Only the newest report is kept while one is under way. One that has arrived is posted again every few minutes: whoever takes
//! reports may forget them, and need not keep anything.

use crate::http;
use crate::root::Root;
use crate::step;
use crate::wait::{Backoff, Deadline, jittered};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{sleep, spawn};
use std::time::Duration;

/// Least time between two posts, and the most that is added to it while they fail.
const PAUSE: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(120);
/// Bound of one post.
const TIME: Duration = Duration::from_secs(5);
/// When a report that has arrived is posted again, less a random part, so that nodes of one rack do not post together. A cluster of
/// 5,000 nodes posts 32 a second.
const AGAIN: Duration = Duration::from_secs(180);

#[derive(Default)]
struct Waiting {
    report: Mutex<Option<Vec<u8>>>,
    changed: Condvar,
}

/// Posts in a thread of its own.
pub(super) struct Poster {
    waiting: Arc<Waiting>,
}

impl Poster {
    /// Begins.
    pub(super) fn start(root: &Root, url: String) -> Self {
        Self::with_pauses(root, url, PAUSE, AGAIN)
    }

    fn with_pauses(root: &Root, url: String, pause: Duration, again: Duration) -> Self {
        let waiting: Arc<Waiting> = Arc::default();
        let (queue, root) = (Arc::clone(&waiting), root.clone());
        spawn(move || serve(&root, &url, &queue, pause, again));
        Self { waiting }
    }

    /// Takes the place of a report that has not been sent yet.
    pub(super) fn post(&self, report: Vec<u8>) {
        *self.waiting.report.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
        self.waiting.changed.notify_one();
    }
}

fn serve(root: &Root, url: &str, waiting: &Waiting, pause: Duration, again: Duration) {
    let mut arrived = None;
    let mut backoff = Backoff::new(Duration::from_secs(1), LONGEST);
    let mut report = next(waiting, None);
    loop {
        backoff.reset();
        loop {
            let sent =
                http::anonymous(root, TIME).post(url).header("Content-Type", "application/json").send(&report[..]);
            tell(url, sent.as_ref().err(), &mut arrived);
            if sent.is_ok() {
                break;
            }
            sleep(pause + backoff.next());
            if let Some(newer) = waiting.report.lock().unwrap_or_else(PoisonError::into_inner).take() {
                report = newer;
            }
        }
        sleep(pause);
        report = next(waiting, Some((report, jittered(again))));
    }
}

/// The next report; where none comes within a time, the last one again.
fn next(waiting: &Waiting, last: Option<(Vec<u8>, Duration)>) -> Vec<u8> {
    let mut report = waiting.report.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((last, time)) = last else {
        loop {
            if let Some(report) = report.take() {
                return report;
            }
            report = waiting.changed.wait(report).unwrap_or_else(PoisonError::into_inner);
        }
    };
    let deadline = Deadline::after(time);
    loop {
        if let Some(report) = report.take() {
            return report;
        }
        if deadline.over() {
            return last;
        }
        let waited = waiting.changed.wait_timeout(report, deadline.left());
        report = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Once when it fails, and once when it works again. What stands behind a `?` may be a secret of the site.
fn tell(url: &str, error: Option<&ureq::Error>, arrived: &mut Option<bool>) {
    let url = url.split('?').next().unwrap_or_default();
    match (error, *arrived) {
        (Some(error), None | Some(true)) => step::tell(format_args!("report: {url} does not take reports: {error}")),
        (None, Some(false)) => step::tell(format_args!("report: {url} takes reports again")),
        _ => {}
    }
    *arrived = Some(error.is_none());
}

#[cfg(test)]
mod tests {
    use super::Poster;
    use crate::root::Root;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    /// Takes one request, and answers it; its body.
    fn take(listener: &TcpListener, status: &str) -> String {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(&stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        answer(&stream, status);
        String::from_utf8(body).unwrap()
    }

    fn answer(mut stream: &TcpStream, status: &str) {
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    }

    #[test]
    fn a_report_is_posted_until_it_arrives_and_then_again_and_a_newer_one_takes_its_place() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/report?token=x", listener.local_addr().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let short = Duration::from_millis(5);
        let poster = Poster::with_pauses(&Root::new(folder.path()), url, short, short);
        poster.post(b"one".to_vec());
        assert_eq!(take(&listener, "503 Not Ready"), "one");
        // It arrives, and comes again: a server that was started anew hears of it.
        for _ in 0..3 {
            assert_eq!(take(&listener, "200 OK"), "one");
        }
        poster.post(b"two".to_vec());
        let newer = (0..1000).map(|_| take(&listener, "200 OK")).position(|body| body == "two");
        assert!(newer.is_some(), "the newer report was never posted");
        assert_eq!(take(&listener, "200 OK"), "two");
    }
}
