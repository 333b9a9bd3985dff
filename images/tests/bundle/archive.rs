//! One tar, and chunks.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use kfimg_images::archive::{
    ArchiveError, ChunkOptions, ChunkState, Writing, tar_size, verify_chunks, write_chunks, write_tar,
};
use kfimg_images::content::Content;
use kfimg_images::stop::Stop;

use crate::support::{Place, names, noise, quiet, run};

#[test]
fn a_tar_is_the_same_every_time_and_from_every_form() {
    let place = Place::new();
    let content = place.content();
    let (one, two) = (place.path("one.tar"), place.path("two.tar"));
    let told = AtomicU64::new(0);
    let count = |bytes| {
        told.fetch_add(bytes, Ordering::Relaxed);
    };
    let size = write_tar(&content, &one, &Writing { progress: &count, ..Writing::default() }).unwrap();
    assert_eq!(size, tar_size(&content));
    assert_eq!(size, fs::metadata(&one).unwrap().len());
    assert_eq!(size, told.into_inner());
    write_tar(&Content::open(&one).unwrap(), &two, &Writing::default()).unwrap();
    assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
    let chunks = place.path("cut.chunks.json");
    let set =
        write_chunks(&content, &chunks, ChunkOptions { chunk_size: 10_000, parity: 0 }, &Writing::default()).unwrap();
    let joined: Vec<u8> = set.chunks.iter().flat_map(|chunk| fs::read(place.path(&chunk.file)).unwrap()).collect();
    assert_eq!(joined, fs::read(&one).unwrap());
    assert_eq!(set.chunks[0].file, "cut.000");
    assert!(!names(place.folder.path()).iter().any(|name| name.contains("partial")));
}

#[test]
fn gnu_tar_reads_what_is_written_also_long_names_and_large_files() {
    let mut place = Place::new();
    let sha512 = format!("sha512:{}", "0".repeat(128)).parse().unwrap();
    let long = place.bundle.blob_as(&sha512, b"named by 128 digits");
    let large = place.bundle.blob(&noise(3_000_000, 1));
    place.bundle.finish();
    let tar = place.path("b.tar");
    write_tar(&place.content(), &tar, &Writing::default()).unwrap();
    let listed = run(Command::new("tar").arg("tvf").arg(&tar));
    let first: Vec<&str> = listed.lines().take(3).map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(first, ["oci-layout", "index.json", "bundle.json"]);
    assert!(listed.lines().all(|line| line.starts_with("-rw-r--r-- 0/0") && line.contains("1970-01-01")), "{listed}");
    assert!(listed.contains(long.hexadecimal()) && listed.contains(large.hexadecimal()));
    let unpacked = place.path("unpacked");
    fs::create_dir(&unpacked).unwrap();
    run(Command::new("tar").arg("xf").arg(&tar).arg("-C").arg(&unpacked));
    let (unpacked, folder) = (Content::open(&unpacked).unwrap(), place.content());
    assert!(unpacked.blobs().map(|(digest, _)| digest).eq(folder.blobs().map(|(digest, _)| digest)));
    assert_eq!(unpacked.index_bytes(), folder.index_bytes());
}

#[test]
fn what_gnu_tar_packs_is_a_bundle_in_each_of_its_formats() {
    let mut place = Place::new();
    let sha512 = format!("sha512:{}", "0".repeat(128)).parse().unwrap();
    place.bundle.blob_as(&sha512, b"named by 128 digits");
    let wanted: Vec<_> = place.content().blobs().map(|(digest, extent)| (digest.clone(), extent.size())).collect();
    for (format, what) in [("gnu", "."), ("pax", "."), ("ustar", "blobs/sha256"), ("gnu", "blobs")] {
        let tar = place.path("packed.tar");
        let mut command = Command::new("tar");
        command.arg("cf").arg(&tar).arg(format!("--format={format}")).arg("-C").arg(place.bundle.folder());
        if what == "." {
            command.arg(".");
        } else {
            command.args(["oci-layout", "index.json", "bundle.json", what]);
        }
        run(&mut command);
        let content = Content::open(&tar).unwrap();
        let found: Vec<_> = content.blobs().map(|(digest, extent)| (digest.clone(), extent.size())).collect();
        let all = what != "blobs/sha256";
        assert!(
            wanted.iter().filter(|(digest, _)| all || digest.algorithm() == "sha256").eq(&found),
            "{format} {what}"
        );
    }
}

