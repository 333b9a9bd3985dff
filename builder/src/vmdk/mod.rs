//! A disk as a VMDK of type streamOptimized, in which appliances carry their disks: compressed grains, one after the other.
//!
//! Source: VMware "Virtual Disk Format 5.0", chapter "Stream-Optimized Compressed Sparse Extents". Each grain is a zlib stream
//! of its own, so all cores compress; grains of zeros are left out.

mod format;

use crate::blocks::{self, BLOCK, Packed};
use crate::extents::Extents;
use crate::output::{NewFile, OutputError, Watch};
use flate2::{Compress, Compression, FlushCompress, Status};
use format::{GRAIN_SECTORS, GRAINS_A_TABLE, Marker, SECTOR};
use std::io::{BufWriter, Write};
use std::path::Path;

/// What `qemu-img` and VMware's own tools use.
const LEVEL: u32 = 6;
/// Room for what zlib adds to content that it can't compress.
const SLACK: usize = 1 << 10;

/// Writes the disk. `identity` tells this disk's content from others'; the root hash does.
///
/// # Errors
/// When its parts cannot be read, it cannot be written, or somebody asks to stop.
pub fn write(content: &Extents, identity: &str, path: &Path, watch: &Watch<'_>) -> Result<(), OutputError> {
    let new = NewFile::begin(path)?;
    write_into(content, identity, &new, watch)?;
    new.finish()
}

/// Writes the disk into a file that was begun.
pub(crate) fn write_into(
    content: &Extents,
    identity: &str,
    new: &NewFile,
    watch: &Watch<'_>,
) -> Result<(), OutputError> {
    let path = new.target();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let open = content.open()?;
    let mut writer = Writer::begin(new.file(), content.size()).map_err(OutputError::io("writing", path))?;
    let sectors = content.size() / SECTOR;
    let started = writer.start(&format::descriptor(sectors, identity, &name));
    started.map_err(OutputError::io("writing", path))?;
    let prepare = || Compress::new(Compression::new(LEVEL), true);
    let write = |packed: Packed| writer.grain(&packed).map_err(OutputError::io("writing", path));
    blocks::each(&open, watch, prepare, |state, grain| Ok(deflate(state, grain)), write)?;
    writer.finish().map_err(OutputError::io("writing", path))
}

fn deflate(state: &mut Compress, grain: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(BLOCK + SLACK);
    state.reset();
    let status = state.compress_vec(grain, &mut bytes, FlushCompress::Finish);
    assert!(matches!(status, Ok(Status::StreamEnd)), "there is room for a grain that can't be compressed");
    bytes
}

/// What is written, and where everything came to lie.
struct Writer<W: Write> {
    out: BufWriter<W>,
    /// Sectors written so far.
    sector: u64,
    capacity: u64,
    /// Where the table of each 512 grains lies; 0 where all are zeros.
    directory: Vec<u32>,
    /// The table that is being filled, and its place in the directory.
    table: Vec<u32>,
    current: usize,
}

impl<W: Write> Writer<W> {
    fn begin(out: W, size: u64) -> std::io::Result<Self> {
        let tables = size.div_ceil(BLOCK as u64 * GRAINS_A_TABLE as u64);
        let tables = usize::try_from(tables).map_err(|_| std::io::ErrorKind::FileTooLarge)?;
        let out = BufWriter::with_capacity(1 << 20, out);
        let (directory, table) = (vec![0; tables], vec![0; GRAINS_A_TABLE]);
        Ok(Self { out, sector: 0, capacity: size / SECTOR, directory, table, current: 0 })
    }

    /// The header and the descriptor; the first grain lies at a multiple of the grain's size, as everybody writes it.
    fn start(&mut self, descriptor: &str) -> std::io::Result<()> {
        self.put(&format::header(self.capacity, format::AT_END))?;
        let room = usize::try_from((GRAIN_SECTORS - 1) * SECTOR).expect("64 KiB");
        assert!(descriptor.len() <= format::DESCRIPTOR_BYTES, "a descriptor is a page of text");
        let mut bytes = descriptor.as_bytes().to_vec();
        bytes.resize(room, 0);
        self.put(&bytes)
    }

    fn grain(&mut self, packed: &Packed) -> std::io::Result<()> {
        let number = usize::try_from(packed.number).expect("a directory of this size was made");
        let (table, place) = (number / GRAINS_A_TABLE, number % GRAINS_A_TABLE);
        if table != self.current {
            self.end_table()?;
            self.current = table;
        }
        self.table[place] = self.here()?;
        let length = u32::try_from(packed.bytes.len()).expect("a grain has 64 KiB");
        let mut bytes = (packed.number * GRAIN_SECTORS).to_le_bytes().to_vec();
        bytes.extend(length.to_le_bytes());
        bytes.extend_from_slice(&packed.bytes);
        self.put(&bytes)
    }

    /// Writes the table of the grains so far, if there are any.
    fn end_table(&mut self) -> std::io::Result<()> {
        if self.table.iter().all(|place| *place == 0) {
            return Ok(());
        }
        self.directory[self.current] = self.numbers(Marker::GrainTable, &self.table.clone())?;
        self.table.fill(0);
        Ok(())
    }

    /// Tables, directory, and the header again, which now says where the directory lies.
    fn finish(mut self) -> std::io::Result<()> {
        self.end_table()?;
        let directory = self.numbers(Marker::GrainDirectory, &self.directory.clone())?;
        self.put(&Marker::Footer.bytes(1))?;
        self.put(&format::header(self.capacity, u64::from(directory)))?;
        self.put(&Marker::EndOfStream.bytes(0))?;
        self.out.flush()
    }

    /// Writes a table behind its marker, and gives the table's place.
    fn numbers(&mut self, marker: Marker, numbers: &[u32]) -> std::io::Result<u32> {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.put(&marker.bytes((bytes.len() as u64).div_ceil(SECTOR)))?;
        let place = self.here()?;
        self.put(&bytes)?;
        Ok(place)
    }

    fn here(&self) -> std::io::Result<u32> {
        u32::try_from(self.sector).map_err(|_| std::io::ErrorKind::FileTooLarge.into())
    }

    /// Writes bytes and fills up their last sector.
    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let sectors = (bytes.len() as u64).div_ceil(SECTOR);
        let rest = usize::try_from(sectors * SECTOR).expect("as long as the bytes") - bytes.len();
        self.out.write_all(bytes)?;
        self.out.write_all(&[0; SECTOR as usize][..rest])?;
        self.sector += sectors;
        Ok(())
    }
}
