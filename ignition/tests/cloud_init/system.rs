//! A Debian with cloud-init in a folder, and what becomes of it.

use crate::kept::{MACHINE, kept};
use crate::tools::{find, succeed, text};
use data_encoding::{BASE64, HEXLOWER};
use flate2::Compression;
use flate2::write::GzEncoder;
use kfimg_ignition::payload::{CloudInit, nocloud_seed};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// What a cloud image has: one that sets up the network by netplan, and settings that a payload has to take back.
const PACKAGES: &str = "ca-certificates,cloud-init,iproute2,netplan.io,openssh-server,sudo,systemd-resolved,udev";
const HOOK: &str = r#"
printf '%s\n' 'manage_etc_hosts: true' 'preserve_hostname: true' 'resize_rootfs: false' 'locale: C.UTF-8' >"$1"/etc/cloud/cloud.cfg.d/01_image.cfg
install -d "$1"/etc/selinux/targeted/contexts/files
printf 'SELINUX=permissive\nSELINUXTYPE=targeted\n' >"$1"/etc/selinux/config
: >"$1"/etc/selinux/targeted/contexts/files/file_contexts
: >"$1"/etc/machine-id
ln -sf ../run/systemd/resolve/stub-resolv.conf "$1"/etc/resolv.conf
rm -rf "$1"/var/lib/apt/lists "$1"/var/cache "$1"/usr/share/doc "$1"/usr/share/locale "$1"/usr/share/man
"#;

/// One test makes a Debian while the others wait for it.
static MAKING: Mutex<()> = Mutex::new(());

/// A Debian of this release, made once and kept.
pub(crate) fn debian(release: &str) -> PathBuf {
    let _making = MAKING.lock();
    let path = kept(release);
    if path.exists() {
        return path;
    }
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut mmdebstrap = Command::new(find("mmdebstrap"));
    mmdebstrap.args(["--quiet", "--variant=minbase", "--format=directory"]);
    mmdebstrap.args(["--aptopt=Apt::Install-Recommends \"false\"", "--dpkgopt=path-exclude=/usr/share/man/*"]);
    mmdebstrap.arg(format!("--include={PACKAGES}")).arg(format!("--customize-hook={HOOK}")).arg(release).arg(&partial);
    succeed(&mut mmdebstrap);
    std::fs::rename(&partial, &path).unwrap();
    path
}

/// Where cloud-init finds a payload.
pub(crate) enum Source {
    /// A drive, for the data source whose seeds lie in this folder.
    Drive {
        /// Its image.
        image: Vec<u8>,
        /// The folder's name.
        seed: &'static str,
    },
    /// VMware, whose data source also reads values of the environment.
    Guestinfo {
        /// `guestinfo.userdata`.
        user_data: Vec<u8>,
        /// `guestinfo.metadata`.
        metadata: Vec<u8>,
    },
    /// A web server, [`SERVER`], as a machine finds it that boots from the network.
    Http {
        /// What lies in the folder of its node.
        files: CloudInit,
        /// The node's name.
        node: String,
        /// The kernel's command line.
        command_line: String,
    },
}

/// Where the web server listens: in a network of the machine's own.
pub(crate) const SERVER: &str = "http://127.0.0.1:8800";

impl Source {
    /// A seed of NoCloud.
    pub(crate) fn seed(files: &CloudInit) -> Self {
        Self::Drive { image: nocloud_seed(files), seed: "nocloud" }
    }
}

impl Source {
    /// Its name in cloud-init's settings.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Drive { seed: "nocloud", .. } => "NoCloud",
            Self::Drive { .. } => "ConfigDrive",
            Self::Guestinfo { .. } => "VMware",
            Self::Http { .. } => "NoCloud",
        }
    }

    /// Whether the payload comes over the network, so that cloud-init has it late.
    pub(crate) fn is_fetched(&self) -> bool {
        matches!(self, Self::Http { .. })
    }
}

/// A value in the encoding `gzip+base64`.
fn guestinfo(content: &[u8]) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    BASE64.encode(&encoder.finish().unwrap())
}

/// A system that was made from a Debian and changed by somebody: only what differs from the Debian.
pub(crate) struct Changed {
    place: tempfile::TempDir,
}

impl Changed {
    fn empty() -> Self {
        let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for folder in ["upper", "work", "root"] {
            std::fs::create_dir(place.path().join(folder)).unwrap();
        }
        Self { place }
    }

    fn run(&self, debian: &Path, script: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(find("unshare"));
        command.args(["--mount", "--pid", "--fork", "--kill-child", "--uts", "--net", "bash", "-euc", script, "bash"]);
        command.arg(debian).arg(self.place.path()).args(arguments);
        text(&succeed(&mut command))
    }

    /// cloud-init's four stages. The machine has one card, `ens192`, of this Ethernet address.
    pub(crate) fn by_cloud_init(debian: &Path, source: &Source, mac: &str) -> (Self, String) {
        let system = Self::empty();
        let environment = match source {
            Source::Drive { image, seed } => system.plant(image, seed),
            Source::Guestinfo { user_data, metadata } => {
                let value = |name, content| format!("VMX_GUESTINFO_{name}={}\n", guestinfo(content));
                let encoding = |name| format!("VMX_GUESTINFO_{name}_ENCODING=gzip+base64\n");
                let texts = [value("USERDATA", user_data), value("METADATA", metadata)];
                ["VMX_GUESTINFO=1\n".to_owned(), encoding("USERDATA"), encoding("METADATA")].concat() + &texts.concat()
            }
            Source::Http { files, node, command_line } => {
                system.serve(files, node);
                // Which cloud-init takes for the real one.
                format!("DEBUG_PROC_CMDLINE='{command_line}'\n")
            }
        };
        std::fs::write(system.place.path().join("environment"), environment).unwrap();
        let said = system.run(debian, &[MACHINE, CLOUD_INIT].concat(), &[mac, source.name(), SERVER]);
        (system, said)
    }

