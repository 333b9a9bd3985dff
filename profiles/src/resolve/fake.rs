//! A cluster for tests: the built-in profile `ha3` with a registry.

use std::io;

use super::{FileReader, Input, resolve};
use crate::builtin;
use crate::check;
use crate::cluster::Cluster;
use crate::description::{Description, Registry};
use crate::document::{Sources, decode, parse_one};
use crate::problem::{Appearance, Report};

/// There are no files.
struct NoFiles;

impl FileReader for NoFiles {
    fn read(&self, _path: &std::path::Path, _limit: usize) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

impl Cluster {
    /// The built-in profile `ha3` with `--registry reg.local`, for tests of whatever is made from a cluster: control
    /// planes `master1` to `master3` (192.168.49.151 to .153), workers `worker1` and `worker2` (.161 and .162), VIP
    /// 192.168.49.150, Kubernetes v1.36.3. It reads no files. Fields may be changed as a test needs; nothing checks them
    /// again.
    ///
    /// # Panics
    /// If the built-in profile were wrong, which the tests of this crate exclude.
    pub fn fake() -> Self {
        let registry = Registry { host: "reg.local".to_owned(), ..Registry::default() };
        Self::of_profile("ha3", |description| description.registry = Some(registry))
    }

    /// A built-in profile after `change`.
    fn of_profile(name: &str, change: impl FnOnce(&mut Description)) -> Self {
        let text = builtin::find(name).map_or("", |profile| profile.text);
        let mut sources = Sources::new();
        let mut report = Report::new();
        let source = sources.add(name, "profile", std::path::Path::new(""), text);
        let cluster = parse_one(&sources, source, &mut report).and_then(|tree| {
            let mut description: Description = decode(&tree, &sources, &mut report);
            change(&mut description);
            check::check(&description, &mut report);
            let input = Input { description: &description, tree: &tree, reader: &NoFiles };
            resolve(input, &mut sources, &mut report)
        });
        let problems = report.render(&sources, Appearance::default());
        cluster.unwrap_or_else(|| panic!("the built-in profile {name} is wrong:\n{problems}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Cluster;
    use crate::builtin::PROFILES;

    #[test]
    fn built_in_profiles_are_clusters() {
        for profile in PROFILES {
            let cluster = Cluster::of_profile(profile.name, |_| {});
            assert_eq!(cluster.name, profile.name);
        }
    }

    #[test]
    fn the_fake_is_ha3() {
        let cluster = Cluster::fake();
        assert_eq!(cluster.endpoint.addresses[0].to_string(), "192.168.49.150");
        let addresses: Vec<String> = cluster.nodes.iter().map(|node| node.addresses[0].to_string()).collect();
        assert_eq!(addresses[..2], ["192.168.49.151/24", "192.168.49.152/24"]);
        assert_eq!(cluster.registry.unwrap().authority(), "reg.local");
        assert_eq!((cluster.nodes[0].taints.len(), cluster.nodes[3].taints.len()), (1, 0));
    }
}
