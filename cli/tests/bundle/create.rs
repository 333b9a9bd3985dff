//! Bundles of a described cluster: whole, pinned, the same every time.

use super::upstream::{CLUSTER, Site};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn a_bundle_holds_what_the_cluster_asks_for_and_is_proven() {
    let site = Site::new();
    let said = site.create("");
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.stdout, "", "talk goes to standard error");
    assert!(said.stderr.contains("7 files for amd64"), "six binaries and kfimg itself: {}", said.stderr);
    let verified = site.run(&format!("bundle verify {CLUSTER}"));
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    assert!(verified.stderr.contains("bundle is sound"), "{}", verified.stderr);
    assert!(verified.stderr.contains("every image that 1 node will ask for: 11 images"), "{}", verified.stderr);
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    let site = Site::new();
    assert_eq!(site.create("-o first").code, 0);
    assert_eq!(site.create("-o second --workers 1").code, 0);
    assert_eq!(files(&site.path("first")), files(&site.path("second")));
    assert_eq!(site.create("-o first").code, 0, "again, over itself");
    assert_eq!(files(&site.path("first")), files(&site.path("second")));
}

#[test]
fn what_is_to_be_proven_is_in_the_report_for_programs() {
    let site = Site::new();
    let said = site.create("--output-format json");
    let created: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(created["gaps"], serde_json::json!([]), "{created}");
    let said = site.create("--referrers");
    assert!(said.stderr.contains("Nothing refers to these images"), "{}", said.stderr);
}

#[test]
fn chunks_that_are_one_byte_too_large_for_a_stick_are_warned_of() {
    let site = Site::new();
    assert_eq!(site.create("--images-only").code, 0);
    for (size, is_warned) in [("4GiB", true), ("4095MiB", false)] {
        let said = site.run(&format!("bundle pack -o medium/b --chunk-size {size}"));
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert_eq!(said.stderr.contains("--chunk-size 4095MiB fits"), is_warned, "{}", said.stderr);
    }
}

#[test]
fn a_bundle_without_a_cluster_holds_the_named_images() {
    let site = Site::new();
    let said = site.run(&format!("bundle create --image registry.k8s.io/pause:3.10.2 {}", site.upstream.options()));
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stderr.contains("1 image for amd64"), "{}", said.stderr);
}

#[test]
fn several_architectures_keep_whole_indexes() {
    let site = Site::new();
    let said = site.create("--arch amd64,arm64 --images-only --output-format json");
    assert_eq!(said.code, 0, "{}", said.stderr);
    let created: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let pause = &created["bundle"]["images"]["registry.k8s.io/pause:3.10.2"];
    assert_eq!(pause["platforms"], serde_json::json!(["linux/amd64", "linux/arm64"]), "{created}");
}

#[test]
fn the_lock_keeps_what_a_registry_changes_and_update_says_what_it_was() {
    let mut site = Site::new();
    assert_eq!(site.create("").code, 0);
    let lock = fs::read(site.path("kfimg.lock")).unwrap();
    site.change("pause");
    let said = site.create("-o other");
    assert_eq!(said.code, 7, "the registry has no longer what the lock says: {}", said.stderr);
    assert!(said.stderr.contains("registry.k8s.io/pause:3.10.2"), "{}", said.stderr);
    assert_eq!(fs::read(site.path("kfimg.lock")).unwrap(), lock, "only --update changes the lock");
    let said = site.create("-o other --update");
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stderr.contains("registry.k8s.io/pause:3.10.2 amd64: sha256:"), "{}", said.stderr);
    assert_ne!(fs::read(site.path("kfimg.lock")).unwrap(), lock);
}

#[test]
fn update_with_a_name_changes_what_that_name_stands_for_and_nothing_else() {
    let mut site = Site::new();
    let of_both = "--arch amd64,arm64 --images-only";
    assert_eq!(site.create(of_both).code, 0);
    let before = fs::read_to_string(site.path("kfimg.lock")).unwrap();
    site.change("registry.k8s.io");
    let said = site.create(&format!("{of_both} --update registry.k8s.io/pause:3.10.2"));
    assert_eq!(said.code, 0, "{}", said.stderr);
    let after = fs::read_to_string(site.path("kfimg.lock")).unwrap();
    let mut image = "";
    for (old, new) in before.lines().zip(after.lines()) {
        image = if old.ends_with(':') || !old.starts_with(' ') { old } else { image };
        assert_eq!(old != new, image == "  \"registry.k8s.io/pause:3.10.2\":" && !old.ends_with(':'), "{old}\n{new}");
    }
    assert_eq!(before.lines().count(), after.lines().count());
    for (more, wanted) in
        [(of_both, "nothing here asks for registry.k8s.io/pause:1"), ("--images-only", "say --arch amd64,arm64 too")]
    {
        let said = site.create(&format!("{more} --update registry.k8s.io/pause:1"));
        assert_eq!(said.code, 2, "{}", said.stderr);
        assert!(said.stderr.contains(wanted), "{}", said.stderr);
    }
}

