//! `kfimg pki renew --what service-account|encryption`: one change of the keys that all control planes share.
//!
//! Each change is one render that all control planes boot before the next one: none uses a key that another one cannot read.

use crate::console::Console;
use crate::failure::Failure;
use kfimg_pki::{Policy, Rotated, RotatedKeys, Rotation, State};

/// What has to happen before the old key is dropped.
const TOKENS: &str = "an hour after the last control plane has booted, when pods have new tokens:";
const SECRETS: &str = "write every Secret anew, so that none needs the old key:";
const REWRITE: &str = "kubectl get secrets --all-namespaces -o json | kubectl replace -f -";

/// Makes the next change and says what comes after it.
pub(super) fn run(
    state: State,
    which: Rotated,
    policy: &Policy,
    drop_old: bool,
    console: &Console,
) -> Result<(), Failure> {
    let next = state.next_rotation(which);
    if (next == Rotation::Dropped) != drop_old {
        return Err(Failure::Usage(refusal(which, next)));
    }
    let (mut state, rotated) = state.rotate(which, policy)?;
    state.commit()?;
    if console.is_json() {
        return console.json(&rotated);
    }
    lines(which, &rotated).iter().for_each(|line| console.say(line));
    Ok(())
}

fn refusal(which: Rotated, next: Rotation) -> String {
    match (next, which) {
        (Rotation::Dropped, Rotated::ServiceAccount) => format!(
            "the new key is in use and the old one still verifies; dropping it makes its tokens void: {TOKENS} say --drop-old"
        ),
        (Rotation::Dropped, Rotated::Encryption) => format!(
            "the new key is in use and the old one still reads; what only the old one reads is lost without it: \
             {SECRETS} `{REWRITE}`, then say --drop-old"
        ),
        (Rotation::Added, _) => "there is no old key to drop; without --drop-old a new one is added".to_owned(),
        (Rotation::InUse, _) => "the new key is not in use yet; take it into use without --drop-old first".to_owned(),
    }
}

fn lines(which: Rotated, rotated: &RotatedKeys) -> Vec<String> {
    let word = word(which);
    let boot = "  2. boot *every* control plane with its new payload, one after the other";
    let (said, then) = match rotated.rotation {
        Rotation::Added => {
            ("Added", vec![format!("  3. kfimg pki renew --what {word}, which takes the new key into use")])
        }
        Rotation::InUse => {
            let wait = match which {
                Rotated::ServiceAccount => vec![format!("  3. {TOKENS}")],
                Rotated::Encryption => vec![format!("  3. {SECRETS}"), format!("     {REWRITE}")],
            };
            ("Took into use", [wait, vec![format!("  4. kfimg pki renew --what {word} --drop-old")]].concat())
        }
        Rotation::Dropped => ("Dropped the old key of", Vec::new()),
    };
    let keys = rotated.keys.join(", ");
    let head = match rotated.rotation {
        Rotation::Added => format!("{said} a key; {keys}: the first is used, all are known."),
        Rotation::InUse => format!("{said} the new key; {keys}: the first is used, all are known."),
        Rotation::Dropped => format!("{said} {word}; {keys} is left."),
    };
    let first = ["Next:".to_owned(), "  1. kfimg render, with the same description".to_owned(), boot.to_owned()];
    [vec![head], first.to_vec(), then].concat()
}

fn word(which: Rotated) -> &'static str {
    match which {
        Rotated::ServiceAccount => "service-account",
        Rotated::Encryption => "encryption",
    }
}
