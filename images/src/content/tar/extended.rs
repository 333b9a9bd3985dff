//! Extended headers: PAX records and GNU long names, of which only the name and the size count.

use super::super::TarProblem;
use super::header::{Header, Kind, OCTAL_LIMIT};

/// Most bytes of an extended header.
pub(super) const LIMIT: u64 = 64 << 10;

/// What extended headers say about the entry that follows them.
#[derive(Debug, Default)]
pub(super) struct Extended {
    pub(super) path: Option<Vec<u8>>,
    size: Option<u64>,
    taken: Vec<Kind>,
}

impl Extended {
    /// The kind of extended header that this is; `None` for the entry itself.
    pub(super) fn accepts(&mut self, header: &Header) -> Result<Option<Kind>, TarProblem> {
        if !matches!(header.kind, Kind::Pax | Kind::PaxGlobal | Kind::GnuName) {
            return Ok(None);
        }
        if self.taken.contains(&header.kind) {
            return Err(TarProblem::Extended("two of a kind stand before one entry".to_owned()));
        }
        self.taken.push(header.kind);
        Ok(Some(header.kind))
    }

    /// Takes the bytes of one.
    pub(super) fn take(&mut self, kind: Kind, bytes: &[u8]) -> Result<(), TarProblem> {
        if kind == Kind::GnuName {
            let name = bytes.strip_suffix(b"\0").unwrap_or(bytes);
            return self.set_path(name);
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let (key, value, after) = record(rest)?;
            self.set(kind, key, value)?;
            rest = after;
        }
        Ok(())
    }

    fn set(&mut self, kind: Kind, key: &[u8], value: &[u8]) -> Result<(), TarProblem> {
        let refused = |why: &str| TarProblem::Extended(format!("the record `{}` {why}", key.escape_ascii()));
        let counts = matches!(key, b"path" | b"size");
        if counts && kind == Kind::PaxGlobal {
            return Err(refused("is no global one"));
        }
        match key {
            b"path" => self.set_path(value),
            b"size" => {
                let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
                let size = str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse().ok());
                let size = size.ok_or_else(|| refused("is no number"))?;
                if self.size.replace(size).is_some() { Err(refused("occurs twice")) } else { Ok(()) }
            }
            b"linkpath" => Err(refused("belongs to a link")),
            key if key.starts_with(b"GNU.sparse.") => Err(refused("belongs to a sparse file")),
            _ => Ok(()),
        }
    }

    fn set_path(&mut self, path: &[u8]) -> Result<(), TarProblem> {
        match self.path.replace(path.to_vec()) {
            Some(_) => Err(TarProblem::Extended("the name occurs twice".to_owned())),
            None => Ok(()),
        }
    }

    /// The entry's size. Header and record must agree, unless the size does not fit into the header (RUSTSEC-2026-0068,
    /// CVE-2025-62518: readers that believe different ones see different files).
    pub(super) fn size_of(&self, name: &str, header: &Header) -> Result<u64, TarProblem> {
        match self.size {
            None => Ok(header.size),
            Some(size) if size == header.size => Ok(size),
            Some(size) if size > OCTAL_LIMIT && matches!(header.size, 0 | OCTAL_LIMIT) => Ok(size),
            Some(extended) => Err(TarProblem::Sizes { name: name.to_owned(), header: header.size, extended }),
        }
    }
}

/// Key, value, and what follows the record.
type Record<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// `<length> <key>=<value>\n`, the length counting all of it.
fn record(bytes: &[u8]) -> Result<Record<'_>, TarProblem> {
    let wrong = || TarProblem::Extended("a record is malformed".to_owned());
    let space = bytes.iter().take(20).position(|byte| *byte == b' ').ok_or_else(wrong)?;
    let digits = &bytes[..space];
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let length: usize =
        str::from_utf8(digits).ok().filter(|_| plain).and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
    let whole = bytes.get(..length).filter(|_| length > space + 1).ok_or_else(wrong)?;
    let text = whole[space + 1..].strip_suffix(b"\n").ok_or_else(wrong)?;
    let equals = text.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
    Ok((&text[..equals], &text[equals + 1..], &bytes[length..]))
}
