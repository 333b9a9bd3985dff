//! `kfimg pki renew --what service-account|encryption`: one change of the keys that all control planes share.
//!
//! Each change is one render that all control planes boot before the next one: none uses a key that another one cannot read.

use crate::console::Console;
use crate::failure::Failure;
use crate::rewrite;
use kfimg_pki::{Policy, Rotated, RotatedKeys, Rotation, State};

/// What has to happen before the old key is dropped.
const TOKENS: &str = "wait an hour from the last boot on, until pods have new tokens";
const LASTING: &str = "make tokens without an end anew: Secrets of the type kubernetes.io/service-account-token";
const MEANWHILE: &str = "what `has been modified` or is `not found` by then was written anew by others, or is gone";

const UNRENDERED: &str = "no payload has what the last run of this command made: kfimg render, boot every control plane with its new \
                          payload, one after the other, then go on";

/// What is changed.
pub(super) struct Change<'a> {
    /// The keys.
    pub(super) which: Rotated,
    /// How a new one is drawn.
    pub(super) policy: &'a Policy,
    /// What the description encrypts in etcd.
    pub(super) encrypted: &'a [String],
    /// The old key may go.
    pub(super) drop_old: bool,
}

/// Makes the next change and says what comes after it.
pub(super) fn run(state: State, change: &Change<'_>, console: &Console) -> Result<(), Failure> {
    let next = state.next_rotation(change.which);
    if (next == Rotation::Dropped) != change.drop_old {
        return Err(Failure::Usage(refusal(change, next)));
    }
    if next != Rotation::Added && state.rotation_awaits_render(change.which) {
        return Err(Failure::Usage(UNRENDERED.to_owned()));
    }
    let (mut state, rotated) = state.rotate(change.which, change.policy)?;
    state.commit()?;
    if console.is_json() {
        return console.json(&rotated);
    }
    first(change, &rotated).iter().for_each(|line| console.say(line));
    then(change, rotated.rotation).iter().for_each(|line| console.say_verbatim(line));
    Ok(())
}

fn refusal(change: &Change<'_>, next: Rotation) -> String {
    match (next, change.which) {
        (Rotation::Dropped, Rotated::ServiceAccount) => format!(
            "the new key is in use and the old one still verifies; dropping it makes its tokens void: {TOKENS}; {LASTING}; \
             then say --drop-old"
        ),
        (Rotation::Dropped, Rotated::Encryption) => format!(
            "the new key is in use and the old one still reads; what only the old one reads is lost without it: \
             {} {}, then say --drop-old",
            anew(change),
            rewrite::quoted(change.encrypted)
        ),
        (Rotation::Added, _) => "there is no old key to drop; without --drop-old a new one is added".to_owned(),
        (Rotation::InUse, _) => "the new key is not in use yet; take it into use without --drop-old first".to_owned(),
    }
}

/// What has to be written anew before the old encryption key is dropped.
fn anew(change: &Change<'_>) -> String {
    format!("write anew what is encrypted ({}), so that nothing needs the old key:", change.encrypted.join(", "))
}

/// What was done, and the boots that follow.
fn first(change: &Change<'_>, rotated: &RotatedKeys) -> [String; 4] {
    let keys = rotated.keys.join(", ");
    let head = match rotated.rotation {
        Rotation::Added => format!("Added a key; {keys}: the first is used, all are known."),
        Rotation::InUse => format!("Took into use the new key; {keys}: the first is used, all are known."),
        Rotation::Dropped => format!("Dropped the old key of {}; {keys} is left.", word(change.which)),
    };
    let boot = "  2. boot *every* control plane with its new payload, one after the other";
    [head, "Next:".to_owned(), "  1. kfimg render, with the same description".to_owned(), boot.to_owned()]
}

/// What comes after them.
fn then(change: &Change<'_>, rotation: Rotation) -> Vec<String> {
    let command = format!("kfimg pki renew --what {}", word(change.which));
    match (rotation, change.which) {
        (Rotation::Added, _) => vec![format!("  3. {command}, which takes the new key into use")],
        (Rotation::InUse, which) => {
            let mut lines = match which {
                Rotated::ServiceAccount => vec![format!("  3. {TOKENS}"), format!("     {LASTING}")],
                Rotated::Encryption => rewriting(change),
            };
            lines.push(format!("  4. {command} --drop-old"));
            lines
        }
        (Rotation::Dropped, _) => Vec::new(),
    }
}

fn rewriting(change: &Change<'_>) -> Vec<String> {
    let commands = rewrite::commands(change.encrypted).into_iter().map(|command| format!("     {command}"));
    let head = format!("  3. {}", anew(change));
    std::iter::once(head).chain(commands).chain([format!("     {MEANWHILE}")]).collect()
}

fn word(which: Rotated) -> &'static str {
    match which {
        Rotated::ServiceAccount => "service-account",
        Rotated::Encryption => "encryption",
    }
}
