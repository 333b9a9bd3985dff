//! How many connections each server takes, by what the system allows.

use kfimg_images::serve::ServeLimits;
use rustix::process::{Resource, getrlimit, setrlimit};
use std::time::Duration;

/// Connections for machines that boot: more than a registry has, as thousands may boot at once.
const BOOT: usize = 2048;
/// Patience with machines that ask nothing, which is less than that with clients of a registry.
const BOOT_HEADER: Duration = Duration::from_secs(15);

/// Limits of both servers.
pub(super) struct Limits {
    /// For machines that boot.
    pub(super) boot: ServeLimits,
    /// For the registry.
    pub(super) registry: ServeLimits,
}

impl Limits {
    /// Asks the system for all the descriptors that it gives: most allow a thousand, and more for whoever asks.
    pub(super) fn of_system() -> Self {
        let mut allowed = getrlimit(Resource::Nofile);
        allowed.current = allowed.maximum;
        let _ = setrlimit(Resource::Nofile, allowed);
        let files = getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files).ok());
        Self::within(files.unwrap_or(usize::MAX))
    }

    /// A connection that is served has a descriptor and a file, and one that waits a descriptor; a part of all is left for other things.
    fn within(files: usize) -> Self {
        let usual = ServeLimits::default();
        let least = |wanted: usize, share: usize| wanted.min(files / share).max(16);
        Self {
            boot: ServeLimits { connections: least(BOOT, 4), header: BOOT_HEADER, ..usual },
            registry: ServeLimits { connections: least(usual.connections, 16), ..usual },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Limits;

    #[test]
    fn both_servers_stay_within_what_the_system_allows() {
        for (files, boot, registry) in
            [(usize::MAX, 2048, 1024), (16_384, 2048, 1024), (4096, 1024, 256), (1024, 256, 64), (0, 16, 16)]
        {
            let limits = Limits::within(files);
            assert_eq!((limits.boot.connections, limits.registry.connections), (boot, registry), "{files}");
            let most = 3 * (limits.boot.connections + limits.registry.connections);
            assert!(most < files || files < 1024, "{most} of {files}");
        }
    }
}