#[test]
fn a_damaged_bundle_is_not_passed_on_and_the_former_file_stays() {
    let mut place = Place::new();
    let blob = place.bundle.blob(&noise(2_500_000, 2));
    let (tar, chunks) = (place.path("b.tar"), place.path("b.chunks.json"));
    let options = ChunkOptions { chunk_size: 1 << 20, parity: 1 };
    write_tar(&place.content(), &tar, &Writing::default()).unwrap();
    write_chunks(&place.content(), &chunks, options, &Writing::default()).unwrap();
    let (before, files) = (fs::read(&tar).unwrap(), names(place.folder.path()));
    assert!(!files.iter().any(|name| name.contains("partial")));
    let mut bytes = fs::read(place.bundle.path(&blob)).unwrap();
    bytes[1_234_567] ^= 1;
    fs::write(place.bundle.path(&blob), bytes).unwrap();
    let content = place.content();
    for error in [
        write_tar(&content, &tar, &Writing::default()).unwrap_err(),
        write_chunks(&content, &chunks, options, &Writing::default()).unwrap_err(),
    ] {
        assert!(error.to_string().contains(&format!("the blob {blob} is damaged")), "{error}");
    }
    assert_eq!(fs::read(&tar).unwrap(), before);
    assert!(verify_chunks(&chunks, &quiet).unwrap().is_sound());
    assert_eq!(names(place.folder.path()), files, "and nothing half-written is left beside it");
}

#[test]
fn chunks_that_cannot_be_are_refused() {
    let place = Place::new();
    let content = place.content();
    let write = |name: &str, chunk_size, parity| {
        let written = |bytes| panic!("{bytes} bytes were written before {name} was refused");
        let writing = Writing { progress: &written, ..Writing::default() };
        write_chunks(&content, &place.path(name), ChunkOptions { chunk_size, parity }, &writing)
            .unwrap_err()
            .to_string()
    };
    assert!(write("b.chunks.json", 100, 0).contains("the smallest is 4096"));
    assert!(write("b.tar", 1 << 20, 0).contains("NAME.chunks.json"));
    assert!(write(".chunks.json", 1 << 20, 0).contains("NAME.chunks.json"));
    assert!(write("b.chunks.json", 8192, 600).contains("more than 512"));
    assert!(write("b.chunks.json", 8192, usize::MAX).contains("more than 512"));
    let missing = write_tar(&content, &place.path("no/such/folder.tar"), &Writing::default()).unwrap_err();
    assert!(matches!(missing, ArchiveError::Write { .. }), "{missing}");
}

#[test]
fn a_smaller_set_leaves_nothing_of_a_larger_one() {
    let place = Place::new();
    let chunks = place.path("b.chunks.json");
    let write = |chunk_size, parity| {
        write_chunks(&place.content(), &chunks, ChunkOptions { chunk_size, parity }, &Writing::default()).unwrap();
    };
    write(8192, 3);
    assert!(names(place.folder.path()).len() > 12);
    write(1 << 20, 0);
    assert_eq!(names(place.folder.path()), ["b.000", "b.chunks.json", "bundle"]);
}

#[test]
fn a_former_manifest_of_other_files_costs_none_of_them() {
    let place = Place::new();
    let options = ChunkOptions { chunk_size: 8192, parity: 0 };
    write_chunks(&place.content(), &place.path("b.chunks.json"), options, &Writing::default()).unwrap();
    let (text, precious) = (fs::read_to_string(place.path("b.chunks.json")).unwrap(), place.path("site.yaml"));
    fs::write(&precious, "the only copy").unwrap();
    for former in [text.clone(), text.replace("\"b.001\"", "\"site.yaml\"")] {
        fs::write(place.path("c.chunks.json"), former).unwrap();
        write_chunks(&place.content(), &place.path("c.chunks.json"), options, &Writing::default()).unwrap();
        assert!(verify_chunks(&place.path("b.chunks.json"), &quiet).unwrap().is_sound());
        assert_eq!(fs::read(&precious).unwrap(), b"the only copy");
    }
}

