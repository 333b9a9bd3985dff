//! Payload generations: which render last changed each node.
//!
//! It does not look into payloads; the caller gives one digest of each node's content. The lives of etcd, which are kept
//! with the numbers, are in [`crate::incarnations`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::incarnations::Beginning;

/// The numbers of all nodes, as kept in the state folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Generations {
    /// The highest number ever given.
    current: u64,
    /// When each number that a node still has was rendered, in seconds since 1970.
    rendered: BTreeMap<u64, i64>,
    nodes: BTreeMap<String, NodeGeneration>,
    /// The last moment (seconds since 1970) at which an incarnation of etcd may be founded.
    pub(crate) bootstrap_not_after: BTreeMap<u64, i64>,
    /// How those incarnations begin of which anything was said.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) beginnings: BTreeMap<u64, Beginning>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NodeGeneration {
    generation: u64,
    content: String,
}

impl Generations {
    /// Gives the next number to every node whose content digest is new or differs, and returns the number of each node
    /// asked for. When nothing differs, nothing changes. Nodes that are not asked for keep theirs, so that one that
    /// comes back never goes below its former number.
    pub fn assign(&mut self, contents: &[(String, String)], now: Timestamp) -> BTreeMap<String, u64> {
        let next = self.current + 1;
        for (node, content) in contents {
            if self.nodes.get(node).is_some_and(|known| known.content == *content) {
                continue;
            }
            self.nodes.insert(node.clone(), NodeGeneration { generation: next, content: content.clone() });
            self.current = next;
            self.rendered.insert(next, now.as_second());
        }
        let held: BTreeSet<u64> = self.nodes.values().map(|node| node.generation).collect();
        self.rendered.retain(|number, _| held.contains(number));
        contents.iter().filter_map(|(node, _)| Some((node.clone(), self.generation(node)?))).collect()
    }

    /// The number of the render that last changed a node.
    pub fn generation(&self, node: &str) -> Option<u64> {
        self.nodes.get(node).map(|node| node.generation)
    }

    /// Whether a number and content digest are the ones that a node has now.
    pub fn is_current(&self, node: &str, generation: u64, content: &str) -> bool {
        self.nodes.get(node).is_some_and(|known| known.generation == generation && known.content == content)
    }

    /// The highest number ever given; 0 before the first render.
    pub const fn current(&self) -> u64 {
        self.current
    }

    /// When a number was rendered, as long as a node has it. A node's clock never stands before it.
    pub fn rendered_at(&self, generation: u64) -> Option<Timestamp> {
        self.rendered.get(&generation).and_then(|seconds| Timestamp::from_second(*seconds).ok())
    }

    /// The first fault in numbers read from a file.
    pub(crate) fn fault(&self) -> Option<String> {
        self.nodes.iter().find_map(|(name, node)| {
            let known = node.generation <= self.current && self.rendered.contains_key(&node.generation);
            (!known).then(|| format!("generation {} of node {name} was never rendered", node.generation))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Generations, Timestamp};

    fn assign(generations: &mut Generations, contents: &[(&str, &str)], second: i64) -> Vec<u64> {
        let contents: Vec<_> = contents.iter().map(|(node, digest)| ((*node).into(), (*digest).into())).collect();
        generations.assign(&contents, Timestamp::from_second(second).unwrap()).into_values().collect()
    }

    #[test]
    fn only_changed_nodes_get_the_next_number() {
        let mut generations = Generations::default();
        type Contents = &'static [(&'static str, &'static str)];
        let table: [(Contents, &[u64]); 6] = [
            (&[("a", "1"), ("b", "1")], &[1, 1]),
            (&[("a", "1"), ("b", "1")], &[1, 1]),
            (&[("a", "2"), ("b", "1")], &[2, 1]),
            (&[("b", "1")], &[1]),
            (&[("a", "2"), ("b", "2"), ("c", "1")], &[2, 3, 3]),
            (&[("a", "2"), ("b", "2"), ("c", "1")], &[2, 3, 3]),
        ];
        for (render, (contents, numbers)) in table.into_iter().enumerate() {
            assert_eq!(assign(&mut generations, contents, 100 + render as i64), numbers, "render {render}");
        }
        assert_eq!(generations.current(), 3);
        let times = [1, 2, 3].map(|number| generations.rendered_at(number).map(Timestamp::as_second));
        assert_eq!(times, [None, Some(102), Some(104)], "a number that no node has any more is forgotten");
    }

    #[test]
    fn impossible_numbers_are_found() {
        let mut generations = Generations::default();
        assign(&mut generations, &[("a", "1")], 1);
        assert_eq!(generations.fault(), None);
        generations.current = 7;
        assert_eq!(generations.fault(), None, "people may raise it after restoring an old backup");
        assert_eq!(assign(&mut generations, &[("a", "2")], 2), [8]);
        generations.current = 0;
        assert!(generations.fault().unwrap().contains("node a"));
    }
}
