//! The Debians with cloud-init: where they are kept between runs, and how one becomes a machine's root. The bench of payloads takes
//! its cloud-init from there, too.

use std::path::PathBuf;

/// Where the Debian of this release is kept.
pub(crate) fn kept(release: &str) -> PathBuf {
    let home = std::env::var_os("HOME").map_or_else(|| "/root".into(), PathBuf::from);
    let cache = std::env::var_os("KFIMG_CACHE").map_or_else(|| home.join(".cache/kfimg"), PathBuf::from);
    cache.join("interop").join(format!("cloud-init-{release}-2"))
}

/// `debian place …`: the Debian with what is changed over it, as a machine's root.
pub(crate) const MACHINE: &str = r#"
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" overlay "$2/root"
cd "$2/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 run run
mount -t tmpfs tmp tmp
mount -t tmpfs -o mode=755 dev dev
for device in null zero full random urandom; do touch dev/$device; mount --bind /dev/$device dev/$device; done
"#;
