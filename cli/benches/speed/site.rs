//! The cluster that is rendered: an inventory of workers in the profile `ha3`, and its output.

use crate::measure::{Took, kfimg, run};
use crate::{CONTROL_PLANES, KFIMG};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with an inventory.
pub(crate) struct Site {
    folder: PathBuf,
    workers: u32,
    options: Vec<&'static str>,
}

impl Site {
    /// So many workers, in a folder of their own.
    pub(crate) fn new(folder: &Path, name: &str, workers: u32) -> Self {
        let folder = folder.join(format!("{name}-{workers}"));
        fs::create_dir(&folder).expect("the scratch folder can be written to");
        let site = Self { folder, workers, options: Vec::new() };
        site.edit(0);
        site
    }

    /// With more options.
    pub(crate) fn with(self, options: &[&'static str]) -> Self {
        Self { options: options.to_vec(), ..self }
    }

    /// Writes the inventory; of each edition one worker has other labels.
    pub(crate) fn edit(&self, edition: u32) {
        let mut text = String::from("name,role,address,mac,uuid,serial,labels\n");
        for number in 1..=CONTROL_PLANES {
            let _ = writeln!(text, "master{number},control-plane,10.20.0.{},,,,", 10 + number);
        }
        for number in 0..self.workers {
            let address = format!("10.20.{}.{}", 1 + number / 200, 1 + number % 200);
            let labels = if number == 7 { format!("edition={edition}") } else { String::new() };
            let _ = writeln!(text, "worker{number},worker,{address},,,,{labels}");
        }
        fs::write(self.folder.join("nodes.csv"), text).expect("the scratch folder can be written to");
    }

    /// A render into an empty folder with a new state.
    pub(crate) fn render_anew(&self) -> Took {
        for name in ["ha3.state", "out"] {
            let _ = fs::remove_dir_all(self.folder.join(name));
        }
        self.render()
    }

    /// A render over the former one.
    pub(crate) fn render(&self) -> Took {
        run(&mut self.command("render"))
    }

    /// A render into another folder.
    pub(crate) fn render_to(&self, output: &str, options: &[&str]) {
        run(self.command("render").args(["-o", output]).args(options));
    }

    /// A command of kfimg in the folder.
    pub(crate) fn kfimg(&self, word: &str) -> Command {
        let mut command = Command::new(kfimg(KFIMG));
        command.current_dir(&self.folder).arg(word).arg("--quiet");
        command
    }

    /// The same over the description.
    pub(crate) fn command(&self, word: &str) -> Command {
        let mut command = self.kfimg(word);
        command.args(["--profile", "ha3", "--registry", "reg.local", "--inventory", "nodes.csv"]).args(&self.options);
        // The registry has an address, so that no warning is printed.
        for setting in [
            "registry.address=10.20.0.9",
            "networking.nodeSubnet=10.20.0.0/16",
            "controlPlaneEndpoint.address=10.20.0.10",
            "networking.podSubnet=10.128.0.0/9",
            "networking.serviceSubnet=10.96.0.0/16",
            "nodeDefaults.network.gateway=10.20.255.254",
        ] {
            command.args(["--set", setting]);
        }
        command
    }

    /// Every node's payload.
    pub(crate) fn payloads(&self) -> Vec<Vec<u8>> {
        let nodes = fs::read_dir(self.folder.join("out/nodes")).expect("the last render wrote nodes");
        let read = |node: fs::DirEntry| fs::read(node.path().join("ignition.json")).expect("a payload");
        nodes.map(|node| read(node.expect("a listed folder"))).collect()
    }

    /// How many keys a render draws.
    pub(crate) fn keys(&self) -> usize {
        self.render_anew();
        let state = self.folder.join("ha3.state");
        let listed = Command::new("grep").args(["-rhc", "BEGIN .*PRIVATE KEY"]).arg(state).output();
        let listed = listed.expect("grep is there").stdout;
        String::from_utf8_lossy(&listed).lines().filter_map(|line| line.parse::<usize>().ok()).sum()
    }
}
