//! `build.json` as the list of what went in and what came out: nothing is missing, and one thing that changes is one line that changes.

use crate::site::{Outcome, Site};
use kfimg_builder::compare::compare;
use kfimg_builder::fake::{self, FakeBase};
use kfimg_builder::{OutputKind, Preload, Request, RootFormat, Signer};
use kfimg_images::Architecture;
use kfimg_images::content::Content;
use kfimg_images::hasher::sha256;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What stands in the record and is no input: it follows.
const OUTCOMES: [&str; 8] =
    ["system", "kernelVersion", "packages", "licences", "findings", "sizes", "outputs", "formatVersion"];

fn record(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("build.json")).unwrap()).unwrap()
}

/// Every value of the record that is an input, by its path; parts of a list by their names.
fn inputs(record: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, value) in record.as_object().unwrap() {
        match name.as_str() {
            "root" => _ = found.insert("root/format".to_owned(), value["format"].to_string()),
            name if OUTCOMES.contains(&name) => {}
            name => collect(name, value, &mut found),
        }
    }
    found
}

fn collect(path: &str, value: &Value, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                collect(&format!("{path}/{name}"), value, found);
            }
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| {
            let name = item["name"].as_str().or(item["reference"].as_str()).map_or(index.to_string(), str::to_owned);
            collect(&format!("{path}/{name}"), item, found);
        }),
        value => _ = found.insert(path.to_owned(), value.to_string()),
    }
}

/// The paths at which two records have something else.
fn changed(old: &Value, new: &Value) -> BTreeSet<String> {
    let (old, new) = (inputs(old), inputs(new));
    old.keys().chain(new.keys()).filter(|path| old.get(*path) != new.get(*path)).cloned().collect()
}

/// The bundle of a site with other content under one name.
fn with_other(site: &mut Site, reference: &str) {
    let mut bundle = fake::bundle(&site.path("bundle"), Architecture::Amd64);
    let other = if reference.starts_with("kfimg.invalid/") {
        let bytes = [fake::program(Architecture::Amd64, None).as_slice(), b"KUBELET"].concat();
        bundle.artifact("application/vnd.kfimg.binary.v1", &bytes, None)
    } else {
        bundle.image("amd64", &[b"other"])
    };
    bundle.replace(reference, other);
    bundle.finish();
    site.bundle = Content::open(&site.path("bundle")).unwrap();
}

/// A key that signs, and its certificate.
fn signer(site: &Site, name: &str) -> (Signer, PathBuf) {
    let [key, certificate] = ["key", "crt"].map(|kind| site.path(&format!("{name}.{kind}")));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650"]);
    openssl.args(["-subj", &format!("/CN={name}")]).arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    assert!(openssl.output().expect("`make test` installs the package openssl").status.success());
    (Signer::load(&key, &certificate).unwrap(), key)
}

#[test]
fn one_changed_input_changes_its_own_line_and_no_other() {
    let mut site = Site::new();
    let preloaded = |request: &mut Request<'_>| request.preload = Some(Preload::All);
    let old = site.build("old", preloaded).folder;
    let before = record(&old);
    let judge = |outcome: Outcome, lines: &[&str], words: &[&str]| {
        let new = outcome.folder;
        assert!(outcome.result.is_ok(), "{lines:?}: {:?}", outcome.result);
        assert_eq!(changed(&before, &record(&new)), lines.iter().map(|line| (*line).to_owned()).collect(), "{lines:?}");
        assert_eq!(compare(&old, &new).unwrap().inputs, words, "{lines:?}");
    };
    judge(site.build("same", preloaded), &[], &[]);

    type Change = for<'a> fn(&mut Request<'a>);
    let options: [(&[&str], &[&str], Change); 6] = [
        (&["commandLine"], &["command line"], |request| request.command_line = "quiet"),
        (&["imageId"], &["image"], |request| request.image_id = "other"),
        (&["imageVersion"], &["version"], |request| request.image_version = Some("2")),
        (&["sourceDateEpoch"], &["time of files"], |request| request.source_date_epoch = Some(86_400)),
        (
            &[
                "options/preload",
                "preloaded/registry.k8s.io/kube-apiserver:v1.36.3/digest",
                "preloaded/registry.k8s.io/kube-apiserver:v1.36.3/reference",
            ],
            &["preloaded for", "registry.k8s.io/kube-apiserver:v1.36.3"],
            |request| request.preload = Some(Preload::Worker),
        ),
        (&["options/allowed/0"], &["allowed lints"], |request| {
            static ALLOWED: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| vec!["setuid".to_owned()]);
            request.allowed = &ALLOWED;
        }),
    ];
    for (index, (lines, words, change)) in options.into_iter().enumerate() {
        let outcome = site.build(&format!("option{index}"), |request| {
            preloaded(request);
            change(request);
        });
        judge(outcome, lines, words);
    }

    FakeBase::new(Architecture::Amd64).file("etc/motd", 0o644, "other").write(&site.path("base.tar"));
    judge(site.build("base", preloaded), &["base/digest"], &["base"]);
    FakeBase::new(Architecture::Amd64).write(&site.path("base.tar"));
    fs::write(site.path("other-agent"), fake::program(Architecture::Amd64, None)).unwrap();
    site.agent = Some(site.path("other-agent"));
    let agent = ["digest", "size", "version"].map(|field| format!("parts/kfimg-agent/{field}"));
    judge(site.build("agent", preloaded), &agent.each_ref().map(String::as_str), &["kfimg-agent"]);
    site.agent = None;
    with_other(&mut site, "kfimg.invalid/binary/kubelet:v1.36.3-amd64");
    judge(site.build("kubelet", preloaded), &["parts/kubelet/digest"], &["kubelet"]);
    with_other(&mut site, "registry.k8s.io/pause:3.10.2");
    let pause = "registry.k8s.io/pause:3.10.2";
    judge(site.build("pause", preloaded), &[&format!("preloaded/{pause}/digest")], &[pause]);
}

