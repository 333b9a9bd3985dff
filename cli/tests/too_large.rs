//! Payloads and the limits of their channels: what is too large is named, and left to a boot server where there is one.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::payload::Payload;
use support::program::{both, empty_folder, run, succeed};

/// A site whose manifests are larger than a value of guestinfo, although they are compressed.
fn site(name: &str, delivery: &str) -> PathBuf {
    let folder = empty_folder(&format!("too-large/{name}"));
    // Digits of a sequence that no compressor shortens to less than their information.
    let mut state = 88_172_645_463_325_252_u64;
    let mut noise = String::new();
    while noise.len() < 200_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.push_str(&format!("{state:016x}"));
    }
    let object = |kind: &str, name: &str, key: &str, value: &str| {
        format!(
            "---\napiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: default}}\n{key}: {{x: {value}}}\n"
        )
    };
    // In one file, as a chart has them.
    let objects =
        object("ConfigMap", "large", "data", &noise) + &object("Secret", "secret", "stringData", &"a".repeat(5000));
    fs::write(folder.join("objects.yaml"), objects).unwrap();
    fs::write(folder.join("site.yaml"), format!("manifests: [objects.yaml]\ndelivery: {{{delivery}}}\n")).unwrap();
    folder
}

fn render(folder: &Path, words: &[&str]) -> Output {
    let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    kfimg.args(["render", "--profile", "ha3", "--registry", "reg.local", "--site", "site.yaml"]).args(words);
    run(kfimg.current_dir(folder))
}

#[test]
fn an_overrun_is_named_with_its_node_its_field_and_what_to_do() {
    let folder = site("overrun", "guestinfo: {transport: ovf-properties}");
    let said = render(&folder, &[]);
    assert_eq!(said.status.code(), Some(3), "{}", both(&said));
    let text = both(&said);
    for master in ["master1", "master2", "master3"] {
        assert!(text.contains(&format!("{master}: import.json guestinfo.ignition.config.data has ")), "{text}");
    }
    assert!(text.contains("VMware takes 65535 "), "as many as an appliance's properties take: {text}");
    assert!(text.contains("`delivery.guestinfo.limit`") && text.contains("`delivery.bootServer`"), "{text}");
    assert!(!text.contains("worker1:") && text.contains("3 payloads too large"), "{text}");
    assert!(!folder.join("out").exists(), "nothing was written");

    let warned = render(&folder, &["--set", "delivery.guestinfo.transport=extra-config"]);
    assert_eq!(warned.status.code(), Some(0), "{}", both(&warned));
    assert!(both(&warned).contains("warning: master1: guestinfo.ignition.config.data has "), "{}", both(&warned));

    let machine = ["--set", "delivery.guestinfo={transport: extra-config, limit: 1Mi, machineLimit: 64Ki}"];
    let warned = render(&folder, &machine);
    assert_eq!(warned.status.code(), Some(0), "{}", both(&warned));
    assert!(both(&warned).contains("warning: master1: its guestinfo has "), "{}", both(&warned));
    let machine = ["--set", "delivery.guestinfo={transport: ovf-properties, limit: 1Mi, machineLimit: 64Ki}"];
    let refused = render(&folder, &machine);
    assert_eq!(refused.status.code(), Some(3), "{}", both(&refused));
    assert!(both(&refused).contains("(`delivery.guestinfo.machineLimit`)"), "{}", both(&refused));

    let huge = render(&folder, &["--set", "delivery.userDataLimit=16Ki", "--channel", "ignition", "-o", "cloud"]);
    assert_eq!(huge.status.code(), Some(3), "{}", both(&huge));
    assert!(both(&huge).contains("`delivery.userDataLimit` is 16384"), "{}", both(&huge));
}

#[test]
fn what_a_boot_server_cannot_help_is_not_said_to_need_one() {
    let folder = site("helpless", "bootServer: \"http://192.168.49.2:8080\", userDataLimit: 16Ki");
    let said = render(&folder, &["--channel", "ignition"]);
    assert_eq!(said.status.code(), Some(3), "{}", both(&said));
    let text = both(&said);
    assert!(text.contains("master1: ignition.json has ") && text.contains("raise the limit"), "{text}");
    assert!(!text.contains("name a `delivery.bootServer`"), "{text}");
}

