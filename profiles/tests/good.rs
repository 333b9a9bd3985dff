//! Good inputs become clusters without a word: examples of networks, every setting, and what `kfimg init` writes.

use kfimg_profiles::builtin::PROFILES;
use kfimg_profiles::cluster::Cluster;
use kfimg_profiles::description::Architecture;
use kfimg_profiles::load::{Inputs, load};
use kfimg_profiles::problem::Appearance;
use kfimg_profiles::{schema, templates};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn good() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good")
}

/// The cluster of a profile and a site, if there is nothing to say about them.
fn cluster(profile: Option<&str>, site: &str) -> Cluster {
    quiet(&Inputs {
        profile: profile.map(str::to_owned),
        sites: vec![site.into()],
        folder: good(),
        ..Inputs::default()
    })
}

fn quiet(inputs: &Inputs) -> Cluster {
    match load(inputs) {
        Ok(loaded) => {
            let said = loaded.report.render(&loaded.sources, Appearance::default());
            assert!(said.is_empty(), "{inputs:?}\n{said}");
            loaded.cluster
        }
        Err(failed) => panic!("{inputs:?}\n{}", failed.report.render(&failed.sources, Appearance::default())),
    }
}

#[test]
fn built_in_profiles_render_as_they_stand() {
    for profile in PROFILES {
        let inputs = Inputs { profile: Some(profile.name.to_owned()), folder: good(), ..Inputs::default() };
        assert_eq!(quiet(&inputs).name, profile.name);
    }
}

#[test]
fn networks_of_every_kind_are_accepted() {
    let v6 = cluster(Some("ha3"), "ipv6-only.yaml");
    assert_eq!(v6.nodes[0].addresses[0].to_string(), "fd00:49::151/64");
    assert_eq!(v6.networking.dns_ips()[0].to_string(), "fd00:10:96::a");

    let dual = cluster(Some("ha3"), "dual-stack.yaml");
    assert_eq!((dual.endpoint.addresses.len(), dual.nodes[4].addresses.len()), (2, 2));
    assert_eq!(dual.networking.api_service_ips().len(), 2);

    let bonds = cluster(Some("ha3"), "vlan-and-bond.yaml");
    assert_eq!(bonds.node("worker1").unwrap().network.address_interface(), "bond0.42");
    assert_eq!(bonds.node("worker2").unwrap().network.bond.as_ref().unwrap().macs.len(), 2);

    let dhcp = cluster(Some("ha3"), "dhcp.yaml");
    assert!(dhcp.nodes.iter().all(|node| node.network.dhcp && node.network.gateways.is_empty()));

    let rooms = cluster(Some("ha3"), "two-subnets.yaml");
    assert_eq!(rooms.node("worker1").unwrap().addresses[0].subnet().to_string(), "192.168.50.0/24");

    let volatile = cluster(Some("ha3"), "volatile.yaml");
    assert!(volatile.nodes.iter().all(|node| node.data_disk.is_none()));
}