#[test]
fn a_set_may_have_more_chunks_than_a_process_may_have_open_files() {
    let mut place = Place::new();
    place.bundle.blob(&noise(3_000_000, 5));
    let most = AtomicU64::new(0);
    let count = |_| {
        let open =
            fs::read_dir("/proc/self/fd").unwrap().flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
        let chunks =
            open.filter(|path| path.starts_with(place.folder.path()) && path.to_string_lossy().contains("/.b."));
        most.fetch_max(chunks.count() as u64, Ordering::Relaxed);
    };
    let options = ChunkOptions { chunk_size: 65_536, parity: 0 };
    let writing = Writing { progress: &count, ..Writing::default() };
    let set = write_chunks(&place.content(), &place.path("b.chunks.json"), options, &writing).unwrap();
    assert!(set.chunks.len() > 40);
    assert!((1..=2).contains(&most.into_inner()), "the manifest and one chunk");
}

#[test]
fn each_damaged_or_missing_chunk_is_named() {
    let place = Place::new();
    let chunks = place.path("b.chunks.json");
    write_chunks(&place.content(), &chunks, ChunkOptions { chunk_size: 8192, parity: 2 }, &Writing::default()).unwrap();
    assert!(verify_chunks(&chunks, &quiet).unwrap().is_sound());
    fs::remove_file(place.path("b.001")).unwrap();
    let mut bytes = fs::read(place.path("b.003")).unwrap();
    bytes[77] ^= 0x80;
    fs::write(place.path("b.003"), bytes).unwrap();
    fs::write(place.path("b.parity.001"), b"short").unwrap();
    let report = verify_chunks(&chunks, &quiet).unwrap();
    assert_eq!(report.chunks[0], ChunkState::Sound);
    assert_eq!(report.chunks[1], ChunkState::Missing);
    assert!(matches!(&report.chunks[3], ChunkState::Damaged(why) if why.contains("its digest is sha256:")));
    assert!(matches!(&report.parity[1], ChunkState::Damaged(why) if why.contains("has 5 bytes")));
    assert!(!report.is_sound() && !report.can_be_rebuilt());
}

#[test]
fn who_asks_to_stop_gets_nothing_half_written_and_keeps_what_was_there() {
    let mut place = Place::new();
    place.bundle.blob(&noise(16_000_000, 6));
    let (content, tar, chunks) = (place.content(), place.path("b.tar"), place.path("b.chunks.json"));
    let options = ChunkOptions { chunk_size: 3 << 20, parity: 2 };
    write_tar(&content, &tar, &Writing::default()).unwrap();
    write_chunks(&content, &chunks, options, &Writing::default()).unwrap();
    let (before, files) = (fs::read(&tar).unwrap(), names(place.folder.path()));
    // At the first bytes, and when only parity is yet to be written.
    for (asked_at, written) in [(1, 8 << 20), (tar_size(&content), tar_size(&content))] {
        let (told, stop) = (AtomicU64::new(0), Stop::new());
        let count = |bytes| {
            if told.fetch_add(bytes, Ordering::Relaxed) + bytes >= asked_at {
                stop.ask();
            }
        };
        let writing = Writing { progress: &count, stop: stop.clone(), ..Writing::default() };
        let error = write_chunks(&content, &chunks, options, &writing).unwrap_err();
        assert!(matches!(error, ArchiveError::Stopped), "{error}");
        assert!(told.into_inner() <= written, "asked at {asked_at}");
        let error = write_tar(&content, &tar, &Writing { stop, ..Writing::default() }).unwrap_err();
        assert!(matches!(error, ArchiveError::Stopped), "{error}");
        assert_eq!(names(place.folder.path()), files);
    }
    assert_eq!(fs::read(&tar).unwrap(), before);
    assert!(verify_chunks(&chunks, &quiet).unwrap().is_sound());
}
