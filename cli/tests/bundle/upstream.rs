//! A mirror with everything that the profile `single` asks for, and a folder to work in.

use crate::said::{Said, said};
use kfimg_images::content::Content;
use kfimg_images::download::BINARY_TYPE;
use kfimg_images::fake::FakeBundle;
use kfimg_images::serve::{ServeOptions, Server};
use kfimg_images::stop::Stop;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;

/// The described cluster.
pub(crate) const CLUSTER: &str = "--profile single --registry reg.local";
/// Host programs, by name and version as the catalog of Kubernetes 1.36 has them.
const BINARIES: [&str; 6] =
    ["kubelet:v1.36.3", "kubectl:v1.36.3", "containerd:v2.4.2", "runc:v1.5.2", "cni-plugins:v1.9.1", "crictl:v1.36.0"];

/// A registry on loopback, until it is dropped.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    stop: Stop,
    serving: Option<JoinHandle<()>>,
}

/// A folder in which commands run, and the registry that they ask.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    pub(crate) upstream: Upstream,
}

impl Upstream {
    /// Serves images under these names; `salt` is part of each layer, so that another salt is another digest.
    pub(crate) fn of(folder: &Path, references: &[String], salt: impl Fn(&str) -> String) -> Self {
        let mut bundle = FakeBundle::new(folder);
        for reference in references {
            let (base, own) = (vec![b'='; 30_000], format!("{reference} {}", salt(reference)));
            let amd64 = bundle.image("amd64", &[&base, own.as_bytes()]);
            let arm64 = bundle.image("arm64", &[own.repeat(2).as_bytes()]);
            bundle.index(reference, vec![amd64, arm64]);
        }
        for binary in BINARIES {
            let file = bundle.artifact(BINARY_TYPE, binary.as_bytes(), None);
            bundle.name(&format!("kfimg.invalid/binary/{binary}-amd64"), file);
        }
        bundle.finish();
        let content = Arc::new(Content::open(folder).unwrap());
        let options = ServeOptions { listen: "127.0.0.1:0".parse().unwrap(), ..ServeOptions::default() };
        let server = Server::bind(&content, options).unwrap();
        assert_eq!(server.faults(), [""; 0]);
        let (address, stop) = (server.address(), Stop::new());
        let asked = stop.clone();
        let serving = std::thread::spawn(move || server.run(&asked).unwrap());
        Self { address, stop, serving: Some(serving) }
    }

    /// The options by which it is asked instead of all others.
    pub(crate) fn options(&self) -> String {
        format!("--mirror {0} --plain-http {0} --mirrors-only", self.address)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.ask();
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
    }
}

impl Site {
    /// An empty folder, and a registry that has all.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let references = references(folder.path());
        let upstream = Upstream::of(&folder.path().join("upstream"), &references, |_| String::new());
        Self { folder, upstream }
    }

    /// The same registry, where one image changed.
    pub(crate) fn change(&mut self, changed: &str) {
        let references = references(self.folder.path());
        let salt = |reference: &str| if reference.contains(changed) { "changed".to_owned() } else { String::new() };
        self.upstream = Upstream::of(&self.path("upstream-changed"), &references, salt);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Creates a bundle of the cluster, with more options.
    pub(crate) fn create(&self, more: &str) -> Said {
        self.run(&format!("bundle create {CLUSTER} {} {more}", self.upstream.options()))
    }

    /// Runs kfimg.
    pub(crate) fn run(&self, line: &str) -> Said {
        run(self.folder.path(), line)
    }

    /// Runs kfimg with an argument at the end of the line that has white space in it, or is no text.
    pub(crate) fn run_with(&self, line: &str, last: &OsStr) -> Said {
        said(kfimg(self.folder.path(), line).arg(last))
    }

    /// kfimg in this folder, yet to be started.
    pub(crate) fn kfimg(&self, line: &str) -> Command {
        kfimg(self.folder.path(), line)
    }
}

fn run(folder: &Path, line: &str) -> Said {
    said(&mut kfimg(folder, line))
}

fn kfimg(folder: &Path, line: &str) -> Command {
    let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    // Logins of whoever runs the tests are nobody's business.
    kfimg.args(line.split_whitespace()).current_dir(folder).env("HOME", folder).env_remove("XDG_RUNTIME_DIR");
    kfimg
}

fn references(folder: &Path) -> Vec<String> {
    let said = run(folder, &format!("images {CLUSTER}"));
    assert_eq!(said.code, 0, "{}", said.stderr);
    said.stdout.lines().map(str::to_owned).collect()
}
