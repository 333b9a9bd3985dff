//! How layers become one description.

use super::{Inputs, load};
use std::path::{Path, PathBuf};

pub(super) struct Place(PathBuf);

impl Place {
    pub(super) fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("kfimg-load-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("profiles")).unwrap();
        for (file, text) in files {
            std::fs::write(folder.join(file), text).unwrap();
        }
        Self(folder)
    }

    pub(super) fn inputs(&self) -> Inputs {
        Inputs {
            profile: Some("ha3".into()),
            registry: Some("reg.local".into()),
            folder: self.0.clone(),
            ..Inputs::default()
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) fn problems(inputs: &Inputs) -> String {
    let failed = load(inputs).unwrap_err();
    failed.report.render(&failed.sources, crate::problem::Appearance::default())
}

#[test]
fn later_layers_win_and_named_things_merge() {
    let place = Place::new(
        "layers",
        &[
            (
                "site.yaml",
                "clusterName: ship\nnodes:\n  - {name: master1, labels: {rack: a}}\n  - {name: worker2, $patch: delete}\n",
            ),
            (
                "nodes.csv",
                "name,role,address,labels\nmaster1,control-plane,192.168.49.11,\nmaster2,control-plane,192.168.49.12,\nmaster3,control-plane,192.168.49.13,x=y;z=1\nw9,worker,192.168.49.21,\n",
            ),
        ],
    );
    let site = vec![PathBuf::from("site.yaml")];
    let loaded = load(&Inputs { sites: site.clone(), ..place.inputs() }).unwrap();
    let names: Vec<&str> = loaded.cluster.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["master1", "master2", "master3", "worker1"]);
    assert_eq!(loaded.cluster.nodes[0].labels["rack"], "a");

    let all = Inputs {
        sites: site,
        inventory: Some("nodes.csv".into()),
        sets: vec!["nodes[w9].labels.a=b".into()],
        ..place.inputs()
    };
    let loaded = load(&all).unwrap();
    let names: Vec<&str> = loaded.cluster.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["master1", "master2", "master3", "w9"], "the profile's workers are only an example");
    assert_eq!(loaded.cluster.nodes[0].ip().to_string(), "192.168.49.11");
    assert_eq!(loaded.cluster.nodes[0].labels["rack"], "a");
    assert_eq!(loaded.cluster.nodes[3].labels["a"], "b");
    let explained = loaded.explain();
    let origin =
        |path: &str| explained.iter().find(|setting| setting.path == path).map(|setting| setting.origin.clone());
    let csv = place.0.join("nodes.csv").display().to_string();
    assert_eq!(origin("nodes[master1].address"), Some(format!("{csv}:2")));
    assert_eq!(origin("nodes[w9].labels.a").as_deref(), Some("--set"));
    assert_eq!(origin("registry.host").as_deref(), Some("--registry"));
    assert_eq!(origin("kubelet.maxPods").as_deref(), Some("default"));
    assert_eq!(origin("etcd.members").as_deref(), Some("profile ha3 (built-in):11"));
}

#[test]
fn what_cannot_be_read_is_named_and_kept_apart_from_what_is_wrong() {
    let place = Place::new("missing", &[("bad.yaml", "clusterNmae: x\n")]);
    let inputs = |sites: &[&str]| Inputs { sites: sites.iter().map(PathBuf::from).collect(), ..place.inputs() };
    assert!(load(&inputs(&["none.yaml"])).unwrap_err().missing_input);
    assert!(load(&inputs(&["profiles"])).unwrap_err().missing_input);
    assert!(!load(&inputs(&["bad.yaml"])).unwrap_err().missing_input);
    assert!(problems(&inputs(&["bad.yaml"])).contains("did you mean `clusterName`?"));
    let unknown = Inputs { profile: Some("ha4".into()), ..place.inputs() };
    assert!(problems(&unknown).contains("did you mean `ha3`?"));
    assert!(problems(&Inputs { folder: place.0.clone(), ..Inputs::default() }).contains("no description was named"));
}

#[test]
fn a_profile_of_ones_own_takes_precedence() {
    let text = crate::builtin::find("ha3").unwrap().text.replace("clusterName: ha3", "clusterName: mine");
    let place = Place::new("own", &[("profiles/ha3.yaml", &text)]);
    assert_eq!(load(&place.inputs()).unwrap().cluster.name, "mine");
    let by_path = Inputs { profile: Some("profiles/ha3.yaml".into()), ..place.inputs() };
    assert_eq!(load(&by_path).unwrap().cluster.name, "mine");
}

#[test]
fn every_wrong_set_and_row_is_told() {
    let place = Place::new("rows", &[("nodes.csv", "name,rol,address\nmaster1,control-plane,x\n")]);
    let sets = ["kubelet", "nodes[mastr1].labels.a=b", "nodes[9].labels.a=b"].map(str::to_owned).to_vec();
    let text = problems(&Inputs { sets: sets[..1].to_vec(), inventory: Some("nodes.csv".into()), ..place.inputs() });
    assert!(text.contains("did you mean `role`?"), "{text}");
    assert!(text.contains("`=` and a value are missing"), "{text}");
    let text = problems(&Inputs { sets: sets[1..].to_vec(), ..place.inputs() });
    assert!(text.contains("did you mean `master1`?") && text.contains("the list has 5 items"), "{text}");
}

#[test]
fn documented_defaults_are_the_real_ones() {
    let place = Place::new("defaults", &[]);
    let plain = load(&place.inputs()).unwrap();
    let sets = plain
        .explain()
        .into_iter()
        .filter(|setting| setting.origin == "default" && !setting.path.starts_with("nodes"))
        .filter(|setting| !setting.path.contains('['))
        // Said or unsaid they mean the same, but are kept as they were written.
        .filter(|setting| !["registry.port", "apiServer.storageMediaType"].contains(&setting.path.as_str()))
        .map(|setting| format!("{}={}", setting.path, serde_json::Value::String(setting.value.clone())))
        .map(|set| unquote(&set))
        .collect::<Vec<_>>();
    assert!(sets.len() > 20, "{sets:?}");
    let said = load(&Inputs { sets: sets.clone(), ..place.inputs() });
    let said = said.unwrap_or_else(|failed| {
        panic!("{}", failed.report.render(&failed.sources, crate::problem::Appearance::default()))
    });
    assert_eq!(format!("{:?}", plain.cluster), format!("{:?}", said.cluster), "{sets:?}");
}

/// Numbers and truth values are written without quotes.
fn unquote(set: &str) -> String {
    let (path, value) = set.split_once('=').unwrap();
    let bare = value.trim_matches('"');
    let is_bare = bare == "true" || bare == "false" || bare.parse::<u64>().is_ok();
    let is_list = path.ends_with("resources") || path.ends_with("AddressTypes");
    if is_list {
        format!("{path}=[{bare}]")
    } else if is_bare {
        format!("{path}={bare}")
    } else {
        set.to_owned()
    }
}

#[test]
fn a_site_names_files_from_its_own_folder() {
    let place = Place::new(
        "folders",
        &[
            ("profiles/site.yaml", "manifests: [web.yaml]\n"),
            ("profiles/web.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: web}\n"),
        ],
    );
    let inputs = Inputs { sites: vec![Path::new("profiles/site.yaml").into()], ..place.inputs() };
    assert_eq!(load(&inputs).unwrap().cluster.manifests.len(), 1);
}
