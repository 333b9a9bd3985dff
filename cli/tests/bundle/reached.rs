//! Whom each command of `kfimg bundle` asks, and how often: counted by a proxy that stands for everybody.

use super::distribution::Distribution;
use super::everybody::{Answer, Asked, Everybody};
use super::upstream::Upstream;
use crate::support::machine::Machine;
use crate::support::program::find;
use crate::support::registry::Served;
use crate::support::said::{Said, said};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Two images that share a layer.
const IMAGES: [&str; 2] = ["quay.test/team/app:1", "quay.test/team/other:1"];
const CREATE: &str = "bundle create --images-only --image quay.test/team/app:1 --image quay.test/team/other:1";
/// What the environment may say of proxies.
const PROXIES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"];
/// A login for quay.test alone, of `ada` with `secret`.
const LOGINS: &str = r#"{"auths":{"quay.test":{"auth":"YWRhOnNlY3JldA=="}}}"#;
const BASIC: &str = "Basic YWRhOnNlY3JldA==";
/// Time for what another process does.
const BOUND: Duration = Duration::from_secs(60);

/// A folder to work in, and the registry that stands for quay.test.
struct Place {
    folder: tempfile::TempDir,
    upstream: Upstream,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let upstream = Upstream::of(&folder.path().join("upstream"), &IMAGES.map(str::to_owned), |_| String::new());
        fs::write(folder.path().join("logins.json"), LOGINS).unwrap();
        Self { folder, upstream }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// kfimg in this folder, with what the environment says of proxies.
    fn kfimg(&self, line: &str, proxies: &[(&str, &str)]) -> Command {
        let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
        kfimg.args(line.split_whitespace()).current_dir(self.folder.path()).env("HOME", self.folder.path());
        kfimg.env_remove("XDG_RUNTIME_DIR");
        PROXIES.iter().for_each(|name| _ = kfimg.env_remove(name));
        kfimg.envs(proxies.iter().copied());
        kfimg
    }

    /// Runs it behind a proxy for all.
    fn run(&self, line: &str, everybody: &Everybody) -> Said {
        let url = everybody.url();
        said(&mut self.kfimg(line, &[("HTTP_PROXY", &url), ("HTTPS_PROXY", &url)]))
    }

    /// Creates a bundle of it as root of a test.
    fn bundle(&self) {
        let address = self.upstream.address;
        let line = format!("{CREATE} --mirror {address} --plain-http {address} --mirrors-only");
        let said = said(&mut self.kfimg(&line, &[]));
        assert_eq!(said.code, 0, "{}", said.stderr);
    }
}

/// Who answers for whom.
type Answers = fn(&Asked, SocketAddr) -> Answer;

fn from_quay(_: &Asked, upstream: SocketAddr) -> Answer {
    Answer::By(upstream, "quay.test")
}

/// quay.test wants a login, and its blobs lie in a storage.
fn from_storage(asked: &Asked, upstream: SocketAddr) -> Answer {
    if asked.host == "quay.test:80" && asked.login.is_none() {
        return Answer::Only(401, "WWW-Authenticate: Basic realm=\"quay\"\r\n".to_owned());
    }
    if asked.host == "quay.test:80" && asked.path.contains("/blobs/") {
        return Answer::Only(307, format!("Location: http://storage.test{}\r\n", asked.path));
    }
    from_quay(asked, upstream)
}

/// quay.test wants a token of a service.
fn with_token(asked: &Asked, upstream: SocketAddr, service: &str) -> Answer {
    let wants = || format!("WWW-Authenticate: Bearer realm=\"http://{service}/token\",service=\"quay\"\r\n");
    match &asked.login {
        None if asked.host == "quay.test:80" => Answer::Only(401, wants()),
        // A token is nothing but a text in JSON, which this answer has none of: it is refused, and the service was asked.
        _ if asked.path.starts_with("/token") => Answer::Only(403, String::new()),
        _ => from_quay(asked, upstream),
    }
}

/// The mirror has nothing.
fn not_from_the_mirror(asked: &Asked, upstream: SocketAddr) -> Answer {
    if asked.host == "mirror.test:80" { Answer::Only(404, String::new()) } else { from_quay(asked, upstream) }
}

const OF_QUAY: &str = "--plain-http quay.test --credentials logins.json";
const OF_MIRROR: &str = "--mirror quay.test=mirror.test --plain-http mirror.test --plain-http quay.test";

