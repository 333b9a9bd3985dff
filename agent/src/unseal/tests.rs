use super::*;
use crate::age::{Identity, Passphrase, Seal};
use crate::plan::Plan;
use crate::step::Step;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::os::unix::fs::PermissionsExt;

const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
const OTHER: &str = "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ8H00W3";
const KEY: &str = "/etc/kubernetes/pki/apiserver.key";

/// A node below a folder, with a sealed payload.
struct Machine {
    _folder: tempfile::TempDir,
    context: Context,
}

impl Machine {
    fn new(seal: &Seal<'_>, paths: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
        let mut header = tar::Header::new_ustar();
        header.set_size(6);
        header.set_mode(0o600);
        header.set_uid(rustix::process::getuid().as_raw().into());
        header.set_gid(rustix::process::getgid().as_raw().into());
        archive.append_data(&mut header, KEY.trim_start_matches('/'), &b"secret"[..]).unwrap();
        let text = archive.into_inner().unwrap().finish().unwrap();
        fs_err::create_dir_all(root.at("/etc/kfimg")).unwrap();
        fs_err::create_dir_all(root.at("/dev/disk/by-label/KFIMG-KEY")).unwrap();
        fs_err::write(root.at("/etc/kfimg/sealed.age"), age::seal(&text, seal, &[5; 32])).unwrap();
        let sealed = Sealed {
            file: "/etc/kfimg/sealed.age".to_owned(),
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        };
        let plan = Plan { sealed: Some(sealed), ..Plan::fake() };
        Self { _folder: folder, context: Context { root, plan } }
    }

    fn bring(&self, text: &str) {
        fs_err::write(self.context.root.at("/dev/disk/by-label/KFIMG-KEY/kfimg.key"), text).unwrap();
    }

    fn boot(&self) -> Result<(), Failure> {
        run(&self.context, &mut StepLog::begin(&self.context.root, Step::Unseal))
    }

    fn status(&self) -> String {
        fs_err::read_to_string(Step::Unseal.file(&self.context.root)).unwrap_or_default()
    }
}

fn recipients() -> [age::Recipient; 1] {
    [IDENTITY.parse::<Identity>().unwrap().recipient()]
}

#[test]
fn the_key_of_a_medium_opens_the_payload_and_the_next_boot_needs_none() {
    let machine = Machine::new(&Seal::Recipients(&recipients()), &[KEY]);
    machine.bring(&format!("# created: today\n{OTHER}\n{IDENTITY}\n"));
    let former = machine.context.root.at("/var/lib/kfimg/unsealed/former.tar.gz");
    fs_err::create_dir_all(former.parent().unwrap()).unwrap();
    fs_err::write(&former, "of an earlier payload").unwrap();
    for boot in 0..2 {
        machine.boot().unwrap();
        let key = machine.context.root.at(KEY);
        assert_eq!(fs_err::read(&key).unwrap(), b"secret", "boot {boot}");
        assert_eq!(fs_err::metadata(&key).unwrap().permissions().mode() & 0o7777, 0o600);
        assert!(!former.exists());
        // /etc is made anew at each boot, and the medium is gone.
        fs_err::remove_file(&key).unwrap();
        let _ = fs_err::remove_file(machine.context.root.at("/dev/disk/by-label/KFIMG-KEY/kfimg.key"));
    }
    assert!(machine.status().contains("by what was kept"), "{}", machine.status());
}

#[test]
fn a_credential_opens_the_payload_wherever_systemd_leaves_it() {
    for folder in ["/run/credentials/@system", "/run/host/credentials"] {
        let machine = Machine::new(&Seal::Recipients(&recipients()), &[KEY]);
        let folder = machine.context.root.at(folder);
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(folder.join("kfimg.key"), IDENTITY).unwrap();
        machine.boot().unwrap();
        assert!(machine.status().contains("by the credential kfimg.key"), "{}", machine.status());
    }
}

/// A `vmtoolsd` that keeps values as files in a folder, one for each key, and says of others what the real one says.
const TOOLS: &str = r#"#!/bin/sh
[ "$1" = --cmd ] || exit 2
set -f
command=${2%% *} rest=${2#* }
file=$(dirname "$0")/${rest%% *}
case $command in
  info-get) cat "$file" 2>/dev/null || { echo 'No value found' >&2; exit 1; } ;;
  info-set) printf '%s' "${rest#* }" >"$file" ;;
