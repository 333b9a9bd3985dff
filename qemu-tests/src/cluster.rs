//! A cluster of the lab: rendered before its machines exist, then booted.
//!
//! Here is what a person with a keyboard would do: render, boot. What can be seen of it is in [`crate::observe`].

use crate::command::{command, succeed};
use crate::faults::Dice;
use crate::lab::{read_json, write_json};
use crate::machine::System;
use crate::{Error, Lab, Machine, Result, Topology, parts};
use std::path::{Path, PathBuf};
use std::time::Duration;

const TOPOLOGY: &str = "topology.json";

/// A cluster in a lab.
#[derive(Debug)]
pub struct Cluster {
    lab: Lab,
    topology: Topology,
}

impl Cluster {
    /// Renders the cluster's payloads, then builds its machines, all off, and the network with the registry.
    ///
    /// # Errors
    /// Those of `kfimg render`, and of the programs that make the network.
    pub fn create(folder: &Path, topology: Topology) -> Result<Self> {
        let (_, parts) = parts::build(&topology)?;
        let mut cluster = Self { lab: Lab::create(folder, parts)?, topology: topology.clone() };
        cluster.lab.lan().up()?;
        cluster.render(topology)?;
        cluster.lab.registry().start()?;
        cluster.build_missing_machines()?;
        Ok(cluster)
    }

    /// The cluster that an earlier process made.
    ///
    /// # Errors
    /// [`crate::Error::NoCluster`].
    pub fn open(folder: &Path) -> Result<Self> {
        let lab = Lab::open(folder)?;
        let topology = read_json(&lab.folder().join(TOPOLOGY))?;
        Ok(Self { lab, topology })
    }

    /// Its lab.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Which machines it has.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// What `kfimg render` wrote.
    pub fn output(&self) -> PathBuf {
        self.lab.output()
    }

    /// The cluster's state folder: all its secrets.
    pub fn state(&self) -> PathBuf {
        self.lab.state()
    }

    /// The payload of a node for its machine, as it was rendered last.
    pub fn payload(&self, node: &str) -> PathBuf {
        let file = match self.topology.hardware(node).system {
            System::Image => "ignition.json",
            System::Installed => "seed.img",
        };
        self.output().join("nodes").join(node).join(file)
    }

    /// Renders the next generation for this topology, with the same state, and makes its bundle, which the registry serves
    /// from then on where it runs. A machine gets the payload, and the node image of the topology's Kubernetes, at its next
    /// boot and not before.
    ///
    /// # Errors
    /// Those of `kfimg render`, and of the builds.
    pub fn render(&mut self, topology: Topology) -> Result<()> {
        let folder = self.lab.folder().to_owned();
        let options = topology.write(&folder)?;
        let (programs, parts) = parts::build(&topology)?;
        let mut render = command(&parts.kfimg);
        render.arg("render").args(&options).arg("--state").arg(self.lab.state()).arg("-o").arg(self.output());
        if let Some(seal) = &topology.seal {
            render.arg("--seal").arg(seal.write(&folder)?);
        }
        succeed(&mut render)?;
        parts::pack(&programs, &fs_err::read_to_string(self.output().join("images.txt"))?)?;
        self.lab.set_parts(parts)?;
        let registry = self.lab.registry();
        let serves = registry.is_running();
        registry.stop()?;
        self.lab.bundle_maker().make(&options)?;
        if serves {
            registry.start()?;
        }
        write_json(&folder.join(TOPOLOGY), &topology)?;
        self.topology = topology;
        Ok(())
    }

    /// What `kfimg validate --cis` says about the nodes, as they were rendered last.
    ///
    /// # Errors
    /// Those of the command: an automated check that fails is one.
    pub fn cis(&self) -> Result<serde_json::Value> {
        let options = self.topology.write(self.lab.folder())?;
        let mut validate = command(&self.lab.parts().kfimg);
        let said = succeed(validate.args(["validate", "--cis", "--output-format", "json"]).args(&options))?;
        serde_json::from_str(&said).map_err(|error| Error::unusable("kfimg validate --cis", error))
    }

