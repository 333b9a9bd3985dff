//! `kfimg render --seal`: no key stands in the output in the clear, and Debian's age opens what is sealed.

#![allow(clippy::unwrap_used)]

mod support;

#[path = "sealed/copies.rs"]
mod copies;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::payload::Payload;
use support::program::{both, empty_folder, find, run, succeed};

const PASSPHRASE: &str = "correct horse battery staple";
const SEALED: &str = "/etc/kfimg/sealed.age";

/// A folder with a pair of keys, and a passphrase.
fn folder(name: &str) -> PathBuf {
    let folder = empty_folder(&format!("sealed/{name}"));
    succeed(Command::new(find("age-keygen")).args(["-o", "site.key"]).current_dir(&folder));
    let recipient = succeed(Command::new(find("age-keygen")).args(["-y", "site.key"]).current_dir(&folder));
    fs::write(folder.join("recipients.txt"), format!("# the site's own\n{recipient}")).unwrap();
    fs::write(folder.join("passphrase.txt"), format!("{PASSPHRASE}\n")).unwrap();
    folder
}

fn render(folder: &Path, words: &[&str]) -> Output {
    let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    run(kfimg.args(["render", "--profile", "ha3", "--registry", "reg.local"]).args(words).current_dir(folder))
}

/// What it says.
fn rendered(folder: &Path, words: &[&str]) -> String {
    let output = render(folder, words);
    let said = both(&output);
    assert!(output.status.success(), "{words:?}\n{said}");
    said
}

fn payload(folder: &Path, output: &str, node: &str) -> Payload {
    Payload::read(&folder.join(output).join(format!("nodes/{node}/ignition.json")))
}

#[test]
fn age_opens_what_is_sealed_and_nothing_secret_is_beside_it() {
    let folder = folder("keys");
    let plain = rendered(&folder, &["-o", "plain", "--channel", "ignition"]);
    let sealed = rendered(&folder, &["--seal", "age:recipients.txt", "--channel", "ignition"]);
    assert!(!plain.contains("kfimg.key") && sealed.contains("bring each its key: kfimg.key"), "{sealed}");
    for node in ["master1", "worker1"] {
        let (plain, sealed) = (payload(&folder, "plain", node), payload(&folder, "out", node));
        fs::write(folder.join("sealed.age"), &sealed.files()[SEALED]).unwrap();
        succeed(
            Command::new(find("age"))
                .args(["-d", "-i", "site.key", "-o", "secrets.tar.gz", "sealed.age"])
                .current_dir(&folder),
        );
        let root = folder.join(node);
        fs::create_dir(&root).unwrap();
        succeed(Command::new("tar").args(["-xpzf", "../secrets.tar.gz"]).current_dir(&root));
        let listed = succeed(Command::new("tar").args(["-tzf", "secrets.tar.gz"]).current_dir(&folder));
        let names: BTreeSet<String> = listed.lines().map(|name| format!("/{name}")).collect();
        let missing: BTreeSet<String> =
            plain.files().keys().filter(|path| !sealed.files().contains_key(*path)).cloned().collect();
        assert_eq!(names, missing, "{node}: what was sealed is what is gone");
        assert!(!names.is_empty());
        for name in &names {
            let path = root.join(name.trim_start_matches('/'));
            assert_eq!(fs::read(&path).unwrap(), plain.files()[name], "{node}: {name}");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600, "{node}: {name}");
        }
        let clear = sealed.texts().find(|text| text.contains("PRIVATE KEY"));
        assert!(clear.is_none(), "{node}: {clear:?}");
    }
}

/// Every way in, in both formats where there are two.
const WAYS: [&[&str]; 7] = [
    &["--channel", "ignition"],
    &["--channel", "nocloud"],
    &["--channel", "config-drive"],
    &["--channel", "config-drive", "--set", "delivery.payload=cloud-init"],
    &["--channel", "guestinfo", "--channel", "pxe"],
    &["--channel", "guestinfo", "--channel", "pxe", "--set", "delivery.payload=cloud-init"],
    &["--channel", "guestinfo", "--set", "delivery.guestinfo={transport: ovf-properties, limit: 1Mi}"],
];