esac
"#;

/// Gives a machine VMware's tools with one value of guestinfo; gives the value's file.
fn give(machine: &Machine, key: &str, value: &str) -> std::path::PathBuf {
    let folder = machine.context.root.at("/usr/bin");
    fs_err::create_dir_all(&folder).unwrap();
    let tools = folder.join("vmtoolsd");
    fs_err::write(&tools, TOOLS).unwrap();
    fs_err::set_permissions(&tools, PermissionsExt::from_mode(0o755)).unwrap();
    fs_err::write(folder.join(key), value).unwrap();
    folder.join(key)
}

#[test]
fn guestinfo_opens_the_payload_and_is_emptied() {
    for text in [format!("{IDENTITY}\n"), format!("# created: today\n# public key: age1\n{IDENTITY}\n")] {
        let machine = Machine::new(&Seal::Recipients(&recipients()), &[KEY]);
        let value = give(&machine, "guestinfo.kfimg.key", &text);
        machine.boot().unwrap();
        assert!(machine.status().contains("by the key in guestinfo.kfimg.key"), "{}", machine.status());
        assert_eq!(fs_err::read(machine.context.root.at(KEY)).unwrap(), b"secret");
        assert_eq!(fs_err::read_to_string(value).unwrap(), " ", "a value can't be nothing");
    }
}

#[test]
fn a_property_of_the_appliance_opens_the_payload_and_stays() {
    let environment = |key: &str| {
        format!(
            "<?xml version=\"1.0\"?>\n<Environment xmlns:oe=\"http://schemas.dmtf.org/ovf/environment/1\"><PropertySection>\
             <Property oe:key=\"guestinfo.hostname\" oe:value=\"a\"/><Property oe:key=\"guestinfo.kfimg.key\" oe:value=\"{key}\"/>\
             </PropertySection></Environment>"
        )
    };
    let passphrase = Passphrase::new("battery <staple> & \"horse\"", [1; 16]).unwrap();
    let escaped = environment("battery &lt;staple&gt; &amp; &quot;horse&quot;");
    for (seal, text) in
        [(Seal::Recipients(&recipients()), environment(IDENTITY)), (Seal::Passphrase(&passphrase), escaped)]
    {
        let machine = Machine::new(&seal, &[KEY]);
        let value = give(&machine, "guestinfo.ovfEnv", &text);
        machine.boot().unwrap();
        assert!(machine.status().contains("by the key in the OVF property"), "{}", machine.status());
        assert_eq!(fs_err::read_to_string(value).unwrap(), text);
    }
}

#[test]
fn a_node_waits_says_so_and_goes_on_when_the_passphrase_comes() {
    let passphrase = Passphrase::new("correct horse battery", [1; 16]).unwrap();
    let machine = Machine::new(&Seal::Passphrase(&passphrase), &[KEY]);
    machine.bring("wrong horse battery\n");
    std::thread::scope(|scope| {
        let boot = scope.spawn(|| machine.boot());
        let start = std::time::Instant::now();
        while !machine.status().contains("SEALED_WRONG_KEY") || !machine.status().contains("its key is not here") {
            assert!(start.elapsed().as_secs() < 60, "{}", machine.status());
            std::thread::sleep(Duration::from_millis(20));
        }
        machine.bring("correct horse battery\n");
        boot.join().unwrap().unwrap();
    });
    assert_eq!(fs_err::read(machine.context.root.at(KEY)).unwrap(), b"secret");
}

#[test]
fn what_is_sealed_is_what_the_plan_says() {
    for (paths, expected) in [
        (&[][..], "and the plan does not say so"),
        (&[KEY, "/etc/kubernetes/admin.conf"], "/etc/kubernetes/admin.conf should be sealed"),
    ] {
        let machine = Machine::new(&Seal::Recipients(&recipients()), paths);
        machine.bring(IDENTITY);
        let failure = machine.boot().unwrap_err();
        assert_eq!(failure.code.name, "SEALED_DAMAGED");
        assert!(failure.message.contains(expected), "{}", failure.message);
    }
    let machine = Machine::new(&Seal::Recipients(&recipients()), &[KEY]);
    machine.bring(IDENTITY);
    fs_err::write(machine.context.root.at("/etc/kfimg/sealed.age"), "age-encryption.org/v1\n").unwrap();
    assert_eq!(machine.boot().unwrap_err().code.name, "SEALED_DAMAGED");
}
