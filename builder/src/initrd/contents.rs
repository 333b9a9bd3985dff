//! Which programs and kernel modules an initrd has, by the names of its files. Nothing is unpacked to a disk or kept.
//!
//! Source: Linux `Documentation/driver-api/early-userspace/buffer-format.rst`: archives of cpio (`newc`), each as it is or
//! compressed, with zeros between them. gzip and Zstandard are read here; other compressions by the program that everybody unpacks
//! them with, where it is installed.

use crate::content::kernel;
use crate::error::Error;
use crate::output::child::RunningChild;
use crate::output::{Tool, Watch};
use flate2::bufread::GzDecoder;
use kfimg_images::stop::{Stop, is_stop};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;

/// Bytes of a header: the magic, and thirteen numbers of eight hexadecimal digits.
const HEADER: usize = 110;
const TRAILER: &[u8] = b"TRAILER!!!";
const ALIGNMENT: u64 = 4;
/// Most bytes of a name (`PATH_MAX` of Linux).
const LONGEST: u64 = 4096;
/// Most bytes that all parts unpack to: no machine boots more, and a bomb ends here.
const MOST: u64 = 4 << 30;
/// Most kernels whose modules lie in one initrd: honest ones have a handful.
const KERNELS: usize = 64;
/// The bits of a mode that say what a file is, and those of a folder.
const KIND: u64 = 0o170_000;
const FOLDER: u64 = 0o040_000;

/// What unpacks a part that begins with this byte.
struct Unpacker {
    first: u8,
    tool: Tool,
    arguments: &'static [&'static str],
}

const XZ: Tool = Tool { program: "xz", package: "xz-utils", purpose: "it unpacks the initrd" };
const BZIP2: Tool = Tool { program: "bzip2", package: "bzip2", purpose: "it unpacks the initrd" };
const LZ4: Tool = Tool { program: "lz4", package: "lz4", purpose: "it unpacks the initrd" };
/// Twice what `xz -9` needs.
const MEMORY: &str = "--memlimit-decompress=128MiB";
/// What Linux unpacks too. What lies behind such a part is not looked for: everybody writes it last.
const UNPACKERS: &[Unpacker] = &[
    Unpacker { first: 0xfd, tool: XZ, arguments: &["-dc", "--single-stream", MEMORY] },
    Unpacker { first: 0x5d, tool: XZ, arguments: &["-dc", "--format=lzma", MEMORY] },
    Unpacker { first: b'B', tool: BZIP2, arguments: &["-dc"] },
    Unpacker { first: 0x02, tool: LZ4, arguments: &["-dc"] },
];

/// What follows in an initrd.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    Archive,
    Gzip,
    Zstandard,
    /// By its first byte.
    Other(u8),
    End,
}

/// What is looked for in an initrd.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted<'a> {
    /// Names of programs, in whichever folder.
    pub(crate) programs: &'a [&'static str],
    /// Names of kernel modules, with underscores.
    pub(crate) modules: &'a [&'static str],
}

/// What an initrd has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Contents {
    Files(Found),
    /// It is none, and what is wrong.
    Damaged(String),
    /// Nobody can tell, and why.
    Unread(String),
}

/// What was found of what was wanted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Found {
    pub(crate) programs: BTreeSet<&'static str>,
    /// Versions of kernels that any module is for, with the wanted ones of them.
    pub(crate) modules: BTreeMap<String, BTreeSet<&'static str>>,
}

