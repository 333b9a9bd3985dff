use super::*;
use crate::plan::Plan;
use crate::step::Step;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};

/// A boot server that gives these answers, one after the other, and then the last one for ever.
fn server(answers: Vec<Vec<u8>>) -> (String, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/content/a", listener.local_addr().unwrap());
    let asked: Arc<Mutex<usize>> = Arc::default();
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let request = BufReader::new(stream.try_clone().unwrap());
            let _ = request.lines().map_while(Result::ok).take_while(|line| !line.is_empty()).count();
            let mut asked = count.lock().unwrap();
            let answer = &answers[(*asked).min(answers.len() - 1)];
            *asked += 1;
            let _ = stream.write_all(answer);
        }
    });
    (url, asked)
}

fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn context(folder: &Path, url: &str, content: &[u8]) -> Context {
    let wanted = Fetch {
        path: "/etc/kfimg/addons/60-site.json".to_owned(),
        url: url.to_owned(),
        sha512: HEXLOWER.encode(&Sha512::digest(content)),
        size: content.len() as u64,
    };
    Context { root: Root::new(folder), plan: Plan { fetch: vec![wanted], ..Plan::fake() } }
}

fn boot(context: &Context) -> Result<(), Failure> {
    run(context, &mut StepLog::begin(&context.root, Step::Fetch))
}

#[test]
fn a_file_comes_whole_or_is_asked_for_again_and_the_next_boot_asks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let content = vec![b'a'; 100_000];
    let cut = answer("200 OK", &content)[..50_000].to_vec();
    let other = answer("200 OK", &vec![b'b'; 100_000]);
    let longer = answer("200 OK", &vec![b'a'; 100_001]);
    let answers =
        [answer("503 Busy", b""), cut, other, longer, answer("404 Not Found", b"no"), answer("200 OK", &content)];
    let (url, asked) = server(answers.to_vec());
    let context = context(folder.path(), &url, &content);
    let former = context.root.at(KEPT).join("former");
    fs_err::create_dir_all(former.parent().unwrap()).unwrap();
    fs_err::write(&former, "of an earlier payload").unwrap();
    for _ in 0..2 {
        boot(&context).unwrap();
        let path = context.root.at("/etc/kfimg/addons/60-site.json");
        assert_eq!(fs_err::read(&path).unwrap(), content);
        assert_eq!(*asked.lock().unwrap(), 6);
        assert!(!former.exists());
        // /etc is made anew at each boot.
        fs_err::remove_file(path).unwrap();
    }
    // What is damaged on the disk comes from the server again.
    let kept = context.root.at(KEPT).join(&context.plan.fetch[0].sha512);
    fs_err::write(&kept, vec![b'c'; 100_000]).unwrap();
    boot(&context).unwrap();
    assert_eq!(*asked.lock().unwrap(), 7);
    assert_eq!(fs_err::read(context.root.at("/etc/kfimg/addons/60-site.json")).unwrap(), content);
}

#[test]
fn a_file_that_somebody_changed_is_named_and_not_applied() {
    let folder = tempfile::tempdir().unwrap();
    let (content, changed) = (vec![b'a'; 1000], [&vec![b'a'; 999][..], b"b"].concat());
    let (url, _) = server(vec![answer("200 OK", &changed), answer("200 OK", &changed), answer("200 OK", &content)]);
    let context = context(folder.path(), &url, &content);
    boot(&context).unwrap();
    let status: serde_json::Value =
        serde_json::from_slice(&fs_err::read(Step::Fetch.file(&context.root)).unwrap()).unwrap();
    assert_eq!(status["warnings"].as_array().map(Vec::len), Some(1), "{status}");
    assert_eq!(status["warnings"][0]["code"], CHANGED.name);
    assert_eq!(status["warnings"][0]["message"], *url);
    assert_eq!(status["state"], "done");
    assert_eq!(fs_err::read(context.root.at("/etc/kfimg/addons/60-site.json")).unwrap(), content);
}
