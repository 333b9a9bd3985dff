//! Documents do not go stale: every YAML in them is a site that loads, or a file of waivers, and the commands of those that need no other machine run.
//!
//! Other documents have tests of their own; `every_block` knows which.

#![allow(clippy::unwrap_used)]

mod image;
#[path = "../support/mod.rs"]
mod support;

use kfimg_builder::fake::{self, FakeBase};
use kfimg_images::Architecture;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::document::{Commands, all, read, script, shell, walk};
use support::fenced;
use support::program::{both, empty_folder, run, succeed};
use support::registry::Served;
use support::steps::{chapter, without_chapter};

/// Runs a text as its reader would, and gives what it said.
fn succeeds(document: &str, text: &str, folder: &Path) -> String {
    let said = shell(text, folder);
    assert!(said.status.success(), "{document}:\n{text}\n{}", both(&said));
    both(&said)
}

/// What `kfimg build` reads in the documents: a base and a bundle, both small.
fn to_build(folder: &Path) {
    fake::bundle(&folder.join("bundle"), Architecture::Amd64);
    FakeBase::new(Architecture::Amd64).write(&folder.join("base.tar"));
}

/// The same with what makes a kernel start by itself under UEFI.
fn to_build_unified(folder: &Path) {
    to_build(folder);
    FakeBase::new(Architecture::Amd64).stub(Architecture::Amd64).write(&folder.join("base.tar"));
}

#[test]
fn every_yaml_of_every_document_is_accepted() {
    let folder = empty_folder("documents/yaml");
    let (mut count, mut wrong) = (0, Vec::new());
    for (name, text) in all() {
        let blocks = fenced::all(&text).into_iter().filter(|block| block.language == "yaml");
        // What other blocks of the document name.
        let (files, sites): (Vec<_>, Vec<_>) = blocks.partition(|block| block.file().is_some());
        for block in files {
            fs::write(folder.join(block.file().unwrap()), block.text()).unwrap();
        }
        for block in sites {
            let (file, text) = (folder.join("block.yaml"), block.text());
            fs::write(&file, &text).unwrap();
            let profile = block.lines[0].strip_prefix("# profile: ").unwrap_or("ha3");
            let option: &[&str] = if text.starts_with("waivers:") { &["--cis", "--cis-waivers"] } else { &["--site"] };
            let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
            kfimg.args(["validate", "--profile", profile]).args(option).arg(&file).current_dir(&folder);
            let said = run(&mut kfimg);
            if !said.status.success() {
                wrong.push(format!("{name}:{}\n{text}\n{}", block.line, both(&said)));
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 5, "only {count} blocks were found");
}

#[test]
fn the_commands_of_the_readme_run() {
    let folder = empty_folder("documents/readme");
    succeeds("README.md", &script("../README.md", "kfimg init"), &folder);
    assert!(folder.join("out/report.html").is_file() && folder.join("out/nodes/master3/ignition.json").is_file());
}

#[test]
fn the_commands_of_change_tell_what_changes() {
    let folder = empty_folder("documents/change");
    fs::write(folder.join("site.yaml"), "kubelet: {maxPods: 110}\n").unwrap();
    succeeds("the first render", "kfimg render --profile ha3 --site site.yaml", &folder);
    fs::write(folder.join("site.yaml"), "kubelet: {maxPods: 200}\n").unwrap();
    let said = succeeds("change.md", &script("change.md", "kfimg render"), &folder);
    assert!(said.contains("maxPods 110 -> 200"), "{said}");
}

#[test]
fn the_commands_of_state_renew_one_node_and_nobody_else() {
    let folder = empty_folder("documents/state");
    fs::write(folder.join("site.yaml"), "time: {servers: [192.168.49.1]}\n").unwrap();
    succeeds("the first render", "kfimg render --profile ha3 --site site.yaml", &folder);
    succeeds("state.md", &script("state.md", "kfimg pki renew"), &folder);
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("out/manifest.json")).unwrap()).unwrap();
    let changed = manifest["nodes"].as_object().unwrap().iter().filter(|(_, node)| node["generation"] == 2);
    assert_eq!(changed.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["master1"]);
}

#[test]
fn the_command_of_cloud_init_lists_what_a_payload_brings() {
    let folder = empty_folder("documents/cloud-init");
    succeeds("a render", "kfimg render --profile single --channel nocloud", &folder);
    let said = succeeds("cloud-init.md", &script("cloud-init.md", "sed "), &folder.join("out/nodes/master1"));
    let key = said.lines().find(|line| line.ends_with("etc/kubernetes/pki/ca.key")).unwrap_or_else(|| panic!("{said}"));
    assert!(key.starts_with("-rw-------"), "{key}");
}

