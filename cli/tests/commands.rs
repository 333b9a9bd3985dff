//! What people type and what they see: each command, its help, its errors and its exit code.

#![allow(clippy::unwrap_used)]

mod support;

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use support::program::empty_folder;
use support::said::kfimg as run;

/// The built-in profiles.
const PROFILES: [&str; 6] = ["single", "single-vip", "ha3", "ha5", "external-lb", "external-etcd"];

fn folder(name: &str) -> PathBuf {
    empty_folder(&format!("commands/{name}"))
}

#[test]
fn the_sentence_that_users_type_works_in_an_empty_folder() {
    let folder = folder("sentence");
    let said = run(&folder, "render --profile ha3 --registry reg.local");
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.stdout, "", "talk goes to standard error");
    let lines: Vec<&str> = said.stderr.lines().skip_while(|line| !line.starts_with("Rendered")).collect();
    assert!(lines.len() <= 10, "{}", said.stderr);
    for part in ["3 control planes, 2 workers", "out/admin.kubeconfig", "reg.local", "back it up", "get nodes"] {
        assert!(said.stderr.contains(part), "{part} in {}", said.stderr);
    }
    let mut entries: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    entries.sort();
    assert_eq!(entries, ["ha3.state", "out"]);
}

/// Both draw keys for the purpose, which lie in a folder that is nobody's.
#[test]
fn ctrl_c_leaves_no_keys_behind() {
    let folder = folder("ctrl-c");
    let workers =
        (0..3000).map(|number| format!("worker{number},worker,10.20.{}.{}\n", 1 + number / 200, 1 + number % 200));
    let masters = "master1,control-plane,10.20.0.11\n".to_owned();
    let rows: String = std::iter::once(masters).chain(workers).collect();
    fs::write(folder.join("nodes.csv"), format!("name,role,address\n{rows}")).unwrap();
    for command in ["images", "validate --cis"] {
        let line = format!(
            "{command} --profile single --inventory nodes.csv --set networking.nodeSubnet=10.20.0.0/16 \
             --set networking.podSubnet=10.128.0.0/12 --set nodeDefaults.network.gateway=10.20.255.254 --registry reg.local"
        );
        let scratch = empty_folder("commands/ctrl-c/tmp");
        let is_empty = || fs::read_dir(&scratch).unwrap().next().is_none();
        let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
        kfimg.current_dir(&folder).env("TMPDIR", &scratch).args(line.split_whitespace());
        let mut child = kfimg.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        while is_empty() {
            assert!(child.try_wait().unwrap().is_none(), "{line}: it ended before it had drawn keys");
            std::thread::sleep(Duration::from_millis(5));
        }
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(130), "{line}: {}", String::from_utf8_lossy(&ended.stderr));
        assert!(is_empty(), "{line}");
    }
}

#[test]
fn every_payload_of_the_built_in_profiles_fits_into_guestinfo() {
    let folder = folder("sizes");
    for profile in PROFILES {
        assert_eq!(run(&folder, &format!("render --profile {profile} --registry reg.local -o out-{profile}")).code, 0);
        let nodes = fs::read_dir(folder.join(format!("out-{profile}/nodes"))).unwrap();
        for node in nodes.map(|node| node.unwrap().file_name().into_string().unwrap()) {
            let payload = folder.join(format!("out-{profile}/nodes/{node}/ignition.json"));
            let value = folder.join(format!("out-{profile}/vmware/{node}/guestinfo.ignition.config.data"));
            let script = format!("base64 -d {} | gzip -dc | cmp - {}", value.display(), payload.display());
            let same = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert!(same.status.success(), "{profile} {node}: {}", String::from_utf8_lossy(&same.stdout));
            let bytes = fs::metadata(&value).unwrap().len();
            assert!(bytes <= 64 * 1024, "{profile} {node}: {bytes}");
        }
    }
}

#[test]
fn a_new_site_renders_as_it_was_written_and_is_never_overwritten() {
    let folder = folder("init");
    for profile in PROFILES {
        let init = format!("init {profile} {profile}-site");
        assert_eq!(run(&folder, &init).code, 0);
        let site = format!("--site {profile}-site/site.yaml --inventory {profile}-site/nodes.csv");
        let said = run(&folder, &format!("render --profile {profile} {site} -o out-{profile}"));
        assert_eq!(said.code, 0, "{profile}: {}", said.stderr);
        let again = run(&folder, &init);
        assert_eq!(again.code, 4, "{}", again.stderr);
        assert!(again.stderr.contains("exists already"), "{}", again.stderr);
    }
    let first = fs::read_to_string(folder.join("ha3-site/site.yaml")).unwrap();
    assert!(first.lines().next().unwrap().starts_with("# yaml-language-server: $schema="), "{first}");
}

