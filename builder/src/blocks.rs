//! Content cut into blocks that are compressed on all cores, in their order, with a bounded number of them in memory.
//!
//! While one batch is compressed the batch before it is written. What comes out does not depend on the number of cores.

use crate::extents::OpenExtents;
use crate::output::{OutputError, Watch};
use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
use std::path::Path;

/// Bytes of a block: the grain of a VMDK, the cluster of a qcow2.
pub(crate) const BLOCK: usize = 64 << 10;
/// Blocks of a batch: 8 MiB, of which two are in memory.
const BATCH: usize = 128;

/// A block that is not all zeros, and what was made of it.
pub(crate) struct Packed {
    /// Its number: its offset in blocks.
    pub(crate) number: u64,
    /// Its compressed content.
    pub(crate) bytes: Vec<u8>,
}

/// Compresses every block that is not all zeros, and hands them out by their numbers. `prepare` makes what one core needs.
///
/// # Errors
/// When the content cannot be read, those of `compress` and `write`, and when somebody asks to stop.
pub(crate) fn each<S>(
    content: &OpenExtents<'_>,
    watch: &Watch<'_>,
    prepare: impl Fn() -> S + Sync + Send,
    compress: impl Fn(&mut S, &[u8]) -> Result<Vec<u8>, OutputError> + Sync + Send,
    mut write: impl FnMut(Packed) -> Result<(), OutputError> + Send,
) -> Result<(), OutputError> {
    let pack = |(state, buffer): &mut (S, Vec<u8>), number: &u64| -> Result<Option<Packed>, OutputError> {
        content.read_at(number * BLOCK as u64, buffer)?;
        if is_zero(buffer) {
            return Ok(None);
        }
        Ok(Some(Packed { number: *number, bytes: compress(state, buffer)? }))
    };
    let begin = || (prepare(), vec![0; BLOCK]);
    let compress_all = |numbers: &[u64]| -> Result<Vec<Option<Packed>>, OutputError> {
        numbers.par_iter().map_init(begin, pack).collect()
    };
    let mut numbers = Numbers { content, next: 0 };
    let mut ready = Vec::new();
    loop {
        watch.stop().check().map_err(OutputError::io("compressing", Path::new("the disk")))?;
        let batch: Vec<u64> = numbers.by_ref().take(BATCH).collect();
        let finished = batch.is_empty();
        let mut write_all = |batch: Vec<Option<Packed>>| batch.into_iter().flatten().try_for_each(&mut write);
        let (written, compressed) = rayon::join(|| write_all(std::mem::take(&mut ready)), || compress_all(&batch));
        written?;
        ready = compressed?;
        watch.advanced((batch.len() * BLOCK) as u64);
        if finished {
            return Ok(());
        }
    }
}

/// The numbers of the blocks where something lies.
struct Numbers<'a> {
    content: &'a OpenExtents<'a>,
    next: u64,
}

impl Iterator for Numbers<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let block = BLOCK as u64;
        let number = self.content.next_data(self.next * block)? / block;
        self.next = number + 1;
        Some(number)
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<16>();
    words.iter().all(|word| u128::from_ne_bytes(*word) == 0) && rest.iter().all(|byte| *byte == 0)
}