#[test]
fn the_commands_of_pxe_run() {
    let folder = empty_folder("documents/pxe");
    // The chapter of a whole boot is walked through in qemu-tests.
    let text = without_chapter(&read("pxe.md"), "From an empty folder to a control plane");
    let [nodes, server] = &fenced::of(&text, "yaml")[..] else { panic!("two sites are expected") };
    assert!(server.text().contains("bootServer"));
    fs::write(folder.join("site.yaml"), nodes.text()).unwrap();
    assert!(walk("pxe.md", &text, &folder) >= 2);
    assert!(folder.join("out/pxe/serial-7XK2P93.ipxe").is_file());
    to_build(&folder);
    succeeds("pxe.md", &script("pxe.md", "kfimg build"), &folder);
    let build: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("images/build.json")).unwrap()).unwrap();
    let hash = build["root"]["rootHash"].as_str().unwrap_or_else(|| panic!("{build}"));
    let boot = fs::read_to_string(folder.join("out/pxe/node-master1.ipxe")).unwrap();
    assert!(boot.contains(hash), "{hash} in {boot}");
}

/// They are walked through in qemu-tests, which takes long; what needs no machine is done here, too.
#[test]
fn the_walks_that_boot_a_machine_describe_and_build_one() {
    for document in ["pxe.md", "vmware.md"] {
        let folder = empty_folder(&format!("documents/walk-{document}"));
        let text = read(document);
        let chapter = chapter(&text, "From an empty folder to a control plane");
        for block in fenced::all(chapter) {
            let file = block.file().map(|name| folder.join(name));
            file.into_iter().for_each(|file| fs::write(file, block.text()).unwrap());
        }
        let commands = Commands::of(chapter);
        // The cluster that the bundle is fetched for.
        let describe = commands.with("kfimg bundle create").replace("bundle create", "validate");
        let said = succeeds(document, describe.trim_end_matches(" -o bundle"), &folder);
        assert!(said.contains("first is valid") && said.contains("1 control plane"), "{document}: {said}");
        to_build_unified(&folder);
        fs::write(folder.join("kfimg-agent"), fake::program(Architecture::Amd64, None)).unwrap();
        succeeds(document, commands.with("kfimg build "), &folder);
        assert!(folder.join("images/build.json").is_file(), "{document}");
    }
}

#[test]
fn the_commands_of_image_build_render_and_serve() {
    let site = "delivery: {bootServer: 'http://192.168.49.2:8080', channels: [pxe]}\n";
    assert_built_rendered_and_served("image.md", "pxe", site, "vmlinuz", &[]);
}

#[test]
fn the_commands_of_stock_make_an_extension_that_payloads_name() {
    let site = "delivery: {bootServer: 'http://192.168.49.2:8080'}\nnodeDefaults: {dataDisk: {path: /dev/sdb, minSize: null}}\n";
    let folder =
        assert_built_rendered_and_served("stock.md", "sysext", site, "kfimg.raw", &["--listen", "127.0.0.1:0"]);
    let payload = fs::read_to_string(folder.join("out/nodes/worker1/ignition.json")).unwrap();
    assert!(payload.contains("kfimg-sysext.service"), "{payload}");
}

/// Runs the three commands of a document's block that builds this output, and fetches this image of it.
fn assert_built_rendered_and_served(document: &str, output: &str, site: &str, image: &str, more: &[&str]) -> PathBuf {
    let folder = empty_folder(&format!("documents/{}", document.trim_end_matches(".md")));
    let text = read(document);
    to_build(&folder);
    fs::write(folder.join("site.yaml"), site).unwrap();
    let build = format!("$ kfimg build --base base.tar --bundle bundle --output {output} ");
    let commands = Commands::of_the(&text, "console", &build);
    let [build, render, serve] = commands.iter().collect::<Vec<_>>()[..] else { panic!("{commands:?}") };
    succeeds(document, build, &folder);
    succeeds(document, render, &folder);
    // Anywhere but at a port that is somebody else's.
    let words = serve.strip_prefix("kfimg ").unwrap().split(' ');
    let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    kfimg.args(words).args(["--boot-listen", "127.0.0.1:0"]).args(more);
    let served = Served::start(kfimg.current_dir(&folder));
    let url = served.said["boot"].as_str().unwrap();
    let mut curl = Command::new("curl");
    curl.args(["-sSf", "-o", "/dev/null", "-w", "%{size_download}"]).arg(format!("{url}/images/{image}"));
    let size: u64 = succeed(&mut curl).parse().unwrap();
    assert_eq!(size, fs::metadata(folder.join("images").join(image)).unwrap().len());
    folder
}

#[test]
fn the_command_of_build_makes_what_it_says() {
    let folder = empty_folder("documents/build");
    to_build(&folder);
    let text = script("build.md", "kfimg bundle create");
    let build = text.lines().find(|line| line.starts_with("kfimg build ")).unwrap();
    succeeds("build.md", build, &folder);
    assert!(folder.join("images/build.json").is_file());
    let text = read("build.md");
    for licences in Commands::of_the(&text, "console", "$ jq ").iter() {
        succeeds("build.md", licences, &folder);
    }
}

#[test]
fn the_commands_of_security_run() {
    let folder = empty_folder("documents/security");
    fs::write(folder.join("passphrase.txt"), "correct horse battery staple\n").unwrap();
    assert!(walk("security.md", &read("security.md"), &folder) >= 6);
    assert!(folder.join("out-passphrase/manifest.json").is_file());
}