#[test]
fn wrong_input_ends_with_the_documented_exit_code_and_writes_nothing() {
    let folder = folder("codes");
    fs::write(folder.join("bad.yaml"), "clusterNmae: x\nkubernetesVersion: v1.20.0\n").unwrap();
    let table = [
        ("frobnicate", 2, "unrecognized subcommand"),
        ("render --ignition-version 9.9.9 --profile ha3", 2, "choose 3.3.0"),
        ("init nonsense x", 2, "choose one of single, single-vip, ha3, ha5, external-lb, external-etcd"),
        ("render --profile ha4", 3, "did you mean `ha3`?"),
        ("render --profile ha3 --site bad.yaml", 3, "did you mean `clusterName`?"),
        ("validate --profile ha3 --site bad.yaml", 3, "v1.20.0 is older"),
        (
            "validate --profile ha3 --set controlPlaneEndpoint.vip.image=reg.local/Keep:1",
            3,
            "`controlPlaneEndpoint.vip.image`",
        ),
        ("validate --profile ha3 --set kubelet.maxPods=4294967295", 3, "takes no number as large as 4294967295"),
        ("validate --profile ha3 --set networking.flannel.mtu=4294967295", 3, "MTU of 4294967295"),
        ("validate --profile ha3 --set kubelet.shutdownGracePeriod=999999999999h", 3, "a duration such as"),
        ("validate --profile ha3 --set nodes[master4].address=x", 3, "nothing here is called `master4`"),
        ("render", 3, "--profile ha3"),
        ("render --profile ha3 --site none.yaml", 4, "there is no file `none.yaml`"),
        ("render --profile ha3 --inventory none.csv", 4, "there is no file `none.csv`"),
        ("pki show --profile ha3", 4, "ha3.state"),
        ("pki show --state nowhere", 4, "nowhere"),
        ("pki renew --profile ha3", 4, "ha3.state"),
        ("pki renew --profile ha3 mastr1", 2, "did you mean `master1`?"),
    ];
    for (line, code, message) in table {
        let said = run(&folder, line);
        assert_eq!(said.code, code, "{line}: {}", said.stderr);
        assert!(said.stderr.contains(message), "{line}: {}", said.stderr);
    }
    let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["bad.yaml"]);
}

#[test]
fn every_unusable_authority_is_named_at_once() {
    let folder = folder("authorities");
    let script = "
        openssl ecparam -name prime256v1 -genkey -noout -out a.key; openssl ecparam -name prime256v1 -genkey -noout -out b.key
        openssl req -x509 -new -key a.key -subj /CN=A -days 4000 -addext basicConstraints=critical,CA:FALSE -out leaf.crt
        openssl req -x509 -new -key a.key -subj /CN=A -days 4000 -out a.crt";
    assert!(Command::new("sh").args(["-euc", script]).current_dir(&folder).output().unwrap().status.success());
    let site = "pki:\n  kubernetes: {certificate: leaf.crt, key: a.key}\n  etcd: {certificate: a.crt, key: b.key}\n";
    fs::write(folder.join("site.yaml"), site).unwrap();
    for command in ["validate", "render"] {
        let said = run(&folder, &format!("{command} --profile ha3 --site site.yaml"));
        assert_eq!(said.code, 3, "{command}: {}", said.stderr);
        assert_eq!(said.stderr.matches("error: ").count(), 3, "two authorities and the sum: {}", said.stderr);
        assert!(said.stderr.contains("kubernetes") && said.stderr.contains("etcd"), "{}", said.stderr);
        assert!(!folder.join("ha3.state").exists() && !folder.join("out").exists(), "{command} writes nothing");
    }
}

#[test]
fn an_upgrade_goes_one_minor_version_at_a_time_and_never_back() {
    let folder = folder("upgrade");
    let render = |version: &str| run(&folder, &format!("render --profile ha3 --set kubernetesVersion={version}"));
    assert_eq!(render("v1.34.4").code, 0);
    let skipped = render("v1.36.3");
    assert_eq!(skipped.code, 3);
    assert!(skipped.stderr.contains("skips a minor version; go to v1.35.x first"), "{}", skipped.stderr);
    assert_eq!(render("v1.35.4").code, 0);
    let back = render("v1.34.4");
    assert_eq!(back.code, 3);
    assert!(back.stderr.contains("goes back"), "{}", back.stderr);
    assert_eq!(render("v1.36.3").code, 0);
}

