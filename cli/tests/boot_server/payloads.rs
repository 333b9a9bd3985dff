//! Who gets which payload: a machine its own, by its own script, once where that is said; what waits until there is one.

use crate::rendered;
use crate::support::boot::{Boot, SITE, render};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

#[test]
fn a_machine_gets_its_own_payload_by_its_own_script_and_nothing_else_goes_out() {
    let folder = rendered("release");
    // Somebody lays a key where all may fetch, and keeps it to himself there.
    fs::write(folder.join("images/key"), "a secret").unwrap();
    fs::set_permissions(folder.join("images/key"), fs::Permissions::from_mode(0o640)).unwrap();
    let boot = Boot::start(&folder, &["--access-log", "access.log"]);
    assert_eq!(boot.get("/pxe/boot.ipxe").1, fs::read(folder.join("out/pxe/boot.ipxe")).unwrap());
    let names = ["mac-52-54-00-00-00-11", "uuid-4c4c4544-0047-3510-8052-b4c04f4d3732", "serial-VMware-56%204d"];
    let scripts = names.map(|name| boot.script(name));
    for (node, [kernel, payload, initrd]) in ["master1", "master2", "master3"].iter().zip(&scripts) {
        let file = format!("nodes/{node}/ignition.json");
        assert!(payload.starts_with("/t/") && payload.ends_with(&format!("/{file}")), "{payload}");
        assert_eq!(boot.get(payload), (200, fs::read(folder.join("out").join(&file)).unwrap()));
        assert_eq!(boot.get(kernel), (200, b"a kernel".to_vec()));
        assert_eq!(boot.get(initrd).1.len(), 3 << 20);
        // By the name alone, by another's ticket, by none that was given.
        let other = scripts[0][1].replace("master1", if *node == "master1" { "master2" } else { node });
        for path in [format!("/{file}"), other, format!("/t/{}/{file}", "a".repeat(32))] {
            assert_eq!(boot.get(&path), (403, b"nothing here\n".to_vec()), "{path}");
        }
    }
    // A node that is none is refused as one that is.
    assert_eq!(boot.get("/nodes/nobody/ignition.json"), (403, b"nothing here\n".to_vec()));
    // worker1 has no name of its own, so a person chooses it; master1 has one, so nobody does.
    assert_eq!(boot.get("/pxe/node-worker1.ipxe").0, 200);
    for path in [
        "/pxe/mac-52-54-00-ff-ff-ff.ipxe",
        "/pxe/node-master1.ipxe",
        "/pxe/dnsmasq.conf",
        "/admin.kubeconfig",
        "/manifest.json",
        "/images.txt",
        "/images/../out/admin.kubeconfig",
        "/images/..%2fout%2fadmin.kubeconfig",
        "/images/%2e%2e/site.yaml",
        "/../../etc/passwd",
        "/images//etc/passwd",
        "/images/none",
        "/images/key",
        "/nodes/master1/seed.img",
        "/all-in-one.img",
        "/t/x/admin.kubeconfig",
        "/",
    ] {
        assert_eq!(boot.get(path), (404, b"nothing here\n".to_vec()), "{path}");
    }
    assert_eq!(boot.ask("/pxe/boot.ipxe", &["-X", "PUT", "-d", "x"]).0, 405);
    assert_eq!(boot.ask("/pxe/boot.ipxe", &["-d", "x"]).0, 405);
    let tickets: Vec<&str> = scripts.iter().map(|script| script[1].split('/').nth(2).unwrap()).collect();
    // What is refused is logged without its ticket, too.
    assert_eq!(boot.ask(&scripts[0][1], &["-X", "PUT", "-d", "x"]).0, 405);
    assert_eq!(boot.get(&format!("/t/{}", tickets[0])).0, 404);
    drop(boot);
    let log = fs::read_to_string(folder.join("access.log")).unwrap();
    assert!(tickets.iter().all(|ticket| ticket.len() == 32 && !log.contains(ticket)), "{log}");
    assert!(log.contains("\"path\":\"/t/-/nodes/master1/ignition.json\""), "{log}");
}

#[test]
fn what_is_not_ready_is_asked_for_again() {
    let folder = rendered("waits");
    fs::rename(folder.join("out"), folder.join("away")).unwrap();
    let boot = Boot::start(&folder, &[]);
    let (status, script) = boot.get("/pxe/boot.ipxe");
    let script = String::from_utf8(script).unwrap();
    assert!(
        status == 200 && script.contains(&format!("chain --autofree --replace {}/pxe/boot.ipxe", boot.url)),
        "{script}"
    );
    for path in
        ["/pxe/mac-52-54-00-00-00-11.ipxe", "/nodes/master1/ignition.json", &format!("/content/{}", "a".repeat(128))]
    {
        let (status, header, _) = boot.ask(path, &[]);
        assert!(status == 503 && header.contains("retry-after: 10"), "{path}: {header}");
    }
    fs::rename(folder.join("away"), folder.join("out")).unwrap();
    let ready = || boot.get("/pxe/mac-52-54-00-00-00-11.ipxe").0 == 200;
    while !ready() {
        std::thread::sleep(Duration::from_millis(50));
    }
    // Half a payload is one that is still being copied.
    let [_, payload, _] = boot.script("mac-52-54-00-00-00-11");
    let file = folder.join("out/nodes/master1/ignition.json");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let (status, header, body) = boot.ask(&payload, &[]);
    assert!(status == 503 && header.contains("retry-after: 10") && body.len() < 100, "{header}");
    fs::write(&file, &whole).unwrap();
    assert_eq!(boot.get(&payload), (200, whole));
    // A new render is there without a restart, and its payloads are the new ones.
    fs::write(folder.join("site.yaml"), SITE.replace("name: master1,", "name: master1, labels: {a: b},")).unwrap();
    render(&folder, "ha3");
    let new = fs::read(&file).unwrap();
    // Between two looks at the folder the files of the former one are gone, which is "not ready" as well.
    let is_new = || {
        ready() && boot.try_script("mac-52-54-00-00-00-11").is_some_and(|[_, payload, _]| boot.get(&payload).1 == new)
    };
    while !is_new() {
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn once_is_once_also_for_whoever_asks_for_parts() {
    let folder = rendered("once");
    let boot = Boot::start(&folder, &["--payloads-once", "--payloads-for", "60"]);
    let [_, payload, _] = boot.script("mac-52-54-00-00-00-11");
    assert_eq!(boot.ask(&payload, &["-I"]).0, 200);
    // Who has it already gets nothing, and takes nothing away.
    assert_eq!(boot.ask(&payload, &["-H", "If-None-Match: *"]).0, 304);
    // Whoever asks for a part gets all of it: in parts it would go out again and again.
    let whole = fs::read(folder.join("out/nodes/master1/ignition.json")).unwrap();
    let (status, header, body) = boot.ask(&payload, &["-r", "0-9"]);
    assert!(status == 200 && header.contains("accept-ranges: none") && body == whole, "{header}");
    // It counts when the last byte is out; until then others are told to wait.
    loop {
        match boot.get(&payload).0 {
            403 => break,
            status => assert_eq!(status, 503),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(boot.get(&boot.script("mac-52-54-00-00-00-11")[1]).0, 403);
    assert_eq!(boot.get(&boot.script("serial-VMware-56%204d")[1]).0, 200);
    let state = String::from_utf8(boot.get("/board/state?node=master1").1).unwrap();
    assert!(state.contains("payload refused to 127.0.0.1: TAKEN"), "{state}");
    let open = Boot::start(&folder, &["--payloads-open"]);
    assert_eq!(open.get("/nodes/master1/ignition.json").0, 200);
}