impl Found {
    /// Takes note of a file. Modules lie below `lib/modules/<version>/`.
    ///
    /// # Errors
    /// Where there are modules for more kernels than anybody has.
    fn take(&mut self, path: &[u8], wanted: Wanted<'_>) -> io::Result<()> {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        self.programs.extend(wanted.programs.iter().filter(|program| program.as_bytes() == name));
        let Ok(path) = str::from_utf8(path) else { return Ok(()) };
        let Some((_, below)) = path.split_once("lib/modules/") else { return Ok(()) };
        let (Some((version, _)), Some(module)) = (below.split_once('/'), kernel::module(path)) else { return Ok(()) };
        if self.modules.len() >= KERNELS && !self.modules.contains_key(version) {
            return Err(io::Error::other(format!("it has modules for more than {KERNELS} kernels")));
        }
        let found = self.modules.entry(version.to_owned()).or_default();
        found.extend(wanted.modules.iter().filter(|wanted| **wanted == module));
        Ok(())
    }
}

/// Why nothing was found out.
enum Unread {
    /// It can't be read, or the bytes are wrong.
    Damaged(io::Error),
    /// It is something else than it should be.
    Wrong(String),
    /// Nobody here can read it.
    Unknown(String),
    /// It is no fault of the initrd's.
    Ours(Error),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Self::Damaged(error)
    }
}

/// Who is told of each file.
type Take<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

/// Looks for files. `folder` takes what another program has to unpack, as a file without a name.
///
/// # Errors
/// [`Error::Stopped`], and [`Error::Io`] when there is no room in `folder`: what is wrong with the initrd is told as such.
pub(crate) fn contents(initrd: impl Read, wanted: Wanted<'_>, folder: &Path, stop: &Stop) -> Result<Contents, Error> {
    let mut found = Found::default();
    let mut take = |path: &[u8]| found.take(path, wanted);
    let mut input = BufReader::new(stop.reader(initrd));
    match parts(&mut input, &mut take, folder, stop) {
        Ok(()) => Ok(Contents::Files(found)),
        Err(Unread::Damaged(error)) if is_stop(&error) => Err(Error::Stopped),
        Err(Unread::Damaged(error)) => Ok(Contents::Damaged(format!("it is damaged, or no initrd: {error}"))),
        Err(Unread::Wrong(reason)) => Ok(Contents::Damaged(reason)),
        Err(Unread::Unknown(reason)) => Ok(Contents::Unread(reason)),
        Err(Unread::Ours(error)) => Err(error),
    }
}

fn parts(input: &mut impl BufRead, take: &mut Take<'_>, folder: &Path, stop: &Stop) -> Result<(), Unread> {
    let mut left = MOST;
    loop {
        let inside = match archives(input, take)? {
            Part::Gzip => within(&mut left, GzDecoder::new(&mut *input), take)?,
            Part::Zstandard => within(&mut left, zstd::Decoder::with_buffer(&mut *input)?.single_frame(), take)?,
            Part::End => return Ok(()),
            Part::Archive => unreachable!("archives are read as long as one follows"),
            Part::Other(first) => return unpacked(first, input, take, folder, (left, stop)),
        };
        if inside != Part::End {
            return Err(Unread::Wrong("something that is no archive is packed in it".to_owned()));
        }
    }
}

/// Reads what a part unpacks to, which is less than what is left to all parts together.
fn within(left: &mut u64, unpacked: impl Read, take: &mut Take<'_>) -> io::Result<Part> {
    let mut input = BufReader::new(unpacked.take(*left));
    let part = archives(&mut input, take)?;
    *left = input.into_inner().limit();
    if *left > 0 { Ok(part) } else { Err(io::Error::other(format!("it unpacks to more than {} GiB", MOST >> 30))) }
}

