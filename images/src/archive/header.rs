//! The headers that are written: plain files, nobody's, of no time. ustar, with PAX records where ustar does not do.
//!
//! Source: POSIX.1-2024, pax, "ustar Interchange Format" and "pax Extended Header".

/// Everything in a tar is a multiple of this many bytes.
pub(super) const BLOCK: u64 = 512;
/// The largest size that eleven octal digits say.
const OCTAL_LIMIT: u64 = 0o777_7777_7777;
/// The longest name and the longest prefix of ustar.
const NAME: usize = 100;
const PREFIX: usize = 155;

/// All headers of a file, one to three blocks.
pub(super) fn headers(path: &str, size: u64) -> Vec<u8> {
    let mut records = Vec::new();
    let (prefix, name) = split(path).unwrap_or_else(|| {
        records.extend(record("path", path));
        ("", &path[path.len() - NAME..])
    });
    let header_size = if size > OCTAL_LIMIT {
        records.extend(record("size", &size.to_string()));
        0
    } else {
        size
    };
    let mut bytes = Vec::new();
    if !records.is_empty() {
        // The records' own name matters to nobody; that of the file's end tells two apart.
        let length = records.len() as u64;
        bytes.extend(block("PaxHeaders", &name[name.len() - name.len().min(64)..], length, b'x'));
        records.resize(usize::try_from(filled(length)).expect("records are short"), 0);
        bytes.extend(records);
    }
    bytes.extend(block(prefix, name, header_size, b'0'));
    bytes
}

/// The size with the filling behind it.
pub(super) fn filled(size: u64) -> u64 {
    size.next_multiple_of(BLOCK)
}

/// Prefix and name, where the path fits into a ustar header.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= NAME {
        return Some(("", path));
    }
    path.rmatch_indices('/')
        .map(|(at, _)| (&path[..at], &path[at + 1..]))
        .find(|(prefix, name)| prefix.len() <= PREFIX && name.len() <= NAME)
}

/// `<length> <key>=<value>\n`, the length counting all of it, itself too.
fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n").into_bytes()
}

fn block(prefix: &str, name: &str, size: u64, kind: u8) -> [u8; BLOCK as usize] {
    let mut block = [0; BLOCK as usize];
    let mut put = |offset: usize, text: &[u8]| block[offset..offset + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    put(345, prefix.as_bytes());
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}
