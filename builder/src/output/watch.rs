//! [`Watch`]: who looks on while an output is written, may end it early, and is told of bytes as they go.

use kfimg_images::stop::Stop;
use std::io::{self, Read, Write};

/// Bytes that are copied between two looks at the wish to stop.
const CHUNK: usize = 1 << 20;
const NOBODY: &dyn Fn(u64) = &|_| {};

/// Who looks on. By default nobody does: nothing is ended early, and nobody is told.
#[derive(Clone)]
pub struct Watch<'a> {
    stop: Stop,
    advanced: &'a dyn Fn(u64),
}

impl Default for Watch<'_> {
    fn default() -> Self {
        Self { stop: Stop::new(), advanced: NOBODY }
    }
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("stop", &self.stop).finish_non_exhaustive()
    }
}

impl<'a> Watch<'a> {
    /// Work ends once `stop` is asked; `advanced` is told of bytes that were done last.
    #[must_use]
    pub fn new(stop: &Stop, advanced: &'a dyn Fn(u64)) -> Self {
        Self { stop: stop.clone(), advanced }
    }

    /// The same wish to stop; of bytes nobody is told.
    pub(crate) fn quiet(&self) -> Watch<'static> {
        Watch { stop: self.stop.clone(), advanced: NOBODY }
    }

    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Tells of bytes.
    pub(crate) fn advanced(&self, bytes: u64) {
        (self.advanced)(bytes);
    }

    /// A stream that ends once somebody asks to stop, and whose bytes are told.
    pub(crate) fn reader<R: Read>(&self, stream: R) -> Watched<'_, R> {
        Watched { watch: self, stream }
    }

    /// As [`io::copy`], in steps between which somebody may ask to stop.
    pub(crate) fn copy(&self, from: impl Read, to: &mut impl Write) -> io::Result<u64> {
        let mut from = self.reader(from);
        let mut buffer = vec![0; CHUNK];
        let mut copied = 0;
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(copied),
                Ok(count) => {
                    to.write_all(&buffer[..count])?;
                    copied += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// See [`Watch::reader`].
pub(crate) struct Watched<'a, R> {
    watch: &'a Watch<'a>,
    stream: R,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.watch.stop.check()?;
        let count = self.stream.read(buffer)?;
        self.watch.advanced(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::Watch;
    use kfimg_images::stop::{Stop, is_stop};
    use std::cell::Cell;

    #[test]
    fn a_copy_tells_its_bytes_and_ends_when_it_is_asked_to() {
        let (stop, told) = (Stop::new(), Cell::new(0_u64));
        let advanced = |bytes: u64| {
            told.set(told.get() + bytes);
            if told.get() >= 3 << 20 {
                stop.ask();
            }
        };
        let watch = Watch::new(&stop, &advanced);
        let mut copy = Vec::new();
        assert_eq!(watch.copy(&[7; 100][..], &mut copy).unwrap(), 100);
        assert_eq!((copy.len(), told.get()), (100, 100));
        let error = watch.copy(&vec![7; 9 << 20][..], &mut copy).unwrap_err();
        assert!(is_stop(&error), "{error}");
        assert!(copy.len() < 5 << 20, "{}", copy.len());
    }
}
