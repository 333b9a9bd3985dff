//! The paths over HTTP: boot scripts, images, payloads, reports, the board.
//!
//! Everybody may ask for scripts and images, which hold no secret. A payload goes out by the rules of [`crate::release`]. The board is
//! for this machine and for whoever knows the server's password. What is refused is refused in the same words whether it exists
//! or not.

mod board;
mod door;
mod files;

use crate::board::{Board, Page, ReportError, Stage};
use crate::entrance::Entrance;
use crate::folder::Folder;
use crate::output::{Absent, Output, Store};
use crate::release::{Release, ReleaseRules};
use crate::route::Route;
use crate::script;
use kfimg_images::serve::{SiteAnswer, SiteMethod, SiteRequest};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Seconds after which a machine asks again for what is not ready.
const RETRY: &str = "10";
/// What is said of all that is not there, and of all that is not for whoever asks.
const NOTHING: &str = "nothing here\n";

/// What a delivery serves.
#[derive(Debug)]
pub struct DeliveryOptions {
    /// Folder that `kfimg render` writes; it need not be there yet.
    pub output: Option<PathBuf>,
    /// Folder with kernels, initial RAM disks and root images.
    pub images: Option<PathBuf>,
    /// Who gets payloads.
    pub release: ReleaseRules,
    /// What reports must know.
    pub report_token: Option<ReportToken>,
}

/// Why a file of the images does not go out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Missing {
    /// There is none of that name.
    Absent,
    /// Only its owner may read it.
    Private,
}

/// A secret that stands in the description's `report.url` as `?token=…`.
#[derive(Clone)]
pub struct ReportToken(String);

impl std::fmt::Debug for ReportToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReportToken")
    }
}

impl ReportToken {
    /// A secret of at least 16 characters that may stand in a URL as they are; `None`: it is none.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
        (text.len() >= 16 && text.chars().all(is_plain)).then(|| Self(text.to_owned()))
    }

    fn is(&self, offered: &str) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.0.as_bytes(), offered.as_bytes()).is_ok()
    }
}

/// Answers machines that boot, and those who watch them.
#[derive(Debug)]
pub struct Delivery {
    store: Option<Store>,
    /// By its name: a new build takes the place of the former one.
    images: Option<PathBuf>,
    release: Arc<Release>,
    report_token: Option<ReportToken>,
    board: Arc<Board>,
    page: Page,
}

impl Delivery {
    /// Sees whether the folder of images is there. What is in it, and what was rendered, is looked for with each request.
    ///
    /// # Errors
    /// When the folder of images can't be opened.
    pub fn new(options: DeliveryOptions, board: Arc<Board>) -> std::io::Result<Self> {
        if let Some(images) = &options.images {
            drop(Folder::open(images)?);
        }
        Ok(Self {
            store: options.output.map(Store::new),
            images: options.images,
            release: Arc::new(Release::new(options.release)),
            report_token: options.report_token,
            board,
            page: Page::new(),
        })
    }

    /// The newest output, which the board hears of.
    ///
    /// # Errors
    /// Why there is none, for whoever runs the server.
    pub fn output(&self) -> Result<Arc<Output>, String> {
        let Some(store) = &self.store else { return Err("no output is served; name one with --out".to_owned()) };
        let current = store.current();
        self.board.inventory(&current);
        current
    }

