//! A machine's boot script: what it gets over the network before its payload.
//!
//! It is no part of the payload, so a new kernel, or the image that its arguments name, changes no generation. Outputs for other
//! channels have none, and are compared without.

use super::Trouble;
use super::change::{Change, Topic, What};
use crate::output::Output;

/// What the server is called, which no running machine asks.
pub(super) const SERVER: &str = "boot server";

/// What a script says.
#[derive(Default)]
struct Script {
    server: Option<String>,
    kernel: Option<String>,
    arguments: Vec<String>,
    initrds: Vec<String>,
}

/// What differs between the scripts of a node, where both outputs have one.
///
/// # Errors
/// [`Trouble::Output`] when one is not what its manifest says.
pub(super) fn changes(old: &Output, new: &Output, node: &str) -> Result<Vec<Change>, Vec<Trouble>> {
    let path = format!("pxe/node-{node}.ipxe");
    let record = |output: &Output| output.manifest.files.get(&path).cloned();
    let (Some(before), Some(after)) = (record(old), record(new)) else { return Ok(Vec::new()) };
    let read = |output: &Output| output.read(&path).map_err(Trouble::from);
    let (old, new) = super::both(read(old), read(new))?;
    if before == after {
        return Ok(Vec::new());
    }
    let (old, new) = (Script::of(&old, node), Script::of(&new, node));
    let changes = [
        (SERVER, What::of(old.server.as_deref(), new.server.as_deref())),
        ("kernel", What::of(old.kernel.as_deref(), new.kernel.as_deref())),
        ("initrd", What::of_items(&old.initrds, &new.initrds)),
        ("arguments", What::of_items(&old.arguments, &new.arguments)),
    ];
    let changes = changes.into_iter().filter_map(|(name, what)| Some(Change::new(Topic::Boot, "", name, what?)));
    Ok(changes.collect())
}

impl Script {
    /// Of a script that kfimg wrote; `node` is left out of arguments, so that nodes whose scripts changed alike stand together.
    fn of(text: &[u8], node: &str) -> Self {
        let path = |word: &str| word.strip_prefix("${boot-server}/").unwrap_or(word).to_owned();
        let (text, own) = (String::from_utf8_lossy(text), format!("/nodes/{node}/"));
        let mut script = Self::default();
        for line in text.lines() {
            if let Some((_, server)) = line.split_once("|| set boot-server ") {
                script.server = Some(server.to_owned());
            } else if let Some(rest) = line.strip_prefix("kernel ") {
                let mut words = rest.split(' ');
                script.kernel = words.next().map(path);
                // The names of initrds follow from their number.
                let arguments = words.filter(|word| !word.starts_with("initrd=initrd"));
                script.arguments = arguments.map(|word| word.replace(&own, "/nodes/…/")).collect();
            } else if let Some(rest) = line.strip_prefix("initrd ") {
                script.initrds.extend(rest.split(' ').next_back().map(path));
            }
        }
        script
    }
}
