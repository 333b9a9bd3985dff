//! A registry for blobs of any size: what it gives is made on the fly, what it takes is hashed and forgotten. Neither memory nor disk
//! is needed for them, so that a test of the other side's memory may ask for as much as it likes.

use kfimg_images::digest::Digest;
use kfimg_images::hasher::{Hasher, sha256};
use kfimg_images::layout::media_type::{OCI_CONFIG, OCI_MANIFEST};
use kfimg_images::layout::{Descriptor, Manifest};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::listen::{Head, Listening};
use super::sample::{GZIP_LAYER, noise};

/// Bytes of noise that repeat, each time with another number in front.
const BLOCK: usize = 64 << 10;
/// A block, whose first bytes are its number.
const NUMBER: usize = 8;

/// The bytes of a blob: noise that never repeats as a whole.
pub struct Noise {
    block: Vec<u8>,
    position: u64,
    size: u64,
}

impl Noise {
    pub fn new(size: u64) -> Self {
        Self { block: noise(1, BLOCK), position: 0, size }
    }

    pub fn digest(size: u64) -> Digest {
        let mut hasher = Hasher::sha256();
        hasher.read(Self::new(size)).unwrap();
        hasher.finish()
    }
}

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (number, inside) = (self.position / BLOCK as u64, (self.position % BLOCK as u64) as usize);
        self.block[..NUMBER].copy_from_slice(&number.to_le_bytes());
        let left = usize::try_from(self.size - self.position).unwrap_or(usize::MAX);
        let count = buffer.len().min(BLOCK - inside).min(left);
        buffer[..count].copy_from_slice(&self.block[inside..inside + count]);
        self.position += count as u64;
        Ok(count)
    }
}

enum Kept {
    Bytes(String, Vec<u8>),
    Noise(u64),
    Forgotten(u64),
}

#[derive(Default)]
struct Shelf {
    content: BTreeMap<String, Kept>,
    tags: HashMap<String, String>,
    uploads: HashMap<String, (Hasher, u64)>,
}

/// Runs until the test ends.
pub struct Vast {
    listening: Listening,
    shelf: Arc<Mutex<Shelf>>,
}

impl Vast {
    pub fn start() -> Self {
        let shelf: Arc<Mutex<Shelf>> = Arc::default();
        let own = shelf.clone();
        Self { listening: Listening::start(move |stream, _| talk(&stream, &own)), shelf }
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        self.listening.host()
    }

    /// Offers an image of one layer of so many bytes as `app:1`; returns the layer.
    pub fn offer(&self, size: u64) -> Digest {
        let mut shelf = self.shelf.lock().unwrap();
        let config = br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#.to_vec();
        let layer = Descriptor::new(GZIP_LAYER, Noise::digest(size), size);
        let about = Descriptor::new(OCI_CONFIG, sha256(&config), config.len() as u64);
        let manifest = Manifest::of(about, vec![layer.clone()]).to_bytes();
        shelf.tags.insert("1".to_owned(), sha256(&manifest).to_string());
        shelf.content.insert(sha256(&config).to_string(), Kept::Bytes(OCI_CONFIG.to_owned(), config));
        shelf.content.insert(sha256(&manifest).to_string(), Kept::Bytes(OCI_MANIFEST.to_owned(), manifest));
        shelf.content.insert(layer.digest.to_string(), Kept::Noise(size));
        layer.digest
    }

    /// The size of what has this digest, when it is there.
    pub fn has(&self, digest: &Digest) -> Option<u64> {
        self.shelf.lock().unwrap().content.get(digest.as_str()).map(Kept::size)
    }
}

impl Kept {
    fn size(&self) -> u64 {
        match self {
            Self::Bytes(_, bytes) => bytes.len() as u64,
            Self::Noise(size) | Self::Forgotten(size) => *size,
        }
    }

    fn media_type(&self) -> &str {
        if let Self::Bytes(media_type, _) = self { media_type } else { "application/octet-stream" }
    }

    fn reader(&self) -> Box<dyn Read> {
        match self {
            Self::Bytes(_, bytes) => Box::new(io::Cursor::new(bytes.clone())),
            Self::Noise(size) => Box::new(Noise::new(*size)),
            Self::Forgotten(_) => Box::new(io::empty()),
        }
    }
}

/// An answer: status, headers, body.
type Answer = (u16, Vec<(&'static str, String)>, Box<dyn Read>);

fn talk(stream: &TcpStream, shelf: &Mutex<Shelf>) {
    let mut reader = BufReader::with_capacity(BLOCK, stream);
    while let Some(head) = Head::read(&mut reader) {
        let mut body = (&mut reader).take(head.length());
        let (status, headers, mut content) = match &*head.method {
            "GET" | "HEAD" => give(&head.target, shelf),
            _ => take(&head, &mut body, shelf),
        };
        let mut text = format!("HTTP/1.1 {status} Said\r\n");
        headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
        if !headers.iter().any(|(name, _)| *name == "content-length") {
            text.push_str("content-length: 0\r\n");
        }
        text.push_str("\r\n");
        let mut out = stream;
        let sent = out.write_all(text.as_bytes());
        if sent.is_err() || head.method != "HEAD" && io::copy(&mut content, &mut out).is_err() {
            return;
        }
    }
}

fn nothing(status: u16) -> Answer {
    (status, Vec::new(), Box::new(io::empty()))
}

fn give(target: &str, shelf: &Mutex<Shelf>) -> Answer {
    let shelf = shelf.lock().unwrap();
    let name = target.rsplit('/').next().unwrap();
    let digest = shelf.tags.get(name).map_or(name, String::as_str);
    let Some(kept) = shelf.content.get(digest) else { return nothing(404) };
    let headers = vec![
        ("content-length", kept.size().to_string()),
        ("content-type", kept.media_type().to_owned()),
        ("docker-content-digest", digest.to_owned()),
    ];
    (200, headers, kept.reader())
}

/// Uploads and documents. What a body brings is read to its end in any case.
fn take(head: &Head, body: &mut impl Read, shelf: &Mutex<Shelf>) -> Answer {
    static UPLOADS: AtomicU64 = AtomicU64::new(0);
    let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
    if head.method == "POST" {
        let location = format!("{path}{}", UPLOADS.fetch_add(1, Ordering::Relaxed));
        shelf.lock().unwrap().uploads.insert(location.clone(), (Hasher::sha256(), 0));
        return (202, vec![("location", location)], Box::new(io::empty()));
    }
    if path.contains("/manifests/") {
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).unwrap();
        let (digest, mut shelf) = (sha256(&bytes).to_string(), shelf.lock().unwrap());
        shelf.tags.insert(path.rsplit('/').next().unwrap().to_owned(), digest.clone());
        shelf.content.insert(digest.clone(), Kept::Bytes(head.header("content-type").unwrap().to_owned(), bytes));
        return (201, vec![("docker-content-digest", digest)], Box::new(io::empty()));
    }
    let Some((mut hasher, had)) = shelf.lock().unwrap().uploads.remove(path) else { return nothing(404) };
    let has = had + hasher.read(body).unwrap();
    if head.method == "PATCH" {
        shelf.lock().unwrap().uploads.insert(path.to_owned(), (hasher, has));
        let headers = vec![("location", path.to_owned()), ("range", format!("0-{}", has - 1))];
        return (202, headers, Box::new(io::empty()));
    }
    let found = hasher.finish().to_string();
    if query.replace("%3A", ":") != format!("digest={found}") {
        return nothing(400);
    }
    shelf.lock().unwrap().content.insert(found, Kept::Forgotten(has));
    nothing(201)
}
