//! Payloads are read back as the trees that they came from, whatever carries them.

use crate::site::Site;
use crate::tools::hostile;
use kfimg_ignition::delivery::{import_specification, imported_value};
use kfimg_ignition::payload::{
    IgnitionVersion, ReadError, USER_DATA_KEY, cloud_init, config_drive, guestinfo_cloud_init, ignition,
    read_cloud_init, read_config_drive, read_guestinfo, read_ignition,
};
use kfimg_ignition::tree::{NodeTree, User};
use kfimg_profiles::cluster::{Cluster, DiskChoice, Node};

fn node() -> Node {
    Cluster::fake().node("master1").unwrap().clone()
}

/// Trees without a data partition, which Ignition makes and cloud-init has files for.
fn trees() -> Vec<NodeTree> {
    let site = Site::with(|cluster| cluster.nodes.iter_mut().for_each(|node| node.data_disk = None));
    let mut trees = vec![NodeTree::new(), hostile(), site.tree("master1"), site.tree("worker1")];
    for (name, hash, groups) in
        [("admin", Some("$6$a$b/c."), vec!["sudo"]), ("null", None, vec![]), ("root", None, vec![])]
    {
        let user = User {
            name: name.to_owned(),
            ssh_authorized_keys: vec![format!("ssh-ed25519 AAAA {name}: #1 'ü\u{2028}'")],
            password_hash: hash.map(str::to_owned),
            groups: groups.into_iter().map(str::to_owned).collect(),
        };
        trees[1].user(user).unwrap();
    }
    trees
}

#[test]
fn cloud_inits_files_are_read_back_as_ignitions_are() {
    for tree in trees() {
        let by_ignition = read_ignition(&ignition(&tree, IgnitionVersion::default())).unwrap();
        let files = cloud_init(&tree, &node());
        assert!(read_cloud_init(&files.user_data).unwrap() == by_ignition);
        let drive = config_drive(&node(), &files.user_data);
        assert!(read_config_drive(&drive).unwrap() == files.user_data);
        let [value, metadata] = guestinfo_cloud_init(&files);
        assert!(read_guestinfo(value.value.as_bytes()).unwrap() == files.user_data);
        let specification = import_specification("master1", &[value.clone(), metadata]);
        assert_eq!(imported_value(specification.as_bytes(), USER_DATA_KEY), Some(value.value));
        assert_eq!(imported_value(specification.as_bytes(), "guestinfo.other"), None);
    }
}

#[test]
fn the_units_of_a_data_partition_are_files_of_the_user_data() {
    let site = Site::with(|cluster| {
        if let Some(disk) = &mut cluster.nodes[0].data_disk {
            disk.choice = DiskChoice::Path("/dev/sdb".to_owned());
        }
    });
    let tree = site.tree("master1");
    let partition = tree.data_partition().expect("its disk is named");
    let read = read_cloud_init(&cloud_init(&tree, &node()).user_data).unwrap();
    assert!(read.data_partition().is_none() && !partition.units.is_empty());
    assert!(partition.units.iter().all(|(path, _)| read.get(path.as_str()).is_some()));
    assert_eq!(read.entries().count(), tree.entries().count() + partition.units.len());
}

#[test]
fn what_kfimg_does_not_write_is_no_payload() {
    let whole = String::from_utf8(cloud_init(&hostile(), &node()).user_data).unwrap();
    let damaged = [
        String::new(),
        "#cloud-config\n".to_owned(),
        "#!/bin/sh\n".to_owned(),
        whole.replace("<<'END'", "<<'EOF'"),
        whole.replace("hostname:", "host:"),
        whole.replace("users:", "runcmd: [a]\nusers:"),
        whole.replace("H4sI", "H4sJ"),
        whole[..whole.len() / 2].to_owned(),
    ];
    for text in damaged {
        let refused = read_cloud_init(text.as_bytes());
        assert!(matches!(refused, Err(ReadError::CloudInit(_))), "{refused:?}");
    }
    assert!(read_config_drive(b"").is_none() && imported_value(b"{}", USER_DATA_KEY).is_none());
}