#[test]
fn update_keeps_what_is_still_wanted_and_drops_what_is_not() {
    let site = Site::new();
    let lock = || fs::read_to_string(site.path("kfimg.lock")).unwrap();
    let (pause, etcd) = ("registry.k8s.io/pause:3.10.2", "registry.k8s.io/etcd");
    // Nobody describes a cluster: what this run does not ask for, another may.
    assert_eq!(site.create("").code, 0);
    let all = lock();
    let said = site.run(&format!("bundle create --image {pause} {} -o one --update", site.upstream.options()));
    assert_eq!((said.code, lock()), (0, all.clone()), "{}", said.stderr);
    // The description asks for the host programs, though this run leaves them out.
    assert_eq!(site.create("-o two --images-only --update").code, 0);
    assert_eq!(lock(), all);
    // It no longer asks for etcd in that version.
    let version = all.lines().find(|line| line.contains(etcd)).unwrap();
    let (index, old) = (all.find(version).unwrap(), version.replace("etcd:", "etcd:0."));
    let images = all[index..].split_inclusive('\n').take(3).collect::<String>().replace(version, &old);
    fs::write(site.path("kfimg.lock"), format!("{}{images}{}", &all[..index], &all[index..])).unwrap();
    let said = site.create("-o three --update");
    assert_eq!((said.code, lock()), (0, all), "{}", said.stderr);
    assert!(said.stderr.contains("registry.k8s.io/etcd:0.") && said.stderr.contains("-> none"), "{}", said.stderr);
}

#[test]
fn a_file_of_this_machine_comes_along() {
    let site = Site::new();
    fs::write(site.path("flatcar.raw"), b"an operating system").unwrap();
    let said = site.create("--file flatcar:4230.2.1=flatcar.raw --output-format json");
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stdout.contains("kfimg.invalid/file/flatcar:4230.2.1"), "{}", said.stdout);
    assert_eq!(site.run("bundle verify").code, 0);
}

#[test]
fn tar_and_chunks_are_the_same_bundle_without_unpacking() {
    let site = Site::new();
    assert_eq!(site.create("").code, 0);
    assert_eq!(site.create("-o direct.tar").code, 0);
    assert_eq!(site.run("bundle pack -o packed.tar").code, 0);
    assert_eq!(fs::read(site.path("direct.tar")).unwrap(), fs::read(site.path("packed.tar")).unwrap());
    assert_eq!(site.run("bundle pack -o medium/b --chunk-size 1MiB --parity 1").code, 0);
    for form in ["direct.tar", "medium/b.chunks.json"] {
        let said = site.run(&format!("bundle verify --bundle {form} {CLUSTER}"));
        assert_eq!(said.code, 0, "{form}: {}", said.stderr);
    }
}

#[test]
fn a_signature_is_one_that_openssl_verifies() {
    let site = Site::new();
    assert_eq!(site.create("--images-only").code, 0);
    let openssl = |line: &str| {
        let done = Command::new("openssl").args(line.split(' ')).current_dir(site.path("")).output().unwrap();
        assert!(done.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&done.stderr));
    };
    for name in ["ours", "other"] {
        openssl(&format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}.key"));
        openssl(&format!("pkey -in {name}.key -pubout -out {name}.pub"));
    }
    assert_eq!(site.run("bundle sign --key ours.key").code, 0);
    openssl("dgst -sha256 -verify ours.pub -signature bundle.sig bundle/bundle.json");
    let said = site.run("bundle verify --key ours.pub");
    assert_eq!(said.code, 0, "{}", said.stderr);
    let said = site.run("bundle verify --key other.pub");
    assert_eq!(said.code, 5, "{}", said.stderr);
    assert!(said.stderr.contains("another key"), "{}", said.stderr);
    // What else is wrong is told as well; and before anything is hashed, that there is no key.
    let said = site.run("bundle verify --key other.pub --profile ha3 --registry reg.local");
    assert_eq!(said.code, 5, "{}", said.stderr);
    for part in ["another key", "ghcr.io/kfimg/keepalived:2.2.7-0 is not in the bundle"] {
        assert!(said.stderr.contains(part), "{part} in {}", said.stderr);
    }
    fs::write(site.path("bundle/bundle.json"), "{}").unwrap();
    let said = site.run("bundle verify --key nothing.pub");
    assert_eq!(said.code, 4, "{}", said.stderr);
    assert!(said.stderr.contains("nothing.pub"), "{}", said.stderr);
}

#[test]
fn a_path_that_is_no_text_is_shown_as_well_as_it_can_be() {
    use std::os::unix::ffi::OsStrExt;
    let site = Site::new();
    let create = format!("bundle create --image registry.k8s.io/pause:3.10.2 {}", site.upstream.options());
    assert_eq!(site.run(&create).code, 0);
    let key = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "bundle.key"];
    assert!(Command::new("openssl").args(key).current_dir(site.path("")).output().unwrap().status.success());
    let table: [(&str, &[u8], &str); 4] = [
        ("bundle sign --key bundle.key -o", b"of-\xff.sig", "/signature"),
        ("bundle pack -o", b"of-\xff.tar", "/path"),
        ("bundle verify --bundle", b"of-\xff.tar", ""),
        (&format!("{create} -o"), b"new-\xff", "/path"),
    ];
    for (line, name, shown) in table {
        let said = site.run_with(&format!("--output-format json {line}"), std::ffi::OsStr::from_bytes(name));
        assert_eq!(said.code, 0, "{line}: {}", said.stderr);
        let value: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        let wanted = String::from_utf8_lossy(name);
        assert!(shown.is_empty() || value.pointer(shown).unwrap() == wanted.as_ref(), "{line}: {value}");
    }
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder).unwrap().display().to_string();
                    files.insert(name, fs::read(path).unwrap());
                }
            }
        }
    }
    files
}
