//! The registries and web servers that a connected machine reaches, and the registry of a site: the reference registry and nginx, under
//! their real names, with certificates of an authority of the test's own.

use super::machine::Machine;
use super::program::{find, go_folder, succeed};
use kfimg_images::{Architecture, Catalog, HostPart};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where each name leads.
const NAMES: [(&str, &str); 9] = [
    ("198.51.100.10", "registry.k8s.io"),
    ("198.51.100.10", "ghcr.io"),
    ("198.51.100.10", "docker.io"),
    ("198.51.100.10", "registry-1.docker.io"),
    ("198.51.100.10", "index.docker.io"),
    ("198.51.100.11", "dl.k8s.io"),
    ("198.51.100.11", "github.com"),
    ("192.168.49.9", "reg.local"),
    ("127.0.0.1", "localhost"),
];
/// Time for a server's start.
const BOUND: Duration = Duration::from_secs(30);

/// A machine that reaches all of them.
pub(crate) struct Connected {
    pub(crate) machine: Machine,
    folder: PathBuf,
    servers: Vec<Child>,
}

impl Connected {
    /// Starts the servers; what they keep lies in `folder`. The registries are empty, the web server has every host program.
    pub(crate) fn start(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let addresses = ["198.51.100.10/24", "198.51.100.11/24", "192.168.49.9/24"].map(str::to_owned);
        let machine = Machine::alone("eth0", None, &addresses);
        let hosts: String = NAMES.iter().map(|(address, name)| format!("{address} {name}\n")).collect();
        fs::write(folder.join("hosts"), hosts).unwrap();
        succeed(machine.command(find("mount")).arg("--bind").arg(folder.join("hosts")).arg("/etc/hosts"));
        certificates(folder);
        publish_programs(&folder.join("web"));
        let mut connected = Self { machine, folder: folder.to_owned(), servers: Vec::new() };
        for (name, address) in [("upstream", "198.51.100.10"), ("site", "192.168.49.9")] {
            connected.start_registry(name, address);
        }
        connected.start_web();
        connected
    }

    /// The authority that vouches for all.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Lets crane copy images of a registry on the machine to where their names lead.
    pub(crate) fn publish(&self, from: &str, references: &[String]) {
        let program = go_folder(&["crane"]).join("crane");
        for reference in references {
            let mut crane = self.machine.command(&program);
            crane.args(["copy", &format!("{from}/{reference}"), reference]).env("SSL_CERT_FILE", self.authority());
            succeed(&mut crane);
        }
    }

    /// Ends all servers; the machine stays.
    pub(crate) fn stop_servers(&mut self) {
        for mut server in self.servers.drain(..) {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    fn start_registry(&mut self, name: &str, address: &str) {
        let folder = &self.folder;
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: '{address}:443', tls: {{certificate: {}, key: {}}}}}\n",
            folder.join(name).display(),
            folder.join("server.pem").display(),
            folder.join("server.key").display(),
        );
        let configuration = folder.join(format!("{name}.yml"));
        fs::write(&configuration, text).unwrap();
        let mut registry = self.machine.command(go_folder(&["registry"]).join("registry"));
        registry.arg("serve").arg(configuration).env("OTEL_TRACES_EXPORTER", "none");
        self.run_server(&mut registry, address);
    }

    fn start_web(&mut self) {
        let folder = self.folder.display();
        let text = format!(
            "user root;\ndaemon off;\npid {folder}/nginx.pid;\nerror_log stderr error;\nevents {{}}\nhttp {{\n access_log off;\n \
             client_body_temp_path {folder}/nginx;\n proxy_temp_path {folder}/nginx;\n fastcgi_temp_path {folder}/nginx;\n \
             uwsgi_temp_path {folder}/nginx;\n scgi_temp_path {folder}/nginx;\n server {{\n listen 198.51.100.11:443 ssl;\n \
             ssl_certificate {folder}/server.pem;\n ssl_certificate_key {folder}/server.key;\n root {folder}/web/$host;\n }}\n}}\n"
        );
        let configuration = self.folder.join("nginx.conf");
        fs::write(&configuration, text).unwrap();
        let mut nginx = self.machine.command(find("nginx"));
        nginx.arg("-e").arg("stderr").arg("-c").arg(configuration);
        self.run_server(&mut nginx, "198.51.100.11");
    }

    fn run_server(&mut self, command: &mut Command, address: &str) {
        let log = fs::File::create(self.folder.join(format!("{address}.log"))).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.servers.push(command.spawn().unwrap());
        let end = Instant::now() + BOUND;
        let probe = format!("exec 3<>/dev/tcp/{address}/443");
        while !self.machine.command("bash").args(["-c", &probe]).stderr(Stdio::null()).status().unwrap().success() {
            assert!(Instant::now() < end, "{command:?} does not listen: see {}", self.folder.display());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.stop_servers();
    }
}

/// An authority, and one certificate for all names.
fn certificates(folder: &Path) {
    let names: Vec<String> = NAMES.iter().map(|(_, name)| format!("DNS:{name}")).collect();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    let steps = [
        format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=test-authority"),
        format!("req {key} -keyout server.key -out server.csr -subj /CN=test -addext subjectAltName={}", names.join(",")),
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -copy_extensions copy -days 2 -out server.pem".to_owned(),
    ];
    for step in steps {
        succeed(Command::new(find("openssl")).args(step.split(' ')).current_dir(folder));
    }
}

/// Every host program of the newest Kubernetes, small, with its checksum file, where its project has it.
fn publish_programs(web: &Path) {
    let catalog = Catalog::newest();
    for part in HostPart::ALL {
        let artifact = catalog.artifact(*part, catalog.tested_patch(), Architecture::Amd64).unwrap();
        let place = |url: &str| web.join(url.strip_prefix("https://").unwrap());
        let (file, checksum) = (place(&artifact.url), place(&artifact.checksum_url));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, format!("#!/bin/sh\n# {part} {}\n", artifact.version)).unwrap();
        let sum = succeed(Command::new(format!("{}sum", artifact.checksum_algorithm)).arg(&file));
        let digits = sum.split_whitespace().next().unwrap();
        fs::write(checksum, format!("{digits}  {}\n", file.file_name().unwrap().display())).unwrap();
    }
}
