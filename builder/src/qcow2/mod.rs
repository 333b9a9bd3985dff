//! A disk as a qcow2 whose clusters are compressed by zstd.
//!
//! Source: QEMU `docs/interop/qcow2.txt`, version 3 with the compression type. Each cluster is compressed by itself, so all cores
//! compress, and clusters of zeros are left out. Tables lie behind the data, so that the file is written from its beginning to
//! its end, but for the header.

mod tables;

use crate::blocks::{self, BLOCK, Packed};
use crate::extents::Extents;
use crate::output::{NewFile, OutputError, Watch};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use tables::Tables;
use zstd::bulk::Compressor;

/// The level that zstd calls its default, and QEMU takes.
const LEVEL: i32 = 3;

/// Writes the disk.
///
/// # Errors
/// When its parts cannot be read, it cannot be written, or somebody asks to stop.
pub fn write(content: &Extents, path: &Path, watch: &Watch<'_>) -> Result<(), OutputError> {
    let open = content.open()?;
    let new = NewFile::begin(path)?;
    let failed = |error| OutputError::io("writing", path)(error);
    let mut writer = Writer::begin(new.file(), content.size()).map_err(failed)?;
    let prepare = || Compressor::new(LEVEL);
    let compress = |state: &mut io::Result<Compressor<'_>>, cluster: &[u8]| {
        let packed = match state {
            Ok(compressor) => compressor.compress(cluster),
            Err(_) => Err(io::ErrorKind::OutOfMemory.into()),
        };
        let packed = packed.map_err(OutputError::io("compressing", path))?;
        // What does not become smaller is kept as it is, and known by its length.
        Ok(if packed.len() < BLOCK { packed } else { cluster.to_vec() })
    };
    blocks::each(&open, watch, prepare, compress, |packed| writer.cluster(&packed).map_err(failed))?;
    writer.finish(new.file()).map_err(failed)?;
    new.finish()
}

/// What is written, and where everything came to lie.
struct Writer<'a> {
    out: BufWriter<&'a File>,
    /// Bytes written so far.
    length: u64,
    tables: Tables,
}

impl<'a> Writer<'a> {
    /// Leaves the first cluster for the header.
    fn begin(file: &'a File, size: u64) -> io::Result<Self> {
        let mut writer = Self { out: BufWriter::with_capacity(1 << 20, file), length: 0, tables: Tables::new(size) };
        writer.put(&[0; BLOCK])?;
        Ok(writer)
    }

    fn cluster(&mut self, packed: &Packed) -> io::Result<()> {
        if packed.bytes.len() == BLOCK {
            self.align()?;
            self.tables.plain(packed.number, self.length);
        } else {
            self.tables.compressed(packed.number, self.length, packed.bytes.len() as u64);
        }
        self.put(&packed.bytes)
    }

    /// Writes the tables, then the header.
    fn finish(mut self, file: &File) -> io::Result<()> {
        self.align()?;
        let (header, tables) = self.tables.finish(self.length);
        for table in tables {
            self.put(&table)?;
            self.align()?;
        }
        self.out.flush()?;
        file.write_all_at(&header, 0)
    }

    fn align(&mut self) -> io::Result<()> {
        let rest = self.length.next_multiple_of(BLOCK as u64) - self.length;
        self.put(&vec![0; usize::try_from(rest).expect("less than a cluster")])
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}
