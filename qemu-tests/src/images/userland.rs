//! The layer below images that are more than one static program: a shell, and haproxy and the tools that
//! change the node's packet filter, from packages of Debian. One layer for all of them, which a node stores once.

use crate::Result;
use crate::command::{command, succeed};
use crate::keyed::{Key, once};
use crate::programs::cache;
use std::path::PathBuf;

const PACKAGES: &str = "busybox,conntrack,haproxy,iptables,nftables";
const RELEASE: &str = "bookworm";

/// What maintainer scripts would have done: packages are only unpacked.
const SETUP: &str = r#"
cd "$1"
for tool in iptables ip6tables; do
  for part in '' -save -restore; do ln -sf "$tool-nft$part" "usr/sbin/$tool$part"; done
done
for applet in $(chroot . /bin/busybox --list); do
  [ -e "bin/$applet" ] || [ -e "sbin/$applet" ] || ln -s /bin/busybox "usr/bin/$applet"
done
echo 'root:x:0:0:root:/root:/bin/sh
haproxy:x:99:99:haproxy:/nonexistent:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin' >etc/passwd
echo 'root:x:0:
haproxy:x:99:
nobody:x:65534:' >etc/group
chroot . /sbin/ldconfig
mkdir -p run tmp
chmod 1777 tmp
rm -rf var/lib/apt var/lib/dpkg var/cache usr/share/perl* usr/lib/*/perl* usr/share/man usr/share/doc usr/share/locale
"#;

/// The layer, an uncompressed tar archive.
pub(super) fn archive() -> Result<PathBuf> {
    let hook = format!("--extract-hook={SETUP}");
    let key = Key::default().text(PACKAGES).text(RELEASE).text(&hook);
    once(&cache(), "userland", key, |path| {
        let mut mmdebstrap = command("mmdebstrap");
        mmdebstrap.args(["--quiet", "--variant=extract", "--format=tar", "--skip=output/dev,output/mknod"]);
        mmdebstrap.arg("--aptopt=Apt::Install-Recommends \"false\"").arg(format!("--include={PACKAGES}"));
        mmdebstrap.arg(hook).env("SOURCE_DATE_EPOCH", "0");
        succeed(mmdebstrap.arg(RELEASE).arg(path)).map(drop)
    })
}
