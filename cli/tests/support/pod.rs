//! A static pod's own view of its node: what its container would see, with this machine's programs as the image.

use super::machine::Machine;
use super::node::NodeRoot;
use super::program::{as_root, succeed};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A container of a static pod's manifest.
pub(crate) struct Container {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// What it sees of the node.
    pub(crate) mounts: Vec<Mount>,
    /// User and group that it runs as.
    pub(crate) user: (u64, u64),
}

/// A path of the node in a container.
pub(crate) struct Mount {
    on_node: String,
    in_container: String,
    /// The kubelet makes the folder when it is missing.
    made: bool,
}

impl Container {
    /// Reads a container of a manifest (YAML or JSON).
    pub(crate) fn read(manifest: &str, container: &str) -> Self {
        let pod: Value = serde_saphyr::from_str(manifest).expect("a static pod is YAML");
        let spec = &pod["spec"];
        let containers = spec["containers"].as_array().expect("a pod has containers");
        let found = containers.iter().find(|found| found["name"] == container);
        let found = found.unwrap_or_else(|| panic!("no container {container} in {pod}"));
        let texts = |list: &Value| -> Vec<String> {
            let list = list.as_array().into_iter().flatten();
            list.map(|text| text.as_str().expect("commands are text").to_owned()).collect()
        };
        let number = |key: &str| {
            let contexts = [&found["securityContext"], &spec["securityContext"]];
            contexts.iter().find_map(|context| context[key].as_u64()).unwrap_or(0)
        };
        Self {
            command: [texts(&found["command"]), texts(&found["args"])].concat(),
            mounts: mounts(spec, found),
            user: (number("runAsUser"), number("runAsGroup")),
        }
    }

    /// The value of `--name=value`.
    pub(crate) fn flag(&self, name: &str) -> Option<&str> {
        self.command.iter().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='))
    }

    /// Where a path in the container lies on the node.
    pub(crate) fn on_node(&self, path: &str) -> Option<String> {
        let below = |mount: &Mount| Some(mount.on_node.clone() + path.strip_prefix(&mount.in_container)?);
        self.mounts.iter().find_map(below)
    }

    /// A process of the node itself that sees these paths of it.
    pub(crate) fn of_host(command: Vec<String>, paths: &[&str]) -> Self {
        let mount = |path: &&str| Mount { on_node: (*path).to_owned(), in_container: (*path).to_owned(), made: true };
        Self { command, mounts: paths.iter().map(mount).collect(), user: (0, 0) }
    }

    /// The container's own command, its program taken from this machine.
    pub(crate) fn start(&self, machine: &Machine, node: &NodeRoot, program: impl AsRef<Path>) -> Command {
        let mut command = self.view(machine, node, program);
        command.args(&self.command[1..]);
        command
    }

    /// A command in the container's view of the node: the files of its mounts and this machine's programs, nothing else of the node.
    pub(crate) fn view(&self, machine: &Machine, node: &NodeRoot, program: impl AsRef<Path>) -> Command {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("view");
        fs::create_dir_all(&place).unwrap();
        let mut command = machine.command("unshare");
        command.args(["--mount", "sh", "-euc", ENTER, "sh"]).arg(place).arg(format!("{}:{}", self.user.0, self.user.1));
        for Mount { on_node, in_container, made } in &self.mounts {
            let source = node.path(on_node);
            if *made && !source.exists() {
                succeed(as_root("mkdir").arg("-p").arg(&source));
            }
            assert!(source.exists(), "{}: {on_node}, mounted at {in_container}, is missing", node.name);
            command.arg(format!("{}={in_container}", source.display()));
        }
        let program = program.as_ref();
        if program.is_absolute() {
            command.arg(format!("{}={PROGRAM}", program.display())).args(["--", PROGRAM]);
        } else {
            command.arg("--").arg(program);
        }
        command
    }
}

/// Where a container finds a program that was built for the tests.
const PROGRAM: &str = "/usr/local/bin/tested";

/// Every volume of a node's path that the container mounts.
fn mounts(spec: &Value, container: &Value) -> Vec<Mount> {
    let volumes: Vec<_> = spec["volumes"].as_array().into_iter().flatten().collect();
    let mounts = container["volumeMounts"].as_array().into_iter().flatten();
    let mount = |mount: &Value| {
        let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]);
        let volume = &volume.expect("a mount names a volume")["hostPath"];
        let below = mount["subPath"].as_str().map_or_else(String::new, |below| format!("/{below}"));
        Some(Mount {
            on_node: volume["path"].as_str()?.to_owned() + &below,
            in_container: mount["mountPath"].as_str().expect("a mount has a path").to_owned(),
            made: volume["type"] == "DirectoryOrCreate",
        })
    };
    mounts.filter_map(mount).collect()
}

/// `place user:group source=target… -- program…`: makes a root of this machine's `/usr` and little else, binds each source at its
/// target, and runs the program there. Folders on the way to a target are made of links to what this machine has in them.
const ENTER: &str = r#"
root=$1 user=$2; shift 2
mount -t tmpfs -o mode=0755 tmpfs "$root"
cd "$root"
for folder in dev etc host/usr proc run sys tmp var; do mkdir -p -m 0755 "$folder"; done
mount --rbind /usr host/usr
ln -s host/usr usr
for path in /bin /sbin /lib*; do if [ -L "$path" ]; then cp -P "$path" .; fi; done
for path in dev proc sys; do mount --rbind "/$path" "$path"; done
cp /etc/passwd /etc/group /etc/ld.so.cache /etc/nsswitch.conf etc/
way() { # FOLDER of a target
  case $1 in */*) way "${1%/*}" ;; esac
  if [ -L "$1" ]; then
    rm "$1"
    mkdir "$1"
    for entry in "/$1"/*; do ln -s "/host$entry" "$1/"; done
  fi
  mkdir -p "$1"
}
while [ "$1" != -- ]; do
  source=${1%%=*} target=${1#*=/}
  case $target in */*) way "${target%/*}" ;; esac
  if [ -L "$target" ]; then rm "$target"; fi
  if [ -d "$source" ]; then mkdir -p "$target"; else : >"$target"; fi
  mount --bind "$source" "$target"
  shift
done
shift
exec chroot --userspec="$user" --groups= "$root" "$@"
"#;
