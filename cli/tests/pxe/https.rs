//! Who boots by HTTPS, as docs/pxe.md says: the distribution's iPXE does not; Ignition does where its system trusts the cluster's authority,
//! and not where it does not.

use crate::ignition::{Ignition, files, kernel_arguments, rendered};
use crate::machine::Machine;
use crate::support::boot::{self, Boot};
use crate::support::program::succeed;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

const SITE: &str = "
nodes:
  - {name: master1, mac: '52:54:00:00:00:11'}
";
/// Time to be refused in, far more than it takes.
const BOUND: Duration = Duration::from_secs(60);

/// A server with a certificate of the cluster's authority, its folder, and its port.
fn server(name: &str) -> (Boot, PathBuf, String) {
    let folder = boot::rendered(name, SITE);
    let arguments = ["--listen", "127.0.0.1:0", "--tls-state", "ha3.state", "--name", "localhost"];
    let boot = Boot::start(&folder, &[&arguments[..], &["--access-log", "access.log"]].concat());
    let port = boot.served.port().to_owned();
    (boot, folder, port)
}

#[test]
#[ignore = "needs QEMU and iPXE, which `make interop` installs"]
fn the_distributions_ipxe_takes_nothing_by_https_from_a_site() {
    let (_boot, folder, port) = server("pxe/https-ipxe");
    // A network with nothing in it but that server.
    let network = format!("user,model=e1000,restrict=on,guestfwd=tcp:10.0.2.100:443-tcp:127.0.0.1:{port}");
    let mut machine = Machine::chaining(&folder, "https://10.0.2.100/pxe/boot.ipxe", &["-nic", &network]);
    // Every error has a page of its own there.
    let error = machine.until_it_shows("ipxe.org/");
    assert!(error.contains("Operation not supported") || error.contains("Permission denied"), "{error}");
    assert_eq!(fs::read_to_string(folder.join("access.log")).unwrap(), "");
}

#[test]
#[ignore = "needs Ignition and a mount namespace"]
fn ignition_gets_its_payload_by_https_from_a_server_that_it_trusts_and_from_no_other() {
    let (_boot, folder, port) = server("pxe/https");
    let secure = format!("https://localhost:{port}");
    let authority = folder.join("ha3.state/pki/ca.crt");
    let mut curl = Command::new("curl");
    curl.args(["-sSf", "--cacert"]).arg(&authority).arg(format!("{secure}/pxe/mac-52-54-00-00-00-11.ipxe"));
    let script = succeed(&mut curl);
    let line = kernel_arguments(&script, &secure);
    let payload = "nodes/master1/ignition.json";

    let distrusts = Ignition::start(&folder.join("distrusts"), &line);
    let begin = Instant::now();
    while !distrusts.log().contains("x509: certificate signed by unknown authority") {
        assert!(begin.elapsed() < BOUND, "{}", distrusts.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(distrusts);
    assert!(!fs::read_to_string(folder.join("access.log")).unwrap().contains(payload));

    let mut trusts = Ignition::trusting(&folder.join("trusts"), &line, &authority);
    assert_eq!(files(&trusts.configuration()), files(&rendered(&folder, "master1")));
    assert!(fs::read_to_string(folder.join("access.log")).unwrap().contains(payload));
}
