//! What the system sends from files by itself is what is in them, in its order between all else on the connection.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use kfimg_images::archive::{ChunkOptions, Writing, write_chunks};
use kfimg_images::content::Content;
use kfimg_images::serve::ServeOptions;

use crate::running::Running;
use crate::support::{Place, noise};

/// Longer than the longest part that is sent at a time, and no multiple of anything.
const SIZE: usize = 3_333_333;

fn read(connection: &mut impl BufRead) -> Vec<u8> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).unwrap();
        match line.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", text)) => length = text.parse().unwrap(),
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).unwrap();
    body
}

#[test]
fn many_requests_at_once_on_one_connection_are_answered_in_their_order() {
    let mut place = Place::new();
    let bytes = noise(SIZE, 5);
    let image = place.bundle.image("amd64", &[&bytes]);
    let digest = place.bundle.blob(&bytes);
    place.bundle.name("quay.io/large:1", image);
    place.bundle.finish();
    // A blob that lies in several files.
    let manifest = place.path("set.chunks.json");
    let options = ChunkOptions { chunk_size: 1_000_000, parity: 0 };
    write_chunks(&place.content(), &manifest, options, &Writing::default()).unwrap();
    let registry = Running::start(Content::open(&manifest).unwrap(), ServeOptions::default());
    let path = format!("/v2/quay.io/large/blobs/{digest}");
    // The first time it is hashed, and nothing is sent that was not looked at.
    assert_eq!(registry.get(&path).body, bytes);

    let wanted = [("", &bytes[..]), ("range: bytes=999990-2000010\r\n", &bytes[999_990..=2_000_010])];
    let mut connection = BufReader::new(TcpStream::connect(registry.address).unwrap());
    for _ in 0..4 {
        for (header, _) in wanted {
            let request =
                format!("GET {path} HTTP/1.1\r\nhost: here\r\n{header}\r\nGET /healthz HTTP/1.1\r\nhost: here\r\n\r\n");
            connection.get_mut().write_all(request.as_bytes()).unwrap();
        }
    }
    for _ in 0..4 {
        for (_, bytes) in wanted {
            assert!(read(&mut connection) == bytes);
            assert_eq!(read(&mut connection), b"ok\n");
        }
    }
}
