//! A UEFI program (Microsoft "PE Format", PE32+) taken apart and put together again with more sections.
//!
//! Sections keep their places in memory; in the file they are laid out anew, so that the table of sections may grow. What points
//! to other places of the file does not survive and is not needed: a signature, symbols, debug information.

use crate::extents::file_size;
use crate::output::{NewFile, OutputError};
use kfimg_images::Architecture;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where sections begin in memory: what every loader takes, and the stub may be less strict about.
const PAGE: u64 = 4096;
const SECTION_BYTES: usize = 40;
const EFI_APPLICATION: u16 = 10;
/// Initialised data, readable.
const DATA: u32 = 0x4000_0040;
/// Places in the optional header: sizes, alignments, the checksum, the directories.
const INITIALISED: usize = 8;
const SECTION_ALIGNMENT: usize = 32;
const FILE_ALIGNMENT: usize = 36;
const IMAGE_SIZE: usize = 56;
const HEADER_SIZE: usize = 60;
const CHECKSUM: usize = 64;
const SUBSYSTEM: usize = 68;
const DIRECTORIES: usize = 112;
/// Directories that name places of the file: the signature and debug information.
const FILE_DIRECTORIES: [usize; 2] = [4, 6];

/// A section that is added.
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) content: Content,
}

/// What is in it.
pub(super) enum Content {
    Bytes(Vec<u8>),
    File(PathBuf, u64),
}

impl Content {
    pub(super) fn of_file(path: &Path) -> Result<Self, OutputError> {
        Ok(Self::File(path.to_owned(), file_size(path)?))
    }

    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(_, length) => *length,
        }
    }
}

/// A program that was taken apart.
#[derive(Debug)]
pub(super) struct Stub<'a> {
    /// Everything before the table of sections.
    head: &'a [u8],
    /// Where the optional header begins.
    optional: usize,
    sections: Vec<StubSection<'a>>,
    file_alignment: u64,
}

#[derive(Debug)]
struct StubSection<'a> {
    header: &'a [u8],
    data: &'a [u8],
    /// First byte and length in memory.
    address: u64,
    length: u64,
}

/// Why a program could not be put together.
pub(super) enum WriteError {
    /// The table of sections has no room, or the whole is too large.
    Room(&'static str),
    /// The sections' files.
    Read(PathBuf, io::Error),
    Write(io::Error),
}

impl WriteError {
    pub(super) fn at(self, stub: &Path, target: &Path) -> OutputError {
        match self {
            Self::Room(problem) => OutputError::part(stub, problem),
            Self::Read(path, error) => OutputError::io("reading", &path)(error),
            Self::Write(error) => OutputError::io("writing", target)(error),
        }
    }
}

impl<'a> Stub<'a> {
    /// Takes a program apart.
    ///
    /// # Errors
    /// In words, when it is no UEFI program for this architecture.
    pub(super) fn parse(bytes: &'a [u8], architecture: Architecture) -> Result<Self, String> {
        Self::read(bytes, architecture).ok_or_else(|| "it is damaged: its headers point outside of it".to_owned())?
    }

    fn read(bytes: &'a [u8], architecture: Architecture) -> Option<Result<Self, String>> {
        let machine = match architecture {
            Architecture::Amd64 => 0x8664,
            Architecture::Arm64 => 0xaa64,
        };
        let coff = usize::try_from(u32_at(bytes, 0x3c)?).ok()?.checked_add(4)?;
        let optional = coff.checked_add(20)?;
        let is_program = bytes.get(coff - 4..coff)? == b"PE\0\0" && u16_at(bytes, optional)? == 0x20b;
        if !bytes.starts_with(b"MZ") || !is_program || u16_at(bytes, optional + SUBSYSTEM)? != EFI_APPLICATION {
            return Some(Err("it is no UEFI program".to_owned()));
        }
        if u16_at(bytes, coff)? != machine {
            return Some(Err(format!("it is for another architecture than {architecture}")));
        }
        let table = optional + usize::from(u16_at(bytes, coff + 16)?);
        let count = usize::from(u16_at(bytes, coff + 2)?);
        let headers = bytes.get(table..table + count * SECTION_BYTES)?.chunks_exact(SECTION_BYTES);
        let sections = headers.map(|header| StubSection::read(bytes, header)).collect::<Option<_>>()?;
        let file_alignment = u64::from(u32_at(bytes, optional + FILE_ALIGNMENT)?);
        let section_alignment = u64::from(u32_at(bytes, optional + SECTION_ALIGNMENT)?);
        if !file_alignment.is_power_of_two() || file_alignment.max(section_alignment) > PAGE {
            return Some(Err("its alignment is not systemd-stub's".to_owned()));
        }
        let directories = DIRECTORIES + 8 * (FILE_DIRECTORIES[1] + 1);
        let head = bytes.get(..table).filter(|_| table >= optional + directories)?;
        Some(Ok(Self { head, optional, sections, file_alignment }))
    }

    /// The content of a section.
    pub(super) fn section(&self, name: &str) -> Option<&'a [u8]> {
        let section = self.sections.iter().find(|section| section.is(name))?;
        Some(&section.data[..section.data.len().min(usize::try_from(section.length).ok()?)])
    }

