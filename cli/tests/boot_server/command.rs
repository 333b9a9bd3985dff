//! What `kfimg serve` says of options that can't be served, and of those that are hardly meant.

use crate::rendered;
use crate::support::program::{both, run, succeed};
use crate::support::registry::Served;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

/// A line that is to come.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn what_cannot_be_booted_from_is_named() {
    let folder = rendered("errors");
    fs::write(folder.join("short"), "short\n").unwrap();
    let kfimg =
        |line: &str| run(Command::new(env!("CARGO_BIN_EXE_kfimg")).args(line.split_whitespace()).current_dir(&folder));
    for (line, code, part) in [
        ("serve --payloads-once", 2, "--out"),
        ("serve --out out --payloads-for 0", 2, "--payloads-for"),
        ("serve --out out --proxy-dhcp 127.0.0.1", 2, "--tftp"),
        ("serve --out out --tftp boot", 2, "write an address"),
        ("serve --out out --images . --boot-listen 127.0.0.1:0", 2, "out lies in ., which is handed out to everybody"),
        (
            "serve --out out --images out --boot-listen 127.0.0.1:0",
            2,
            "out lies in out, which is handed out to everybody",
        ),
        (
            "serve --out images/new/out --images images --boot-listen 127.0.0.1:0",
            2,
            "images/new/out lies in images, which is handed out to everybody",
        ),
        ("serve --out out --report-token-file short --boot-listen 127.0.0.1:0", 2, "16 or more"),
        ("serve --out out --images none --boot-listen 127.0.0.1:0", 4, "none"),
        ("serve --out out --bundle none --boot-listen 127.0.0.1:0", 4, "none"),
        ("serve --out out --boot-listen 192.0.2.1:1", 7, "listening on"),
        ("serve --out out --boot-listen 127.0.0.1:0 --tftp 192.0.2.1:1", 7, "name an address that this machine has"),
    ] {
        let said = kfimg(line);
        assert_eq!(said.status.code(), Some(code), "{line}: {}", both(&said));
        assert!(both(&said).contains(part), "{line}: {part} in {}", both(&said));
    }
}

#[test]
fn what_works_and_is_hardly_meant_is_told() {
    let folder = rendered("warnings");
    fs::write(folder.join("password"), "s3cret\n").unwrap();
    let pair = "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=boot.local -keyout tls.key -out tls.crt";
    succeed(Command::new("openssl").args(pair.split(' ')).current_dir(&folder));
    fs::set_permissions(folder.join("images/initrd"), fs::Permissions::from_mode(0o600)).unwrap();
    let login = "--user site --password-file password --listen 127.0.0.1:0 --tls-cert tls.crt --tls-key tls.key";
    for (line, part) in [
        (
            "--tftp 127.0.0.1:0 --loaders images",
            "images has none of undionly.kpxe, ipxe.efi, snponly.efi, ipxe-arm64.efi",
        ),
        (
            "--images images",
            "boot scripts name /images/initrd, which only its owner may read, so it does not go out; `chmod a+r` it",
        ),
        (login, "at the port for boot files the password crosses the network in the clear"),
    ] {
        let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
        kfimg.args("serve --out out --boot-listen 127.0.0.1:0".split(' ')).args(line.split(' '));
        let file = fs::File::create(folder.join("said")).unwrap();
        let served = Served::start(kfimg.current_dir(&folder).stderr(file));
        let said = || fs::read_to_string(folder.join("said")).unwrap();
        let end = Instant::now() + PATIENCE;
        while !said().contains(part) {
            assert!(Instant::now() < end, "{line}: {part} in {}", said());
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(served);
    }
}
