//! Each lint finds what it is there for, and nothing in a sound image.

use super::{Finding, LINTS, Severity, Subject, kernel_config, refuses, run};
use crate::content::kernel;
use crate::fake;
use crate::initrd;
use crate::packages;
use crate::tree::{FileContent, Node, Origin, Tree};
use kfimg_images::Architecture;
use kfimg_images::stop::Stop;

const ROOT: &[&str] = &["SQUASHFS", "SQUASHFS_ZSTD"];

/// The smallest system that passes.
fn sound() -> Tree {
    let mut tree = Tree::default();
    let mut put = |path: &str, node: Node| tree.insert(path, Node { origin: Origin::Base, ..node }).unwrap();
    let program = || Node::file(0o755, fake::program(Architecture::Amd64, None));
    put("usr/lib/os-release", Node::file(0o644, "ID=debian\nVERSION_ID=\"12\"\n"));
    put("usr/lib/systemd/systemd", program());
    put("usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-252.so", Node::file(0o644, ""));
    put("usr/sbin/init", Node::link("../lib/systemd/systemd"));
    put("usr/lib/modules/6.1/modules.dep", Node::file(0o644, ""));
    put("boot/vmlinuz-6.1", Node::file(0o644, fake::kernel(Architecture::Amd64)));
    put("boot/initrd.img-6.1", Node::file(0o644, fake::initrd()));
    put("boot/config-6.1", Node::file(0o644, kernel_config::whole()));
    for (name, _) in super::boot::CALLED {
        put(&format!("usr/bin/{name}"), program());
    }
    put("etc/shadow", Node::file(0o640, "root:*:19000:0:99999:7:::\nbin:!:1:::::\ndaemon:!*:1:::::\nsync:!!:1:::::\n"));
    put("etc/passwd", Node::file(0o644, "root:x:0:0:root:/root:/bin/bash\nbin:*:2:2:bin:/bin:/usr/sbin/nologin\n"));
    put("etc/localtime", Node::link("/usr/share/zoneinfo/Etc/UTC"));
    put("tmp", Node::folder(0o1777));
    tree
}

fn findings(tree: &Tree, allowed: &[&str]) -> Vec<Finding> {
    let kernel = kernel::find(tree, Architecture::Amd64);
    let os_release = tree.lookup("usr/lib/os-release").map(|(_, node)| node.content().unwrap().head(4096).unwrap());
    let os_release = os_release.unwrap_or_default();
    let folder = tempfile::tempdir().unwrap();
    let modules = super::initrd_modules();
    let wanted = initrd::Wanted { programs: super::initrd_programs(), modules: &modules };
    let contents = |content: &std::sync::Arc<FileContent>| {
        initrd::contents(content.reader(), wanted, folder.path(), &Stop::new()).unwrap()
    };
    let initrd = kernel.initrd.as_ref().map(contents);
    let subject = Subject {
        tree,
        kernel: &kernel,
        architecture: Architecture::Amd64,
        root_options: ROOT,
        os_release: &os_release,
        initrd: initrd.as_ref(),
        packages: &packages::all(tree),
    };
    run(&subject, &allowed.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>())
}

#[test]
fn a_sound_image_passes() {
    let found = findings(&sound(), &[]);
    assert!(!refuses(&found), "{found:#?}");
    let told: Vec<&str> = found.iter().map(|finding| finding.lint).collect();
    assert_eq!(told, ["packages"]);
}

/// What is done to a sound image, the lint that finds it, and a part of what it says.
type Case = (&'static str, fn(&mut Tree), &'static str);

