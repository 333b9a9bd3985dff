//! Charts of the description: rendered by helm, and then treated as the user's own files are.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::payload::Payload;
use support::program::{empty_folder, go_folder, put_script, succeed};

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.2.3\n";
const TEMPLATE: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}-front}
spec:
  replicas: {{ .Values.replicas }}
  template: {spec: {containers: [{name: nginx, image: 'nginx:{{ .Values.tag }}'}]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: web}
---
apiVersion: example.com/v1
kind: Gate
metadata: {name: gate, annotations: {kube: {{ .Capabilities.KubeVersion.Version | quote }}}}
spec: {image: quay.io/gate:2}
";
const SITE: &str = "\
imagePaths: [{kind: Gate, path: spec.image}]
charts:
  - {name: shop, namespace: web, path: charts/web, values: [values.yaml]}
";

fn site(name: &str) -> PathBuf {
    let folder = empty_folder(&format!("charts/{name}"));
    fs::create_dir_all(folder.join("charts/web/templates")).unwrap();
    fs::write(folder.join("charts/web/Chart.yaml"), CHART).unwrap();
    fs::write(folder.join("charts/web/values.yaml"), "tag: '1.28'\nreplicas: 1\n").unwrap();
    fs::write(folder.join("charts/web/templates/all.yaml"), TEMPLATE).unwrap();
    fs::write(folder.join("values.yaml"), "tag: '1.29'\n").unwrap();
    fs::write(folder.join("site.yaml"), SITE).unwrap();
    folder
}

fn run(folder: &Path, programs: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    command.args(line.split_whitespace()).current_dir(folder).env("PATH", programs).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A program that fails as helm does, or hangs on to its output.
fn failing(folder: &Path, script: &str) -> PathBuf {
    let programs = folder.join("programs");
    put_script(&programs.join("helm"), &format!("{script}\n"));
    programs
}

#[test]
fn a_chart_without_helm_or_with_a_failing_one_is_an_error_with_its_place() {
    let folder = site("failing");
    for (programs, parts) in [
        (folder.join("nothing"), &["site.yaml:3", "`shop`", "install it"][..]),
        (failing(&folder, "echo 'Error: no such value' >&2; exit 1"), &["site.yaml:3", "Error: no such value"]),
    ] {
        for line in ["render --profile ha3 --site site.yaml", "images --profile ha3 --site site.yaml"] {
            let output = run(&folder, &programs, line);
            assert_eq!(output.status.code(), Some(6), "{}", said(&output));
            parts.iter().for_each(|part| assert!(said(&output).contains(part), "{part} in {}", said(&output)));
        }
        assert!(!folder.join("out").exists());
    }
    let programs = failing(&folder, "echo 'kind: 5'");
    let output = run(&folder, &programs, "images --profile ha3 --site site.yaml");
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("chart shop"), "{}", said(&output));
}

#[test]
fn a_chart_that_is_not_there_is_a_missing_input() {
    let folder = site("missing");
    fs::remove_dir_all(folder.join("charts")).unwrap();
    fs::remove_file(folder.join("values.yaml")).unwrap();
    let output = run(&folder, &folder, "validate --profile ha3 --site site.yaml");
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    for part in ["there is no file `charts/web`", "there is no file `values.yaml`", "site.yaml:3"] {
        assert!(said(&output).contains(part), "{part} in {}", said(&output));
    }
}

#[test]
#[ignore = "builds helm from its Go module; `make interop` runs it"]
fn the_objects_of_a_chart_are_applied_and_their_images_are_known() {
    let programs = go_folder(&["helm"]);
    let folder = site("real");
    let why = run(&folder, &programs, "images --why --profile ha3 --site site.yaml");
    let text = String::from_utf8_lossy(&why.stdout).into_owned();
    for part in [
        "docker.io/library/nginx:1.29\n  manifest chart shop of site.yaml:3 Deployment/shop-front container nginx on every node\n",
        "quay.io/gate:2\n  manifest chart shop of site.yaml:3 Gate/gate field spec.image on every node\n",
    ] {
        assert!(text.contains(part), "{part} in {text}{}", said(&why));
    }
    succeed(Command::new("tar").args(["-czf", "web.tgz", "-C", "charts", "web"]).current_dir(&folder));
    let packed = SITE.replace("charts/web", "web.tgz");
    fs::write(folder.join("packed.yaml"), packed).unwrap();
    for (site, output) in [("site.yaml", "out"), ("packed.yaml", "packed")] {
        let rendered = run(&folder, &programs, &format!("render --profile ha3 --site {site} -o {output}"));
        assert!(rendered.status.success(), "{}", said(&rendered));
        let payload = Payload::read(&folder.join(format!("{output}/nodes/master1/ignition.json")));
        let list = payload.texts().find(|text| text.contains("shop-front")).unwrap();
        let list: serde_json::Value = serde_json::from_str(list).unwrap();
        let kinds: Vec<(&str, &serde_json::Value)> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| (item["kind"].as_str().unwrap(), &item["metadata"]["namespace"]))
            .collect();
        let names = |kind: &str| kinds.iter().find(|one| one.0 == kind).unwrap().1.as_str();
        assert_eq!(kinds[0].0, "Namespace");
        assert_eq!((names("Deployment"), names("Gate"), names("ClusterRole")), (Some("web"), Some("web"), None));
        let gate = list["items"].as_array().unwrap().iter().find(|item| item["kind"] == "Gate").unwrap();
        assert_eq!(gate["metadata"]["annotations"]["kube"], "v1.36.3");
    }
    fs::write(folder.join("charts/web/templates/bad.yaml"), "{{ fail \"not like this\" }}").unwrap();
    let failed = run(&folder, &programs, "render --profile ha3 --site site.yaml -o never");
    assert_eq!(failed.status.code(), Some(6), "{}", said(&failed));
    assert!(said(&failed).contains("not like this"), "{}", said(&failed));
}

#[test]
#[ignore = "builds helm from its Go module; `make interop` runs it"]
fn the_secret_of_a_chart_stays_in_the_payload_and_its_other_objects_may_leave_it() {
    let programs = go_folder(&["helm"]);
    let folder = site("split");
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {key: {{ repeat 3000 \"s\" }}}\n";
    fs::write(folder.join("charts/web/templates/secret.yaml"), secret).unwrap();
    let notes = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes}\ndata: {text: {{ repeat 3000 \"n\" }}}\n";
    fs::write(folder.join("charts/web/templates/notes.yaml"), notes).unwrap();
    let delivery = "delivery: {bootServer: 'http://192.168.49.2:8080', userDataLimit: 128Ki}\n";
    fs::write(folder.join("site.yaml"), format!("{SITE}{delivery}")).unwrap();
    let rendered = run(&folder, &programs, "render --profile ha3 --site site.yaml --channel ignition");
    assert!(rendered.status.success(), "{}", said(&rendered));
    let payload = Payload::read(&folder.join("out/nodes/master1/ignition.json"));
    let has = |text: &str, letter: &str| text.contains(&letter.repeat(3000));
    assert!(payload.texts().any(|text| has(text, "s")) && !payload.texts().any(|text| has(text, "n")));
    let served: Vec<String> = fs::read_dir(folder.join("out/content"))
        .unwrap()
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    assert!(served.iter().any(|text| has(text, "n")) && !served.iter().any(|text| has(text, "s")));
}