#[test]
fn one_example_uses_every_setting() {
    let everything = cluster(None, "everything.yaml");
    assert_eq!(everything.endpoint.virtual_router_id, 77);
    assert_eq!(everything.manifests.iter().map(|manifest| manifest.objects.len()).collect::<Vec<_>>(), [3, 1, 1]);
    assert_eq!(everything.manifests[0].objects[1].line, 7);
    let chart = &everything.charts[0];
    assert_eq!((chart.name.as_str(), chart.namespace.as_str()), ("web", "shop"));
    assert!(
        chart.file.ends_with("everything.yaml")
            && chart.line > 100
            && chart.path.ends_with("files/chart")
            && chart.values.len() == 1,
        "{chart:?}"
    );
    assert_eq!((everything.image_paths[0].kind.as_str(), everything.image_paths[0].path.len()), ("Gate", 4));
    assert!(everything.nodes.iter().all(|node| node.architecture == Architecture::Arm64));
    assert_eq!(everything.api_server.authentication.user_jwt.len(), 1);
    assert_eq!(everything.registry.as_ref().unwrap().credentials.as_ref().unwrap().1.expose(), "correct-horse");
    assert!(!format!("{everything:?}").contains("correct-horse"));

    assert_eq!((everything.etcd.incarnation, &everything.etcd.without[..]), (2, &["master3".to_owned()][..]));

    let inputs = Inputs { sites: vec!["everything.yaml".into()], folder: good(), ..Inputs::default() };
    let text = std::fs::read_to_string(good().join("everything.yaml")).unwrap();
    let schema = schema::schema();
    let mut keys = BTreeSet::new();
    properties(&schema, &mut keys);
    assert!(keys.len() > 100, "the schema's settings: {keys:?}");
    let written = |key: &str| text.contains(&format!("{key}:"));
    // `recoverFrom` is refused beside `restore`; nothing else may be left out.
    let missing: Vec<&String> = keys.iter().filter(|key| !written(key) && *key != "recoverFrom").collect();
    assert!(missing.is_empty(), "not in everything.yaml: {missing:?}");
    let explained = load(&inputs).unwrap().explain();
    assert!(explained.len() > 150);
    let explained: Vec<_> =
        explained.iter().map(|setting| [&*setting.path, &*setting.value, &*setting.origin]).collect();
    for setting in [
        ["etcd.incarnation", "2", "everything.yaml:"],
        ["etcd.restore.node", "master1", "everything.yaml:"],
        ["etcd.without", "[\"master3\"]", "everything.yaml:"],
        ["etcd.discard", "[\"master2\"]", "everything.yaml:"],
    ] {
        let [path, value, file] = setting;
        let found = explained.iter().find(|found| found[0] == path).expect("every setting is explained");
        assert!(found[1] == value && found[2].contains(file), "{found:?}");
    }
}

#[test]
fn the_first_incarnation_is_the_default() {
    let inputs = Inputs { profile: Some("ha3".to_owned()), folder: good(), ..Inputs::default() };
    let explained = load(&inputs).unwrap().explain();
    let incarnation = explained.iter().find(|setting| setting.path == "etcd.incarnation").unwrap();
    assert_eq!((&*incarnation.value, &*incarnation.origin), ("1", "default"));
    let recovering = Inputs { sets: vec!["etcd.incarnation=2".into(), "etcd.recoverFrom=master2".into()], ..inputs };
    assert_eq!(quiet(&recovering).etcd.recover_from.as_deref(), Some("master2"));
}

fn properties(schema: &Value, keys: &mut BTreeSet<String>) {
    match schema {
        Value::Object(entries) => {
            if let Some(Value::Object(properties)) = entries.get("properties") {
                keys.extend(properties.keys().cloned());
            }
            entries.values().for_each(|value| properties(value, keys));
        }
        Value::Array(items) => items.iter().for_each(|item| properties(item, keys)),
        _ => {}
    }
}

#[test]
fn what_init_writes_loads_without_a_word() {
    for profile in PROFILES {
        let folder = std::env::temp_dir().join(format!("kfimg-init-{}-{}", std::process::id(), profile.name));
        std::fs::create_dir_all(&folder).unwrap();
        for (name, content) in templates::site(profile.name).unwrap() {
            std::fs::write(folder.join(name), content).unwrap();
        }
        let inputs = Inputs {
            profile: Some(profile.name.to_owned()),
            sites: vec!["site.yaml".into()],
            inventory: Some("nodes.csv".into()),
            folder: folder.clone(),
            ..Inputs::default()
        };
        let cluster = quiet(&inputs);
        let example = quiet(&Inputs { profile: Some(profile.name.to_owned()), folder: good(), ..Inputs::default() });
        assert_eq!(
            format!("{:?}", cluster.nodes),
            format!("{:?}", example.nodes),
            "the same machines as the profile's"
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
