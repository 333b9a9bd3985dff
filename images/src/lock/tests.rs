//! A lock as text, and what two of them differ in.

use std::path::Path;

use super::{Change, Fact, Lock, LockedImage, Pin};
use crate::component::Architecture;
use crate::hasher::sha256;

fn pin(seed: &str, size: u64) -> Pin {
    Pin { digest: sha256(seed.as_bytes()), size }
}

fn sample() -> Lock {
    let mut lock = Lock::new(Architecture::ALL.iter().copied());
    let platforms = Architecture::ALL.iter().map(|one| (*one, pin(one.as_str(), 528))).collect();
    lock.images.insert(
        "registry.k8s.io/pause:3.10.2".parse().unwrap(),
        LockedImage { index: Some(pin("i", 1609)), platforms },
    );
    let platforms = [(Architecture::Amd64, pin("n", 400))].into();
    lock.images.insert("[::1]:5000/nginx:1".parse().unwrap(), LockedImage { index: None, platforms });
    lock.binaries.insert("kfimg.invalid/binary/kubelet:v1.36.3-amd64".parse().unwrap(), pin("k", 60_000_000));
    lock
}

#[test]
fn a_lock_is_read_as_it_was_written() {
    for lock in [sample(), Lock::new([Architecture::Arm64])] {
        let text = lock.to_text();
        let read = Lock::parse(Path::new("kfimg.lock"), &text).unwrap();
        assert_eq!(read, lock);
        assert_eq!(read.to_text(), text);
    }
    let index = format!("    index: {{ digest: \"{}\", size: 1609 }}", sha256(b"i"));
    assert!(sample().to_text().lines().any(|line| line == index), "{}", sample().to_text());
}

#[test]
fn one_architecture_pins_its_manifest_and_several_pin_the_index() {
    let pause = "registry.k8s.io/pause:3.10.2".parse().unwrap();
    let mut lock = sample();
    assert_eq!(lock.pin(&pause), Some(&pin("i", 1609)));
    lock.architectures = [Architecture::Amd64].into();
    assert_eq!(lock.pin(&pause), Some(&pin("amd64", 528)));
    assert_eq!(lock.pin(&"nginx".parse().unwrap()), None);
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let text = sample().to_text();
    let digest = sha256(b"i").to_string();
    let table = [
        (text.replace("kind: Lock", "kind: Clock"), 3, "this kfimg reads"),
        (text.replace("[amd64, arm64]", "[]"), 4, "no architecture"),
        (text.replace("[amd64, arm64]", "[sparc]"), 4, "sparc"),
        (text.replace("[amd64, arm64]", "[arm64]"), 7, "not among the architectures"),
        (text.replace(&digest, "sha256:abc"), 9, "64 hexadecimal digits"),
        (text.replace(&digest, "../../etc/passwd"), 9, "algorithm"),
        (text.replace("size: 1609", "size: -1"), 9, ""),
        (text.replace("size: 1609", "size: 1609, colour: red"), 9, "colour"),
        (text.replace("registry.k8s.io/pause", "pause"), 8, "docker.io/library/pause:3.10.2"),
        (text.replace("[::1]:5000/nginx:1", "registry.k8s.io/pause:3.10.2"), 8, "registry.k8s.io/pause:3.10.2"),
        (text.replace("    index", "    sparc"), 9, "sparc"),
        (format!("{text}more: 1\n"), 14, "more"),
        ("images: [".to_owned(), 1, ""),
        (String::new(), 1, ""),
    ];
    for (text, line, words) in table {
        let said = Lock::parse(Path::new("site/kfimg.lock"), &text).unwrap_err().to_string();
        assert!(
            said.starts_with(&format!("site/kfimg.lock:{line}: ")) && said.contains(words),
            "{line} {words}: {said}"
        );
        assert!(!said.contains('\n'), "{said}");
    }
}

#[test]
fn a_large_file_and_a_missing_one_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kfimg.lock");
    assert!(Lock::read(&path).unwrap_err().to_string().contains("kfimg.lock"));
    std::fs::write(&path, vec![b'#'; 9 << 20]).unwrap();
    assert!(Lock::read(&path).unwrap_err().to_string().contains("no lock"));
    sample().write(&path).unwrap();
    assert_eq!(Lock::read(&path).unwrap(), sample());
    let link = folder.path().join("link.lock");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(Lock::read(&link).unwrap(), sample(), "a lock may be kept elsewhere");
    assert!(Lock::read(folder.path()).unwrap_err().to_string().contains("not a plain file"));
}

#[test]
fn an_update_keeps_what_it_did_not_ask_for_as_far_as_it_stays_and_fits() {
    let names = ["registry.k8s.io/pause:3.10.2", "[::1]:5000/nginx:1"].map(|name| name.parse().unwrap());
    let [pause, nginx]: [crate::Reference; 2] = names;
    let kubelet = "kfimg.invalid/binary/kubelet:v1.36.3-amd64".parse().unwrap();
    let mut found = Lock::new(Architecture::ALL.iter().copied());
    let image = LockedImage { index: Some(pin("newer", 7)), ..sample().images[&pause].clone() };
    found.images.insert(pause.clone(), image.clone());
    let all = sample().renewed(&found, |_| true);
    assert_eq!((&all.images[&pause], &all.images[&nginx]), (&image, &sample().images[&nginx]));
    assert_eq!(all.binaries, sample().binaries);
    let some = sample().renewed(&found, |name| *name == kubelet);
    assert_eq!((some.images.len(), some.binaries.len()), (1, 1));
    // For fewer machines the rest is known; for others it is not.
    let one = sample().renewed(&Lock::new([Architecture::Arm64]), |_| true);
    assert_eq!(one.images[&pause].platforms.len(), 1);
    assert!(!one.images.contains_key(&nginx), "which is for amd64 alone");
    assert_eq!(Lock::parse(Path::new("kfimg.lock"), &one.to_text()).unwrap(), one);
    assert!(one.renewed(&found, |_| true).images.len() == 1, "nobody knows arm64's nginx");
}

#[test]
fn changes_name_each_fact() {
    let (old, mut new) = (sample(), sample());
    assert_eq!(old.changes(&new), []);
    let pause = "registry.k8s.io/pause:3.10.2".parse().unwrap();
    new.images.get_mut(&pause).unwrap().platforms.insert(Architecture::Arm64, pin("other", 1));
    new.images.remove(&"[::1]:5000/nginx:1".parse().unwrap());
    new.binaries.clear();
    let said: Vec<String> = old.changes(&new).iter().map(ToString::to_string).collect();
    let digest = |seed: &str| sha256(seed.as_bytes());
    let wanted = [
        format!("[::1]:5000/nginx:1 amd64: {} -> none", digest("n")),
        format!("kfimg.invalid/binary/kubelet:v1.36.3-amd64 file: {} -> none", digest("k")),
        format!("registry.k8s.io/pause:3.10.2 arm64: {} -> {}", digest("arm64"), digest("other")),
    ];
    assert_eq!(said, wanted);
    let back: Vec<Change> = new.changes(&old);
    assert_eq!(back[0].fact, Fact::Platform(Architecture::Amd64));
    assert_eq!((&back[0].old, &back[0].new), (&None, &Some(pin("n", 400))));
}
