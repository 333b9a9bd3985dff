//! What is packed: programs and libraries of this machine; and how large it has become.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Places of programs and libraries.
const SOURCES: [&str; 3] = ["/usr/bin", "/usr/lib", "/usr/share"];
/// Files of one folder of a tree.
const FOLDER: usize = 200;

/// Files of this machine one after the other, as one of so many bytes.
pub(crate) fn one_file(target: &Path, bytes: u64) {
    let mut out = io::BufWriter::new(File::create(target).expect("the scratch folder can be written to"));
    each(bytes, |content| io::copy(content, &mut out));
    io::Write::flush(&mut out).expect("the scratch folder can be written to");
}

/// Files of this machine, so many bytes, as a tree below an empty folder.
pub(crate) fn tree(target: &Path, bytes: u64) {
    let mut count = 0;
    each(bytes, |content| {
        let folder = target.join(format!("{:03}", count / FOLDER));
        fs::create_dir_all(&folder)?;
        count += 1;
        io::copy(content, &mut File::create(folder.join(count.to_string()))?)
    });
}

/// Hands out contents until there are so many bytes of them.
fn each(bytes: u64, mut take: impl FnMut(&mut dyn Read) -> io::Result<u64>) {
    let mut rest = bytes;
    let mut folders: Vec<PathBuf> = SOURCES.iter().rev().map(PathBuf::from).collect();
    while let Some(folder) = folders.pop().filter(|_| rest > 0) {
        let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() && rest > 0 => {
                    let Ok(file) = File::open(entry.path()) else { continue };
                    rest -= take(&mut file.take(rest)).expect("the scratch folder can be written to");
                }
                _ => {}
            }
        }
    }
    assert!(rest == 0, "this machine has too few files for {bytes} bytes: set KFIMG_BENCH_MIB");
}

/// How large one file is beside another.
pub(crate) fn sizes(own: &Path, peer: &Path) -> f64 {
    let [own, peer] = [own, peer].map(|path| fs::metadata(path).expect("it was written").len());
    own as f64 / peer as f64
}
