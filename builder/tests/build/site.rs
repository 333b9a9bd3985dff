//! Small sites, their builds, and what others tell of them.

use kfimg_builder::fake::{self, FakeBase};
use kfimg_builder::lint::Finding;
use kfimg_builder::{Built, Error, Event, OutputKind, Request, Signer, build};
use kfimg_images::Architecture;
use kfimg_images::content::Content;
use kfimg_images::stop::Stop;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A folder with a base and a bundle.
pub(crate) struct Site {
    pub(crate) folder: PathBuf,
    /// Removed with the site.
    _temporary: Option<tempfile::TempDir>,
    pub(crate) bundle: Content,
    pub(crate) agent: Option<PathBuf>,
    pub(crate) base: PathBuf,
}

/// What a build said and did.
pub(crate) struct Outcome {
    pub(crate) result: Result<Built, Error>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) folder: PathBuf,
}

impl Site {
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let site = Self::below(temporary.path().to_owned());
        Self { _temporary: Some(temporary), ..site }
    }

    /// In a folder that stays.
    pub(crate) fn below(folder: PathBuf) -> Self {
        fake::bundle(&folder.join("bundle"), Architecture::Amd64);
        FakeBase::new(Architecture::Amd64).write(&folder.join("base.tar"));
        let bundle = Content::open(&folder.join("bundle")).unwrap();
        let base = folder.join("base.tar");
        Self { folder, _temporary: None, bundle, agent: None, base }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn build(&self, name: &str, change: impl Fn(&mut Request<'_>)) -> Outcome {
        self.build_signed(name, &[OutputKind::Parts, OutputKind::Sysext], None, change)
    }

    /// Other outputs than parts and extension, signed where there is somebody who signs.
    pub(crate) fn build_signed(
        &self,
        name: &str,
        outputs: &[OutputKind],
        signer: Option<&Signer>,
        change: impl Fn(&mut Request<'_>),
    ) -> Outcome {
        let folder = self.path(name);
        fs::create_dir(&folder).unwrap();
        let base = self.base.display().to_string();
        let outputs = outputs.iter().copied().collect();
        let mut request = Request {
            base: &base,
            agent: self.agent.as_deref(),
            command_line: "console=ttyS0",
            folder: &folder,
            signer,
            ..request(self, &outputs)
        };
        change(&mut request);
        let findings = RefCell::new(Vec::new());
        let result = build(&request, &Stop::new(), &|event| {
            if let Event::Finding(finding) = event {
                findings.borrow_mut().push(finding.clone());
            }
        });
        Outcome { result, findings: findings.into_inner(), folder }
    }
}

/// The build of an unchanged site, made once for all tests that only look at it.
pub(crate) fn plain() -> &'static (PathBuf, Built) {
    static PLAIN: OnceLock<(PathBuf, Built)> = OnceLock::new();
    PLAIN.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("build");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let Outcome { result, folder, .. } = Site::below(folder).build("out", |_| {});
        (folder, result.unwrap())
    })
}

pub(crate) fn listed(image: &Path) -> String {
    let output = Command::new("unsquashfs").args(["-lln"]).arg(image).output();
    let output = output.expect("unsquashfs is there: `make test` installs the package squashfs-tools");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn request<'a>(site: &'a Site, outputs: &'a BTreeSet<OutputKind>) -> Request<'a> {
    fake::request("base.tar", &site.bundle, outputs, &site.folder)
}
