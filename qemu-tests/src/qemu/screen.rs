//! What a machine's display shows, as a picture: QEMU's monitor takes it (QMP, `screendump`).

use crate::{Error, Result};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A monitor that is alive answers in this time.
const BOUND: Duration = Duration::from_secs(10);
/// Most bytes that it may say: events of a machine's whole life wait for whoever connects.
const LIMIT: u64 = 1 << 20;

/// Has QEMU write its picture, a PNG, to a file.
pub(super) fn take(monitor: &Path, target: &Path) -> Result<()> {
    let mut stream = UnixStream::connect(monitor)?;
    stream.set_read_timeout(Some(BOUND))?;
    stream.set_write_timeout(Some(BOUND))?;
    let mut lines = BufReader::new(stream.try_clone()?).take(LIMIT);
    for command in [
        json!({ "execute": "qmp_capabilities" }),
        json!({ "execute": "screendump", "arguments": { "filename": target.display().to_string(), "format": "png" } }),
    ] {
        writeln!(stream, "{command}")?;
        answer(&mut lines)?;
    }
    Ok(())
}

/// Reads up to the answer to a command; a greeting and events come between.
fn answer(lines: &mut impl BufRead) -> Result<()> {
    let wrong = |reason: String| Error::unusable("QEMU's monitor", reason);
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Err(wrong("it said too little or too much".to_owned()));
        }
        let said: Value = serde_json::from_str(&line).map_err(|error| wrong(format!("{error}: {line}")))?;
        if let Some(error) = said.get("error") {
            return Err(wrong(error["desc"].as_str().unwrap_or("an error without words").to_owned()));
        }
        if said.get("return").is_some() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::take;
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixListener;

    const GREETING: &str = r#"{"QMP": {"version": {}, "capabilities": ["oob"]}}"#;
    const EVENT: &str =
        r#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "RTC_CHANGE", "data": {"offset": 0}}"#;

    const REFUSED: &str = r#"{"error": {"class": "GenericError", "desc": "no surface"}}"#;

    /// A monitor that gives these answers, a list for each command; what it was told.
    fn monitor(name: &str, answers: &'static [&'static [&'static str]]) -> (Result<(), String>, Vec<String>) {
        let socket = std::env::temp_dir().join(format!("kfimg-lab-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            writeln!(stream, "{GREETING}").unwrap();
            let mut told = Vec::new();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            for answer in answers {
                let Some(Ok(line)) = lines.next() else { break };
                told.push(line);
                answer.iter().for_each(|line| writeln!(stream, "{line}").unwrap());
            }
            told
        });
        let taken = take(&socket, std::path::Path::new("/x/screen.png")).map_err(|error| error.to_string());
        std::fs::remove_file(&socket).unwrap();
        (taken, server.join().unwrap())
    }

    #[test]
    fn the_monitor_is_told_where_the_picture_goes_and_events_are_no_answers() {
        let (taken, told) = monitor("screen", &[&[r#"{"return": {}}"#], &[EVENT, r#"{"return": {}}"#]]);
        assert_eq!(taken, Ok(()));
        assert_eq!(told[0], r#"{"execute":"qmp_capabilities"}"#);
        assert!(told[1].contains("screendump") && told[1].contains("/x/screen.png"), "{}", told[1]);
    }

    #[test]
    fn a_monitor_that_refuses_or_ends_is_an_error() {
        let (taken, _) = monitor("refused", &[&[r#"{"return": {}}"#], &[REFUSED]]);
        assert!(taken.unwrap_err().contains("no surface"));
        let (taken, _) = monitor("ended", &[&[EVENT]]);
        assert!(taken.unwrap_err().contains("QEMU's monitor"));
    }
}
