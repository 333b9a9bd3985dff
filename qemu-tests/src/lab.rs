//! One lab: a folder with everything that outlives a process, and the names that are derived from it.
//!
//! Two labs in two folders never touch each other. A lab that a process leaves behind is found again by its folder.

use crate::balancer::Balancer;
use crate::boot_server::BootServer;
use crate::bundle::Maker;
use crate::lan::Lan;
use crate::machine::{Hardware, Machine};
use crate::parts::Parts;
use crate::registry::Registry;
use crate::{Error, Result};
use data_encoding::HEXLOWER;
use fs_err as fs;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// A lab.
#[derive(Clone, Debug)]
pub struct Lab {
    folder: PathBuf,
    id: String,
    parts: Parts,
}

const PARTS: &str = "parts.json";
const MACHINES: &str = "machines";

impl Lab {
    /// Makes a lab in an empty or missing folder.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(folder: &Path, parts: Parts) -> Result<Self> {
        fs::create_dir_all(folder.join(MACHINES))?;
        write_json(&folder.join(PARTS), &parts)?;
        Self::with(folder, parts)
    }

    /// Opens a lab that an earlier process made.
    ///
    /// # Errors
    /// [`Error::NoCluster`] when there is none.
    pub fn open(folder: &Path) -> Result<Self> {
        if !folder.join(PARTS).exists() {
            return Err(Error::NoCluster(folder.to_owned()));
        }
        Self::with(folder, read_json(&folder.join(PARTS))?)
    }

    fn with(folder: &Path, parts: Parts) -> Result<Self> {
        let folder = fs::canonicalize(folder)?;
        Ok(Self { id: Self::id_of(&folder), folder, parts })
    }

    /// The id of the lab in a folder, whose path is absolute and has no links in it.
    pub(crate) fn id_of(folder: &Path) -> String {
        HEXLOWER.encode(&Sha256::digest(folder.as_os_str().as_encoded_bytes())[..3])
    }

    /// Six characters that no other lab has.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What machines are made of.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Gives the machines another image, at their next boot.
    pub(crate) fn set_parts(&mut self, parts: Parts) -> Result<()> {
        write_json(&self.folder.join(PARTS), &parts)?;
        self.parts = parts;
        Ok(())
    }

    /// Its network.
    pub fn lan(&self) -> Lan {
        Lan::of(&self.id)
    }

    /// Its registry, whether it runs or not.
    pub fn registry(&self) -> Registry {
        Registry {
            program: self.parts.kfimg.clone(),
            lan: self.lan(),
            folder: self.folder.join("registry"),
            bundle: self.bundle(),
            state: self.state(),
        }
    }

    /// Its load balancer that is no part of the cluster, whether it runs or not.
    pub fn balancer(&self) -> Balancer {
        Balancer { lan: self.lan(), folder: self.folder.join("balancer") }
    }

    /// Its boot server, whether it runs or not.
    pub fn boot_server(&self) -> BootServer {
        let folder = self.folder.join("boot-server");
        BootServer {
            program: self.parts.kfimg.clone(),
            lan: self.lan(),
            folder,
            output: Some(self.output()),
            images: self.served_images(),
        }
    }

    /// The folder of what its boot server hands out beside payloads. Whoever wants any makes it, before the server starts.
    pub fn served_images(&self) -> PathBuf {
        self.folder.join("images")
    }

    /// What makes its bundle.
    pub(crate) fn bundle_maker(&self) -> Maker {
        let Parts { kfimg, registry, .. } = self.parts.clone();
        Maker { kfimg, registry, lan: self.lan(), bundle: self.bundle() }
    }

    /// Its bundle: a folder with everything that nodes ask for.
    pub fn bundle(&self) -> PathBuf {
        self.folder.join("bundle")
    }

    /// What `kfimg render` wrote.
    pub(crate) fn output(&self) -> PathBuf {
        self.folder.join("out")
    }

    /// The state folder of its cluster.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// Builds a machine with a blank disk, switched off.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn build_machine(&self, name: &str, hardware: Hardware) -> Result<Machine> {
        let folder = self.machine_folder(name);
        fs::create_dir_all(&folder)?;
        let machine = Machine::new(self.clone(), name, folder, hardware);
        write_json(&machine.hardware_file(), machine.hardware())?;
        machine.blank_disk()?;
        Ok(machine)
    }

    /// The machine of that name.
    ///
    /// # Errors
    /// [`Error::NoMachine`].
    pub fn machine(&self, name: &str) -> Result<Machine> {
        let folder = self.machine_folder(name);
        let file = folder.join(crate::machine::HARDWARE);
        if !file.exists() {
            return Err(Error::NoMachine(name.to_owned()));
        }
        Ok(Machine::new(self.clone(), name, folder, read_json(&file)?))
    }

    /// All machines, sorted by name.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn machines(&self) -> Result<Vec<Machine>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.folder.join(MACHINES))? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        names.iter().map(|name| self.machine(name)).collect()
    }

    /// Cuts the power of all machines and removes the registry, the load balancer, the boot server, network, control groups and mounts; the folder stays.
    ///
    /// # Errors
    /// The first one; the rest is still removed.
    pub fn down(&self) -> Result<()> {
        let machines = self.machines()?;
        let results: Vec<Result<()>> = machines.iter().map(Machine::remove).collect();
        let _ = self.registry().stop();
        let _ = self.balancer().stop();
        let _ = self.boot_server().stop();
        self.lan().down();
        crate::machine::control_groups::remove_lab(&self.id);
        results.into_iter().collect()
    }

    fn machine_folder(&self, name: &str) -> PathBuf {
        self.folder.join(MACHINES).join(name)
    }
}

pub(crate) fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T> {
    serde_json::from_slice(&fs::read(path)?).map_err(|error| Error::unusable(path.display().to_string(), error))
}

pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(|error| Error::unusable(path.display().to_string(), error))?;
    Ok(fs::write(path, text)?)
}
