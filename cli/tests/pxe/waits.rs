//! A server that is not ready answers 503 and when to ask again: iPXE and Ignition do, and go on when it is. At "not found" Ignition
//! gives up, which is why nothing that may yet come is answered so.

use crate::IPXE;
use crate::ignition::{Ignition, command_line, files, rendered};
use crate::machine::Machine;
use crate::served::Served;
use crate::support::boot;
use std::fs;

const SITE: &str = "
nodes:
  - {name: master1, mac: '52:54:00:00:00:11'}
  - {name: master2, mac: '52:54:00:00:00:12'}
";

#[test]
#[ignore = "needs QEMU and iPXE, which `make interop` installs"]
fn ipxe_asks_again_while_nothing_is_rendered_and_goes_on_when_it_is() {
    let folder = boot::rendered("pxe/ipxe-waits", SITE);
    fs::copy(IPXE, folder.join("images/vmlinuz")).unwrap();
    fs::rename(folder.join("out"), folder.join("away")).unwrap();
    let served = Served::start(&folder);
    let card = |last: &str| format!("user,model=e1000,mac=52:54:00:00:00:{last}");
    // One begins with the script that is for all, which says to wait; one is at its own already, which answers 503.
    let mut first = Machine::start(&folder, served.port(), "/pxe/boot.ipxe", &["-nic", &card("11")]);
    first.until_it_shows("The boot server is not ready yet. Trying again in 10 seconds.");
    let own = "/pxe/mac-52-54-00-00-00-12.ipxe";
    let second = Machine::start(&folder, served.port(), own, &["-nic", &card("12")]);
    served.until(0, 503, own);
    fs::rename(folder.join("away"), folder.join("out")).unwrap();
    let asked = served.until(0, 200, own);
    // It was told to wait for ten seconds, and did.
    let refused = asked.iter().filter(|request| **request == (503, own.to_owned())).count();
    assert!((1..=3).contains(&refused), "{asked:?}");
    served.until(0, 200, "/pxe/mac-52-54-00-00-00-11.ipxe");
    let one = served.until(0, 200, "/t/-/images/initrd").len();
    served.until(one, 200, "/t/-/images/initrd");
    drop((first, second));
}

#[test]
#[ignore = "needs Ignition and a mount namespace"]
fn ignition_asks_again_while_a_payload_is_not_ready_and_gives_up_where_there_is_none() {
    let folder = boot::rendered("pxe/ignition-waits", SITE);
    let served = Served::start(&folder);
    let line = command_line(&served.boot, "mac-52-54-00-00-00-11");
    let payload = "/t/-/nodes/master1/ignition.json";
    // An output that is being copied, and one that is not there, are not ready.
    let own = folder.join("out/nodes/master1/ignition.json");
    let whole = fs::read(&own).unwrap();
    fs::write(&own, &whole[..whole.len() / 2]).unwrap();
    let mut ignition = Ignition::start(&folder.join("ignition"), &line);
    served.until(0, 503, payload);
    served.until(served.requests().len(), 503, payload);
    assert!(ignition.runs(), "{}", ignition.log());
    fs::write(&own, &whole).unwrap();
    assert_eq!(files(&ignition.configuration()), files(&rendered(&folder, "master1")));
    served.until(0, 200, payload);

    let before = served.requests().len();
    let mut ignition = Ignition::start(&folder.join("gives-up"), &line.replace("master1/ignition.json", "none"));
    assert!(!ignition.end().success(), "{}", ignition.log());
    assert_eq!(served.requests()[before..], [(404, "/t/-/nodes/none".to_owned())], "{}", ignition.log());
}
