//! skopeo, crane, regctl and oras: the same few questions, each in its own words.

use crate::support::distribution::built;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Skopeo,
    Crane,
    Regctl,
    /// By its library: see `qemu-tests/go/oras`.
    Oras,
}

/// Where an image is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// A layout's folder, and the name in it.
    Layout(&'a Path, &'a str),
    /// A layout in a tar, and the name in it.
    Archive(&'a Path, &'a str),
    /// A registry of plain HTTP, and repository with tag or digest.
    Registry(&'a str, &'a str),
}

pub(crate) struct Peer {
    pub(crate) kind: Kind,
    program: PathBuf,
    /// Nobody's logins and settings.
    home: tempfile::TempDir,
}

impl Peer {
    pub(crate) fn new(kind: Kind) -> Self {
        let program = match kind {
            Kind::Skopeo => PathBuf::from("skopeo"),
            Kind::Crane => built("crane"),
            Kind::Regctl => built("regctl"),
            Kind::Oras => built("oras"),
        };
        Self { kind, program, home: tempfile::tempdir().unwrap() }
    }

    /// Whether it carries this content from a layout to a registry as it is.
    pub(crate) fn puts(&self, name: &str) -> bool {
        // skopeo 1.9 knows neither an index in an index nor SHA-512.
        self.kind != Kind::Skopeo || !matches!(name, "nested" | "sha512")
    }

    /// Whether it carries this content from a registry to a layout as it is.
    pub(crate) fn gets(&self, name: &str) -> bool {
        // crane asks the foreign layer's own place, where nobody is. oras holds the digest that it asks for against the one in the
        // answer's header, where the reference registry names its own SHA-256 of a blob by SHA-512.
        self.puts(name) && !matches!((self.kind, name), (Kind::Crane, "foreign") | (Kind::Oras, "sha512"))
    }

    /// Whether it takes along what refers to an image.
    pub(crate) fn takes_referrers(&self) -> bool {
        matches!(self.kind, Kind::Regctl | Kind::Oras)
    }

    /// Copies an image with all that belongs to it; regctl and oras also what refers to it.
    pub(crate) fn copy(&self, from: Place<'_>, to: Place<'_>) {
        let [source, target] = [self.written(from), self.written(to)];
        let arguments: &[&str] = match (self.kind, from) {
            (Kind::Skopeo, _) => {
                &["copy", "--quiet", "--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"]
            }
            (Kind::Regctl, _) => &["image", "copy", "--referrers"],
            (Kind::Crane, Place::Registry(..)) => &["pull", "--format=oci", "--annotate-ref"],
            (Kind::Crane, _) => &["push"],
            (Kind::Oras, _) => &["copy"],
        };
        self.run(&[arguments, &[&source, &target]].concat(), &[from, to]);
    }

    /// Takes the files of an artifact out.
    pub(crate) fn take_out(&self, artifact: Place<'_>, folder: &Path) {
        assert_eq!(self.kind, Kind::Oras);
        self.run(&["pull", &self.written(artifact), folder.to_str().unwrap()], &[artifact]);
    }

    /// The bytes of the index or manifest that an image is.
    pub(crate) fn document(&self, image: Place<'_>) -> Vec<u8> {
        let arguments: &[&str] = match self.kind {
            Kind::Skopeo => &["inspect", "--raw", "--tls-verify=false"],
            Kind::Crane => &["manifest"],
            Kind::Regctl => &["manifest", "get", "--format=raw-body"],
            Kind::Oras => &["manifest"],
        };
        self.run(&[arguments, &[&self.written(image)]].concat(), &[image])
    }

    /// The tags of a repository, as this peer prints them.
    pub(crate) fn tags(&self, host: &str, repository: &str) -> String {
        let place = Place::Registry(host, repository);
        let arguments: &[&str] = match self.kind {
            Kind::Skopeo => &["list-tags", "--tls-verify=false"],
            Kind::Crane => &["ls"],
            Kind::Regctl => &["tag", "ls"],
            Kind::Oras => &["tags"],
        };
        String::from_utf8(self.run(&[arguments, &[&self.written(place)]].concat(), &[place])).unwrap()
    }

    /// The digests of what refers to an image; the other peers have no question for it.
    pub(crate) fn referrers(&self, image: Place<'_>) -> String {
        let arguments: &[&str] = match self.kind {
            Kind::Oras => &["referrers"],
            Kind::Regctl => &["artifact", "list", "--format={{range .Descriptors}}{{println .Digest}}{{end}}"],
            Kind::Skopeo | Kind::Crane => panic!("it has no question for them"),
        };
        String::from_utf8(self.run(&[arguments, &[&self.written(image)]].concat(), &[image])).unwrap()
    }

    fn written(&self, place: Place<'_>) -> String {
        match (self.kind, place) {
            (Kind::Skopeo, Place::Layout(folder, name)) => format!("oci:{}:{name}", folder.display()),
            (Kind::Skopeo, Place::Archive(file, name)) => format!("oci-archive:{}:{name}", file.display()),
            (Kind::Skopeo, Place::Registry(host, image)) => format!("docker://{host}/{image}"),
            (Kind::Oras, Place::Layout(folder, name)) => format!("layout:{}@{name}", folder.display()),
            (Kind::Oras, Place::Archive(file, name)) => format!("archive:{}@{name}", file.display()),
            (Kind::Oras, Place::Registry(host, image)) => {
                // A repository has neither sign; a digest has both.
                let (repository, reference) = image.split_once(['@', ':']).unwrap_or((image, ""));
                format!("registry:{host}/{repository}@{reference}")
            }
            (_, Place::Registry(host, image)) => format!("{host}/{image}"),
            (Kind::Crane, Place::Layout(folder, _)) => folder.display().to_string(),
            // It knows a whole reference by its tag.
            (Kind::Regctl, Place::Layout(folder, name)) => {
                format!("ocidir://{}:{}", folder.display(), name.rsplit(':').next().unwrap())
            }
            (Kind::Crane | Kind::Regctl, Place::Archive(..)) => panic!("only skopeo and oras read archives"),
        }
    }

    /// What it prints; it must succeed.
    fn run(&self, arguments: &[&str], places: &[Place<'_>]) -> Vec<u8> {
        let mut command = Command::new(&self.program);
        command.env("HOME", self.home.path()).env("DOCKER_CONFIG", self.home.path()).env_remove("XDG_CONFIG_HOME");
        match self.kind {
            Kind::Skopeo => drop(command.arg("--insecure-policy")),
            Kind::Crane => drop(command.arg("--insecure")),
            Kind::Oras => {}
            Kind::Regctl => places.iter().for_each(|place| {
                if let Place::Registry(host, _) = place {
                    command.arg(format!("--host=reg={host},tls=disabled"));
                }
            }),
        }
        let output = command.args(arguments).output();
        let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}; skopeo is a package of Debian's"));
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}
