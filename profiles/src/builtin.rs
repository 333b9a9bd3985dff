//! The profiles that the program carries: topologies with their policy and an example site.
//!
//! Each is a description like any other one; nothing in the program depends on their names.

/// A built-in profile.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Its name, as `--profile` takes it.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// The description, YAML.
    pub text: &'static str,
}

/// All built-in profiles.
pub const PROFILES: [Profile; 6] = [
    Profile {
        name: "single",
        summary: "one machine that is the whole cluster",
        text: include_str!("../builtin/single.yaml"),
    },
    Profile {
        name: "single-vip",
        summary: "one control plane with etcd behind a virtual IP address, to grow later; two workers",
        text: include_str!("../builtin/single-vip.yaml"),
    },
    Profile {
        name: "ha3",
        summary: "three control planes with etcd, a virtual IP address, two workers",
        text: include_str!("../builtin/ha3.yaml"),
    },
    Profile {
        name: "ha5",
        summary: "five control planes with etcd, a virtual IP address, two workers",
        text: include_str!("../builtin/ha5.yaml"),
    },
    Profile {
        name: "external-lb",
        summary: "three control planes with etcd behind somebody else's load balancer, two workers",
        text: include_str!("../builtin/external-lb.yaml"),
    },
    Profile {
        name: "external-etcd",
        summary: "three machines for etcd alone, three control planes, a virtual IP address, two workers",
        text: include_str!("../builtin/external-etcd.yaml"),
    },
];

/// The built-in profile of that name.
pub fn find(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}
