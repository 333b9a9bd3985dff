//! A registry in memory that is written to: as strict as the reference registry, with switches for what others do.

use super::server::{Reply, Request, Server};
use kfimg_images::digest::Digest;
use kfimg_images::hasher::{digest_like, sha256};
use kfimg_images::layout::Document;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

/// One repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repository {
    pub blobs: BTreeMap<Digest, Vec<u8>>,
    pub manifests: BTreeMap<Digest, (String, Vec<u8>)>,
    pub tags: BTreeMap<String, Digest>,
}

/// All that a registry has.
#[derive(Debug, Default)]
pub struct Shelf {
    pub repositories: BTreeMap<String, Repository>,
    /// Mounts are answered with an upload.
    pub never_mounts: bool,
    /// Whether it lists referrers itself.
    pub lists_referrers: bool,
    /// Digests that it takes and then does not have.
    pub loses: BTreeSet<Digest>,
    uploads: BTreeMap<u64, Vec<u8>>,
}

/// Runs until it is dropped.
pub struct Target {
    pub shelf: Arc<Mutex<Shelf>>,
    pub server: Server,
}

impl Target {
    pub fn start() -> Self {
        Self::with(|_, answer| answer())
    }

    /// As `start`; `before` may answer instead of the registry.
    pub fn with(before: impl Fn(&Request, &dyn Fn() -> Reply) -> Reply + Send + Sync + 'static) -> Self {
        let shelf: Arc<Mutex<Shelf>> = Arc::default();
        let own = Arc::clone(&shelf);
        let server = Server::start(move |request| before(request, &|| own.lock().unwrap().answer(request)));
        Self { shelf, server }
    }

    pub fn host(&self) -> String {
        self.server.host()
    }

    pub fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap()
    }

    /// How often each method was asked for.
    pub fn count(&self, method: &str) -> usize {
        self.server.seen().iter().filter(|request| request.method == method).count()
    }
}

impl Shelf {
    fn answer(&mut self, request: &Request) -> Reply {
        let path = request.path().strip_prefix("/v2/").unwrap().to_owned();
        for (part, answer) in PARTS {
            if let Some((repository, rest)) = path.split_once(part) {
                return answer(self, request, repository, rest);
            }
        }
        Reply::new(404, "")
    }