    /// Puts the files where the web server finds them, with the empty one beside them that cloud-init asks for, too.
    fn serve(&self, files: &CloudInit, node: &str) {
        let folder = self.place.path().join("served/nodes").join(node);
        std::fs::create_dir_all(&folder).unwrap();
        let CloudInit { user_data, meta_data, network_config, .. } = files;
        let files = [("user-data", user_data), ("meta-data", meta_data), ("network-config", network_config)];
        for (name, content) in files.into_iter().chain([("vendor-data", &Vec::new())]) {
            std::fs::write(folder.join(name), content).unwrap();
        }
    }

    /// Copies a drive's files to where its data source looks before it looks for drives.
    fn plant(&self, image: &[u8], seed: &str) -> String {
        let drive = self.place.path().join("drive.img");
        std::fs::write(&drive, image).unwrap();
        let seed = self.path(&format!("/var/lib/cloud/seed/{seed}"));
        std::fs::create_dir_all(&seed).unwrap();
        succeed(Command::new(find("mcopy")).arg("-s").arg("-i").arg(&drive).arg("::*").arg(&seed));
        String::new()
    }

    /// Ignition's stage `files`, and the two programs that every boot runs before units.
    pub(crate) fn by_ignition(debian: &Path, config: &[u8]) -> Self {
        let system = Self::empty();
        let file = system.place.path().join("config.ign");
        std::fs::write(&file, config).unwrap();
        // Debian's Ignition relabels what it writes.
        let tools = system.place.path().join("tools");
        std::fs::create_dir(&tools).unwrap();
        symlink("/bin/true", tools.join("setfiles")).unwrap();
        system.run(debian, &[MACHINE, IGNITION].concat(), &["-", find("ignition").to_str().unwrap()]);
        system
    }

    /// The place of something that was changed.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.place.path().join("upper").join(path.trim_start_matches('/'))
    }

    /// Text of a file that was changed.
    pub(crate) fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Everything that was changed, by path: type, mode, owner, target, SHA-256. Folders that only hold such things and are
    /// as they were are not among them.
    pub(crate) fn listing(&self, debian: &Path) -> BTreeMap<String, String> {
        let script = r"find . -mindepth 1 -printf '%P\0%y %m %U:%G %l\0'";
        let found = succeed(Command::new("sh").args(["-euc", script]).current_dir(self.path("/")));
        let mut fields = found.split(|byte| *byte == 0).map(|field| String::from_utf8_lossy(field).into_owned());
        let mut listing = BTreeMap::new();
        while let (Some(path), Some(mut what)) = (fields.next(), fields.next()) {
            if what.starts_with('f') {
                what += &HEXLOWER.encode(&Sha256::digest(std::fs::read(self.path(&path)).unwrap()));
            }
            if folder(&debian.join(&path)).as_ref() != Some(&what) {
                listing.insert(format!("/{path}"), what);
            }
        }
        listing
    }
}

/// A folder, as it would be listed.
fn folder(path: &Path) -> Option<String> {
    let found = path.symlink_metadata().ok().filter(Metadata::is_dir)?;
    Some(format!("d {:o} {}:{} ", found.mode() & 0o7777, found.uid(), found.gid()))
}

const CLOUD_INIT: &str = r#"
ip link add name ens192 address "$3" type veth peer name cable
cat >run/stages <<'END'
cloud-init init --local
ip -oneline link >/run/links
cloud-init init
cloud-init modules --mode=config
cloud-init modules --mode=final
ip -oneline link >/run/links-end
END
if [ -d "$2/served" ]; then
  ip link set lo up
  mount --bind "$2/served" mnt
  port=${5##*:}
  chroot . python3 -B -m http.server "$port" --bind 127.0.0.1 --directory /mnt >"$2/requests" 2>&1 &
  for _ in $(seq 300); do
    ! (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    sleep 0.1
  done
fi
# As `ds-identify` does before.
mkdir run/cloud-init
echo "datasource_list: [ $4, None ]" >run/cloud-init/cloud.cfg
set -a
. "$2/environment"
set +a
chroot . sh -eu /run/stages >"$2/output" 2>&1 || { cat "$2/output"; exit 1; }
cat run/links
echo end
cat run/links-end
uname -n
echo ---
# Copies of the payload that others may read.
find run tmp var etc -xdev -path var/lib/cloud/seed -prune -o -type f -perm /077 -exec grep -lF "tar -xzmpC /" {} + || true
echo ---
cat var/log/cloud-init.log
echo ---
cat var/lib/cloud/data/result.json
"#;
const IGNITION: &str = r#"
export IGNITION_CONFIG_FILE="$2/config.ign" PATH="$2/tools:$PATH:/usr/sbin"
for stage in fetch files; do
  "$4" --root="$PWD" --stage=$stage --platform=file --log-to-stdout --config-cache="$2/cache" --state-file="$2/state" \
    --neednet="$2/neednet"
done
chroot . systemd-sysusers
chroot . systemd-tmpfiles --create
"#;
