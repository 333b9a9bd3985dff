//! The registry that nodes pull from: distribution's, over TLS, on the LAN of one lab.
//!
//! What it serves is in [`crate::images`]. It reads the storage that all labs share and never writes it.

use crate::command::{command, succeed};
use crate::images::Store;
use crate::lan::{GATEWAY, Lan};
use crate::machine::process::Process;
use crate::programs::cache;
use crate::site::REGISTRY;
use crate::wait::{Look, wait_for};
use crate::{Error, Result};
use fs_err as fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PORT: u16 = 443;
/// Time for a start and for an end.
const BOUND: Duration = Duration::from_secs(20);

/// The registry of one lab. It outlives the process that started it, as the machines do.
#[derive(Clone, Debug)]
pub struct Registry {
    program: PathBuf,
    lan: Lan,
    folder: PathBuf,
}

impl Registry {
    /// The registry whose own files lie in `folder`, whether it runs or not. `program` is distribution's `registry`.
    pub fn of(program: &Path, lan: Lan, folder: &Path) -> Self {
        Self { program: program.to_owned(), lan, folder: folder.to_owned() }
    }

    /// Starts it and waits until it answers; one that runs stays.
    ///
    /// # Errors
    /// [`Error::Late`] with the end of its log.
    pub fn start(&self) -> Result<()> {
        if self.is_running() {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        let tls = Tls::get()?;
        let configuration = self.folder.join("registry.yml");
        fs::write(&configuration, self.configuration(&tls))?;
        let log = fs::File::create(self.log())?.into_file();
        // A session of its own: Ctrl-C on a terminal is for the lab.
        let mut registry = self.lan.command("setsid");
        registry.arg(&self.program).arg("serve").arg(configuration).stdout(log.try_clone()?).stderr(log);
        // It asks a collector for traces by default.
        registry.env("OTEL_TRACES_EXPORTER", "none");
        let child = registry.spawn().map_err(|source| Error::Start { program: "registry".to_owned(), source })?;
        let process = Process::of(child.id()).ok_or_else(|| self.ended())?;
        process.save(&self.process_file())?;
        wait_for("the registry", BOUND, || self.look(&tls)).map(drop)
    }

    /// Ends it, as when its machine is switched off.
    ///
    /// # Errors
    /// [`Error::Late`] when it goes on.
    pub fn stop(&self) -> Result<()> {
        let Some(process) = self.process() else { return Ok(()) };
        process.kill()?;
        wait_for("the end of the registry", BOUND, || {
            Ok(Look::when(!self.is_running(), (), || "still running".to_owned()))
        })
        .map(drop)
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.process().is_some()
    }

    /// The number of its process.
    pub fn pid(&self) -> Option<u32> {
        self.process().map(|process| process.pid)
    }

    /// Everything that was asked of it since its last start, a line for each request.
    pub fn log(&self) -> PathBuf {
        self.folder.join("registry.log")
    }

    fn process_file(&self) -> PathBuf {
        self.folder.join("registry.json")
    }

    fn process(&self) -> Option<Process> {
        Process::load(&self.process_file())
    }

    fn look(&self, tls: &Tls) -> Result<Look<()>> {
        if !self.is_running() {
            return Err(self.ended());
        }
        let mut ask = self.lan.command("curl");
        ask.args(["--silent", "--show-error", "--fail", "--max-time", "2", "--cacert"]).arg(&tls.authority);
        ask.args(["--resolve", &format!("{REGISTRY}:{PORT}:{GATEWAY}"), &format!("https://{REGISTRY}:{PORT}/v2/")]);
        Ok(match succeed(&mut ask) {
            Ok(_) => Look::Found(()),
            Err(error) => Look::NotYet(error.to_string()),
        })
    }

    fn ended(&self) -> Error {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let last = log.lines().last().unwrap_or("it wrote nothing");
        Error::unusable("registry", format!("ended at once: {last}"))
    }

    fn configuration(&self, tls: &Tls) -> String {
        let (storage, Tls { certificate, key, .. }) = (Store::open(), tls);
        format!(
            "\
version: 0.1
log: {{level: info}}
storage:
  filesystem: {{rootdirectory: {storage}}}
  maintenance: {{readonly: {{enabled: true}}}}
http:
  addr: {address}:{PORT}
  tls: {{certificate: {certificate}, key: {key}}}
",
            storage = storage.folder().display(),
            address = GATEWAY,
            certificate = certificate.display(),
            key = key.display(),
        )
    }
}

/// The authority that signed the registry's certificate, as a description names it: a PEM file.
///
/// # Errors
/// What `openssl` said.
pub fn authority() -> Result<PathBuf> {
    Ok(Tls::get()?.authority)
}

/// Files of the registry's certificate. They are drawn once and kept, as every site that names the authority has it.
struct Tls {
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Tls {
    fn get() -> Result<Self> {
        let folder = cache().join("registry-tls");
        let tls = Self::in_folder(&folder);
        if !tls.is_usable() {
            let partial = folder.with_extension(format!("partial-{}", std::process::id()));
            Self::in_folder(&partial).draw(&partial, GATEWAY)?;
            let _ = fs::remove_dir_all(&folder);
            fs::rename(partial, &folder)?;
        }
        Ok(tls)
    }

    fn in_folder(folder: &Path) -> Self {
        let [authority, certificate, key] = ["ca.pem", "server.pem", "server.key"].map(|name| folder.join(name));
        Self { authority, certificate, key }
    }

    /// Whether it is there and stays valid for a month.
    fn is_usable(&self) -> bool {
        let mut check = command("openssl");
        check.args(["x509", "-noout", "-checkend", "2592000", "-in"]).arg(&self.certificate);
        self.certificate.exists() && succeed(&mut check).is_ok()
    }

    fn draw(&self, folder: &Path, address: Ipv4Addr) -> Result<()> {
        fs::create_dir_all(folder)?;
        let authority_key = folder.join("ca.key");
        let new = |key: &Path, certificate: &Path, subject: &str| {
            let mut openssl = command("openssl");
            openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]);
            openssl.args(["-days", "3650", "-subj", subject, "-keyout"]).arg(key).arg("-out").arg(certificate);
            openssl
        };
        let mut root = new(&authority_key, &self.authority, "/CN=registry authority of the lab");
        succeed(root.args(["-addext", "keyUsage=critical,keyCertSign"]))?;
        let mut leaf = new(&self.key, &self.certificate, &format!("/CN={REGISTRY}"));
        leaf.arg("-CA").arg(&self.authority).arg("-CAkey").arg(&authority_key);
        leaf.args(["-addext", &format!("subjectAltName=DNS:{REGISTRY},IP:{address}")]);
        leaf.args(["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"]);
        succeed(&mut leaf)?;
        // Nobody signs anything else with it.
        Ok(fs::remove_file(authority_key)?)
    }
}
