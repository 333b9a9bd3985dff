//! What a path means. Names are checked here; that no path leads out of a folder is the folder's own care.

use kfimg_images::serve::{SiteRequest, decoded};

/// What is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Route {
    /// `/pxe/boot.ipxe`
    Chooser,
    /// `/pxe/<name>.ipxe`
    Script(String),
    /// `/nodes/<node>/<file>`
    Payload(String, String),
    /// `/images/<path>`
    Image(String),
    /// `/content/<SHA-512>`
    Content(String),
    /// `/board`
    Board,
    /// `/board/events`
    Events,
    /// `/board/state`
    State,
    /// `/report`
    Report,
    /// Nothing.
    Unknown,
}

/// Files of a payload that are fetched over HTTP. Images of drives are none: they are attached.
const FETCHED: [&str; 5] = ["ignition.json", "user-data", "meta-data", "network-config", "vendor-data"];

impl Route {
    /// Reads a path; gives the ticket that stands in it, too.
    pub(crate) fn of(request: &SiteRequest) -> (Option<String>, Self) {
        let (ticket, rest) = match split(&request.path) {
            Some((ticket, rest)) => (Some(ticket.to_owned()), Some(rest)),
            None => (None, request.path.strip_prefix('/')),
        };
        (ticket, rest.and_then(plain).map_or(Self::Unknown, |path| Self::below(&path)))
    }

    fn below(path: &str) -> Self {
        let is_plain = |path: &str| path.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
        match path.split_once('/') {
            _ if !is_plain(path) => Self::Unknown,
            None => match path {
                "board" => Self::Board,
                "report" => Self::Report,
                _ => Self::Unknown,
            },
            Some(("board", "events")) => Self::Events,
            Some(("board", "state")) => Self::State,
            Some(("pxe", "boot.ipxe")) => Self::Chooser,
            Some(("pxe", name)) => match name.strip_suffix(".ipxe") {
                Some(name) if !name.contains('/') => Self::Script(name.to_owned()),
                _ => Self::Unknown,
            },
            Some(("nodes", rest)) => match rest.split_once('/') {
                Some((node, file)) if FETCHED.contains(&file) => Self::Payload(node.to_owned(), file.to_owned()),
                _ => Self::Unknown,
            },
            Some(("images", rest)) => Self::Image(rest.to_owned()),
            Some(("content", name)) if is_digest(name) => Self::Content(name.to_owned()),
            Some(_) => Self::Unknown,
        }
    }
}

/// The ticket of a path, and what follows it. Only as we write it, so that the log knows which part is secret.
fn split(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("/t/")?.split_once('/')
}

/// A path with a ticket, without it; also where something stands before it that only somebody else's proxy knows.
pub(crate) fn without_ticket(path: &str) -> Option<String> {
    let mut hidden = false;
    let mut former = None;
    let shown = path.split('/').enumerate().map(|(number, part)| {
        let is_secret = former.replace(part) == Some("t") && (number == 2 || is_ticket(part));
        hidden |= is_secret;
        if is_secret { "-" } else { part }
    });
    let shown = shown.collect::<Vec<_>>().join("/");
    hidden.then_some(shown)
}

/// As [`crate::release`] makes them.
fn is_ticket(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
}

/// A SHA-512 in hexadecimal.
fn is_digest(name: &str) -> bool {
    name.len() == 128 && name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// The path without its percent-encoding; `None` when that gives no text, or characters that no file of ours has.
fn plain(path: &str) -> Option<String> {
    decoded(path).filter(|path| !path.contains(|c: char| c.is_control() || c == '\\'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kfimg_images::serve::{Admission, SiteMethod};

    fn of(path: &str) -> (Option<String>, Route) {
        Route::of(&SiteRequest {
            method: SiteMethod::Get { head: false },
            path: path.to_owned(),
            query: None,
            host: None,
            client: "127.0.0.1:1".parse().unwrap(),
            admission: Admission::Unasked,
            body: bytes::Bytes::new(),
        })
    }

    #[test]
    fn a_path_means_one_thing() {
        let payload = |file: &str| Route::Payload("master1".to_owned(), file.to_owned());
        let digest = "ab".repeat(64);
        let table = [
            ("/pxe/boot.ipxe", Route::Chooser),
            ("/pxe/mac-52-54-00-00-00-11.ipxe", Route::Script("mac-52-54-00-00-00-11".to_owned())),
            ("/pxe/serial-VMware-56%204d.ipxe", Route::Script("serial-VMware-56 4d".to_owned())),
            ("/nodes/master1/ignition.json", payload("ignition.json")),
            ("/nodes/master1/meta-data", payload("meta-data")),
            ("/images/vmlinuz", Route::Image("vmlinuz".to_owned())),
            ("/images/a/b", Route::Image("a/b".to_owned())),
            (&format!("/content/{digest}"), Route::Content(digest.clone())),
            ("/board", Route::Board),
            ("/board/events", Route::Events),
            ("/report", Route::Report),
        ];
        for (path, wanted) in table {
            assert_eq!(of(path), (None, wanted.clone()), "{path}");
            assert_eq!(of(&format!("/t/abc{path}")), (Some("abc".to_owned()), wanted), "{path}");
        }
    }

    #[test]
    fn no_part_of_a_ticket_is_shown() {
        let ticket = "abcdefghijklmnopqrstuvwxyz234567";
        let behind_a_proxy = format!("/site/t/{ticket}/nodes/a/meta-data");
        for (path, shown) in [
            (behind_a_proxy.as_str(), Some("/site/t/-/nodes/a/meta-data")),
            (&format!("//t/{ticket}"), Some("//t/-")),
            (&format!("/t/x/t/{ticket}/a"), Some("/t/-/t/-/a")),
            ("/images/t/vmlinuz", None),
            ("/t", None),
            ("/t/abc/pxe/boot.ipxe", Some("/t/-/pxe/boot.ipxe")),
            ("/t/abc/", Some("/t/-/")),
            ("/t/abc", Some("/t/-")),
            ("/t/", Some("/t/-")),
            ("/pxe/boot.ipxe", None),
        ] {
            assert_eq!(without_ticket(path).as_deref(), shown, "{path}");
        }
    }

    #[test]
    fn what_leads_elsewhere_means_nothing() {
        for path in [
            "/",
            "",
            "/admin.kubeconfig",
            "/manifest.json",
            "/vmware/master1/guestinfo.ignition.config.data",
            "/nodes/master1/seed.img",
            "/nodes/master1/config-drive.img",
            "/nodes/master1",
            "/nodes//ignition.json",
            "/nodes/../ignition.json",
            "/nodes/a/../b/ignition.json",
            "/images/../out/admin.kubeconfig",
            "/images/%2e%2e/out",
            "/images/..%2fout",
            "/images//etc/passwd",
            "/images/.hidden",
            "/images/a/.git/config",
            "/images/",
            "/images",
            "/images/a%00b",
            "/images/a\\..\\b",
            "/pxe/dnsmasq.conf",
            "/pxe/a/b.ipxe",
            "/content/../admin.kubeconfig",
            "/content/ABC",
            "/%74/abc/pxe/boot.ipxe",
            "/t/abc",
            "/t/abc/",
            "/t/abc/t/abc/pxe/boot.ipxe",
            "/%ff",
            "/%4",
        ] {
            assert_eq!(of(path).1, Route::Unknown, "{path}");
        }
    }
}
