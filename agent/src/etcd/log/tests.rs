//! Logs of a real etcd 3.6.8, without the zeros behind their ends (`recorded/`), and what may happen to them.

use super::{Seen, commit_all, inspect, segments};
use crate::guard::{ClusterId, MemberId, OwnData};
use std::fs::{File, create_dir_all, write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// First of three founders, which never saw another.
const ALONE: &[u8] = include_bytes!("recorded/alone.wal");
/// The same, after the others came and a leader was elected.
const FOUNDED: &[u8] = include_bytes!("recorded/founded.wal");
/// A cluster of one, with 30 writes, and a learner that was added.
const SINGLE: &[u8] = include_bytes!("recorded/single.wal");
/// That learner, which began with a snapshot.
const JOINED: &[u8] = include_bytes!("recorded/joined.wal");

const ALONE_OWNER: (u64, u64) = (0xaaff_dbe6_c044_9f2c, 0x2227_9191_112c_2b06);
const SINGLE_OWNER: (u64, u64) = (0x7758_b5ad_2c22_cfe5, 0x8bf6_d148_674f_44bd);
const JOINED_OWNER: (u64, u64) = (0x7758_b5ad_2c22_cfe5, 0x336c_41ae_2c8d_699d);
const FIRST: &str = "0000000000000000-0000000000000000.wal";

fn log(owner: (u64, u64), only_bootstrap: bool) -> OwnData {
    OwnData::Log { cluster: ClusterId(owner.0), member: MemberId(owner.1), only_bootstrap }
}

/// A data folder; files of the log go on with zeros as etcd's do.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in files {
        place(folder.path(), name, bytes);
    }
    folder
}

fn place(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join("member").join(name);
    create_dir_all(path.parent().unwrap()).unwrap();
    write(&path, bytes).unwrap();
    if name.ends_with(".wal") {
        File::options().write(true).open(&path).unwrap().set_len(bytes.len() as u64 + 20_000).unwrap();
    }
    path
}

fn first(bytes: &[u8]) -> OwnData {
    let name = format!("wal/{FIRST}");
    inspect(folder(&[(&name, bytes)]).path(), false)
}

#[test]
fn recorded_logs_tell_whose_they_are() {
    let cases = [
        (ALONE, log(ALONE_OWNER, true)),
        (FOUNDED, log(ALONE_OWNER, false)),
        (SINGLE, log(SINGLE_OWNER, false)),
        (JOINED, log(JOINED_OWNER, false)),
    ];
    for (bytes, expected) in cases {
        assert_eq!(first(bytes), expected);
        let name = format!("wal/{FIRST}");
        let running = inspect(folder(&[(&name, bytes)]).path(), true);
        let OwnData::Log { cluster, member, .. } = expected else { unreachable!() };
        assert_eq!(running, OwnData::Log { cluster, member, only_bootstrap: false });
    }
}

