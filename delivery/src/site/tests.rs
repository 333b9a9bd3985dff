//! What goes out through an entrance when a release narrows it.

use super::*;
use crate::fake;
use kfimg_images::serve::{Admission, Sent, Site, SiteContent};
use std::net::SocketAddr;
use std::time::Duration;

/// As crate `ignition` writes them.
const SCRIPT: &str = "#!ipxe\nisset ${boot-server} || set boot-server http://${next-server}\n\
    kernel ${boot-server}/images/vmlinuz ignition.config.url=${boot-server}/nodes/a/ignition.json\nboot\n";
const NAME: &str = "/pxe/mac-52-54-00-00-00-11.ipxe";

struct Place {
    folder: tempfile::TempDir,
    delivery: Arc<Delivery>,
    door: Arc<dyn Site>,
    board: Arc<Board>,
}

impl Place {
    /// An output of one node, given out by these rules.
    fn new(release: ReleaseRules) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            ("pxe/boot.ipxe", "#!ipxe\n"),
            ("pxe/mac-52-54-00-00-00-11.ipxe", SCRIPT),
            ("pxe/node-a.ipxe", SCRIPT),
            ("nodes/a/ignition.json", "{}"),
        ];
        fake::output(folder.path(), &["a"], &files);
        let board = Arc::new(Board::new(Box::new(|_, _| ())));
        let output = Some(folder.path().to_owned());
        let options = DeliveryOptions { output, images: None, release, report_token: None };
        let delivery = Arc::new(Delivery::new(options, Arc::clone(&board)).unwrap());
        let door = delivery.through(Entrance { port: 5000, tls: true });
        Self { folder, delivery, door, board }
    }

    fn get(&self, path: &str) -> SiteAnswer {
        self.door.answer(&SiteRequest {
            method: SiteMethod::Get { head: false },
            path: path.to_owned(),
            query: None,
            host: Some("boot.example:5000".to_owned()),
            client: SocketAddr::from(([192, 0, 2, 77], 1)),
            admission: Admission::Unasked,
            body: bytes::Bytes::new(),
        })
    }

    fn text(&self, path: &str) -> String {
        let SiteContent::Bytes { bytes, .. } = self.get(path).content else { panic!("{path} is no text") };
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// The path of the payload by the machine's own script.
    fn payload(&self) -> String {
        let script = self.text(NAME);
        let (_, rest) = script.split_once("ignition.config.url=${boot-server}").unwrap();
        rest.lines().next().unwrap().to_owned()
    }
}

#[test]
fn what_leads_back_leads_to_the_entrance_that_was_asked() {
    let place = Place::new(ReleaseRules::default());
    assert!(place.text(NAME).contains("|| set boot-server https://boot.example:5000\n"));
    let plain = Place { door: place.delivery.through(Entrance { port: 8080, tls: false }), ..place };
    assert!(plain.text(NAME).contains("|| set boot-server http://boot.example:8080\n"));
}

#[test]
fn a_new_render_opens_what_went_out_once_also_when_it_wrote_the_same() {
    let place = Place::new(ReleaseRules { once: true, ..ReleaseRules::default() });
    let take = |place: &Place| {
        let mut answer = place.get(&place.payload());
        if let Some(done) = answer.done.take() {
            done(Sent { bytes: 2, whole: true });
        }
        answer.status
    };
    assert_eq!((take(&place), take(&place)), (200, 403));
    // A render puts another folder in the place of the former one.
    let manifest = place.folder.path().join("manifest.json");
    std::fs::copy(&manifest, manifest.with_extension("new")).unwrap();
    std::fs::rename(manifest.with_extension("new"), &manifest).unwrap();
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while take(&place) != 200 {
        assert!(std::time::Instant::now() < end, "the new render is never seen");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(take(&place), 403);
}

#[test]
fn a_window_that_is_over_keeps_payloads_from_whoever_has_a_ticket_and_nothing_else() {
    let window = Duration::from_secs(2);
    let place = Place::new(ReleaseRules { window: Some(window), ..ReleaseRules::default() });
    let payload = place.payload();
    assert!(payload.starts_with("/t/") && payload.ends_with("/nodes/a/ignition.json"), "{payload}");
    assert_eq!(place.get(&payload).status, 200);
    std::thread::sleep(window);
    // The ticket holds, and a new one is given; none opens anything any more.
    for path in [&payload, &place.payload()] {
        assert_eq!((place.get(path).status, place.text(path)), (403, NOTHING.to_owned()));
    }
    assert_eq!((place.get(NAME).status, place.get("/pxe/boot.ipxe").status), (200, 200));
    let details = place.board.details("a").unwrap();
    assert!(details.contains("WINDOW_CLOSED: the window for payloads is over"), "{details}");
}
