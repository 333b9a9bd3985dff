use super::root_image;
use crate::root::Root;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A boot server that gives these answers, one after the other, and remembers the range that each request asked for.
fn server(answers: Vec<Vec<u8>>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/root.img", listener.local_addr().unwrap());
    let ranges: Arc<Mutex<Vec<String>>> = Arc::default();
    let asked = Arc::clone(&ranges);
    std::thread::spawn(move || {
        for (stream, answer) in listener.incoming().flatten().zip(answers) {
            let mut stream = stream;
            let request = BufReader::new(stream.try_clone().unwrap());
            let lines = request.lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            let range = lines.filter_map(|line| Some(line.to_lowercase().strip_prefix("range: ")?.to_owned())).last();
            asked.lock().unwrap().push(range.unwrap_or_default());
            let _ = stream.write_all(&answer);
        }
    });
    (url, ranges)
}

fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn note(folder: &Path, content: &[u8]) {
    let sha256 = HEXLOWER.encode(&Sha256::digest(content));
    let text = format!(r#"{{"size":{},"sha256":"{sha256}"}}"#, content.len());
    fs_err::write(folder.join("fetch.json"), text).unwrap();
}

/// A name, what the server answers one after the other, and the ranges that it must have been asked for.
type Case<'a> = (&'a str, Vec<Vec<u8>>, Vec<&'a String>);

#[test]
fn a_root_comes_whole_in_parts_or_again() {
    let content: Vec<u8> = (0..100_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    let whole = answer("200 OK", &content);
    let cut = whole[..50_000].to_vec();
    let head = whole.len() - content.len();
    let rest = answer("206 Partial Content", &content[50_000 - head..]);
    let from = format!("bytes={}-", 50_000 - head);
    let none = String::new();
    let shorter = answer("200 OK", &content[..50_000 - head]);
    let refused = answer("416 Range Not Satisfiable", b"");
    let cases: [Case<'_>; 6] = [
        ("at once", vec![whole.clone()], vec![&none]),
        ("in two parts", vec![cut.clone(), rest], vec![&none, &from]),
        ("from a server without ranges", vec![cut, whole.clone()], vec![&none, &from]),
        ("after a shorter file", vec![shorter, refused, whole.clone()], vec![&none, &from, &none]),
        ("after another build's", vec![answer("200 OK", &[7; 100_000]), whole.clone()], vec![&none, &none]),
        ("after one that is too long", vec![answer("200 OK", &[7; 100_001]), whole], vec![&none, &none]),
    ];
    for (name, answers, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        note(folder.path(), &content);
        let (url, ranges) = server(answers);
        let found = root_image(&Root::new(folder.path()), &url, folder.path()).unwrap();
        assert!(fs_err::read(found.join("root.img")).unwrap() == content, "{name}");
        assert_eq!(ranges.lock().unwrap().iter().collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn an_initrd_that_does_not_know_its_root_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::new(folder.path());
    let failure = root_image(&root, "http://127.0.0.1:1/", folder.path()).unwrap_err();
    assert!(failure.code.name == "ROOT_IMAGE" && failure.message.contains("fetch.json"), "{failure}");
    fs_err::write(folder.path().join("fetch.json"), b"{\"size\":1}").unwrap();
    let failure = root_image(&root, "http://127.0.0.1:1/", folder.path()).unwrap_err();
    assert!(failure.message.contains("sha256"), "{failure}");
}
