//! Real clients against the registry: crane, and containerd through its mirror configuration. `make interop` builds them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use kfimg_images::content::Content;
use kfimg_images::serve::ServeOptions;
use kfimg_images::verify::verify;

use crate::running::Running;
use crate::support::{Place, quiet, run};

/// The folder of the built programs, which one test builds for all.
fn programs() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(build).clone()
}

fn build() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../qemu-tests/go/build.sh");
    let output = Command::new(script).args(["containerd", "crane"]).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success());
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

#[test]
#[ignore = "needs crane: make interop"]
fn crane_lists_and_pulls_everything() {
    let crane = programs().join("crane");
    let place = Place::new();
    let running = Running::start(place.content(), ServeOptions::default());
    let registry = running.address;
    let say = |arguments: &[&str]| run(Command::new(&crane).arg("--insecure").args(arguments));
    let repositories = "docker.io/library/nginx\nkfimg.invalid/binary/kubelet\nregistry.k8s.io/pause\n";
    assert_eq!(say(&["catalog", &registry.to_string()]), repositories);
    assert_eq!(say(&["ls", &format!("{registry}/registry.k8s.io/pause")]), "3.10.2\n");
    let layout = place.path("pulled");
    for name in ["registry.k8s.io/pause:3.10.2", "docker.io/library/nginx:1.29", "kfimg.invalid/binary/kubelet:v1.36.3"]
    {
        let from = format!("{registry}/{name}");
        say(&["pull", "--format", "oci", "--annotate-ref", &from, layout.to_str().unwrap()]);
    }
    let (pulled, bundle) = (Content::open(&layout).unwrap(), place.content());
    assert!(verify(&pulled, &quiet).is_sound());
    // All but the signature, which crane does not ask for.
    let missing = bundle.blobs().filter(|(digest, _)| pulled.extent(digest).is_none()).count();
    assert_eq!(missing, 2, "the signature's manifest and its layer");
}

/// containerd of this test; it ends with it.
struct Containerd(Child);

impl Drop for Containerd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn containerd(programs: &Path, place: &Place) -> Containerd {
    let config = format!(
        "version = 3\nroot = {:?}\nstate = {:?}\ndisabled_plugins = [\"io.containerd.cri.v1.images\", \"io.containerd.cri.v1.runtime\", \"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = {:?}\n",
        place.path("root"),
        place.path("state"),
        place.path("containerd.sock"),
    );
    fs::write(place.path("config.toml"), config).unwrap();
    let log = fs::File::create(place.path("containerd.log")).unwrap();
    let mut command = Command::new(programs.join("containerd"));
    command.arg("--config").arg(place.path("config.toml")).stdout(Stdio::null()).stderr(log);
    let mut child = Containerd(command.spawn().unwrap());
    for _ in 0..1200 {
        let asked =
            Command::new(programs.join("ctr")).arg("-a").arg(place.path("containerd.sock")).arg("version").output();
        if asked.unwrap().status.success() {
            return child;
        }
        assert!(child.0.try_wait().unwrap().is_none(), "{}", fs::read_to_string(place.path("containerd.log")).unwrap());
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("containerd never answered");
}

#[test]
#[ignore = "needs containerd, and root: make interop"]
fn containerd_pulls_through_its_mirror_configuration() {
    let programs = programs();
    let place = Place::new();
    let running = Running::start(place.content(), ServeOptions::default());
    let _containerd = containerd(&programs, &place);
    let hosts = place.path("certs.d/registry.k8s.io");
    fs::create_dir_all(&hosts).unwrap();
    // As render writes it: no fallback to the upstream.
    let text = format!(
        "server = \"http://{}/v2/registry.k8s.io\"\ncapabilities = [\"pull\", \"resolve\"]\noverride_path = true\n",
        running.address
    );
    fs::write(hosts.join("hosts.toml"), text).unwrap();
    let ctr = |arguments: &[&str]| {
        let mut command = Command::new(programs.join("ctr"));
        command.arg("-a").arg(place.path("containerd.sock")).args(arguments);
        command.output().unwrap()
    };
    let certs = place.path("certs.d");
    let fetch =
        |name: &str| ctr(&["content", "fetch", "--all-platforms", "--hosts-dir", certs.to_str().unwrap(), name]);
    let fetched = fetch("registry.k8s.io/pause:3.10.2");
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    let held = String::from_utf8(ctr(&["content", "ls", "-q"]).stdout).unwrap();
    let index = place.content().index().manifests[0].digest.to_string();
    assert!(held.contains(&index) && held.lines().count() == 7, "{held}");
    let absent = fetch("registry.k8s.io/absent:1");
    assert!(!absent.status.success());
    assert!(
        String::from_utf8_lossy(&absent.stderr).contains("not found"),
        "{}",
        String::from_utf8_lossy(&absent.stderr)
    );
}
