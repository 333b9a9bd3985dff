//! A layer with a few programs: an uncompressed tar archive that is the same whenever it is written.

use crate::Result;
use fs_err as fs;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

/// Changes with the content of every layer, so that images are packed anew.
pub(super) const FORMAT: &str = "1";
/// Names of the users that images run as; without userland there is no other list.
const ACCOUNTS: [(&str, &str); 2] = [
    ("etc/passwd", "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n"),
    ("etc/group", "root:x:0:\nnobody:x:65534:\n"),
];

/// Writes the archive: the programs, owned by root and to be run by everybody, `/tmp`, and names of users.
pub(super) fn write(path: &Path, files: &[(PathBuf, String)]) -> Result<()> {
    let file = std::io::BufWriter::with_capacity(1 << 20, fs::File::create(path)?);
    let mut archive = Builder::new(file);
    folder(&mut archive, "tmp/", 0o1777)?;
    let mut folders = BTreeSet::from(["etc/".to_owned()]);
    folders.extend(files.iter().flat_map(|(_, place)| parents(place)));
    for name in folders {
        folder(&mut archive, &name, 0o755)?;
    }
    for (place, text) in ACCOUNTS {
        archive.append_data(&mut header(EntryType::Regular, 0o644, text.len() as u64), place, text.as_bytes())?;
    }
    for (source, place) in files {
        let source = fs::File::open(source)?;
        let mut header = header(EntryType::Regular, 0o755, source.metadata()?.len());
        archive.append_data(&mut header, place, source)?;
    }
    archive.into_inner()?.flush()?;
    Ok(())
}

fn folder<W: Write>(archive: &mut Builder<W>, name: &str, mode: u32) -> Result<()> {
    Ok(archive.append_data(&mut header(EntryType::Directory, mode, 0), name, std::io::empty())?)
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

/// `a/b/c` -> `a/`, `a/b/`.
fn parents(place: &str) -> impl Iterator<Item = String> {
    place.match_indices('/').map(|(end, _)| place[..=end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::parents;

    #[test]
    fn folders_come_from_the_top() {
        assert_eq!(parents("usr/local/bin/etcd").collect::<Vec<_>>(), ["usr/", "usr/local/", "usr/local/bin/"]);
        assert_eq!(parents("pause").count(), 0);
    }
}
