//! A load balancer that is no part of the cluster: Debian's haproxy in a namespace of its own on the LAN, set up as a site's
//! network people would do it.
//!
//! It knows the control planes' addresses and nothing else of kfimg's.

use crate::Result;
use crate::command::{ip, succeed};
use crate::lan::{Lan, namespace_path};
use crate::server::Server;
use crate::site::{BALANCER, node_address};
use fs_err as fs;
use std::path::PathBuf;

/// Name of its wire in the LAN.
const WIRE: &str = "balancer";
const MAC: &str = "52:54:00:77:00:c8";

/// The balancer of one lab. It outlives the process that started it, as the machines do.
#[derive(Clone, Debug)]
pub struct Balancer {
    /// Its lab's network.
    pub(crate) lan: Lan,
    /// Folder for its own files.
    pub(crate) folder: PathBuf,
}

impl Balancer {
    /// Starts it before these control planes; one that runs is replaced.
    ///
    /// # Errors
    /// When `ip` refuses, or haproxy does not start.
    pub fn start(&self, masters: &[String]) -> Result<()> {
        self.stop()?;
        fs::create_dir_all(&self.folder)?;
        let name = self.namespace();
        ip(["netns", "add", &name])?;
        ip(["-n", &name, "link", "set", "lo", "up"])?;
        self.lan.connect(WIRE, &name, MAC)?;
        ip(["-n", &name, "addr", "add", &format!("{BALANCER}/24"), "dev", "eth0"])?;
        ip(["-n", &name, "link", "set", "eth0", "up"])?;
        let configuration = self.folder.join("haproxy.cfg");
        fs::write(&configuration, text(masters))?;
        let mut haproxy = crate::command::command("nsenter");
        haproxy.arg(format!("--net={}", namespace_path(&name).display())).args(["--", "setsid"]);
        haproxy.args(["haproxy", "-db", "-f"]).arg(configuration);
        self.server().start(haproxy.env("PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"))
    }

    /// Ends it, as when its machine fails; nothing is left at its address.
    ///
    /// # Errors
    /// [`crate::Error::Late`] when it goes on.
    pub fn stop(&self) -> Result<()> {
        self.server().stop()?;
        if namespace_path(&self.namespace()).exists() {
            self.lan.disconnect(WIRE);
            succeed(crate::command::command("ip").args(["netns", "del", &self.namespace()]))?;
        }
        Ok(())
    }

    fn namespace(&self) -> String {
        format!("{}-{WIRE}", self.lan.namespace())
    }

    fn server(&self) -> Server {
        Server::new("balancer", self.folder.clone())
    }
}

/// TCP on port 6443, to whoever says that he is ready: all that kfimg asks of a balancer.
fn text(masters: &[String]) -> String {
    let servers = masters.iter().map(|name| {
        format!("    server {name} {}:6443 check check-ssl verify none inter 1s fall 2 rise 1\n", node_address(name))
    });
    format!(
        "\
global
    log stdout format raw local0 notice
defaults
    mode tcp
    timeout connect 2s
    timeout client 1h
    timeout server 1h
frontend api
    bind {BALANCER}:6443
    default_backend control-planes
backend control-planes
    option httpchk GET /readyz
    http-check expect status 200
    default-server on-marked-down shutdown-sessions
{}",
        servers.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    #[test]
    fn haproxy_accepts_its_configuration() {
        let file = std::env::temp_dir().join(format!("kfimg-lab-balancer-{}.cfg", std::process::id()));
        std::fs::write(&file, super::text(&["master1".to_owned(), "master2".to_owned()])).unwrap();
        let path = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin";
        let output = Command::new("haproxy").env("PATH", path).args(["-c", "-f"]).arg(&file).output();
        let output = output.expect("haproxy is needed (apt-get install haproxy)");
        std::fs::remove_file(file).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