/// Reads a part with the program that unpacks it.
fn unpacked(
    first: u8,
    input: &mut impl BufRead,
    take: &mut Take<'_>,
    folder: &Path,
    (left, stop): (u64, &Stop),
) -> Result<(), Unread> {
    let unpacker = UNPACKERS.iter().find(|row| row.first == first);
    let unknown =
        || Unread::Unknown(format!("it is packed in a way that kfimg does not know (its first byte is {first:#04x})"));
    let Unpacker { tool, arguments, .. } = unpacker.ok_or_else(unknown)?;
    let ours = |error: io::Error| Unread::Ours(Error::io("unpacking the initrd in", folder)(error));
    let mut file = tempfile::tempfile_in(folder).map_err(ours)?;
    Watch::new(stop, &|_| {}).copy(input, &mut file).map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => ours(error),
        _ => Unread::Damaged(error),
    })?;
    file.rewind().map_err(ours)?;
    let mut command = tool.command();
    let mut child =
        RunningChild::start(command.args(*arguments).stdin(file), true).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Unread::Unknown(tool.missing().to_string()),
            _ => ours(error),
        })?;
    let mut output = BufReader::new(child.output(stop)?.take(left));
    // What a program can't unpack is often no more than nothing.
    let read = match next(&mut output) {
        Ok(Part::Archive) => archives(&mut output, take),
        Ok(_) => Err(io::ErrorKind::InvalidData.into()),
        Err(error) => Err(error),
    };
    match read {
        Ok(Part::End) => Ok(()),
        Err(error) if is_stop(&error) => Err(Unread::Damaged(error)),
        _ => Err(Unread::Wrong(format!("{} finds no archive in it", tool.program))),
    }
}

/// Reads archives as long as one follows; returns what follows them.
fn archives(input: &mut impl BufRead, take: &mut Take<'_>) -> io::Result<Part> {
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
            Some(first) => Some(Part::Other(*first)),
            None if zeros == 0 => Some(Part::End),
            None => None,
        };
        input.consume(zeros);
        if let Some(part) = part {
            return Ok(part);
        }
    }
}

