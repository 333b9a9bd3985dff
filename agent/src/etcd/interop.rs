//! What the guard believes about etcd's files and ids, said by the real etcd, which `make guard-test` builds.

use super::flags::InitialFlags;
use super::log::{commit_all, inspect};
use super::manifest::Manifest;
use super::marker::Places;
use super::restore::Restore;
use super::{aside, identity};
use crate::guard::{Nonce, NonceSet, OwnData};
use crate::plan::{self, Plan};
use crate::root::Root;
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The folder with etcd, etcdctl and etcdutl.
fn programs() -> PathBuf {
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../qemu-tests/go/build.sh");
    let output =
        Command::new(build).arg("etcd").stderr(Stdio::inherit()).output().expect("qemu-tests/go/build.sh runs");
    assert!(output.status.success(), "qemu-tests/go/build.sh etcd failed");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

struct Server {
    child: Child,
    client: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Starts etcd with the flags that a manifest would have.
fn start(programs: &Path, data_dir: &Path, name: &str, peer: &str, flags: &InitialFlags) -> Server {
    let template = serde_json::json!({ "spec": { "containers": [{ "name": "etcd", "command": ["etcd"] }] } });
    let composed = super::manifest::compose(template.to_string().as_bytes(), flags).unwrap();
    let pod: Value = serde_json::from_slice(&composed).unwrap();
    let words = pod["spec"]["containers"][0]["command"].as_array().unwrap().iter().skip(1);
    let client = free_url();
    let log = fs::File::create(data_dir.with_extension("log")).unwrap();
    let child = Command::new(programs.join("etcd"))
        .arg(format!("--data-dir={}", data_dir.display()))
        .args(["--name", name, "--listen-peer-urls", peer])
        .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
        .args(words.map(|word| word.as_str().unwrap()))
        .stderr(log)
        .spawn()
        .unwrap();
    Server { child, client }
}

impl Server {
    fn control(&self, programs: &Path, words: &[&str]) -> (bool, String) {
        let output =
            Command::new(programs.join("etcdctl")).args(["--endpoints", &self.client]).args(words).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn put(&self, programs: &Path, key: &str, value: &str) {
        let until = Instant::now() + Duration::from_secs(30);
        while !self.control(programs, &["put", key, value]).0 {
            assert!(Instant::now() < until, "etcd takes no write");
        }
    }
}

fn nonces(number: u128) -> NonceSet {
    vec![Nonce(number)].into()
}

/// A member alone in a folder of the test.
fn node(folder: &Path) -> (Root, Plan) {
    let mut plan = Plan::fake();
    let etcd = plan.etcd.as_mut().unwrap();
    etcd.members.truncate(1);
    etcd.members[0].peer_url = free_url();
    etcd.data_dir = "/etcd".to_owned();
    fs::create_dir(folder.join("etcd")).unwrap();
    (Root::new(folder), plan)
}

#[test]
#[ignore = "needs etcd, which `make guard-test` builds"]
fn founders_logs_ids_and_locks_are_as_the_guard_expects() {
    let programs = programs();
    let folder = TempDir::new().unwrap();
    let names = ["m1", "m2", "m3"];
    let members: Vec<_> = names.iter().map(|name| ((*name).to_owned(), free_url())).collect();
    let pairs: Vec<_> = members.iter().map(|(name, url)| (name.as_str(), url.as_str())).collect();
    let token = identity::token("uid", 1, &nonces(5));
    let found = |number: usize| {
        let (name, url) = &members[number];
        let flags = InitialFlags::found(members.clone(), token.clone(), url);
        start(&programs, &folder.path().join(name), name, url, &flags)
    };
    let log = |number: usize, only_bootstrap| OwnData::Log {
        cluster: identity::cluster_id(&pairs, &token),
        member: identity::member_id(&members[number].1, &token),
        only_bootstrap,
    };
    let data_dir = |number: usize| folder.path().join(names[number]);

    // Alone it writes the founders, and no more.
    let alone = found(0);
    let until = Instant::now() + Duration::from_secs(30);
    while inspect(&data_dir(0), true) != log(0, false) {
        assert!(Instant::now() < until, "no log");
    }
    std::thread::sleep(Duration::from_secs(2));
    drop(alone);
    assert_eq!(inspect(&data_dir(0), false), log(0, true));

    // With a leader it has more, without any write of a client.
    let all = [0, 1, 2].map(found);
    all[0].put(&programs, "key", "value");
    drop(all);
    for (number, name) in names.iter().enumerate() {
        assert_eq!(inspect(&data_dir(number), false), log(number, false), "{name}");
    }

    // Going on alone is refused without a log, and what that leaves is none.
    let empty = folder.path().join("empty");
    let mut refused = start(&programs, &empty, "m1", &members[0].1, &InitialFlags::self_only("m1", &members[0].1));
    let status = refused.child.wait().unwrap();
    assert!(!status.success() && inspect(&empty, false) == OwnData::None);

    // With a log it goes on, whatever the list says.
    let two = [0, 1].map(|number| {
        let (name, url) = &members[number];
        start(&programs, &data_dir(number), name, url, &InitialFlags::self_only(name, url))
    });
    two[0].put(&programs, "key", "other");

    // Its process and its lock are seen; it ends, and they are not.
    let etcd = |data_dir: &Path| plan::Etcd { data_dir: data_dir.display().to_string(), ..Plan::fake().etcd.unwrap() };
    let manifest = Manifest::of(&Root::new("/"), &Plan::fake(), &etcd(&data_dir(0)));
    let other = Manifest::of(&Root::new("/"), &Plan::fake(), &etcd(&data_dir(2)));
    assert!(manifest.is_alive() && !other.is_alive());
    drop(two);
    assert!(!manifest.is_alive());
}

#[test]
#[ignore = "needs etcd, which `make guard-test` builds"]
fn a_log_of_several_files_is_read_and_its_damage_found() {
    let programs = programs();
    let folder = TempDir::new().unwrap();
    let (data_dir, url) = (folder.path().join("m1"), free_url());
    let members = vec![("m1".to_owned(), url.clone())];
    let server = start(&programs, &data_dir, "m1", &url, &InitialFlags::found(members, "t".to_owned(), &url));
    server.put(&programs, "key", "value");
    // Each value fills a record that no buffer of the reader holds.
    let value = "v".repeat(100 << 10);
    for number in 0..700 {
        server.put(&programs, &format!("key{number}"), &value);
    }
    drop(server);
    let expected = inspect(&data_dir, false);
    let OwnData::Log { only_bootstrap: false, cluster, .. } = expected else { panic!("{expected:?}") };
    assert_eq!(cluster, identity::cluster_id(&[("m1", &url)], "t"));
    let wal = data_dir.join("member/wal");
    let mut files: Vec<_> = fs::read_dir(&wal).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "wal"));
    files.sort();
    assert!(files.len() > 1, "{files:?}");
    let whole = fs::read(&files[0]).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 4;
    fs::write(&files[0], damaged).unwrap();
    assert_eq!(inspect(&data_dir, false), OwnData::Unreadable);
    fs::write(&files[0], &whole[..whole.len() - 9]).unwrap();
    assert_eq!(inspect(&data_dir, false), OwnData::Unreadable, "only the last file may be torn");
    fs::write(&files[0], whole).unwrap();
    assert_eq!(inspect(&data_dir, false), expected);
}

#[test]
#[ignore = "needs etcd, which `make guard-test` builds"]
fn a_snapshot_is_restored_with_raised_revisions_and_its_own_cluster() {
    let programs = programs();
    let folder = TempDir::new().unwrap();
    let (root, mut plan) = node(folder.path());
    let url = plan.etcd.as_ref().unwrap().members[0].peer_url.clone();
    let member = plan.node.name.clone();
    let data_dir = root.at("/etcd");
    let founders = vec![(member.clone(), url.clone())];
    let server = start(&programs, &data_dir, &member, &url, &InitialFlags::found(founders, "old".to_owned(), &url));
    server.put(&programs, "key", "value");
    let file = folder.path().join("a.db");
    assert!(server.control(&programs, &["snapshot", "save", file.to_str().unwrap()]).0);
    server.put(&programs, "key", "lost");
    drop(server);

    let digest = crate::snapshot::verify::verify(&file).unwrap().sha256;
    let named = plan::Restore { node: member.clone(), file: "/a.db".to_owned(), sha256: Some(digest) };
    plan.etcd.as_mut().unwrap().restore = Some(named.clone());
    let places = Places::of(&root, &plan, plan.etcd.as_ref().unwrap());
    let set = nonces(9);
    let mut restore = Restore::of(&root, &plan, &places).unwrap();
    restore.set_program(programs.join("no-such-program"));
    assert!(restore.build(&set).is_err());
    restore.set_program(programs.join("etcdutl"));
    aside::set_aside(&data_dir, 1).unwrap();
    // As after a power cut at any point: what is there is built again.
    restore.build(&set).unwrap();
    restore.build(&set).unwrap();
    restore.adopt().unwrap();
    let token = identity::token(&plan.cluster.uid, plan.cluster.incarnation, &set);
    let expected = OwnData::Log {
        cluster: restore.cluster(&set),
        member: identity::member_id(&url, &token),
        only_bootstrap: false,
    };
    assert_eq!(inspect(&data_dir, false), expected);
    assert!(!data_dir.join("restored").exists());

    let server = start(&programs, &data_dir, &member, &url, &InitialFlags::self_only(&member, &url));
    server.put(&programs, "new", "1");
    let (_, text) = server.control(&programs, &["get", "key", "--write-out=json"]);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert!(answer["header"]["revision"].as_u64().unwrap() > 1_000_000_000, "{answer}");
    assert_eq!(answer["kvs"][0]["value"], "dmFsdWU=", "the value of the snapshot");
    drop(server);

    let mut wrong = plan.clone();
    wrong.etcd.as_mut().unwrap().restore = Some(plan::Restore { sha256: Some("00".repeat(32)), ..named });
    assert!(
        Restore::of(&root, &wrong, &places).unwrap().build(&set).is_err(),
        "another file than the one that is named"
    );
    let mut text = fs::read(&file).unwrap();
    text[5000] ^= 1;
    fs::write(&file, text).unwrap();
    assert!(restore.build(&set).is_err(), "a damaged file");
    assert_eq!(inspect(&data_dir, false), expected, "a failed restore leaves the data alone");
}

#[test]
#[ignore = "needs etcd, which `make guard-test` builds"]
fn whoever_goes_on_alone_keeps_every_write_that_was_acknowledged() {
    const ROUNDS: usize = 8;
    const KEYS: usize = 5;
    let programs = programs();
    let folder = TempDir::new().unwrap();
    let (data_dir, url) = (folder.path().join("m1"), free_url());
    let members = vec![("m1".to_owned(), url.clone())];
    let mut flags = InitialFlags::found(members, "t".to_owned(), &url);
    let mut unknown = 0;
    for round in 0..ROUNDS {
        let server = start(&programs, &data_dir, "m1", &url, &flags);
        for key in 0..KEYS {
            server.put(&programs, &format!("key-{round}-{key}"), "value");
        }
        // Killed, as by a power cut.
        drop(server);
        unknown += commit_all(&data_dir).unwrap();
        flags = InitialFlags::force_new("m1", &url);
        let server = start(&programs, &data_dir, "m1", &url, &flags);
        server.put(&programs, "again", "value");
        let (_, text) = server.control(&programs, &["get", "--prefix", "key-", "--keys-only"]);
        let keys = text.lines().filter(|line| line.starts_with("key-")).count();
        assert_eq!(keys, (round + 1) * KEYS, "round {round}: {text}");
    }
    assert!(unknown > 0, "etcd wrote down at once what is committed: nothing has to be done about it any more");
}
