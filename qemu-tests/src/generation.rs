//! The next generation, brought to the machines step by step, as `kfimg diff` says.

use crate::command::{command, succeed};
use crate::wait::{Look, wait_for};
use crate::{Cluster, Error, Result, Topology};
use serde::Deserialize;
use std::time::Duration;

/// The output of the render before, in the lab's folder.
const FORMER: &str = "former";

/// What is to be done before the next step.
#[derive(Clone, Debug, Deserialize)]
pub struct Step {
    /// What is to be done.
    pub action: Action,
    /// With whom.
    pub nodes: Vec<String>,
}

/// What is done with machines.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Nothing with a machine: the lab's registry has every image by then.
    Prepare,
    /// Boot again.
    Boot,
    /// Boot for the first time.
    BootNew,
    /// Switch off for good.
    SwitchOff,
    /// Nothing now.
    Later,
}

/// As much of what `kfimg diff` writes as is followed.
#[derive(Deserialize)]
struct Difference {
    steps: Vec<Step>,
}

impl Step {
    /// The steps up to the one that this node takes part in, and the rest.
    pub fn split<'a>(steps: &'a [Self], node: &str) -> (&'a [Self], &'a [Self]) {
        let place = steps.iter().position(|step| step.nodes.iter().any(|other| other == node));
        steps.split_at(place.unwrap_or(steps.len()))
    }

    /// What is done with machines, one by one.
    pub fn named(steps: &[Self]) -> Vec<(Action, &str)> {
        steps.iter().flat_map(|step| step.nodes.iter().map(|node| (step.action, node.as_str()))).collect()
    }
}

impl Cluster {
    /// Renders the next generation and builds the machines that are new in it; gives what `kfimg diff` says to do, in its order.
    ///
    /// # Errors
    /// Those of [`Cluster::render`]; what `kfimg diff` said.
    pub fn render_next(&mut self, topology: Topology) -> Result<Vec<Step>> {
        let former = self.lab().folder().join(FORMER);
        if former.exists() {
            fs_err::remove_dir_all(&former)?;
        }
        succeed(command("cp").arg("-rT").args([&self.output(), &former]))?;
        self.render(topology)?;
        self.build_missing_machines()?;
        let mut diff = command(&self.lab().parts().kfimg);
        let said = succeed(diff.args(["diff", "--output-format", "json"]).args([&former, &self.output()]))?;
        let difference: Difference =
            serde_json::from_str(&said).map_err(|error| Error::unusable("kfimg diff", error))?;
        Ok(difference.steps)
    }

    /// Does one step and waits until the next one may begin.
    ///
    /// # Errors
    /// [`Error::Late`]; those of the machines.
    pub fn follow(&self, step: &Step, bound: Duration) -> Result<()> {
        for node in &step.nodes {
            match step.action {
                Action::Prepare | Action::Later => {}
                Action::Boot => self.reboot(node, bound)?,
                Action::BootNew => {
                    self.power_on(node)?;
                    self.wait_node(node, bound)?;
                }
                Action::SwitchOff => self.retire(node, bound)?,
            }
        }
        Ok(())
    }

    /// Switches a machine off that the topology does not name any more, and waits until etcd does not either.
    fn retire(&self, node: &str, bound: Duration) -> Result<()> {
        self.lab().machine(node)?.power_off()?;
        let Some(member) = self.topology().members().first() else { return Ok(()) };
        let member = self.machine(member)?;
        let look = || {
            let members = match self.etcd_members(&member) {
                Ok(members) => members,
                Err(error) => return Ok(Look::NotYet(error.to_string())),
            };
            Ok(Look::when(members.iter().all(|other| other.name != node), (), || format!("{members:?}")))
        };
        wait_for(&format!("{node} out of etcd's list"), bound, look)?;
        self.kubectl(&["delete", "node", node, "--ignore-not-found"]).map(drop)
    }
}