const CASES: &[Case] = &[
    ("kernel-missing", |tree| tree.remove("boot/vmlinuz-6.1"), "no kernel"),
    (
        "kernel-missing",
        |tree| tree.insert("boot/vmlinuz-6.1", Node::file(0o644, fake::kernel(Architecture::Arm64))).unwrap(),
        "the kernel is for arm64, and amd64 is asked for",
    ),
    ("kernel-missing", |tree| tree.insert("boot/vmlinuz-6.1", Node::file(0o644, "x")).unwrap(), "no EFI stub"),
    ("initrd-missing", |tree| tree.remove("boot/initrd.img-6.1"), "no initrd for the kernel 6.1"),
    ("initrd-missing", |tree| tree.insert("boot/initrd.img-6.1", Node::file(0o644, "")).unwrap(), "is empty"),
    (
        "initrd-contents",
        |tree| {
            let mut initrd = crate::initrd::Archive::new(Vec::new(), 0);
            initrd.file("usr/bin/mount", 0o755, &[7; 2000]).unwrap();
            tree.insert("boot/initrd.img-6.1", Node::file(0o644, initrd.finish().unwrap())).unwrap();
        },
        "the base's initrd has no blkid, ignition, losetup, mkdir, mkfs.ext4, partx, sfdisk, systemd-networkd, systemd-veritysetup",
    ),
    (
        "initrd-damaged",
        |tree| tree.insert("boot/initrd.img-6.1", Node::file(0o644, vec![0x1f; 2000])).unwrap(),
        "the base's initrd can't boot: it is damaged, or no initrd: ",
    ),
    (
        "initrd-unread",
        |tree| tree.insert("boot/initrd.img-6.1", Node::file(0o644, vec![7; 2000])).unwrap(),
        "nobody has looked whether the base's initrd is fit to boot: it is packed in a way",
    ),
    (
        "initrd-kernel",
        |tree| modules_in_initrd(tree, "6.9", &["virtio_blk"]),
        "the modules of the initrd are for the kernel 6.9, and the base's is 6.1",
    ),
    (
        "initrd-devices",
        |tree| {
            replace_config(tree, "CONFIG_DM_VERITY=y", "CONFIG_DM_VERITY=m");
            base_file(tree, "usr/lib/modules/6.1/dm-verity.ko", 0o644, "");
        },
        "the initrd lacks dm_verity, which the verified root needs",
    ),
    (
        "initrd-drivers",
        |tree| replace_config(tree, "CONFIG_VMWARE_PVSCSI=y", "CONFIG_VMWARE_PVSCSI=m"),
        "for disks of these kinds: vmw_pvscsi (VMware's PVSCSI)",
    ),
    (
        "initrd-drivers",
        |tree| replace_config(tree, "CONFIG_IXGBE=y", "# CONFIG_IXGBE is not set"),
        "for these network cards: ixgbe (Intel 10 Gb/s; no CONFIG_IXGBE)",
    ),
    ("init-missing", |tree| tree.remove("usr/sbin/init"), "no /sbin/init"),
    (
        "init-missing",
        |tree| tree.insert("usr/sbin/init", Node::link("../bin/sysctl")).unwrap(),
        "/sbin/init is /usr/bin/sysctl, and not systemd",
    ),
    (
        "init-missing",
        |tree| {
            tree.empty("usr/lib/x86_64-linux-gnu");
            tree.insert("usr/lib/systemd/libsystemd-shared-247.so", Node::file(0o644, "")).unwrap();
        },
        "systemd is version 247",
    ),
    (
        "architecture",
        |tree| tree.insert("usr/bin/kubelet", Node::file(0o755, fake::program(Architecture::Arm64, None))).unwrap(),
        "/usr/bin/kubelet is for arm64",
    ),
    (
        "architecture",
        |tree| tree.insert("opt/cni/bin/bridge", Node::file(0o755, fake::program(Architecture::Arm64, None))).unwrap(),
        "/opt/cni/bin/bridge is for arm64",
    ),
    (
        "architecture",
        |tree| tree.insert("usr/bin/kfimg-agent", Node::file(0o755, "#!/bin/sh\n")).unwrap(),
        "/usr/bin/kfimg-agent is no program",
    ),
    (
        "architecture",
        |tree| tree.insert("usr/bin/kfimg-agent", Node::file(0o755, &b"\x7fELF\x01\x01\x01"[..])).unwrap(),
        "/usr/bin/kfimg-agent is for other machines",
    ),
    (
        "dynamic-linker",
        |tree| {
            let agent = fake::program(Architecture::Amd64, Some("/lib/ld-musl-x86_64.so.1"));
            tree.insert("usr/bin/kfimg-agent", Node::file(0o755, agent)).unwrap();
        },
        "/usr/bin/kfimg-agent needs /lib/ld-musl-x86_64.so.1",
    ),
    ("os-release", |tree| tree.remove("usr/lib/os-release"), "no ID"),
    ("kernel-config", |tree| tree.remove("boot/config-6.1"), "no configuration"),
    (
        "kernel-config",
        |tree| replace_config(tree, "CONFIG_DM_VERITY=y", "# CONFIG_DM_VERITY is not set"),
        "no CONFIG_DM_VERITY",
    ),
    (
        "kernel-config",
        |tree| replace_config(tree, "CONFIG_VXLAN=y", "CONFIG_VXLAN=m"),
        "module vxlan is not in the base",
    ),
    ("kernel-config", |tree| replace_config(tree, "CONFIG_SQUASHFS=y", ""), "no CONFIG_SQUASHFS"),
    ("programs", |tree| tree.remove("usr/bin/sfdisk"), "no sfdisk (fdisk on Debian)"),
    ("second-kubelet", |tree| base_file(tree, "usr/sbin/dockerd", 0o755, "x"), "/usr/sbin/dockerd"),
    (
        "second-kubelet",
        |tree| base_file(tree, "etc/systemd/system/containerd.service", 0o644, "x"),
        "/etc/systemd/system/containerd.service",
    ),
    (
        "second-kubelet",
        |tree| base_file(tree, "usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf", 0o644, "x"),
        "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf",
    ),
    (
        "ssh-host-keys",
        |tree| base_file(tree, "etc/ssh/keys/ssh_host_rsa_key", 0o600, "x"),
        "ssh_host_rsa_key is an SSH host key",
    ),
    (
        "secrets",
        |tree| base_file(tree, "etc/ssl/private/site.key", 0o600, "x\n-----BEGIN EC PRIVATE KEY-----\nAA\n"),
        "/etc/ssl/private/site.key holds a private key",
    ),
    (
        "secrets",
        |tree| base_file(tree, "app/tls.key", 0o644, "-----BEGIN PRIVATE KEY-----\nAA\n"),
        "/app/tls.key holds a private key",
    ),
    (
        "secrets",
        |tree| base_file(tree, "var/www/tls.key", 0o644, "-----BEGIN PRIVATE KEY-----\nAA\n"),
        "/var/www/tls.key holds a private key",
    ),
    (
        "secrets",
        |tree| base_file(tree, "root/.docker/config.json", 0o600, "{}"),
        "/root/.docker/config.json holds logins",
    ),
    ("secrets", |tree| base_file(tree, "home/joe/.netrc", 0o600, "x"), "/home/joe/.netrc holds logins"),
    ("secrets", |tree| base_file(tree, "etc/wireguard/wg0.conf", 0o600, "x"), "/etc/wireguard/wg0.conf holds logins"),
    (
        "secrets",
        |tree| base_file(tree, "opt/signer.asc", 0o644, "-----BEGIN PGP PRIVATE KEY BLOCK-----\n"),
        "/opt/signer.asc holds a private key",
    ),
    ("secrets", |tree| base_file(tree, "etc/shadow", 0o600, "root::1::\n"), "root logs in without a password"),
    ("secrets", |tree| base_file(tree, "etc/shadow", 0o600, "joe:$y$j9T$x:1::\n"), "joe has a password"),
    ("secrets", |tree| base_file(tree, "etc/shadow", 0o600, "joe:!$6$x$y:1::\n"), "/etc/shadow: joe has a password"),
    ("secrets", |tree| base_file(tree, "etc/shadow", 0o600, "joe:rqXexS6ZhobKA:1::\n"), "joe has a password"),
    (
        "secrets",
        |tree| base_file(tree, "etc/passwd", 0o644, "root::0:0::/root:/bin/sh\n"),
        "/etc/passwd: root logs in without a password",
    ),
    (
        "secrets",
        |tree| base_file(tree, "etc/apt/auth.conf.d/mirror.conf", 0o600, "machine mirror login a password b\n"),
        "/etc/apt/auth.conf.d/mirror.conf holds logins",
    ),
    ("world-writable", |tree| base_file(tree, "etc/motd", 0o666, "x"), "everybody may write to /etc/motd"),
    (
        "time-zone",
        |tree| tree.insert("etc/localtime", Node::link("/usr/share/zoneinfo/Europe/Rome")).unwrap(),
        "Europe/Rome",
    ),
    (
        "licences",
        |tree| {
            base_file(tree, "var/lib/dpkg/status", 0o644, "Package: bash\nStatus: install ok installed\nVersion: 5\n");
        },
        "no copyright file of bash",
    ),
    (
        "licences",
        |tree| package(tree, "bash", "shells", "All rights reserved"),
        "no licence is named in the copyright file of bash",
    ),
    (
        "licences-unfree",
        |tree| package(tree, "firmware-x", "non-free-firmware/kernel", "License: own"),
        "not free software: firmware-x",
    ),
    ("licence-list", |tree| package(tree, "bash", "shells", "License: GPL-3+"), "licences of the packages: GPL-3+ (1)"),
    ("setuid", |tree| base_file(tree, "usr/bin/su", 0o4755, "x"), "/usr/bin/su (4755)"),
];

