//! What a site is told of its answers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kfimg_images::serve::{Reception, Sent, ServeOptions, Site, SiteAnswer, SiteRequest};

use crate::running::Running;
use crate::serve::raw;
use crate::support::Place;

/// More than the system keeps of what a client does not read.
const LARGE: usize = 64 << 20;
/// Time for what another thread does.
const BOUND: Duration = Duration::from_secs(60);

/// A large file in memory, and what became of it.
#[derive(Debug)]
struct File(Mutex<Sender<Sent>>);

impl Site for File {
    fn receive(&self, _: &SiteRequest) -> Reception {
        Reception::None
    }

    fn shown(&self, _: &str) -> Option<String> {
        None
    }

    fn answer(&self, _: &SiteRequest) -> SiteAnswer {
        let sent = self.0.lock().unwrap().clone();
        let mut answer = SiteAnswer::bytes(200, "file", "application/octet-stream", vec![7; LARGE]);
        answer.done = Some(Box::new(move |what| _ = sent.send(what)));
        answer
    }
}

fn start() -> (Place, Running, Receiver<Sent>) {
    let (sender, receiver) = channel();
    let place = Place::new();
    let site: Arc<dyn Site> = Arc::new(File(Mutex::new(sender)));
    let running = Running::start(place.content(), ServeOptions { site: Some(site), ..ServeOptions::default() });
    (place, running, receiver)
}

#[test]
fn an_answer_is_whole_when_the_system_has_it_and_not_when_its_client_left() {
    let (_place, running, sent) = start();
    let mut client = TcpStream::connect(running.address).unwrap();
    client.write_all(b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    client.read_exact(&mut [0; 1000]).unwrap();
    assert!(sent.recv_timeout(Duration::from_millis(200)).is_err(), "most of it is still here");
    drop(client);
    assert!(!sent.recv_timeout(BOUND).unwrap().whole);

    let (status, body) = raw(running.address, "GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!((status, body.len()), (200, LARGE));
    assert_eq!(sent.recv_timeout(BOUND).unwrap(), Sent { bytes: LARGE as u64, whole: true });
}
