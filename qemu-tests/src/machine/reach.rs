//! Reaching into a running machine, and its cable.

use super::Machine;
use crate::Result;
use crate::command::{command, ip, succeed};
use crate::lab::write_json;
use std::process::Command;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Machine {
    /// A command inside the machine, as its root would give it at the console.
    ///
    /// # Errors
    /// [`crate::Error::Off`].
    pub fn command(&self, program: &str) -> Result<Command> {
        let mut inside = command("nsenter");
        let target = self.init()?.pid.to_string();
        inside.args(["-t", &target, "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--"]);
        inside.args(["env", "-i", "HOME=/root", "TERM=dumb", "KUBECONFIG=/etc/kubernetes/admin.conf"]);
        inside.arg(format!("PATH={PATH}")).arg(program);
        Ok(inside)
    }

    /// Runs a command inside; gives what it wrote to standard output.
    ///
    /// # Errors
    /// [`crate::Error::Off`], or the program's own failure.
    pub fn exec(&self, words: &[&str]) -> Result<String> {
        let (program, arguments) = words.split_first().unwrap_or((&"true", &[]));
        succeed(self.command(program)?.args(arguments))
    }

    /// Text of a file of the running machine; none when it is not there.
    pub fn read(&self, path: &str) -> Option<String> {
        self.exec(&["cat", path]).ok()
    }

    /// The running machine's root, as a path of this machine.
    ///
    /// # Errors
    /// [`crate::Error::Off`].
    pub fn running_root(&self) -> Result<std::path::PathBuf> {
        Ok(std::path::PathBuf::from(format!("/proc/{}/root", self.init()?.pid)))
    }

    /// Addresses of its card, as `ip -brief` shows them.
    pub fn addresses(&self) -> String {
        ip(["-n", &self.namespace(), "-4", "-brief", "addr", "show", "eth0"]).unwrap_or_default()
    }

    /// Whether its card has this address now.
    pub fn has_address(&self, address: std::net::Ipv4Addr) -> bool {
        let address = address.to_string();
        self.is_on() && self.addresses().split_whitespace().any(|word| word.split('/').next() == Some(address.as_str()))
    }

    /// Pulls its network cable.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn cut(&mut self) -> Result<()> {
        self.set_plugged(false)
    }

    /// Plugs its network cable in.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn plug(&mut self) -> Result<()> {
        self.set_plugged(true)
    }

    fn set_plugged(&mut self, plugged: bool) -> Result<()> {
        self.hardware.plugged = plugged;
        write_json(&self.hardware_file(), &self.hardware)?;
        if self.is_on() { self.lab.lan().set_wire(&self.wire(), plugged) } else { Ok(()) }
    }

    /// Parts it from these machines: no packet passes between it and them, in either direction. Replaces what an earlier
    /// call in the same lab parted; no machine heals all.
    ///
    /// # Errors
    /// When `nft` refuses.
    pub fn part_from(&self, others: &[Machine]) -> Result<()> {
        let pairs: Vec<_> = others.iter().map(|other| (self.wire(), other.wire())).collect();
        self.lab.lan().part(&pairs)
    }
}
