//! podman of Debian: takes images from what kfimg writes and serves, and unpacks their layers into a storage of its own.

use crate::rich::{Rich, reference};
use crate::support::running::Running;
use kfimg_images::archive::{Writing, write_tar};
use kfimg_images::serve::ServeOptions;
use std::path::Path;
use std::process::Command;

/// It refuses images that no policy allows.
const POLICY: &str = r#"{"default":[{"type":"insecureAcceptAnything"}]}"#;

/// Runs podman with a storage in `folder`; what it prints.
fn podman(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("podman");
    command.env("HOME", folder).args([
        "--cgroup-manager",
        "cgroupfs",
        "--events-backend",
        "file",
        "--storage-driver",
        "vfs",
    ]);
    command.arg("--root").arg(folder.join("storage")).arg("--runroot").arg(folder.join("run")).args(arguments);
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}; podman is a package of Debian's"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn images_are_unpacked() {
    let rich = Rich::new();
    // It takes a path with upper-case letters for no path.
    let places = Path::new(env!("CARGO_TARGET_TMPDIR")).join("podman");
    let _ = std::fs::remove_dir_all(&places);
    std::fs::create_dir_all(&places).unwrap();
    let [folder, tar, policy] = ["bundle", "bundle.tar", "policy.json"].map(|name| places.join(name));
    std::fs::write(&policy, POLICY).unwrap();
    let bundle = rich.bundle(&folder);
    write_tar(&bundle, &tar, &Writing::default()).unwrap();
    let running = Running::start(bundle, ServeOptions::default());
    let (name, policy) = (reference("app"), format!("--signature-policy={}", policy.display()));
    let sources = [
        format!("oci:{}:{name}", folder.display()),
        format!("oci-archive:{}:{name}", tar.display()),
        format!("docker://{}/{name}", running.address),
    ];
    for source in sources {
        let own = tempfile::tempdir().unwrap();
        let pull = ["pull", "--quiet", "--tls-verify=false", "--arch=amd64", &policy, &source];
        let image = podman(own.path(), &pull);
        let mounted = podman(own.path(), &["image", "mount", &image]);
        // Of the archives that are the layers: the first packed by gzip, the second by zstd.
        for length in [1_500_000, 200_000] {
            let file = Path::new(&mounted).join(format!("file-{length}"));
            assert_eq!(std::fs::metadata(file).unwrap().len(), length, "{source}");
        }
        podman(own.path(), &["image", "unmount", &image]);
    }
}
