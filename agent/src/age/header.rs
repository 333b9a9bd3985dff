//! The head of an age file: a line of text for the format, a stanza for each key that opens it, a code over all of that.

use super::{FileKey, OpenError, derive};
use aws_lc_rs::hmac;
use data_encoding::BASE64_NOPAD;

const VERSION: &str = "age-encryption.org/v1";
/// Characters of a full line of a stanza's body.
const LINE: usize = 64;
/// No header that kfimg or a person makes is larger, in bytes.
const LIMIT: usize = 64 << 10;

/// How one key opens the file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Stanza {
    /// Kind and arguments.
    pub(super) arguments: Vec<String>,
    /// The wrapped file key.
    pub(super) body: Vec<u8>,
}

/// A header.
#[derive(Debug)]
pub(super) struct Header {
    stanzas: Vec<Stanza>,
    /// What the code covers, as it was read, and the code.
    read: Option<(Vec<u8>, Vec<u8>)>,
}

impl Header {
    pub(super) fn new(stanzas: Vec<Stanza>) -> Self {
        Self { stanzas, read: None }
    }

    pub(super) fn stanzas(&self) -> &[Stanza] {
        &self.stanzas
    }

    /// The header as text, with its code.
    pub(super) fn write(&self, file_key: &FileKey) -> Vec<u8> {
        let mut text = format!("{VERSION}\n");
        for stanza in &self.stanzas {
            text.push_str(&format!("-> {}\n", stanza.arguments.join(" ")));
            let body = BASE64_NOPAD.encode(&stanza.body);
            let mut rest = body.as_str();
            // The last line is shorter than a full one, and empty where the body ends with a full line.
            while rest.len() >= LINE {
                let (line, after) = rest.split_at(LINE);
                text.push_str(line);
                text.push('\n');
                rest = after;
            }
            text.push_str(rest);
            text.push('\n');
        }
        text.push_str("---");
        let code = hmac::sign(&code_key(file_key), text.as_bytes());
        format!("{text} {}\n", BASE64_NOPAD.encode(code.as_ref())).into_bytes()
    }

    /// Reads a header, and gives what comes after it.
    pub(super) fn read(file: &[u8]) -> Result<(Self, &[u8]), OpenError> {
        let mut lines = Lines { file, at: 0 };
        if lines.next()? != VERSION {
            return Err(OpenError::Damaged("it does not begin as one"));
        }
        let mut stanzas = Vec::new();
        loop {
            let start = lines.at;
            let line = lines.next()?;
            if let Some(code) = line.strip_prefix("--- ") {
                let covered = file[..start + "---".len()].to_vec();
                let code = decode(code)?;
                return Ok((Self { stanzas, read: Some((covered, code)) }, &file[lines.at..]));
            }
            let arguments = line.strip_prefix("-> ").ok_or(OpenError::Damaged("its header has a strange line"))?;
            let arguments = arguments.split(' ').map(str::to_owned).collect();
            stanzas.push(Stanza { arguments, body: body(&mut lines)? });
        }
    }

    /// Whether nobody changed the header that was read.
    pub(super) fn verify(&self, file_key: &FileKey) -> Result<(), OpenError> {
        let (covered, code) = self.read.as_ref().ok_or(OpenError::Damaged("its header has no code"))?;
        let verified = hmac::verify(&code_key(file_key), covered, code);
        verified.map_err(|_| OpenError::Damaged("its header was changed"))
    }
}

fn code_key(file_key: &FileKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &derive::<32>(&file_key[..], &[], "header"))
}

fn body(lines: &mut Lines<'_>) -> Result<Vec<u8>, OpenError> {
    let mut text = String::new();
    loop {
        let line = lines.next()?;
        if line.len() > LINE {
            return Err(OpenError::Damaged("its header has a line that is too long"));
        }
        text.push_str(line);
        if line.len() < LINE {
            return decode(&text);
        }
    }
}

pub(super) fn decode(text: &str) -> Result<Vec<u8>, OpenError> {
    BASE64_NOPAD.decode(text.as_bytes()).map_err(|_| OpenError::Damaged("its header is no base64"))
}

/// Lines of the header, which end with a line feed alone.
struct Lines<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a str, OpenError> {
        let rest = &self.file[self.at..];
        let window = &rest[..rest.len().min(LIMIT.saturating_sub(self.at))];
        let end = window.iter().position(|byte| *byte == b'\n').ok_or(OpenError::Damaged("its header has no end"))?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| OpenError::Damaged("its header is no text"))
    }
}
