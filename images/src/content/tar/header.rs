//! The 512 bytes before each entry of a tar.

use super::super::TarProblem;

/// Everything in a tar is a multiple of this many bytes.
pub(super) const BLOCK: u64 = 512;
/// The largest size that eleven octal digits say.
pub(super) const OCTAL_LIMIT: u64 = 0o777_7777_7777;

/// What kind of entry a header announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// PAX records for the next entry.
    Pax,
    /// PAX records for all entries that follow.
    PaxGlobal,
    /// GNU: the next entry's whole name.
    GnuName,
    /// Nothing that a bundle has.
    Refused(&'static str),
}

/// What a header says.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// The name, with ustar's prefix.
    pub(super) path: Vec<u8>,
    /// Bytes that follow.
    pub(super) size: u64,
}

impl Header {
    pub(super) fn parse(block: &[u8; BLOCK as usize]) -> Result<Self, TarProblem> {
        check_sum(block)?;
        let gnu = &block[257..265] == b"ustar  \0";
        let posix = &block[257..263] == b"ustar\0";
        if !gnu && !posix {
            return Err(TarProblem::Magic);
        }
        let size = number("size", &block[124..136])?;
        let name = text(&block[..100]);
        // GNU keeps times where POSIX keeps a prefix.
        let prefix = if posix { text(&block[345..500]) } else { &[] };
        let path = if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() };
        Ok(Self { kind: kind(block[156]), path, size })
    }
}

fn kind(flag: u8) -> Kind {
    match flag {
        b'0' | 0 => Kind::File,
        b'5' => Kind::Folder,
        b'x' => Kind::Pax,
        b'g' => Kind::PaxGlobal,
        b'L' => Kind::GnuName,
        b'1' => Kind::Refused("a hard link"),
        b'2' => Kind::Refused("a symbolic link"),
        b'K' => Kind::Refused("a link with a long target"),
        b'3' => Kind::Refused("a character device"),
        b'4' => Kind::Refused("a block device"),
        b'6' => Kind::Refused("a pipe"),
        b'S' => Kind::Refused("a sparse file"),
        _ => Kind::Refused("an entry of an unknown kind"),
    }
}

/// The sum of all bytes, the checksum itself counted as spaces.
fn check_sum(block: &[u8; BLOCK as usize]) -> Result<(), TarProblem> {
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    let own: u64 = block[148..156].iter().map(|byte| u64::from(*byte)).sum();
    let wanted = number("checksum", &block[148..156]).map_err(|_| TarProblem::Checksum)?;
    if sum - own + 8 * u64::from(b' ') == wanted { Ok(()) } else { Err(TarProblem::Checksum) }
}

/// Up to the first zero byte.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Octal digits, filled with spaces or zero bytes; or, with the highest bit set, GNU's base 256 (never negative here).
fn number(name: &'static str, field: &[u8]) -> Result<u64, TarProblem> {
    let wrong = || TarProblem::Number(name);
    let (first, rest) = field.split_first().ok_or_else(wrong)?;
    if first & 0x80 != 0 {
        if *first != 0x80 {
            return Err(wrong());
        }
        return rest.iter().try_fold(0_u64, |value, byte| {
            value.checked_mul(256).map(|value| value | u64::from(*byte)).ok_or_else(wrong)
        });
    }
    let digits = str::from_utf8(field).map_err(|_| wrong())?.trim_matches([' ', '\0']);
    if digits.is_empty() || !digits.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
        return Err(wrong());
    }
    u64::from_str_radix(digits, 8).map_err(|_| wrong())
}
