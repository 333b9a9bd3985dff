//! Receipts: of a registry's own catalog where nothing else says what to ask for.

use super::upstream::{CLUSTER, Site};
use kfimg_images::receipt::Receipt;
use std::fs;

fn receipt(site: &Site, line: &str) -> Receipt {
    let address = site.upstream.address;
    let said = site.run(&format!("bundle receipt --registry {address} --plain-http {address} {line}"));
    assert_eq!(said.code, 0, "{line}: {}", said.stderr);
    Receipt::parse(&fs::read(site.path("receipt.json")).unwrap()).unwrap()
}

#[test]
fn without_a_bundle_the_registry_says_what_it_has() {
    let site = Site::new();
    assert!(!site.path("bundle").exists());
    let all = receipt(&site, "");
    let has = |receipt: &Receipt, name: &str| receipt.repositories().contains_key(name);
    assert!(has(&all, "registry.k8s.io/pause") && has(&all, "kfimg.invalid/binary/kubelet"), "{all:?}");
    assert!(all.repositories().values().all(|held| !held.tags.is_empty() && !held.blobs.is_empty()));
    // The same as by the bundle that is served there.
    assert_eq!(receipt(&site, "--bundle upstream").to_bytes(), all.to_bytes());
    // Only what lies below the prefix, and names are whole.
    let below = receipt(&site, "--prefix registry.k8s.io");
    assert!(has(&below, "registry.k8s.io/pause") && !has(&below, "docker.io/library/haproxy"), "{below:?}");
    assert!(receipt(&site, "--prefix registry").repositories().is_empty());

    // And a delta stands on it: nothing is left to carry but documents.
    assert_eq!(site.create("--images-only -o whole.tar").code, 0);
    fs::write(site.path("receipt.json"), all.to_bytes()).unwrap();
    let said = site.create("--images-only -o small.tar --since receipt.json --output-format json");
    assert_eq!(said.code, 0, "{}", said.stderr);
    let created: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert!(created["bundle"]["since"]["absent"].as_array().unwrap().len() > 5, "{created}");
    let size = |name: &str| fs::metadata(site.path(name)).unwrap().len();
    assert!(size("small.tar") < size("whole.tar"), "{} and {}", size("small.tar"), size("whole.tar"));
    assert_eq!(site.run(&format!("bundle verify --bundle small.tar {CLUSTER}")).code, 0);
}

#[test]
fn a_registry_without_a_catalog_is_named_with_what_to_say_instead() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let site = Site::new();
    let said = site.run(&format!("bundle receipt --registry {address} --plain-http {address}"));
    assert_eq!(said.code, 4, "{}", said.stderr);
    for part in ["does not tell which repositories it has", "not found", "--bundle", "--profile"] {
        assert!(said.stderr.contains(part), "{part} in {}", said.stderr);
    }
    assert!(!site.path("receipt.json").exists());
}
