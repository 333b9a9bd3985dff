//! Second channels: what reaches a machine beside its payload. A medium that is plugged in, and credentials from whoever
//! started it.

use super::Machine;
use crate::Result;
use crate::command::{command, succeed};
use fs_err as fs;
use std::path::PathBuf;

/// Room on a medium, in bytes: ext4 with its journal needs so much.
const MEDIUM_BYTES: u64 = 8 << 20;
/// What udev does when a medium comes. It does not run in a container, which sees no events of devices.
const APPEAR: &str =
    r#"mkdir -p /dev/disk/by-label && mknod "/dev/$1" b 7 "$2" && ln -s "../../$1" "/dev/disk/by-label/$3""#;
const VANISH: &str = r#"rm -f "/dev/$1" /dev/disk/by-label/*"#;

impl Machine {
    /// Plugs a medium into the running machine: a file system of this label with this file on it. One that is plugged in is
    /// unplugged first.
    ///
    /// # Errors
    /// [`crate::Error::Off`]; what the programs that make it say.
    pub fn plug_medium(&self, label: &str, file: &str, text: &str) -> Result<()> {
        self.unplug_medium()?;
        let (content, image) = (self.folder.join("medium"), self.medium_image());
        fs::create_dir_all(&content)?;
        fs::write(content.join(file), text)?;
        fs::File::create(&image)?.set_len(MEDIUM_BYTES)?;
        succeed(command("mkfs.ext4").args(["-q", "-F", "-L", label, "-d"]).arg(&content).arg(&image))?;
        fs::remove_dir_all(&content)?;
        let device = succeed(command("losetup").args(["--find", "--show", "--read-only"]).arg(&image))?;
        let name = device.trim().trim_start_matches("/dev/");
        self.exec(&["sh", "-euc", APPEAR, "sh", name, name.trim_start_matches("loop"), label]).map(drop)
    }

    /// Takes the medium away, if there is one; also from a machine that is off.
    ///
    /// # Errors
    /// What `losetup` says, as when it is still mounted.
    pub fn unplug_medium(&self) -> Result<()> {
        let image = self.medium_image();
        if !image.exists() {
            return Ok(());
        }
        let listed =
            succeed(command("losetup").args(["--noheadings", "--output", "NAME", "--associated"]).arg(&image))?;
        for device in listed.split_whitespace() {
            if self.is_on() {
                self.exec(&["sh", "-euc", VANISH, "sh", device.trim_start_matches("/dev/")])?;
            }
            succeed(command("losetup").arg("--detach").arg(device))?;
        }
        Ok(fs::remove_file(image)?)
    }

    /// What systemd hands to the machine at its next boots as the system credential of this name; none takes it away.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub fn set_credential(&self, name: &str, text: Option<&str>) -> Result<()> {
        let file = self.credentials().join(name);
        fs::create_dir_all(self.credentials())?;
        match text {
            Some(text) => Ok(fs::write(file, text)?),
            None if file.exists() => Ok(fs::remove_file(file)?),
            None => Ok(()),
        }
    }

    /// The options by which systemd-nspawn passes the credentials on.
    pub(super) fn credential_options(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.credentials()) else { return Vec::new() };
        let files = entries.flatten().map(|entry| (entry.file_name(), entry.path()));
        files.map(|(name, path)| format!("--load-credential={}:{}", name.to_string_lossy(), path.display())).collect()
    }

    fn credentials(&self) -> PathBuf {
        self.folder.join("credentials")
    }

    fn medium_image(&self) -> PathBuf {
        self.folder.join("medium.img")
    }
}