#[test]
fn who_signed_is_told_and_no_file_has_the_key() {
    let site = Site::new();
    FakeBase::new(Architecture::Amd64).stub(Architecture::Amd64).write(&site.path("base.tar"));
    let [(first, key), (second, _)] = ["first", "second"].map(|name| signer(&site, name));
    let built = |name: &str, signer| {
        let outcome = site.build_signed(name, &[OutputKind::Iso], signer, |_| {});
        assert!(outcome.result.is_ok(), "{:?}", outcome.result);
        outcome.folder
    };
    let [unsigned, one, other] =
        [("unsigned", None), ("one", Some(&first)), ("other", Some(&second))].map(|(name, signer)| built(name, signer));
    assert_eq!(compare(&unsigned, &one).unwrap().inputs, ["signed by", "signing certificate"]);
    let difference = compare(&one, &other).unwrap();
    assert_eq!(difference.inputs, ["signed by", "signing certificate"]);
    let names: Vec<&str> = difference.outputs.iter().map(|change| change.name.as_str()).collect();
    assert_eq!(names, ["live.iso"], "the root is the same");
    let secure_boot = record(&one)["secureBoot"].clone();
    assert_eq!(secure_boot["subject"], "CN=first");
    let mut openssl = Command::new("openssl");
    openssl.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(site.path("first.crt"));
    let said = String::from_utf8(openssl.output().unwrap().stdout).unwrap().to_lowercase().replace(':', "");
    let digest = secure_boot["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    assert!(said.contains(&digest), "{said} {digest}");
    let key = fs::read_to_string(key).unwrap();
    let lines: Vec<&str> = key.lines().filter(|line| !line.starts_with('-')).collect();
    for name in ["build.json", "build.html", "root.mtree"] {
        let text = fs::read_to_string(one.join(name)).unwrap();
        assert!(lines.iter().all(|line| !text.contains(line)), "{name}");
    }
}

#[test]
fn formats_and_sizes_that_were_asked_for_are_told() {
    let site = Site::new();
    FakeBase::new(Architecture::Amd64).stub(Architecture::Amd64).write(&site.path("base.tar"));
    let built = |name: &str, slot, url: Option<&'static str>| {
        let outcome = site.build_signed(name, &[OutputKind::Raw, OutputKind::Pxe], None, |request| {
            (request.disk.slot, request.disk.esp) = (slot, Some(64 << 20));
            request.root_url = url;
        });
        assert!(outcome.result.is_ok(), "{:?}", outcome.result);
        outcome.folder
    };
    let one = built("one", None, None);
    let other = built("other", Some(64 << 20), Some("http://boot.local/images"));
    let options = record(&other)["options"].clone();
    let wanted = serde_json::json!({
        "outputs": ["pxe", "raw"], "rootUrl": "http://boot.local/images", "slotSize": 64 << 20, "espSize": 64 << 20
    });
    assert_eq!(options, wanted);
    assert_eq!(compare(&one, &other).unwrap().inputs, ["root fetched from", "slot size"]);
    assert_eq!(record(&one)["root"]["format"], RootFormat::Squashfs.name());
    // Every file but the record and its picture, by the digest that others make of it.
    for folder in [one, other] {
        let mut found = BTreeSet::from(["build.json".to_owned(), "build.html".to_owned()]);
        for (name, output) in record(&folder)["outputs"].as_object().unwrap() {
            assert_eq!(output["digest"], sha256(&fs::read(folder.join(name)).unwrap()).as_str(), "{name}");
            found.insert(name.clone());
        }
        let listed = Command::new("find").args([".", "-type", "f", "-printf", "%P\n"]).current_dir(&folder).output();
        let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
        assert_eq!(listed.lines().map(str::to_owned).collect::<BTreeSet<_>>(), found);
    }
}