#[test]
fn folders_without_entries_are_none_and_traces_of_data_are_not() {
    let wal = format!("wal/{FIRST}");
    let second = "wal/0000000000000001-0000000000000004.wal";
    let third = "wal/0000000000000002-0000000000000009.wal";
    // The first records: checksum, metadata, snapshot at index 0.
    type Files<'a> = &'a [(&'a str, &'a [u8])];
    let cases: &[(Files<'_>, OwnData)] = &[
        (&[], OwnData::None),
        (&[("snap/db", b"bolt")], OwnData::None),
        (&[("wal/0.tmp", b"")], OwnData::None),
        (&[("wal.tmp/x", b"")], OwnData::None),
        (&[("snap/0000000000000002-000000000000000b.snap", b"")], OwnData::Unreadable),
        (&[(&wal, b"")], OwnData::Unreadable),
        (&[(&wal, &ALONE[..EMPTY_LOG])], OwnData::None),
        (&[(&wal, ALONE), ("snap/0000000000000002-000000000000000b.snap", b"")], log(ALONE_OWNER, false)),
        (&[(&wal, ALONE), (third, ALONE)], OwnData::Unreadable),
        (&[(second, &ALONE[..EMPTY_LOG])], log(ALONE_OWNER, false)),
    ];
    for (files, expected) in cases {
        let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
        assert_eq!(inspect(folder(files).path(), false), *expected, "{names:?}");
    }
    assert_eq!(inspect(Path::new("/nowhere/at/all"), false), OwnData::None);
    let not_a_folder = folder(&[("wal", b"a file")]);
    assert_eq!(inspect(not_a_folder.path(), false), OwnData::Unknown);
}

/// Bytes of a log that holds nothing but whose it is.
const EMPTY_LOG: usize = 80;

#[test]
fn a_log_cut_short_at_any_byte_is_its_beginning_or_torn_and_never_another_answer() {
    let wal = format!("wal/{FIRST}");
    // Up to these bytes nothing but the founders was written.
    for (bytes, owner, founders) in [(FOUNDED, ALONE_OWNER, 504), (SINGLE, SINGLE_OWNER, 264)] {
        for length in 0..bytes.len().min(1500) {
            // With zeros behind it, as after a power cut, and as the end of the file.
            let zeros = folder(&[(&wal, &bytes[..length])]);
            let bare = folder(&[]);
            let path = place(bare.path(), &wal, b"");
            write(path, &bytes[..length]).unwrap();
            for (folder, how) in [(zeros, "zeros"), (bare, "end")] {
                let found = inspect(folder.path(), false);
                let torn = match found {
                    OwnData::Log { cluster, member, .. } => (cluster.0, member.0) == owner,
                    OwnData::Unreadable | OwnData::None => true,
                    OwnData::Unknown => false,
                };
                assert!(torn, "{length} bytes, {how}: {found:?}");
                let bootstrap = matches!(found, OwnData::Log { only_bootstrap: true, .. });
                assert!(!bootstrap || length <= founders, "{length} bytes, {how}: {found:?}");
            }
        }
    }
}

#[test]
fn a_flipped_byte_is_never_taken_for_less_than_there_is() {
    for (bytes, owner) in [(FOUNDED, ALONE_OWNER), (JOINED, JOINED_OWNER), (SINGLE, SINGLE_OWNER)] {
        for at in 0..bytes.len().min(1200) {
            for mask in [0x01, 0x80, 0xff] {
                let mut damaged = bytes.to_vec();
                damaged[at] ^= mask;
                match first(&damaged) {
                    OwnData::Unreadable => {}
                    found @ OwnData::Log { only_bootstrap: false, .. } => {
                        assert_eq!(found, log(owner, false), "byte {at} ^ {mask:#x}");
                    }
                    found => panic!("byte {at} ^ {mask:#x}: {found:?}"),
                }
            }
        }
    }
}

#[test]
fn damage_is_damage_unless_the_last_record_lacks_a_sector() {
    // The last 600 bytes of a long log become zero, or other, or only their last sector does.
    let wal = format!("wal/{FIRST}");
    let sector = SINGLE.len() / 512 * 512;
    let mut torn = SINGLE.to_vec();
    torn[sector..].fill(0);
    assert_eq!(first(&torn), log(SINGLE_OWNER, false), "zeros behind the last whole sector");
    let mut garbled = SINGLE.to_vec();
    garbled[sector - 200..sector - 100].fill(0x55);
    assert_eq!(first(&garbled), OwnData::Unreadable);
    // A file that is not the last may not be torn.
    let second = "wal/0000000000000001-0000000000000029.wal";
    assert_eq!(inspect(folder(&[(&wal, &torn), (second, SINGLE)]).path(), false), OwnData::Unreadable);
}

/// The last entry of a log, and the last that is known to be committed; none where it is damaged or missing.
fn entries(folder: &Path) -> Option<(u64, u64)> {
    let mut seen = Seen::default();
    seen.read(&segments(&folder.join("member/wal")).unwrap(), false).unwrap()?;
    Some((seen.last, seen.commit))
}

#[test]
fn all_entries_of_a_log_count_that_was_cut_at_any_byte() {
    let wal = format!("wal/{FIRST}");
    let mut all = 0;
    for bytes in [ALONE, FOUNDED, SINGLE, JOINED] {
        for length in 0..bytes.len().min(1500) {
            let folder = folder(&[(&wal, &bytes[..length])]);
            let (before, owner) = (entries(folder.path()), inspect(folder.path(), false));
            let Some((last, commit)) = before else {
                assert!(commit_all(folder.path()).is_err(), "{length} bytes");
                continue;
            };
            let left = last.saturating_sub(commit);
            assert_eq!(commit_all(folder.path()).unwrap(), left, "{length} bytes");
            assert_eq!(entries(folder.path()), Some((last, commit.max(last))), "{length} bytes");
            let OwnData::Log { cluster, member, .. } = owner else { continue };
            let OwnData::Log { cluster: now, member: me, .. } = inspect(folder.path(), false) else {
                panic!("{length}")
            };
            assert_eq!((now, me), (cluster, member), "{length} bytes");
            assert_eq!(commit_all(folder.path()).unwrap(), 0, "{length} bytes, once more");
            all += left;
        }
    }
    assert!(all > 0);
    assert_eq!(commit_all(Path::new("/nowhere/at/all")).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
}