#[test]
fn a_sealed_copy_of_any_channel_has_no_key_in_it_and_a_plain_one_has() {
    let folder = folder("copies");
    for (number, way) in WAYS.iter().enumerate() {
        for (name, seal) in [("plain", &[][..]), ("sealed", &["--seal", "age:recipients.txt"])] {
            let output = format!("{name}-{number}");
            rendered(&folder, &[way, seal, &["-o", &output]].concat());
            let secrets = copies::secrets(&folder.join("ha3.state"));
            let output = folder.join(output);
            let mut opened = 0;
            for file in copies::files(&output).iter().filter(|file| !file.ends_with("admin.kubeconfig")) {
                let count = copies::given_away(&fs::read(file).unwrap(), &secrets);
                assert!(name == "plain" || count == 0, "{way:?}: {}: {count} keys", file.display());
                // A control plane has seven keys and more of its own, a worker two.
                opened += usize::from(count > 1);
            }
            assert!(name == "sealed" || opened >= 5, "{way:?}: only {opened} files of five nodes have keys");
        }
    }
}

#[test]
fn sealed_payloads_of_every_profile_fit_into_the_properties_of_an_appliance() {
    let folder = folder("sizes");
    for profile in ["single", "single-vip", "ha3", "ha5", "external-lb", "external-etcd"] {
        for format in ["ignition", "cloud-init"] {
            let payload = format!("delivery.payload={format}");
            let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
            kfimg.args([
                "render",
                "--profile",
                profile,
                "--registry",
                "reg.local",
                "-o",
                &format!("{profile}-{format}"),
            ]);
            kfimg.args(["--seal", "age:recipients.txt", "--channel", "guestinfo", "--set", &payload]);
            kfimg.args(["--set", "delivery.guestinfo.transport=ovf-properties"]);
            let said = run(kfimg.current_dir(&folder));
            assert!(said.status.success(), "{profile} {format}: {}", both(&said));
        }
    }
}

#[test]
fn what_does_not_fit_when_it_is_sealed_is_left_to_the_boot_server() {
    let folder = folder("split");
    let largest = |output: &str| fs::metadata(folder.join(output).join("vmware/master1/import.json")).unwrap().len();
    let way = |limit: &str| format!("delivery.guestinfo={{transport: ovf-properties, limit: {limit}}}");
    rendered(&folder, &["--channel", "guestinfo", "--set", &way("1Mi"), "-o", "plain"]);
    rendered(&folder, &["--channel", "guestinfo", "--set", &way("1Mi"), "-o", "whole", "--seal", "age:recipients.txt"]);
    assert!(largest("whole") > largest("plain"), "{} {}", largest("whole"), largest("plain"));
    // Between the two: only the sealed form is too large.
    let between = (largest("plain") + largest("whole")) / 2;
    let (limit, server) = (way(&between.to_string()), "delivery.bootServer=http://192.168.49.2:8080");
    let set = ["--channel", "guestinfo", "--set", &limit, "--set", server];
    rendered(&folder, &[&set[..], &["-o", "kept"]].concat());
    assert!(!folder.join("kept/content").exists());
    rendered(&folder, &[&set[..], &["-o", "split", "--seal", "age:recipients.txt"]].concat());
    assert!(folder.join("split/content").is_dir());
}