/// Shows the path of each file of one archive; folders are none.
fn archive(input: &mut impl BufRead, take: &mut Take<'_>) -> io::Result<()> {
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
            take(name)?;
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
    use super::{Contents, Found, Wanted, contents};
    use crate::initrd::Archive;
    use kfimg_images::stop::Stop;
    use std::io::Write;
    use std::process::{Command, Stdio};

    const PROGRAMS: [&str; 3] = ["ignition", "losetup", "mount"];
    const WANTED: Wanted<'static> = Wanted { programs: &PROGRAMS, modules: &["dm_verity", "nvme"] };

    fn archive(files: &[&str]) -> Vec<u8> {
        let mut archive = Archive::new(Vec::new(), 0);
        archive.folder("usr/lib/ignition", 0o755).unwrap();
        files.iter().for_each(|file| archive.file(file, 0o755, &[7; 1001]).unwrap());
        archive.finish().unwrap()
    }

    fn looked(initrd: &[u8]) -> Contents {
        contents(initrd, WANTED, &std::env::temp_dir(), &Stop::new()).unwrap()
    }

    fn all(initrd: &[u8]) -> Found {
        match looked(initrd) {
            Contents::Files(found) => found,
            Contents::Unread(reason) | Contents::Damaged(reason) => panic!("{reason}"),
        }
    }

    fn found(initrd: &[u8]) -> Vec<&'static str> {
        all(initrd).programs.into_iter().collect()
    }

    fn unread(initrd: &[u8]) -> String {
        match looked(initrd) {
            Contents::Unread(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    fn damaged(initrd: &[u8]) -> String {
        match looked(initrd) {
            Contents::Damaged(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    /// What another program makes of some bytes.
    fn packed(program: &str, arguments: &[&str], bytes: &[u8]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        std::fs::write(&path, bytes).unwrap();
        let input = std::fs::File::open(&path).unwrap();
        let mut command = Command::new(program);
        let output = command.args(arguments).stdin(input).stderr(Stdio::inherit()).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}; `make test` installs it"));
        assert!(output.status.success(), "{program}");
        output.stdout
    }

    #[test]
    fn programs_are_found_in_every_part() {
        let (early, main) = (archive(&["kernel/x86/microcode"]), archive(&["usr/bin/mount", "usr/sbin/losetup"]));
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&main).unwrap();
        let (gzip, zstandard) = (gzip.finish().unwrap(), zstd::encode_all(&main[..], 1).unwrap());
        for packed in [&main, &gzip, &zstandard] {
            let whole = [early.as_slice(), &[0; 300], packed.as_slice(), &[0; 700]].concat();
            assert_eq!(found(&whole), ["losetup", "mount"], "folders are no programs");
        }
        let behind = [zstandard, vec![0; 4], archive(&["usr/bin/ignition"])].concat();
        assert_eq!(found(&behind), PROGRAMS);
        assert_eq!(found(b""), Vec::<&str>::new());
    }

    #[test]
    fn modules_are_found_by_the_kernel_that_they_are_for_however_they_are_written_and_packed() {
        let files = [
            "usr/lib/modules/6.1.0-1-amd64/kernel/drivers/md/dm-verity.ko.zst",
            "usr/lib/modules/6.1.0-1-amd64/kernel/drivers/nvme/host/nvme.ko",
            "usr/lib/modules/6.1.0-1-amd64/modules.dep",
            "lib/modules/6.9/kernel/drivers/net/loopback.ko.xz",
            "usr/share/nvme.ko",
        ];
        let found =
            all(&archive(&files)).modules.into_iter().map(|(version, names)| (version, names.into_iter().collect()));
        let expected = [("6.1.0-1-amd64".to_owned(), vec!["dm_verity", "nvme"]), ("6.9".to_owned(), Vec::new())];
        assert_eq!(found.collect::<Vec<(String, Vec<&str>)>>(), expected);
    }

    /// As the distributions' own programs pack them for Linux.
    #[test]
    fn other_compressions_are_unpacked_by_their_programs() {
        let (early, main) = (archive(&["kernel/x86/microcode"]), archive(&["usr/bin/mount", "usr/sbin/losetup"]));
        for (program, arguments) in [
            ("xz", &["-c", "--check=crc32"][..]),
            ("xz", &["-c", "--format=lzma"]),
            ("bzip2", &["-c"]),
            ("lz4", &["-c", "-l"]),
        ] {
            let packed = packed(program, arguments, &main);
            let whole = [early.as_slice(), &[0; 300], packed.as_slice()].concat();
            assert_eq!(found(&whole), ["losetup", "mount"], "{program} {arguments:?}");
            let cut = damaged(&whole[..whole.len() - packed.len() / 2]);
            assert_eq!(cut, format!("{program} finds no archive in it"));
        }
    }

    #[test]
    fn modules_of_countless_kernels_end_the_look() {
        let files: Vec<String> = (0..100).map(|number| format!("lib/modules/{number}/a.ko")).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        assert_eq!(all(&archive(&files[..64])).modules.len(), 64);
        assert!(damaged(&archive(&files)).contains("modules for more than 64 kernels"));
    }

    #[test]
    fn all_parts_share_one_bound() {
        let archive = archive(&["usr/bin/mount"]);
        let packed = zstd::encode_all(&archive[..], 1).unwrap();
        for more in 1..=archive.len() {
            let mut left = (archive.len() + more) as u64;
            let mut take = |_: &[u8]| Ok(());
            let mut part = || super::within(&mut left, zstd::Decoder::new(&packed[..]).unwrap(), &mut take);
            assert_eq!(part().unwrap(), super::Part::End);
            assert!(part().is_err(), "{more}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_and_not_judged() {
        let whole = archive(&["usr/bin/mount"]);
        let reason = unread(&[whole.as_slice(), b"\x89LZO"].concat());
        assert_eq!(reason, "it is packed in a way that kfimg does not know (its first byte is 0x89)");
        for length in 1..whole.len() {
            assert!(damaged(&whole[..length]).starts_with("it is damaged, or no initrd: "), "{length}");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            let _ = looked(&bytes);
        }
        let stop = Stop::new();
        stop.ask();
        let error = contents(&whole[..], WANTED, &std::env::temp_dir(), &stop).unwrap_err();
        assert!(matches!(error, crate::Error::Stopped), "{error}");
    }
}
