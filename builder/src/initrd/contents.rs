//! Which programs an initrd has, by the names of its files. Nothing is unpacked to a disk or kept.
//!
//! Source: Linux `Documentation/driver-api/early-userspace/buffer-format.rst`: archives of cpio (`newc`), each as it is or
//! compressed, with zeros between them. gzip and Zstandard are read; of other compressions nothing is known here.

use flate2::bufread::GzDecoder;
use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read};

/// Bytes of a header: the magic, and thirteen numbers of eight hexadecimal digits.
const HEADER: usize = 110;
const TRAILER: &[u8] = b"TRAILER!!!";
const ALIGNMENT: u64 = 4;
/// Most bytes of a name (`PATH_MAX` of Linux).
const LONGEST: u64 = 4096;
/// Most bytes that one part unpacks to: no machine boots more, and a bomb ends here.
const MOST: u64 = 4 << 30;
/// The bits of a mode that say what a file is, and those of a folder.
const KIND: u64 = 0o170_000;
const FOLDER: u64 = 0o040_000;

/// What follows in an initrd.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    Archive,
    Gzip,
    Zstandard,
    Unknown,
    End,
}

/// Those of the wanted programs that an initrd has, in whichever folder; `None` for an initrd that can't be read here.
pub(crate) fn programs<'a>(initrd: impl Read, wanted: &[&'a str]) -> Option<BTreeSet<&'a str>> {
    let mut found = BTreeSet::new();
    let mut take = |name: &[u8]| found.extend(wanted.iter().copied().filter(|program| program.as_bytes() == name));
    let mut input = BufReader::new(initrd);
    loop {
        let inside = match archives(&mut input, &mut take).ok()? {
            Part::Gzip => archives(&mut BufReader::new(GzDecoder::new(&mut input).take(MOST)), &mut take),
            Part::Zstandard => {
                let decoder = zstd::Decoder::with_buffer(&mut input).ok()?.single_frame();
                archives(&mut BufReader::new(decoder.take(MOST)), &mut take)
            }
            Part::End => break,
            Part::Archive | Part::Unknown => return None,
        };
        if inside.ok()? != Part::End {
            return None;
        }
    }
    Some(found)
}

/// Reads archives as long as one follows; returns what follows them.
fn archives(input: &mut impl BufRead, take: &mut dyn FnMut(&[u8])) -> io::Result<Part> {
    loop {
        match next(input)? {
            Part::Archive => archive(input, take)?,
            other => return Ok(other),
        }
    }
}

/// What follows the zeros, by its first byte.
fn next(input: &mut impl BufRead) -> io::Result<Part> {
    loop {
        let buffer = input.fill_buf()?;
        let zeros = buffer.iter().take_while(|byte| **byte == 0).count();
        let part = match buffer.get(zeros) {
            Some(b'0') => Some(Part::Archive),
            Some(0x1f) => Some(Part::Gzip),
            Some(0x28) => Some(Part::Zstandard),
            Some(_) => Some(Part::Unknown),
            None if zeros == 0 => Some(Part::End),
            None => None,
        };
        input.consume(zeros);
        if let Some(part) = part {
            return Ok(part);
        }
    }
}

/// Shows the name of each file of one archive, without its folders.
fn archive(input: &mut impl BufRead, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    loop {
        let mut header = [0; HEADER];
        input.read_exact(&mut header)?;
        let (mode, size, length) = (number(&header, 1)?, number(&header, 6)?, number(&header, 11)?);
        if !header.starts_with(b"07070") || length > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut name = Vec::new();
        input.by_ref().take(length).read_to_end(&mut name)?;
        skip(input, padding(HEADER as u64 + length))?;
        let name = name.strip_suffix(b"\0").unwrap_or(&name);
        if name == TRAILER {
            return Ok(());
        }
        skip(input, size + padding(size))?;
        if mode & KIND != FOLDER {
            take(name.rsplit(|byte| *byte == b'/').next().unwrap_or_default());
        }
    }
}

/// A number of a header, in the order of [`super::Archive`].
fn number(header: &[u8; HEADER], index: usize) -> io::Result<u64> {
    let digits = str::from_utf8(&header[6 + 8 * index..][..8]).unwrap_or_default();
    u64::from_str_radix(digits, 16).map_err(|_| io::ErrorKind::InvalidData.into())
}

fn padding(length: u64) -> u64 {
    length.next_multiple_of(ALIGNMENT) - length
}

fn skip(input: &mut impl BufRead, length: u64) -> io::Result<()> {
    match io::copy(&mut input.by_ref().take(length), &mut io::sink())? {
        skipped if skipped == length => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::programs;
    use crate::initrd::Archive;
    use std::io::Write;

    const WANTED: [&str; 3] = ["ignition", "losetup", "mount"];

    fn archive(files: &[&str]) -> Vec<u8> {
        let mut archive = Archive::new(Vec::new(), 0);
        archive.folder("usr/lib/ignition", 0o755).unwrap();
        files.iter().for_each(|file| archive.file(file, 0o755, &[7; 1001]).unwrap());
        archive.finish().unwrap()
    }

    fn found(initrd: &[u8]) -> Option<Vec<&'static str>> {
        programs(initrd, &WANTED).map(Vec::from_iter)
    }

    #[test]
    fn programs_are_found_in_every_part() {
        let (early, main) = (archive(&["kernel/x86/microcode"]), archive(&["usr/bin/mount", "usr/sbin/losetup"]));
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&main).unwrap();
        let (gzip, zstandard) = (gzip.finish().unwrap(), zstd::encode_all(&main[..], 1).unwrap());
        for packed in [&main, &gzip, &zstandard] {
            let whole = [early.as_slice(), &[0; 300], packed.as_slice(), &[0; 700]].concat();
            assert_eq!(found(&whole), Some(vec!["losetup", "mount"]), "folders are no programs");
        }
        let behind = [zstandard, vec![0; 4], archive(&["usr/bin/ignition"])].concat();
        assert_eq!(found(&behind), Some(WANTED.to_vec()));
        assert_eq!(found(b""), Some(Vec::new()));
    }

    #[test]
    fn what_cannot_be_read_is_not_judged() {
        let whole = archive(&["usr/bin/mount"]);
        assert_eq!(found(&[whole.as_slice(), b"\xfd7zXZ\0"].concat()), None);
        for length in 1..whole.len() {
            assert!(found(&whole[..length]).is_none(), "{length}");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            let _ = found(&bytes);
        }
    }
}