    /// Builds the machines of the topology that do not exist yet, each with a blank disk.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub fn build_missing_machines(&self) -> Result<()> {
        for name in self.topology.machines() {
            if self.lab.machine(name).is_err() {
                self.lab.build_machine(name, self.topology.hardware(name))?;
            }
        }
        Ok(())
    }

    /// The machine of that name.
    ///
    /// # Errors
    /// [`crate::Error::NoMachine`].
    pub fn machine(&self, name: &str) -> Result<Machine> {
        self.lab.machine(name)
    }

    /// All machines that the topology names.
    ///
    /// # Errors
    /// [`crate::Error::NoMachine`].
    pub fn machines(&self) -> Result<Vec<Machine>> {
        self.topology.machines().map(|name| self.machine(name)).collect()
    }

    /// Switches a machine on with its own payload.
    ///
    /// # Errors
    /// Those of [`Machine::power_on`].
    pub fn power_on(&self, node: &str) -> Result<()> {
        self.machine(node)?.power_on(&self.payload(node))
    }

    /// Switches all machines on in the topology's order.
    ///
    /// # Errors
    /// Those of [`Machine::power_on`].
    pub fn power_on_all(&self) -> Result<()> {
        self.topology.machines().try_for_each(|node| self.power_on(node))
    }

    /// Boots a machine again, in order, with the payload that was rendered last; waits until its node is Ready and, of a
    /// control plane, until its API server answers.
    ///
    /// # Errors
    /// Those of [`Machine::power_off`] and [`Machine::power_on`]; [`crate::Error::Late`].
    pub fn reboot(&self, node: &str, bound: Duration) -> Result<()> {
        self.machine(node)?.power_off()?;
        self.power_on(node)?;
        self.wait_node(node, bound)
    }

    /// Issues the certificates of a node anew; the next render carries them.
    ///
    /// # Errors
    /// Those of `kfimg pki renew`.
    pub fn renew(&self, node: &str) -> Result<()> {
        let folder = self.lab.folder();
        let mut renew = command(&self.lab.parts().kfimg);
        renew.args(["pki", "renew", node]).args(self.topology.write(folder)?);
        succeed(renew.arg("--state").arg(self.lab.state())).map(drop)
    }

    /// Switches these machines on, each some random time after the one before.
    ///
    /// # Errors
    /// Those of [`Machine::power_on`].
    pub fn power_on_one_by_one(&self, nodes: &[&str], dice: &mut Dice, pause: Duration) -> Result<()> {
        for (number, node) in nodes.iter().enumerate() {
            if number > 0 {
                std::thread::sleep(dice.time_below(pause));
            }
            self.power_on(node)?;
        }
        Ok(())
    }

    /// Replaces the disks of all machines by blank ones; all are off.
    ///
    /// # Errors
    /// Those of [`Machine::wipe`].
    pub fn wipe_all(&self) -> Result<()> {
        self.machines()?.iter().try_for_each(Machine::wipe)
    }

    /// Cuts the power of all machines, as close to one moment as it gets.
    ///
    /// # Errors
    /// Those of [`Machine::power_cut`].
    pub fn power_cut_all(&self) -> Result<()> {
        self.machines()?.iter().try_for_each(Machine::power_cut)
    }

    /// Takes everything down, and leaves the folder.
    ///
    /// # Errors
    /// The first one; the rest is still taken down.
    pub fn down(&self) -> Result<()> {
        self.lab.down()
    }

    /// Writes every log and state that can be had into this folder.
    ///
    /// # Errors
    /// [`crate::Error::Io`] when the folder can't be written.
    pub fn collect(&self, folder: &Path) -> Result<()> {
        crate::collect::collect(self, folder)
    }
}
