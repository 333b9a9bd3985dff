//! PAX records (`<length> <key>=<value>\n`) as far as a file system needs them. Values may hold any byte.
//!
//! Source: POSIX.1-2024, pax, "pax Extended Header"; star(5) for `SCHILY.xattr.`; libarchive's tar(5) for `LIBARCHIVE.xattr.`.

use crate::error::ArchiveProblem;

/// What the extended headers before an entry say.
#[derive(Debug, Default)]
pub(super) struct Extended {
    /// Bytes of all of them: many small ones take as much memory as a large one.
    pub(super) length: u64,
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<u64>,
    pub(super) attributes: Vec<(String, Vec<u8>)>,
}

impl Extended {
    /// Takes the records of one PAX header.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), ArchiveProblem> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (key, value, after) = record(rest)?;
            self.set(key, value)?;
            rest = after;
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), ArchiveProblem> {
        let refused = |why: &str| ArchiveProblem::Extended(format!("the record `{}` {why}", key.escape_ascii()));
        if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
            let name = str::from_utf8(name).map_err(|_| refused("has a name that is not UTF-8"))?;
            self.attributes.push((name.to_owned(), value.to_vec()));
            return Ok(());
        }
        match key {
            b"path" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = Some(number(value).ok_or_else(|| refused("is no number"))?),
            b"uid" => self.uid = Some(number(value).ok_or_else(|| refused("is no number"))?),
            b"gid" => self.gid = Some(number(value).ok_or_else(|| refused("is no number"))?),
            // Seconds before 1970 and parts of seconds mean nothing to an image.
            b"mtime" => self.mtime = Some(value.split(|byte| *byte == b'.').next().and_then(number).unwrap_or(0)),
            key if key.starts_with(b"GNU.sparse.") => return Err(refused("belongs to a sparse file")),
            _ => {}
        }
        Ok(())
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()
}

/// Key, value, and what follows the record.
type Record<'a> = (&'a [u8], &'a [u8], &'a [u8]);

fn record(bytes: &[u8]) -> Result<Record<'_>, ArchiveProblem> {
    let wrong = || ArchiveProblem::Extended("a record is malformed".to_owned());
    let space = bytes.iter().take(20).position(|byte| *byte == b' ').ok_or_else(wrong)?;
    let length = number(&bytes[..space]).and_then(|length| usize::try_from(length).ok()).ok_or_else(wrong)?;
    let whole = bytes.get(..length).filter(|_| length > space + 1).ok_or_else(wrong)?;
    let text = whole[space + 1..].strip_suffix(b"\n").ok_or_else(wrong)?;
    let equals = text.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
    Ok((&text[..equals], &text[equals + 1..], &bytes[length..]))
}

#[cfg(test)]
mod tests {
    use super::Extended;

    #[test]
    fn values_may_hold_line_ends() {
        let mut extended = Extended::default();
        extended.take(b"30 SCHILY.xattr.user.a=1\n\x00\x0a23\n13 path=a\nbc\n").unwrap();
        assert_eq!(extended.attributes, [("user.a".to_owned(), b"1\n\x00\x0a23".to_vec())]);
        assert_eq!(extended.path.as_deref(), Some(&b"a\nbc"[..]));
    }

    #[test]
    fn malformed_records_are_refused() {
        for bytes in [&b"x"[..], b"0 a=b\n", b"99 a=b\n", b"6 a=b", b"5 ab\n", b"9 size=x\n", b"19 GNU.sparse.a=1\n\n"]
        {
            assert!(Extended::default().take(bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }
}
