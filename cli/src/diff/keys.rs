//! Keys that all control planes share: what of their changes may cost something. All API servers must know a key before one of them
//! uses it, and none may need one that goes.

use super::change::{Change, What};
use super::danger::{Danger, pairs, push};
use super::files::{ENCRYPTION, ENCRYPTION_KEYS, encrypted_resources};
use super::node::{Node, NodeDifference};
use crate::names::ranges;
use crate::rewrite;

/// Verify tokens of service accounts; the first is that of the key that signs. The private one may travel sealed.
const VERIFY: &str = "/etc/kubernetes/pki/sa.pub";
/// The end of each key in there.
const END: &str = "-----END PUBLIC KEY-----";

/// What changes of both.
pub(super) fn find(nodes: &[NodeDifference], dangers: &mut Vec<Danger>) {
    tokens(nodes, dangers);
    encryption(nodes, dangers);
}

/// What becomes of the keys of tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Tokens {
    /// Another one is used before everybody knows it.
    Unknown,
    /// One that was known goes.
    Gone,
}

/// Compares the keys that verify, before and after.
fn change_of(old: &[u8], new: &[u8]) -> Option<Tokens> {
    let keys = |pem: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(pem);
        text.split(END).map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned).collect()
    };
    let (old, new) = (keys(old), keys(new));
    let signs_anew = old.first() != new.first();
    let (comes, goes) = (new.iter().any(|key| !old.contains(key)), old.iter().any(|key| !new.contains(key)));
    match (comes, goes) {
        (true, true) => Some(Tokens::Unknown),
        (true, false) if signs_anew => Some(Tokens::Unknown),
        (false, true) => Some(Tokens::Gone),
        _ => None,
    }
}

fn tokens(nodes: &[NodeDifference], dangers: &mut Vec<Danger>) {
    let found = |wanted: Tokens| -> Vec<&str> {
        let is_it = |(_, old, new): &(&NodeDifference, &Node, &Node)| {
            let (Some(old), Some(new)) = (old.file(VERIFY), new.file(VERIFY)) else { return false };
            change_of(old, new) == Some(wanted)
        };
        pairs(nodes).filter(is_it).map(|(node, ..)| node.name.as_str()).collect()
    };
    let unknown = found(Tokens::Unknown);
    if !unknown.is_empty() {
        let message = format!(
            "the key of service-account tokens changes: until a control plane has booted it refuses tokens of the others, and old \
             tokens are no longer good once all have ({})",
            ranges(&unknown)
        );
        push(dangers, "service-account-key", message);
    }
    let gone = found(Tokens::Gone);
    if !gone.is_empty() {
        let message = format!(
            "a key of service-account tokens goes: what it signed is void. Pods have tokens of the new one an hour after all have \
             booted with it; tokens without an end, in Secrets, must have been made anew ({})",
            ranges(&gone)
        );
        push(dangers, "service-account-key-removed", message);
    }
}

/// Keys that encrypt objects in etcd: all API servers must know a key before one of them writes with it.
fn encryption(nodes: &[NodeDifference], dangers: &mut Vec<Danger>) {
    let mut changes = nodes.iter().flat_map(|node| node.changes.iter().map(move |change| (node, change)));
    let is_it = |(_, change): &(&NodeDifference, &Change)| change.subject == ENCRYPTION_KEYS && change.name.is_empty();
    let Some((node, change)) = changes.find(is_it) else { return };
    let What::Items { added, removed } = &change.what else { return };
    if !removed.is_empty() {
        let message = format!(
            "encryption keys go ({}): what was written with them and not rewritten since can no longer be read. Rewrite first: \
             {}",
            removed.join(", "),
            rewriting(node)
        );
        push(dangers, "encryption-key-removed", message);
    }
    if !added.is_empty() && uses_an_unknown_key(node) {
        let message = format!(
            "encryption keys come and are used at once ({}): a control plane that has not booted yet can't read what others write",
            added.join(", ")
        );
        push(dangers, "encryption-key-added", message);
    }
}

/// Whether the key that writes is one that the node had not before: one that only stands behind it harms nobody.
fn uses_an_unknown_key(node: &NodeDifference) -> bool {
    let names = |node: &Option<Node>| node.as_ref().and_then(Node::encryption_key_names).unwrap_or_default();
    names(&node.new).first().is_some_and(|used| !names(&node.old).contains(used))
}

/// How what the node's API server encrypts is written anew.
fn rewriting(node: &NodeDifference) -> String {
    let Some(settings) = node.old.as_ref().and_then(|old| old.file(ENCRYPTION)) else {
        return "what `kfimg pki renew --what encryption` printed".to_owned();
    };
    rewrite::quoted(&encrypted_resources(settings))
}

#[cfg(test)]
mod tests {
    use super::{END, Tokens, change_of};

    #[test]
    fn a_key_of_tokens_is_known_everywhere_before_it_signs_and_none_goes_unsaid() {
        let pem = |keys: &[&str]| keys.iter().map(|key| format!("{key}\n{END}\n")).collect::<String>();
        let (one, both, turned, two) = (pem(&["1"]), pem(&["1", "2"]), pem(&["2", "1"]), pem(&["2"]));
        let cases = [
            ("nothing", &one, &one, None),
            ("added", &one, &both, None),
            ("taken into use", &both, &turned, None),
            ("dropped", &turned, &two, Some(Tokens::Gone)),
            ("used at once", &one, &turned, Some(Tokens::Unknown)),
            ("another one", &one, &two, Some(Tokens::Unknown)),
        ];
        for (name, old, new, expected) in cases {
            assert_eq!(change_of(old.as_bytes(), new.as_bytes()), expected, "{name}");
        }
    }
}