/// What is said on the command line, who answers, the hosts that were asked, and the exit code.
type Row = (&'static str, String, Answers, &'static [&'static str], i32);

#[test]
fn create_asks_whom_it_must_and_nobody_else() {
    let rows: Vec<Row> = vec![
        ("the registry", OF_QUAY.to_owned(), from_quay, &["quay.test:80"], 0),
        ("a redirect", OF_QUAY.to_owned(), from_storage, &["quay.test:80", "storage.test:80"], 0),
        (
            "a token service of its own",
            OF_QUAY.to_owned(),
            |asked, upstream| with_token(asked, upstream, "quay.test:8080"),
            &["quay.test:80", "quay.test:8080"],
            7,
        ),
        (
            "a token service of a stranger",
            OF_QUAY.to_owned(),
            |asked, upstream| with_token(asked, upstream, "thief.test"),
            &["quay.test:80"],
            7,
        ),
        (
            "a token service that is trusted",
            format!("{OF_QUAY} --trust-host quay.test=tokens.test --trust-host other.test"),
            |asked, upstream| with_token(asked, upstream, "tokens.test"),
            &["quay.test:80", "tokens.test:80"],
            7,
        ),
        (
            "a token service that is trusted for another registry",
            format!("{OF_QUAY} --trust-host other.test=tokens.test"),
            |asked, upstream| with_token(asked, upstream, "tokens.test"),
            &["quay.test:80"],
            7,
        ),
        ("a mirror", OF_MIRROR.to_owned(), from_quay, &["mirror.test:80"], 0),
        ("a mirror without it", OF_MIRROR.to_owned(), not_from_the_mirror, &["mirror.test:80", "quay.test:80"], 0),
        (
            "nobody but a mirror without it",
            format!("{OF_MIRROR} --mirrors-only"),
            not_from_the_mirror,
            &["mirror.test:80"],
            7,
        ),
        (
            "a mirror of all",
            "--mirror mirror.test --plain-http mirror.test".to_owned(),
            |_, upstream| Answer::By(upstream, ""),
            &["mirror.test:80"],
            0,
        ),
    ];
    for (name, options, answers, wanted, code) in rows {
        let place = Place::new();
        let upstream = place.upstream.address;
        let everybody = Everybody::start(move |asked| answers(asked, upstream));
        let said = place.run(&format!("{CREATE} {options}"), &everybody);
        assert_eq!(said.code, code, "{name}: {}", said.stderr);
        assert_eq!(
            said.stderr.contains("--trust-host"),
            name.contains("stranger") || name.contains("another registry")
        );
        assert_eq!(
            everybody.hosts(),
            wanted.iter().map(|host| (*host).to_owned()).collect(),
            "{name}: {}",
            said.stderr
        );
        for asked in everybody.asked() {
            let may_know = asked.host.starts_with("quay.test:") || asked.host == "tokens.test:80";
            assert!(asked.login.as_deref().is_none_or(|login| may_know && login == BASIC), "{name}: {asked:?}");
        }
    }
}

/// How often each thing was asked for, of those that this picks.
fn counted<'a>(asked: &'a [Asked], pick: impl Fn(&'a Asked) -> Option<&'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    asked.iter().filter_map(pick).for_each(|what| *counts.entry(what).or_default() += 1);
    counts
}

#[test]
fn each_blob_is_asked_for_once_and_what_is_here_not_at_all() {
    let place = Place::new();
    let upstream = place.upstream.address;
    let everybody = Everybody::start(move |asked| from_storage(asked, upstream));
    let create = format!("{CREATE} {OF_QUAY} --arch amd64,arm64");
    assert_eq!(place.run(&create, &everybody).code, 0);
    let asked = everybody.asked();
    let at_storage: Vec<Asked> = asked.into_iter().filter(|asked| asked.host == "storage.test:80").collect();
    let blobs = counted(&at_storage, Asked::blob);
    // A layer of both images', two of each one's own, and a configuration for each architecture.
    let held: BTreeSet<String> = fs::read_dir(place.path("bundle/blobs/sha256"))
        .unwrap()
        .map(|entry| format!("sha256:{}", entry.unwrap().file_name().display()))
        .collect();
    assert!(blobs.len() == 7 && blobs.keys().all(|blob| held.contains(*blob)), "{blobs:?}");
    assert!(blobs.values().all(|count| *count == 1), "{blobs:?}");

    everybody.forget();
    assert_eq!(place.run(&create, &everybody).code, 0);
    assert_eq!(counted(&everybody.asked(), Asked::blob), BTreeMap::new(), "all of them are here");

    // One is damaged, and one is asked for.
    let damaged = blobs.keys().next().unwrap().strip_prefix("sha256:").unwrap();
    fs::write(place.path("bundle/blobs/sha256").join(damaged), b"wrong").unwrap();
    everybody.forget();
    assert_eq!(place.run(&create, &everybody).code, 0);
    let asked: Vec<Asked> = everybody.asked().into_iter().filter(|asked| asked.host == "storage.test:80").collect();
    assert_eq!(counted(&asked, Asked::blob), BTreeMap::from([(&*format!("sha256:{damaged}"), 1)]));
}

#[test]
fn push_and_receipt_ask_the_registry_alone_and_send_each_blob_once() {
    let place = Place::new();
    place.bundle();
    let registry = Distribution::debian(&place.path("registry"));
    let address: SocketAddr = registry.host().parse().unwrap();
    let everybody = Everybody::start(move |_| Answer::By(address, ""));
    let push = "bundle push --registry reg.test --plain-http reg.test --prefix site/mirror";
    let said = place.run(push, &everybody);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let asked = everybody.asked();
    assert_eq!(everybody.hosts(), BTreeSet::from(["reg.test:80".to_owned()]));
    // An upload ends with its digest. What both images have is mounted in the second repository, and not sent again.
    let ended = |asked: &Asked| asked.method == "PUT" && asked.path.contains("/blobs/uploads/");
    let digest = |asked: &Asked| asked.path.split("digest=").nth(1).map(|text| text.replace("%3A", ":"));
    let sent: Vec<String> = asked.iter().filter(|asked| ended(asked)).filter_map(digest).collect();
    let once: BTreeSet<&String> = sent.iter().collect();
    assert!(sent.len() == 4 && once.len() == sent.len(), "{sent:?}");
    assert!(asked.iter().all(|asked| asked.path == "/v2/" || asked.path.starts_with("/v2/site/mirror/")), "{asked:?}");

    everybody.forget();
    assert_eq!(place.run(push, &everybody).code, 0);
    let changes: Vec<Asked> =
        everybody.asked().into_iter().filter(|asked| !matches!(&*asked.method, "GET" | "HEAD")).collect();
    assert!(changes.is_empty(), "{changes:?}");

    everybody.forget();
    let said = place.run("bundle receipt --registry reg.test --plain-http reg.test --prefix site/mirror", &everybody);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(everybody.hosts(), BTreeSet::from(["reg.test:80".to_owned()]));
}

/// Waits until a proxy was asked, and ends what asked it.
fn first_asked(mut command: Command, everybody: &Everybody) -> BTreeSet<String> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let end = Instant::now() + BOUND;
    while everybody.hosts().is_empty() {
        assert!(Instant::now() < end && child.try_wait().unwrap().is_none(), "nobody was asked: {command:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    everybody.hosts()
}

#[test]
fn proxies_are_those_of_the_environment() {
    let place = Place::new();
    let upstream = place.upstream.address;
    let start = || Everybody::start(move |asked| from_quay(asked, upstream));
    for (https, http) in [("HTTPS_PROXY", "HTTP_PROXY"), ("https_proxy", "http_proxy")] {
        let (secure, plain) = (start(), start());
        let (secure_url, plain_url) = (secure.url(), plain.url());
        let proxies = [(https, &*secure_url), (http, &*plain_url)];
        let said = said(&mut place.kfimg(&format!("{CREATE} --plain-http quay.test -o {http}"), &proxies));
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert_eq!(plain.hosts(), BTreeSet::from(["quay.test:80".to_owned()]));
        assert!(secure.hosts().is_empty());
        plain.forget();
        let hosts = first_asked(place.kfimg(&format!("{CREATE} -o {https}"), &proxies), &secure);
        assert_eq!(hosts, BTreeSet::from(["quay.test:443".to_owned()]));
        assert!(plain.hosts().is_empty());
    }
    // A login of the proxy's is nobody's business, and neither is one that is wrong.
    let wrong = "gopher://ada:secret@proxy.test";
    let said = said(&mut place.kfimg(&format!("{CREATE} -o wrong"), &[("HTTPS_PROXY", wrong)]));
    assert!(
        said.code != 0 && said.stderr.contains("HTTPS_PROXY") && !said.stderr.contains("secret"),
        "{}",
        said.stderr
    );
}

#[test]
fn whom_no_proxy_names_is_asked_directly() {
    const REGISTRY: &str = "198.51.100.7:5000";
    let place = Place::new();
    let machine = Machine::alone("eth0", None, &["198.51.100.7/24".to_owned()]);
    let inside = |line: &str| {
        let own = place.kfimg(line, &[]);
        let mut kfimg = machine.command(own.get_program());
        kfimg.args(own.get_args()).env("HOME", place.folder.path()).env_remove("XDG_RUNTIME_DIR");
        PROXIES.iter().for_each(|name| _ = kfimg.env_remove(name));
        kfimg
    };
    let _served =
        Served::start(&mut inside(&format!("serve --bundle {} --listen {REGISTRY}", place.path("upstream").display())));
    let at = |name: &str| place.path(name).display().to_string();
    let line = format!(
        "{CREATE} --mirror {REGISTRY} --plain-http {REGISTRY} --mirrors-only -o {} --lock {}",
        at("bundle"),
        at("kfimg.lock")
    );
    // Nobody listens where the proxy should be.
    let nobody = [("HTTP_PROXY", "http://127.0.0.1:9"), ("HTTPS_PROXY", "http://127.0.0.1:9")];
    for direct in ["198.51.100.7", "quay.test, 198.51.100.0/24", "*"] {
        let said = said(inside(&line).envs(nobody).env("NO_PROXY", direct));
        assert_eq!(said.code, 0, "{direct}: {}", said.stderr);
    }
}

/// Lines of strace about connections to other than this machine's own sockets, of a command that must succeed.
fn connections(place: &Place, line: &str, everybody: &Everybody) -> Vec<String> {
    let url = everybody.url();
    let kfimg = place.kfimg(line, &[]);
    let mut strace = Command::new(find("strace"));
    let record = place.path("strace.log");
    strace.args(["-f", "-qq", "-e", "trace=connect,sendto", "-o"]).arg(&record);
    strace.arg(kfimg.get_program()).args(kfimg.get_args()).current_dir(place.folder.path());
    strace.env("HOME", place.folder.path()).envs([("HTTP_PROXY", &url), ("HTTPS_PROXY", &url)]);
    let said = said(&mut strace);
    assert_eq!(said.code, 0, "{line}: {}", said.stderr);
    let text = fs::read_to_string(record).unwrap();
    text.lines().filter(|line| line.contains("AF_INET")).map(str::to_owned).collect()
}

fn openssl(folder: &Path, words: &str) {
    let done = Command::new(find("openssl")).args(words.split(' ')).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "openssl {words}");
}

#[test]
fn what_works_on_files_asks_nobody() {
    let place = Place::new();
    place.bundle();
    openssl(place.folder.path(), "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out site.key");
    openssl(place.folder.path(), "pkey -in site.key -pubout -out site.pub");
    let everybody = Everybody::start(|_| Answer::Only(404, String::new()));
    let commands = [
        "bundle sign --key site.key",
        "bundle verify --key site.pub",
        "bundle pack -o b.tar",
        "bundle pack -o medium/b --chunk-size 16KiB --parity 1",
        "bundle repair --bundle medium/b.chunks.json",
        "bundle verify --bundle medium/b.chunks.json",
        "images --profile single --why",
        "validate --profile single --registry reg.test",
        "render --profile single --registry reg.test -o out",
        "diff out out",
    ];
    for line in commands {
        let found = connections(&place, line, &everybody);
        assert!(found.is_empty(), "{line}: {found:#?}");
    }
    assert!(everybody.asked().is_empty());
    // And strace sees who asks somebody.
    let address = place.upstream.address;
    let line = format!("{CREATE} --mirror {address} --plain-http {address} --mirrors-only -o again");
    assert!(!connections(&place, &line, &everybody).is_empty());
}

#[test]
fn an_authority_is_believed_where_it_is_said() {
    let place = Place::new();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for words in [
        &*format!("req -x509 {key} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem"),
        &*format!("req {key} -subj /CN=registry -addext subjectAltName=IP:127.0.0.1 -keyout reg.key -out reg.csr"),
        "x509 -req -in reg.csr -CA ca.pem -CAkey ca.key -CAcreateserial -copy_extensions copy -days 2 -out reg.pem",
    ] {
        openssl(place.folder.path(), words);
    }
    let serve = "serve --bundle upstream --listen 127.0.0.1:0 --tls-cert reg.pem --tls-key reg.key";
    let served = Served::start(&mut place.kfimg(serve, &[]));
    let host = served.authority();
    let create = |authority: &str, output: &str| {
        let line = format!("{CREATE} --mirror {host} --mirrors-only {authority} -o {output}");
        said(&mut place.kfimg(&line, &[]))
    };
    for (authority, output) in [("--ca ca.pem", "all"), (&*format!("--ca {host}=ca.pem"), "one")] {
        let said = create(authority, output);
        assert_eq!(said.code, 0, "{authority}: {}", said.stderr);
    }
    let said = create("--ca quay.test=ca.pem", "none");
    assert!(said.code != 0 && said.stderr.contains("certificate"), "{}", said.stderr);
}