fn package(tree: &mut Tree, name: &str, section: &str, copyright: &str) {
    let status = format!("Package: {name}\nStatus: install ok installed\nSection: {section}\nVersion: 5\n");
    base_file(tree, "var/lib/dpkg/status", 0o644, &status);
    base_file(tree, &format!("usr/share/doc/{name}/copyright"), 0o644, copyright);
}

fn replace_config(tree: &mut Tree, old: &str, new: &str) {
    let text = kernel_config::whole();
    assert!(text.contains(old));
    tree.insert("boot/config-6.1", Node::file(0o644, text.replace(&format!("{old}\n"), &format!("{new}\n")))).unwrap();
}

/// An initrd as the sound one, with these modules of a kernel.
fn modules_in_initrd(tree: &mut Tree, version: &str, modules: &[&str]) {
    let paths = modules.iter().map(|module| format!("usr/lib/modules/{version}/kernel/{module}.ko.xz"));
    let initrd = [fake::initrd(), fake::initrd_of(paths)].concat();
    tree.insert("boot/initrd.img-6.1", Node::file(0o644, initrd)).unwrap();
}

/// Distributions differ in what is a module; only what is in neither place is missing, and only on machines that have it.
#[test]
fn a_driver_is_in_the_kernel_or_in_the_initrd_and_asked_for_on_its_machines_alone() {
    let of = |tree: &Tree, lint: &str| findings(tree, &[]).into_iter().any(|finding| finding.lint == lint);
    let mut tree = sound();
    let text = kernel_config::whole().replace("=y\n", "=m\n");
    tree.insert("boot/config-6.1", Node::file(0o644, text)).unwrap();
    assert!(of(&tree, "initrd-drivers") && of(&tree, "initrd-devices"));
    modules_in_initrd(&mut tree, "6.1", &super::initrd_modules());
    assert!(!of(&tree, "initrd-drivers") && !of(&tree, "initrd-devices") && !of(&tree, "initrd-kernel"));
    // EROFS is nothing to an image whose root is squashfs.
    let carried: Vec<&str> = super::initrd_modules().into_iter().filter(|module| *module != "erofs").collect();
    modules_in_initrd(&mut tree, "6.1", &carried);
    assert!(!of(&tree, "initrd-devices"));
    let carried: Vec<&str> = carried.into_iter().filter(|module| *module != "squashfs").collect();
    modules_in_initrd(&mut tree, "6.1", &carried);
    assert!(of(&tree, "initrd-devices"));
}