    /// What would keep machines from booting, in words for whoever starts the server.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let Some(Ok(output)) = self.store.as_ref().map(Store::current) else { return Vec::new() };
        let Some(name) = output.scripts.keys().next() else {
            return vec!["the output has no boot scripts; render with --channel pxe".to_owned()];
        };
        let script = output.text(&format!("pxe/{name}.ipxe")).unwrap_or_default();
        let doubt = |path: &str| match path
            .strip_prefix("images/")
            .map_or(Err(Missing::Absent), |path| self.image_file(path))
        {
            Ok(_) => None,
            Err(Missing::Absent) => Some("is not there; put it into the folder of --images, which is /images/ here"),
            Err(Missing::Private) => Some("only its owner may read, so it does not go out; `chmod a+r` it"),
        };
        let parts = script::parts(&script).into_iter();
        parts.filter_map(|(path, _)| Some(format!("boot scripts name /{path}, which {}", doubt(&path)?))).collect()
    }

    /// A file of the images that are there now. What only its owner may read was not meant for everybody, whatever lies in the folder:
    /// payloads and keys are such files.
    fn image_file(&self, path: &str) -> Result<File, Missing> {
        let images = self.images.as_deref().ok_or(Missing::Absent)?;
        let file = Folder::open(images).and_then(|folder| folder.file(path)).map_err(|_| Missing::Absent)?;
        let mode = file.metadata().map_err(|_| Missing::Absent)?.mode();
        if mode & 0o004 == 0 { Err(Missing::Private) } else { Ok(file) }
    }

    fn respond(&self, request: &SiteRequest, entrance: Entrance) -> SiteAnswer {
        let (ticket, route) = Route::of(request);
        let holder = ticket.as_deref().and_then(|ticket| self.release.node(ticket));
        match (request.method, &route) {
            (SiteMethod::Post, Route::Report) => self.report(request),
            (SiteMethod::Post, _) | (_, Route::Report | Route::Unknown) => nothing(404),
            (_, Route::Chooser) => self.chooser(request, entrance),
            (_, Route::Script(name)) => self.script(name, request, entrance),
            (_, Route::Payload(node, file)) => self.payload(node, file, holder.as_deref(), request),
            (_, Route::Image(path)) => self.image(path, holder.as_deref(), request),
            (_, Route::Content(name)) => self.content(name),
            (_, Route::Board) => self.board_page(request),
            (_, Route::Events) => self.board_events(request),
            (_, Route::State) => self.board_state(request),
        }
    }

    /// The script by which a machine finds its own.
    fn chooser(&self, request: &SiteRequest, entrance: Entrance) -> SiteAnswer {
        let server = script::server(request.host.as_deref(), entrance);
        let text = self.output().and_then(|output| match output.text("pxe/boot.ipxe") {
            Ok(text) => Ok(text),
            Err(Absent::Unknown) => Err("the output has no boot scripts; render with --channel pxe".to_owned()),
            Err(Absent::NotReady(reason)) => Err(reason),
        });
        match (text, server) {
            (Ok(text), server) => SiteAnswer::text(200, "script", script::with_server(&text, server.as_deref())),
            (Err(_), Some(server)) => SiteAnswer::text(200, "script", script::waiting(&server)),
            (Err(_), None) => not_ready(),
        }
    }

    fn script(&self, name: &str, request: &SiteRequest, entrance: Entrance) -> SiteAnswer {
        let address = request.client.ip();
        let Ok(output) = self.output() else { return not_ready() };
        let Some(node) = output.scripts.get(name) else {
            if name.starts_with("mac-") {
                self.board.stranger(name, address, output.is_known_by_mac_alone());
            }
            return nothing(404);
        };
        let (Ok(text), Some(ticket)) = (output.text(&format!("pxe/{name}.ipxe")), self.release.ticket(node)) else {
            return not_ready();
        };
        let server = script::server(request.host.as_deref(), entrance);
        let text = script::with_ticket(&script::with_server(&text, server.as_deref()), &ticket);
        let (board, node) = (Arc::clone(&self.board), node.clone());
        let mut answer = SiteAnswer::text(200, "script", text).with("cache-control", "no-store");
        answer.done = Some(Box::new(move |sent| {
            if sent.whole {
                board.script(&node, address);
            }
        }));
        answer
    }

    /// On whose behalf a report comes, by its secret alone.
    fn reporter(&self, request: &SiteRequest) -> Result<Reporter, Unheard> {
        let Ok(output) = self.output() else { return Err(Unheard::NotReady) };
        let token = request.parameter("token").unwrap_or_default();
        match output.reporter(&token) {
            Some(node) => Ok(Reporter::Node(node.to_owned())),
            None if self.report_token.as_ref().is_some_and(|shared| shared.is(&token)) => Ok(Reporter::Any),
            None => {
                self.board.unknown_report(request.client.ip());
                Err(Unheard::Unknown)
            }
        }
    }

    /// Takes what a node's agent reports.
    fn report(&self, request: &SiteRequest) -> SiteAnswer {
        let reporter = match self.reporter(request) {
            Ok(reporter) => reporter,
            Err(unheard) => return unheard.answer(),
        };
        let may_report = |node: &str| match &reporter {
            Reporter::Node(own) => own == node,
            Reporter::Any => true,
        };
        let text = |status, error: &ReportError| SiteAnswer::text(status, "report", format!("{error}\n"));
        match self.board.report(&request.body, request.client.ip(), may_report) {
            Ok(()) => SiteAnswer::text(200, "report", "taken\n"),
            Err(error @ ReportError::Malformed(_)) => text(400, &error),
            Err(ReportError::Stranger) => nothing(403),
            Err(error @ ReportError::TooSoon) => text(429, &error).with("retry-after", "1"),
        }
    }
}

/// Why a report is not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Unheard {
    /// There is no output yet, so that nobody knows whose secret it is.
    NotReady,
    /// Its secret is none that counts.
    Unknown,
}

impl Unheard {
    fn answer(self) -> SiteAnswer {
        match self {
            Self::NotReady => not_ready(),
            Self::Unknown => nothing(403),
        }
    }
}

/// Who reports.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Reporter {
    /// A node with a secret of its own, for itself.
    Node(String),
    /// Somebody with the secret of all, for any.
    Any,
}

/// No browser takes an answer for anything but what it says it is.
fn guarded(answer: SiteAnswer) -> SiteAnswer {
    answer.with("x-content-type-options", "nosniff")
}

/// What machines do not have, and what is not theirs.
fn nothing(status: u16) -> SiteAnswer {
    SiteAnswer::text(status, "nothing", NOTHING)
}

/// Ignition and the agent ask again at this answer; at "not found" Ignition gives up.
fn not_ready() -> SiteAnswer {
    SiteAnswer::text(503, "not-ready", "not ready yet\n").with("retry-after", RETRY).with("cache-control", "no-store")
}

/// The type of a file by its name. Nothing that goes out is a page.
fn media_type(path: &str) -> &'static str {
    match Path::new(path).extension().and_then(|extension| extension.to_str()) {
        Some("json") => "application/json",
        Some("ipxe" | "txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// The stage that a file of the images belongs to.
fn stage(script: &str, path: &str) -> Stage {
    let part = script::parts(script).into_iter().find(|(named, _)| named.strip_prefix("images/") == Some(path));
    match part {
        Some((_, script::Part::Kernel)) => Stage::Kernel,
        _ => Stage::Initrd,
    }
}

#[cfg(test)]
mod tests;
