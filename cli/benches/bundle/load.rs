//! Load on a server by wrk, which ends by itself.

use std::path::Path;
use std::process::Command;

/// Seconds of one round.
const SECONDS: u32 = 3;
/// What a client of manifests accepts.
const ACCEPT: &str = "Accept: application/vnd.oci.image.manifest.v1+json";

/// What a server managed.
pub(crate) struct Rate {
    pub(crate) requests: f64,
    /// Bytes.
    pub(crate) transfer: f64,
}

/// Asks for the same thing again and again, over so many connections.
pub(crate) fn load(wrk: &Path, url: &str, connections: u32) -> Rate {
    let mut command = Command::new(wrk);
    command.args(["-t", "1", "-c", &connections.to_string(), "-d", &format!("{SECONDS}s"), "-H", ACCEPT, url]);
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} can be started: {error}"));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{command:?}: {text}");
    assert!(!text.contains("Non-2xx"), "{url}: {text}");
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).and_then(number);
    let (requests, transfer) = (value("Requests/sec:"), value("Transfer/sec:"));
    Rate { requests: requests.expect("wrk prints its rate"), transfer: transfer.expect("wrk prints its rate") }
}

/// `1.23GB`, as wrk writes numbers: units of 1024.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|sign: char| sign.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "KB" => 1024.0,
        "MB" => 1024.0 * 1024.0,
        "GB" => 1024.0 * 1024.0 * 1024.0,
        _ => 1.0,
    };
    digits.parse::<f64>().ok().map(|value| value * unit)
}
