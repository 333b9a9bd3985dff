//! Reading files for a description: within bounds, as text.
//!
//! The only place of this crate that touches the disk.

use crate::document::MAX_INPUT_BYTES;
use crate::problem::{Problem, Report, Severity};
use crate::resolve::FileReader;
use fs_err as fs;
use std::io::{self, Read};
use std::path::Path;

/// The file system.
pub(super) struct Disk;

impl FileReader for Disk {
    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// The text of a layer's file; `-` is standard input. `None` when there was a problem, which then is in the report.
pub(super) fn text(path: &Path, report: &mut Report) -> Option<String> {
    let bytes = match bytes(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let (code, message) = if error.kind() == io::ErrorKind::NotFound {
                ("missing-input", format!("there is no file `{}`", path.display()))
            } else {
                ("unreadable-input", format!("`{}` cannot be read: {}", path.display(), reason(&error)))
            };
            report.push(Problem::new(Severity::Error, code, message));
            return None;
        }
    };
    if bytes.len() > MAX_INPUT_BYTES {
        let message = format!("`{}` is larger than {} MiB", path.display(), MAX_INPUT_BYTES >> 20);
        report
            .push(Problem::new(Severity::Error, "input-too-large", message))
            .help("a description is a few kilobytes; name another file");
        return None;
    }
    String::from_utf8(bytes).map_err(|error| not_utf8(path, &error, report)).ok()
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let limit = MAX_INPUT_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
    } else {
        fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// The system's words without the path, which the message names already.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::PermissionDenied => "you may not read it".to_owned(),
        _ => error.to_string(),
    }
}

fn not_utf8(path: &Path, error: &std::string::FromUtf8Error, report: &mut Report) {
    let valid = error.utf8_error().valid_up_to();
    let bytes = error.as_bytes();
    let line = 1 + bytes[..valid].iter().filter(|byte| **byte == b'\n').count();
    let byte = bytes.get(valid).copied().unwrap_or_default();
    let message = format!("`{}` is no text in UTF-8: line {line} has the byte 0x{byte:02x}", path.display());
    report.push(Problem::new(Severity::Error, "not-utf8", message)).help("save the file as UTF-8");
}
