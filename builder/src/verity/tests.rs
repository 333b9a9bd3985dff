//! `veritysetup` judges the trees.

use super::{Level, levels, uuid, write};
use crate::output::Watch;
use crate::root_image::digest;
use kfimg_images::stop::Stop;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

#[test]
fn the_highest_level_comes_first() {
    assert_eq!(levels(1), []);
    assert_eq!(levels(128), [Level { first: 1, blocks: 1 }]);
    assert_eq!(levels(129), [Level { first: 2, blocks: 2 }, Level { first: 1, blocks: 1 }]);
    let many = [Level { first: 3 + 1, blocks: 129 }, Level { first: 2, blocks: 2 }, Level { first: 1, blocks: 1 }];
    assert_eq!(levels(128 * 128 + 1), many);
}

#[test]
fn uuids_have_their_form() {
    let found = uuid(b"kfimg");
    assert_eq!(found.len(), 36);
    assert_eq!(&found[14..15], "8");
    assert_ne!(found, uuid(b"other"));
}

#[test]
fn veritysetup_accepts_every_tree_and_finds_one_flipped_bit() {
    let folder = tempfile::tempdir().unwrap();
    for blocks in [1_u64, 2, 127, 128, 129, 700, 128 * 128 + 3] {
        let (data, tree) = (folder.path().join("data"), folder.path().join(format!("tree{blocks}")));
        let bytes: Vec<u8> = (0..blocks * 4096).map(|at| u8::try_from(at % 251).unwrap()).collect();
        fs::write(&data, bytes).unwrap();
        let (_, sum) = digest(&data, &Watch::default()).unwrap();
        let verity = write(&data, &sum, &tree, &Stop::new()).unwrap();
        assert_eq!(fs::metadata(&tree).unwrap().len(), verity.size, "{blocks}");
        assert!(is_accepted(&data, &tree, &verity.root_hash), "{blocks} blocks");
        let file = fs::File::options().write(true).read(true).open(&data).unwrap();
        let at = blocks * 4096 - 1;
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at).unwrap();
        assert!(!is_accepted(&data, &tree, &verity.root_hash), "{blocks} blocks, one bit flipped");
    }
}

fn is_accepted(data: &Path, tree: &Path, root_hash: &str) -> bool {
    let mut command = Command::new("veritysetup");
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let output = command.env("PATH", path).arg("verify").args([data, tree]).arg(root_hash).output();
    output.expect("veritysetup is there: `make test` installs the package cryptsetup-bin").status.success()
}

#[test]
fn data_that_are_no_whole_blocks_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for length in [0, 4095, 4097] {
        fs::write(&data, vec![0; length]).unwrap();
        let (_, sum) = digest(&data, &Watch::default()).unwrap();
        assert!(write(&data, &sum, &folder.path().join("tree"), &Stop::new()).is_err(), "{length}");
    }
}
