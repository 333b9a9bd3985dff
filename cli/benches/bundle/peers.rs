//! The servers and programs that kfimg is compared with.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::limits;
use crate::measure;
use crate::program;

/// Time for a server's start.
const BOUND: Duration = Duration::from_secs(30);

/// A server on the loopback address, that ends when it is dropped.
pub(crate) struct Server {
    child: Child,
    host: String,
}

impl Server {
    /// Starts a server that listens on `port`, and waits until it does.
    pub(crate) fn start(command: &mut Command, port: u16, log: &Path) -> Self {
        let output = File::create(log).expect("the scratch folder can be written to");
        let again = output.try_clone().expect("a file descriptor is left");
        let child = command.stdin(Stdio::null()).stdout(output).stderr(again).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?} can be started: {error}"));
        let mut server = Self { child, host: format!("127.0.0.1:{port}") };
        let end = Instant::now() + BOUND;
        while TcpStream::connect(&server.host).is_err() {
            let ended = server.child.try_wait().expect("the child can be waited for");
            let said = || fs::read_to_string(log).unwrap_or_default();
            assert!(ended.is_none() && Instant::now() < end, "{command:?} does not listen: {}", said());
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    }

    /// `127.0.0.1:port`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The most memory that it had resident, in bytes.
    pub(crate) fn peak(&self) -> u64 {
        measure::high_water(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended by itself otherwise.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hashes every file of a folder as a person would who has a shell and openssl.
pub(crate) fn openssl(folder: &Path) -> Duration {
    let script = "find \"$1\" -type f -print0 | xargs -0 -n 1 -P \"$2\" openssl dgst -sha256";
    let mut shell = Command::new("sh");
    measure::run(shell.args(["-c", script, "sh"]).arg(folder).arg(limits::cores().to_string())).time
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback address has a free port");
    listener.local_addr().expect("a listener has an address").port()
}

/// The reference registry on a folder of its own: Debian's, or the one that `make interop` builds.
pub(crate) fn registry(program: &Path, folder: &Path) -> Server {
    fs::create_dir_all(folder).expect("the scratch folder can be written to");
    let port = free_port();
    let storage = folder.join("storage");
    let text = format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n\
         http:\n  addr: 127.0.0.1:{port}\n",
        storage.display()
    );
    let configuration = folder.join("registry.yml");
    fs::write(&configuration, text).expect("the scratch folder can be written to");
    let mut command = Command::new(program);
    command.arg("serve").arg(configuration).env("OTEL_TRACES_EXPORTER", "none");
    Server::start(&mut command, port, &folder.join("log"))
}

/// nginx with sendfile over a folder, by HTTP or with this certificate and key by HTTPS.
pub(crate) fn nginx(program: &Path, folder: &Path, root: &Path, tls: Option<(&Path, &Path)>) -> Server {
    fs::create_dir_all(folder).expect("the scratch folder can be written to");
    let port = free_port();
    let (secure, certificate) = match tls {
        Some((certificate, key)) => {
            let lines = format!("ssl_certificate {}; ssl_certificate_key {};", certificate.display(), key.display());
            (" ssl", lines)
        }
        None => ("", String::new()),
    };
    let here = folder.display();
    // One process, which can be ended as one.
    let text = format!(
        "master_process off; daemon off; pid {here}/pid; error_log {here}/error.log;\nevents {{}}\nhttp {{\n\
         access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; client_body_temp_path {here}/body;\n\
         proxy_temp_path {here}/proxy; fastcgi_temp_path {here}/fastcgi; uwsgi_temp_path {here}/uwsgi; scgi_temp_path {here}/scgi;\n\
         server {{ listen 127.0.0.1:{port}{secure}; {certificate} root {}; }}\n}}\n",
        root.display()
    );
    let configuration = folder.join("nginx.conf");
    fs::write(&configuration, text).expect("the scratch folder can be written to");
    let mut command = Command::new(program);
    command.arg("-p").arg(folder).arg("-c").arg(configuration);
    Server::start(&mut command, port, &folder.join("log"))
}

/// A program that copies images as skopeo does.
pub(crate) struct Copier {
    pub(crate) name: &'static str,
    program: PathBuf,
    arguments: &'static [&'static str],
}

impl Copier {
    /// Copies from one place to another, both named as skopeo names them.
    pub(crate) fn copy(&self, from: &str, to: &str) -> Duration {
        let mut command = Command::new(&self.program);
        measure::run(command.args(self.arguments).arg(from).arg(to)).time
    }
}

/// All that are here: the distribution's skopeo, and a current one when `make interop` could build it.
pub(crate) fn copiers() -> Vec<Copier> {
    let tool: &[&str] = &[
        "copy",
        "--insecure-policy",
        "--quiet",
        "--preserve-digests",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
    ];
    let installed = program::installed("skopeo").map(|program| Copier { name: "skopeo", program, arguments: tool });
    let current = built("skopeo").map(|program| Copier { name: "current skopeo's library", program, arguments: &[] });
    installed.into_iter().chain(current).collect()
}

/// A program that `qemu-tests/go/build.sh` builds from its Go module.
pub(crate) fn built(component: &str) -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../qemu-tests/go/build.sh");
    let output = Command::new(script).arg(component).stderr(Stdio::inherit()).output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    let built = output.status.success().then(|| Path::new(folder.trim_end()).join(component));
    if built.is_none() {
        println!("{component} can't be built from its Go module: it is left out");
    }
    built
}