#[test]
fn results_for_programs_are_json_on_standard_output() {
    let folder = folder("json");
    let lines = [
        "render --profile ha3 --output-format json",
        "validate --profile ha3 --output-format json",
        "validate --profile ha3 --explain --output-format json",
        "pki show --profile ha3 --output-format json",
        "images --profile ha3 --format json",
        "images --profile ha3 --output-format json",
        "profiles --output-format json",
        "schema",
    ];
    for line in lines {
        let said = run(&folder, line);
        assert_eq!(said.code, 0, "{line}: {}", said.stderr);
        let value: serde_json::Value =
            serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(!value.is_null(), "{line}");
    }
    let failed = run(&folder, "validate --profile ha3 --set kubelet.maxPod=1 --output-format json");
    assert_eq!(failed.code, 3);
    let problems: serde_json::Value = serde_json::from_str(&failed.stdout).unwrap();
    assert_eq!(problems["problems"][0]["code"], "unknown-key");
    assert_eq!(problems["problems"][0]["file"], "--set");
}

#[test]
fn every_image_is_listed_with_who_asks_for_it() {
    let folder = folder("images");
    let manifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: nginx, image: 'nginx:1.29'}]}}}\n";
    fs::write(folder.join("web.yaml"), manifest).unwrap();
    fs::write(folder.join("site.yaml"), "manifests: [web.yaml]\n").unwrap();
    let said = run(&folder, "images --why --profile ha3 --site site.yaml");
    assert_eq!(said.code, 0, "{}", said.stderr);
    for part in
        ["docker.io/library/nginx:1.29", "web.yaml:1", "Deployment/web", "sandbox", "registry.k8s.io/etcd:3.6.8-0"]
    {
        assert!(said.stdout.contains(part), "{part} in {}", said.stdout);
    }
    let plain = run(&folder, "images --profile ha3 --site site.yaml").stdout;
    assert_eq!(plain.lines().count(), 13, "{plain}");
    run(&folder, "render --profile ha3 --site site.yaml");
    assert_eq!(fs::read_to_string(folder.join("out/images.txt")).unwrap(), plain);
}

#[test]
fn the_schema_takes_every_profile_and_refuses_unknown_settings() {
    let folder = folder("schema");
    let schema: serde_json::Value = serde_json::from_str(&run(&folder, "schema").stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let profiles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../profiles");
    let mut texts: Vec<PathBuf> = PROFILES.map(|name| profiles.join(format!("builtin/{name}.yaml"))).into();
    texts.push(profiles.join("tests/good/everything.yaml"));
    for path in texts {
        let value: serde_json::Value = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
    }
    assert!(!validator.is_valid(&serde_json::json!({"clusterNmae": "x"})));
    assert!(!validator.is_valid(&serde_json::json!({"nodes": [{"name": "a", "rol": "worker"}]})));
}

#[test]
fn what_the_words_for_recovery_do_is_told_by_validate_and_by_nobody_else() {
    let folder = folder("recovery-notes");
    let words = "--set etcd.incarnation=2 --set etcd.recoverFrom=master2";
    let said = run(&folder, &format!("validate --profile ha3 {words}"));
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.stderr.matches("note[etcd-").count(), 2, "{}", said.stderr);
    assert!(said.stderr.contains("begins incarnation 2 with its own data"), "{}", said.stderr);
    let json = run(&folder, &format!("validate --profile ha3 {words} --output-format json")).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let severities: Vec<_> = json["problems"].as_array().unwrap().iter().map(|one| one["severity"].clone()).collect();
    assert_eq!(severities, ["note", "note"]);
    for command in ["images", "validate --set etcd.without=[master9]"] {
        let said = run(&folder, &format!("{command} --profile ha3 {words}"));
        assert!(!said.stderr.contains("note["), "{command}: {}", said.stderr);
    }
}

#[test]
fn machines_for_etcd_alone_are_counted() {
    let said = run(&folder("etcd-count"), "validate --profile external-etcd");
    assert!(said.stderr.contains("3 etcd nodes, 3 control planes, 2 workers"), "{}", said.stderr);
}