    fn tags(&mut self, _: &Request, repository: &str, _: &str) -> Reply {
        let Some(found) = self.repositories.get(repository) else { return Reply::new(404, "") };
        let tags: Vec<String> = found.tags.keys().map(|tag| format!("{tag:?}")).collect();
        Reply::new(200, format!(r#"{{"name":"{repository}","tags":[{}]}}"#, tags.join(",")))
    }

    fn referrers(&mut self, _: &Request, repository: &str, subject: &str) -> Reply {
        if !self.lists_referrers {
            return Reply::new(404, "");
        }
        let found = self.repositories.get(repository).cloned().unwrap_or_default();
        let refers = |(_, (media_type, bytes)): &(&Digest, &(String, Vec<u8>))| {
            let document = Document::parse(media_type, bytes).unwrap();
            document.subject().is_some_and(|of| of.digest.as_str() == subject)
        };
        let entry = |(digest, (media_type, bytes)): (&Digest, &(String, Vec<u8>))| {
            format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{}}}"#, bytes.len())
        };
        let entries: Vec<String> = found.manifests.iter().filter(refers).map(entry).collect();
        let index = "application/vnd.oci.image.index.v1+json";
        let text = format!(r#"{{"schemaVersion":2,"mediaType":"{index}","manifests":[{}]}}"#, entries.join(","));
        Reply::new(200, text).header("content-type", index)
    }

    fn uploads(&mut self, request: &Request, repository: &str, rest: &str) -> Reply {
        if request.method == "POST" {
            if let Some((digest, from)) = mount(request) {
                let found = self.repositories.get(&from).and_then(|held| held.blobs.get(&digest)).cloned();
                if let Some(bytes) = found.filter(|_| !self.never_mounts) {
                    if self.loses.contains(&digest) {
                        return Reply::new(201, "");
                    }
                    self.repositories.entry(repository.to_owned()).or_default().blobs.insert(digest, bytes);
                    return Reply::new(201, "");
                }
            }
            let number = self.uploads.len() as u64;
            self.uploads.insert(number, Vec::new());
            return session(202, repository, number, 0);
        }
        let number: u64 = rest.parse().unwrap();
        let Some(has) = self.uploads.get_mut(&number) else { return Reply::new(404, "") };
        match request.method.as_str() {
            "GET" => session(204, repository, number, has.len()),
            "PATCH" => {
                has.extend_from_slice(&request.body);
                session(202, repository, number, has.len())
            }
            _ => {
                has.extend_from_slice(&request.body);
                let bytes = self.uploads.insert(number, Vec::new()).unwrap();
                let wanted: Digest = argument(request, "digest").unwrap().parse().unwrap();
                if digest_like(&wanted, &bytes) != wanted {
                    return Reply::new(400, r#"{"errors":[{"code":"DIGEST_INVALID"}]}"#);
                }
                if !self.loses.contains(&wanted) {
                    self.repositories.entry(repository.to_owned()).or_default().blobs.insert(wanted, bytes);
                }
                Reply::new(201, "")
            }
        }
    }

    fn blobs(&mut self, _: &Request, repository: &str, digest: &str) -> Reply {
        let digest: Digest = digest.parse().unwrap();
        match self.repositories.get(repository).and_then(|held| held.blobs.get(&digest)) {
            Some(bytes) => Reply::new(200, bytes.clone()),
            None => Reply::new(404, ""),
        }
    }

    fn manifests(&mut self, request: &Request, repository: &str, reference: &str) -> Reply {
        if request.method == "PUT" {
            return self.put(request, repository, reference);
        }
        let Some(held) = self.repositories.get(repository) else { return Reply::new(404, "") };
        let digest = reference.parse().ok().or_else(|| held.tags.get(reference).cloned());
        match digest.and_then(|digest| Some((held.manifests.get(&digest)?, digest))) {
            Some(((media_type, bytes), digest)) => {
                let reply = Reply::new(200, bytes.clone()).header("content-type", media_type);
                reply.header("docker-content-digest", digest.as_str())
            }
            None => Reply::new(404, ""),
        }
    }

    /// A document is taken when all that it refers to is in the repository.
    fn put(&mut self, request: &Request, repository: &str, reference: &str) -> Reply {
        let media_type = request.header("content-type").unwrap().to_owned();
        let held = self.repositories.entry(repository.to_owned()).or_default();
        let document = Document::parse(&media_type, &request.body).unwrap();
        let whole = match &document {
            Document::Index(index) => index.manifests.iter().all(|child| held.manifests.contains_key(&child.digest)),
            Document::Manifest(manifest) => {
                let mut blobs = std::iter::once(&manifest.config).chain(&manifest.layers);
                blobs.all(|blob| blob.is_foreign() || held.blobs.contains_key(&blob.digest))
            }
        };
        // A list of referrers may name what is in other repositories.
        if !whole && !reference.starts_with("sha256-") {
            return Reply::new(400, r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}"#);
        }
        let digest: Digest = reference.parse().unwrap_or_else(|_| sha256(&request.body));
        if !reference.contains(':') {
            held.tags.insert(reference.to_owned(), digest.clone());
        }
        if !self.loses.contains(&digest) {
            held.manifests.insert(digest.clone(), (media_type, request.body.clone()));
        }
        let reply = Reply::new(201, "").header("docker-content-digest", digest.as_str());
        match document.subject().filter(|_| self.lists_referrers) {
            Some(subject) => reply.header("oci-subject", subject.digest.as_str()),
            None => reply,
        }
    }
}

type Answer = fn(&mut Shelf, &Request, &str, &str) -> Reply;

/// What tells the interfaces apart.
const PARTS: [(&str, Answer); 5] = [
    ("/blobs/uploads/", Shelf::uploads),
    ("/blobs/", Shelf::blobs),
    ("/manifests/", Shelf::manifests),
    ("/tags/list", Shelf::tags),
    ("/referrers/", Shelf::referrers),
];

fn session(status: u16, repository: &str, number: u64, has: usize) -> Reply {
    let reply = Reply::new(status, "").header("location", format!("/v2/{repository}/blobs/uploads/{number}"));
    reply.header("range", format!("0-{}", has.saturating_sub(1)))
}

fn mount(request: &Request) -> Option<(Digest, String)> {
    Some((argument(request, "mount")?.parse().unwrap(), argument(request, "from")?))
}

fn argument(request: &Request, name: &str) -> Option<String> {
    let query = request.target.split_once('?')?.1;
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.replace("%3A", ":").replace("%2F", "/"))
}