#[test]
fn age_opens_what_a_passphrase_sealed() {
    let folder = folder("passphrase");
    rendered(&folder, &["--seal", "passphrase:passphrase.txt", "--channel", "ignition"]);
    fs::write(folder.join("sealed.age"), &payload(&folder, "out", "master2").files()[SEALED]).unwrap();
    // age asks at a terminal only.
    let asked = format!("printf '{PASSPHRASE}\\n' | script -qec 'age -d -o secrets.tar.gz sealed.age' /dev/null");
    let said = run(Command::new("sh").args(["-euc", &asked]).current_dir(&folder));
    assert!(said.status.success(), "{}", both(&said));
    let listed = succeed(Command::new("tar").args(["-tzf", "secrets.tar.gz"]).current_dir(&folder));
    assert!(listed.contains("etc/kubernetes/pki/ca.key\n"), "{listed}");
}

#[test]
fn sealing_again_changes_nothing_and_another_key_changes_every_payload() {
    let folder = folder("again");
    let manifest = || fs::read_to_string(folder.join("out/manifest.json")).unwrap();
    rendered(&folder, &["--seal", "age:recipients.txt"]);
    let first = manifest();
    rendered(&folder, &["--seal", "age:recipients.txt"]);
    assert_eq!(manifest(), first);
    fs::remove_dir_all(folder.join("out")).unwrap();
    rendered(&folder, &["--seal", "age:recipients.txt"]);
    assert_eq!(manifest(), first, "also without the former output");
    rendered(&folder, &["--seal", "passphrase:passphrase.txt"]);
    let generation = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["generation"].as_u64();
    assert_eq!((generation(&first), generation(&manifest())), (Some(1), Some(2)));
}

#[test]
fn a_wrong_seal_is_named_with_its_line_and_no_key_is_shown() {
    let folder = folder("wrong");
    fs::write(folder.join("mixed.txt"), "# two mistakes\nage1qqqq\n\nssh-ed25519 AAAA\n").unwrap();
    fs::write(folder.join("empty.txt"), "# none\n").unwrap();
    fs::write(folder.join("short.txt"), "hunter2\n").unwrap();
    fs::write(folder.join("two.txt"), format!("{PASSPHRASE}\n\nmore\n")).unwrap();
    fs::write(folder.join("blank.txt"), " ".repeat(20)).unwrap();
    fs::write(folder.join("edge.txt"), format!(" {PASSPHRASE}\n")).unwrap();
    let cases: [(&str, i32, &[&str]); 13] = [
        ("age:passphrase.txt", 3, &["passphrase.txt:1: this is no recipient of age"]),
        ("passphrase:recipients.txt", 3, &["recipients.txt: this is a recipient of age", "age:recipients.txt"]),
        ("passphrase:site.key", 3, &["site.key: this is an identity of age"]),
        ("passphrase:two.txt", 3, &["two.txt: a passphrase is one line"]),
        ("passphrase:blank.txt", 3, &["blank.txt: no passphrase is in it"]),
        ("passphrase:edge.txt", 3, &["edge.txt: the passphrase begins or ends with a blank"]),
        ("age:mixed.txt", 3, &["mixed.txt:2: `age1qqqq`", "mixed.txt:4: this is no recipient"]),
        ("age:site.key", 3, &["this is an identity"]),
        ("age:empty.txt", 3, &["no recipient is in it"]),
        ("passphrase:short.txt", 3, &["at least 16 characters"]),
        ("age:missing.txt", 4, &["missing.txt"]),
        ("gpg:recipients.txt", 2, &["write age:FILE"]),
        ("age:", 2, &["write age:FILE"]),
    ];
    let identity = fs::read_to_string(folder.join("site.key")).unwrap();
    let secret = identity.lines().last().unwrap();
    for (seal, code, expected) in cases {
        let said = render(&folder, &["--seal", seal]);
        assert_eq!(said.status.code(), Some(code), "{seal}: {}", both(&said));
        let text = both(&said);
        assert!(expected.iter().all(|part| text.contains(part)), "{seal}: {text}");
        assert!(![secret, "hunter2", PASSPHRASE].iter().any(|secret| text.contains(secret)), "{seal}: {text}");
        assert!(!folder.join("out").exists(), "{seal}");
    }
}