/// The base of `make base` asks dracut for every driver that the lints want.
#[test]
fn the_recipe_of_the_base_names_every_driver() {
    let recipe = include_str!("../../base/initrd.sh");
    let words: Vec<String> =
        recipe.split(|c: char| c.is_whitespace() || c == '\'').map(|word| word.replace('-', "_")).collect();
    let missing: Vec<&str> = super::initrd_modules()
        .into_iter()
        .filter(|module| *module != "dm_mod" && !words.iter().any(|word| word == module))
        .collect();
    assert!(missing.is_empty(), "builder/base/initrd.sh lacks {missing:?}");
}

fn base_file(tree: &mut Tree, path: &str, mode: u32, text: &str) {
    tree.insert(path, Node { origin: Origin::Base, ..Node::file(mode, text) }).unwrap();
}

#[test]
fn every_lint_finds_what_it_is_there_for() {
    for (lint, change, text) in CASES {
        let mut tree = sound();
        change(&mut tree);
        let found = findings(&tree, &[]);
        let own: Vec<&Finding> = found.iter().filter(|finding| finding.lint == *lint).collect();
        assert!(own.iter().any(|finding| finding.text.contains(text)), "{lint}: {text}: {found:#?}");
        let severity = LINTS.iter().find(|row| row.id == *lint).unwrap().severity;
        let refused = matches!(severity, Severity::Fatal | Severity::Refused);
        assert_eq!(refuses(&found), refused, "{lint}: {found:#?}");
        assert_eq!(
            refuses(&findings(&tree, &[lint])),
            severity == Severity::Fatal,
            "what can't boot is never allowed: {lint}"
        );
    }
    for lint in LINTS.iter().filter(|lint| lint.id != "packages") {
        assert!(CASES.iter().any(|case| case.0 == lint.id), "{} has no case", lint.id);
    }
}