    /// Writes it with more sections; those of a name that it has already take that one's place, but lie behind all others.
    pub(super) fn write_with(&self, added: &[Section], file: &NewFile) -> Result<(), WriteError> {
        let kept: Vec<_> = self.sections.iter().filter(|old| !added.iter().any(|new| old.is(new.name))).collect();
        let table = (kept.len() + added.len()) * SECTION_BYTES;
        let header_size = self.aligned((self.head.len() + table) as u64);
        let first = self.sections.iter().map(|section| section.address).min().unwrap_or_default();
        if header_size > first {
            return Err(WriteError::Room(
                "its headers leave no room for more sections: is it another program than systemd-stub?",
            ));
        }
        let mut memory = self.sections.iter().map(|section| section.address + section.length).max().unwrap_or_default();
        let (mut headers, mut place) = (Vec::new(), header_size);
        for section in &kept {
            let mut header = section.header.to_vec();
            put_u32(&mut header, 20, place)?;
            headers.extend(header);
            place += self.aligned(section.data.len() as u64);
        }
        for section in added {
            let length = section.content.length();
            let address = memory.next_multiple_of(PAGE);
            headers.extend(header(section.name, [length, address, self.aligned(length), place])?);
            place += self.aligned(length);
            memory = address + length;
        }
        let added_bytes: u64 = added.iter().map(|section| self.aligned(section.content.length())).sum();
        let head = self.new_head(kept.len() + added.len(), header_size, added_bytes, memory)?;
        let mut out = Padded { file: file.file(), alignment: self.file_alignment };
        out.write(&[head, headers].concat())?;
        kept.iter().try_for_each(|section| out.write(section.data))?;
        added.iter().try_for_each(|section| out.content(&section.content))
    }

    fn new_head(&self, sections: usize, header_size: u64, added: u64, memory: u64) -> Result<Vec<u8>, WriteError> {
        let mut head = self.head.to_vec();
        let (coff, optional) = (self.optional - 20, self.optional);
        let count = u16::try_from(sections).map_err(|_| WriteError::Room("it has too many sections"))?;
        head[coff + 2..coff + 4].copy_from_slice(&count.to_le_bytes());
        // No symbols.
        head[coff + 8..coff + 16].fill(0);
        let initialised = u64::from(u32_at(&head, optional + INITIALISED).unwrap_or_default());
        put_u32(&mut head, optional + INITIALISED, initialised + added)?;
        put_u32(&mut head, optional + IMAGE_SIZE, memory.next_multiple_of(PAGE))?;
        put_u32(&mut head, optional + HEADER_SIZE, header_size)?;
        head[optional + CHECKSUM..optional + CHECKSUM + 4].fill(0);
        for directory in FILE_DIRECTORIES {
            let place = optional + DIRECTORIES + 8 * directory;
            head[place..place + 8].fill(0);
        }
        Ok(head)
    }

    fn aligned(&self, bytes: u64) -> u64 {
        bytes.next_multiple_of(self.file_alignment)
    }
}

impl<'a> StubSection<'a> {
    fn read(bytes: &'a [u8], header: &'a [u8]) -> Option<Self> {
        let place = usize::try_from(u32_at(header, 20)?).ok()?;
        let size = usize::try_from(u32_at(header, 16)?).ok()?;
        let data = if size == 0 { &[][..] } else { bytes.get(place..place.checked_add(size)?)? };
        let (address, length) = (u64::from(u32_at(header, 12)?), u64::from(u32_at(header, 8)?));
        Some(Self { header, data, address, length })
    }

    fn is(&self, name: &str) -> bool {
        self.header[..8].split(|byte| *byte == 0).next() == Some(name.as_bytes())
    }
}

/// Writes pieces, each filled up to the alignment.
struct Padded<'a> {
    file: &'a File,
    alignment: u64,
}

impl Padded<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.file.write_all(bytes).and_then(|()| self.pad(bytes.len() as u64)).map_err(WriteError::Write)
    }

    fn content(&mut self, content: &Content) -> Result<(), WriteError> {
        match content {
            Content::Bytes(bytes) => self.write(bytes),
            Content::File(path, length) => {
                let source = File::open(path).map_err(|error| WriteError::Read(path.clone(), error))?;
                let copied =
                    io::copy(&mut io::Read::take(source, *length), &mut self.file).map_err(WriteError::Write)?;
                if copied != *length {
                    return Err(WriteError::Read(path.clone(), io::ErrorKind::UnexpectedEof.into()));
                }
                self.pad(*length).map_err(WriteError::Write)
            }
        }
    }

    fn pad(&mut self, written: u64) -> io::Result<()> {
        let rest = written.next_multiple_of(self.alignment) - written;
        self.file.write_all(&vec![0; usize::try_from(rest).expect("less than an alignment")])
    }
}

/// A section's header; the numbers are its length and place in memory, and those in the file.
fn header(name: &str, numbers: [u64; 4]) -> Result<Vec<u8>, WriteError> {
    let mut header = vec![0; SECTION_BYTES];
    header[..name.len()].copy_from_slice(name.as_bytes());
    for (index, number) in numbers.into_iter().enumerate() {
        put_u32(&mut header, 8 + 4 * index, number)?;
    }
    header[36..].copy_from_slice(&DATA.to_le_bytes());
    Ok(header)
}

fn put_u32(bytes: &mut [u8], place: usize, number: u64) -> Result<(), WriteError> {
    let number = u32::try_from(number);
    let number =
        number.map_err(|_| WriteError::Room("with kernel and initrd it has 4 GiB or more, which UEFI can't load"))?;
    bytes[place..place + 4].copy_from_slice(&number.to_le_bytes());
    Ok(())
}

fn u32_at(bytes: &[u8], place: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(place..place.checked_add(4)?)?.try_into().ok()?))
}

fn u16_at(bytes: &[u8], place: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(place..place.checked_add(2)?)?.try_into().ok()?))
}
