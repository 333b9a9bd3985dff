//! Payloads, images, and what nodes fetch beside their payloads.

use super::{Delivery, media_type, not_ready, nothing, stage};
use crate::board::{Board, Stage};
use crate::folder::Stamp;
use crate::output::{Absent, Output, Sound};
use crate::release::Refused;
use kfimg_images::serve::{Done, Sent, SiteAnswer, SiteContent, SiteFile, SiteMethod, SiteRequest};
use std::sync::Arc;

impl Delivery {
    /// A file of a payload, by the rules of the release.
    pub(super) fn payload(&self, node: &str, file: &str, holder: Option<&str>, request: &SiteRequest) -> SiteAnswer {
        let Ok(output) = self.output() else { return not_ready() };
        let path = format!("nodes/{node}/{file}");
        let address = request.client.ip();
        // Who has no ticket learns nothing, not even whether there is such a node.
        if let Err(refused @ Refused::NoTicket) = self.release.judge(node, holder, &path, "") {
            self.board.refused(node, address, refused.code(), refused.meaning());
            return nothing(403);
        }
        let Sound { file: open, sha256 } = match output.sound(&path) {
            Ok(sound) => sound,
            Err(Absent::Unknown) => return nothing(404),
            Err(Absent::NotReady(reason)) => {
                self.board.refused(node, address, "NOT_READY", &reason);
                return not_ready();
            }
        };
        let reserved = match request.method {
            // Who asks for the header alone takes nothing.
            SiteMethod::Get { head: true } => self.release.judge(node, holder, &path, &output.render).map(|()| None),
            _ => self.release.reserve(node, holder, &path, &output.render).map(Some),
        };
        let reserved = match reserved {
            Ok(reserved) => reserved,
            Err(refused) => {
                self.board.refused(node, address, refused.code(), refused.meaning());
                return if refused == Refused::OnItsWay { not_ready() } else { nothing(403) };
            }
        };
        let content = SiteContent::File(SiteFile {
            file: open,
            media_type: media_type(file),
            tag: sha256,
            modified: None,
            // In parts it would go out again and again, and never whole.
            in_parts: false,
        });
        let mut answer = SiteAnswer::of(200, "payload", content).with("cache-control", "no-store");
        if let Some(reserved) = reserved {
            let told = told(&self.board, node, Stage::Payload, file);
            answer.done = Some(Box::new(move |sent| {
                if sent.whole {
                    reserved.taken();
                }
                told(sent);
            }));
        }
        answer
    }

    /// A kernel, an initial RAM disk, a root image.
    pub(super) fn image(&self, path: &str, holder: Option<&str>, request: &SiteRequest) -> SiteAnswer {
        let Ok(file) = self.image_file(path) else { return nothing(404) };
        let Ok(metadata) = file.metadata() else { return nothing(404) };
        let (tag, modified) = (Stamp::of(&metadata).tag(), metadata.modified().ok());
        let file = SiteFile { file, media_type: media_type(path), tag, modified, in_parts: true };
        let mut answer = SiteAnswer::of(200, "image", SiteContent::File(file));
        if let (Some(node), SiteMethod::Get { head: false }) = (holder, request.method) {
            let stage = self.output().map_or(Stage::Initrd, |output| stage(&machine_script(&output, node), path));
            answer.done = Some(told(&self.board, node, stage, path));
        }
        answer
    }

    /// What was too large for a payload. Its name is its digest, so that only who has the payload knows it.
    pub(super) fn content(&self, name: &str) -> SiteAnswer {
        let Ok(output) = self.output() else { return not_ready() };
        match output.sound(&format!("content/{name}")) {
            Ok(Sound { file, sha256 }) => {
                let media_type = "application/octet-stream";
                let file = SiteFile { file, media_type, tag: sha256, modified: None, in_parts: true };
                SiteAnswer::of(200, "content", SiteContent::File(file))
            }
            Err(Absent::Unknown) => nothing(404),
            Err(Absent::NotReady(_)) => not_ready(),
        }
    }
}

/// Tells the board that something begins, and gives what tells it of the end.
fn told(board: &Arc<Board>, node: &str, stage: Stage, what: &str) -> Done {
    board.begins(node, stage);
    let (board, node, what) = (Arc::clone(board), node.to_owned(), what.to_owned());
    Box::new(move |sent: Sent| board.fetched(&node, stage, &what, sent.bytes, sent.whole))
}

fn machine_script(output: &Output, node: &str) -> String {
    let name = output.scripts.iter().find(|(_, of)| *of == node).map(|(name, _)| name);
    name.and_then(|name| output.text(&format!("pxe/{name}.ipxe")).ok()).unwrap_or_default()
}
