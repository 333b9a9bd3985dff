//! Digests the sources that decide what a node gets, so that a render by a changed program never takes over payloads of
//! its former self.

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::{env, fs};

const SOURCES: [&str; 8] = [
    "agent/src",
    "ignition/src",
    "images/catalog",
    "images/src",
    "pki/src",
    "profiles/data",
    "profiles/src",
    "Cargo.lock",
];

fn main() {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("..");
    let mut files = Vec::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed=../{source}");
        collect(&root.join(source), &mut files);
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let content = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    println!("cargo::rustc-env=KFIMG_CONTENT_SOURCES={digest}");
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(path) else {
        files.push(path.to_path_buf());
        return;
    };
    for entry in entries.flatten() {
        collect(&entry.path(), files);
    }
}