#[test]
fn what_is_too_much_for_a_machine_is_left_to_the_boot_server_too() {
    let folder = site("machine", "bootServer: \"http://192.168.49.2:8080\"");
    let limits = ["--set", "delivery.guestinfo={transport: ovf-properties, limit: 1Mi, machineLimit: 64Ki}"];
    let said = render(&folder, &limits);
    assert!(said.status.success(), "{}", both(&said));
    assert!(folder.join("out/content").is_dir());
    let nothing = ["--set", "delivery.guestinfo={transport: ovf-properties, limit: 1Mi, machineLimit: 4Ki}"];
    let said = render(&folder, &nothing);
    assert_eq!(said.status.code(), Some(3), "{}", both(&said));
    let text = both(&said);
    let worker = text.lines().find(|line| line.contains("worker1: ")).unwrap();
    assert!(worker.contains("nothing of it can be fetched"), "{worker}");
    let master = text.lines().find(|line| line.contains("master1: ")).unwrap();
    assert!(master.contains("is left out already"), "{master}");
}

#[test]
fn what_does_not_fit_is_left_to_the_boot_server_but_no_secret_is() {
    let folder = site("split", "bootServer: \"http://192.168.49.2:8080\"");
    let said = render(&folder, &[]);
    assert!(said.status.success() && !both(&said).contains("VMware takes"), "{}", both(&said));
    let value = |node: &str| {
        fs::metadata(folder.join(format!("out/vmware/{node}/guestinfo.ignition.config.data"))).unwrap().len()
    };
    assert!(value("master1") <= 64 << 10, "{} bytes", value("master1"));
    let payload = Payload::read(&folder.join("out/nodes/master1/ignition.json"));
    let plan = payload.plan();
    let fetched = plan["fetch"].as_array().unwrap();
    assert!(!fetched.is_empty());
    for file in fetched {
        let sha512 = file["sha512"].as_str().unwrap();
        assert_eq!(file["url"], format!("http://192.168.49.2:8080/content/{sha512}"));
        let served = folder.join("out/content").join(sha512);
        assert!(succeed(Command::new("sha512sum").arg(&served)).starts_with(sha512));
        assert_eq!(fs::metadata(&served).unwrap().len(), file["size"].as_u64().unwrap());
        assert!(!fs::read_to_string(&served).unwrap().contains("\"Secret\""), "no Secret leaves the payload");
        assert!(!payload.files().contains_key(file["path"].as_str().unwrap()), "it is not in both places");
    }
    let is_secret = |text: &str| text.contains("\"Secret\"") && text.contains(&"a".repeat(5000));
    assert!(payload.texts().any(is_secret), "the Secret is still in the payload");
    assert!(Payload::read(&folder.join("out/nodes/worker1/ignition.json")).plan().get("fetch").is_none());

    let manifest = || fs::read_to_string(folder.join("out/manifest.json")).unwrap();
    let first = manifest();
    assert!(render(&folder, &[]).status.success());
    assert_eq!(manifest(), first, "a second render keeps all");
    let lost = folder.join("out/content").join(fetched[0]["sha512"].as_str().unwrap());
    fs::write(&lost, "damaged").unwrap();
    assert!(render(&folder, &[]).status.success());
    assert_eq!(manifest(), first, "what was damaged is written again");
    assert_ne!(fs::read_to_string(lost).unwrap(), "damaged");
}

#[test]
fn properties_are_measured_one_by_one_and_not_by_their_file() {
    let folder = empty_folder("too-large/values");
    let set = "delivery={channels: [guestinfo], payload: cloud-init, guestinfo: {transport: ovf-properties}}";
    let limited = |limit: usize| {
        let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
        kfimg.args(["render", "--profile", "ha3", "--registry", "reg.local", "--set", set]).current_dir(&folder);
        run(kfimg.args(["--set", &format!("delivery.guestinfo.limit={limit}")]))
    };
    assert!(limited(65_535).status.success());
    let largest_of_all = ["master1", "master2", "master3"].map(|node| {
        let text = fs::read(folder.join(format!("out/vmware/{node}/import.json"))).unwrap();
        let parsed: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let properties = parsed["PropertyMapping"].as_array().unwrap().clone();
        properties.iter().map(|property| property["Value"].as_str().unwrap().len()).max().unwrap()
    });
    let largest = largest_of_all.into_iter().max().unwrap();
    // The file around them is larger.
    assert!(limited(largest).status.success());
    let refused = limited(largest - 1);
    assert_eq!(refused.status.code(), Some(3), "{}", both(&refused));
    assert!(both(&refused).contains("import.json guestinfo.userdata has "), "{}", both(&refused));
}
