//! Nobody can keep others from being answered.

use super::*;
use crate::fake::{Authority, Machine};
use crate::guard::{Answer, AnswerData};
use crate::http::Client;
use crate::plan::Plan;
use std::time::Instant;

struct Fixture {
    _machine: Machine,
    member: Member,
    identity: Identity,
    stranger: Identity,
    url: String,
}

/// An endpoint on a free port, of a blank member.
fn fixture() -> Fixture {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("https://127.0.0.1:{port}");
    let mut plan = Plan { generation: 7, ..Plan::fake() };
    plan.etcd.as_mut().unwrap().members[0].guard_url.clone_from(&url);
    let machine = Machine::new(plan);
    machine.put("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    std::fs::create_dir_all(machine.root().at("/var/lib/etcd")).unwrap();
    let member = Member::of(&machine.context, machine.context.plan.etcd.as_ref().unwrap()).unwrap();
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let (identity, stranger) = (ours.identity(&ours), theirs.identity(&ours));
    Fixture { _machine: machine, member, identity, stranger, url }
}

fn ask(url: &str, path: &str, identity: &Identity) -> Result<Vec<u8>, crate::http::HttpError> {
    let request = ureq::http::Request::get(format!("{url}{path}")).body(Vec::new()).unwrap();
    Client::new(identity, Duration::from_secs(1)).unwrap().send(request, 4096)
}

#[test]
fn who_has_a_certificate_of_the_authority_is_answered_and_nobody_else() {
    let fixture = fixture();
    Endpoint::start(&fixture.member, &fixture.identity, Arc::default()).unwrap();
    let answer: Answer = serde_json::from_slice(&ask(&fixture.url, PATH, &fixture.identity).unwrap()).unwrap();
    assert_eq!((answer.data, answer.generation, answer.marker), (AnswerData::Empty, 7, None));
    assert_eq!((answer.machine.is_some(), answer.machine), (true, fixture.member.machine.clone()));
    assert_eq!(ask(&fixture.url, "/v1/other", &fixture.identity).unwrap_err().status(), Some(404));
    assert!(ask(&fixture.url, PATH, &fixture.stranger).is_err());
    // A question that never ends is cut off.
    assert!(ask(&fixture.url, &format!("/{}", "x".repeat(2 * LIMIT)), &fixture.identity).is_err());
}

#[test]
fn slow_connections_are_cut_off_and_leave_others_their_places() {
    let fixture = fixture();
    Endpoint::start(&fixture.member, &fixture.identity, Arc::default()).unwrap();
    let address = authority(&fixture.url).unwrap();
    let begun = Instant::now();
    // This machine is a member: it has a few places, and one is left.
    let mut slow: Vec<TcpStream> = (1..PLACES).map(|_| TcpStream::connect(address).unwrap()).collect();
    ask(&fixture.url, PATH, &fixture.identity).unwrap();
    // A byte of a long greeting of TLS now and then does not keep a connection alive.
    let mut hello = [0x16, 3, 1, 0x20, 0, 1, 0, 0x1f, 0xfc, 3, 3].into_iter().chain(std::iter::repeat(0));
    while slow.iter_mut().all(is_open) {
        let _ = slow[0].write(&[hello.next().unwrap()]);
        assert!(begun.elapsed() < TIME * 2, "a slow connection is still open");
        std::thread::sleep(Duration::from_millis(100));
    }
    std::thread::sleep(Duration::from_millis(500));
    assert!(slow.iter_mut().all(|stream| !is_open(stream)));
}

fn is_open(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let read = stream.read(&mut [0; 64]);
    matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

#[test]
fn strangers_together_take_no_place_of_a_member_and_no_member_another_ones() {
    let fixture = fixture();
    let config = Arc::new(config(&fixture.identity).unwrap());
    let member: IpAddr = "192.0.2.2".parse().unwrap();
    let members = vec![member, "127.0.0.1".parse().unwrap()];
    let endpoint =
        Endpoint { member: fixture.member.clone(), config, members, places: Mutex::default(), wakeup: Arc::default() };
    let endpoint = Arc::new(endpoint);
    let from = |last: u8| IpAddr::from([198, 51, 100, last]);
    let mut taken: Vec<_> = (0..u8::MAX).map_while(|last| endpoint.place(from(last))).collect();
    assert_eq!(taken.len(), STRANGERS);
    taken.extend((0..PLACES).map(|_| endpoint.place(member).unwrap()));
    assert!(endpoint.place(member).is_none());
    assert!(endpoint.place("127.0.0.1".parse().unwrap()).is_some());
    taken.clear();
    assert!(endpoint.place(from(1)).is_some() && endpoint.place(member).is_some());
}
