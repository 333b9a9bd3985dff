//! `kfimg completions`: each shell takes its script, and bash completes by it.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use support::program::{both, empty_folder, find, run, succeed};

/// The script for a shell, as a file.
fn script(shell: &str) -> PathBuf {
    let file = empty_folder(&format!("completions/{shell}")).join("kfimg");
    let text = succeed(Command::new(env!("CARGO_BIN_EXE_kfimg")).args(["completions", shell]));
    assert!(text.contains("kfimg") && text.contains("all-in-one"), "{text}");
    fs::write(&file, text).unwrap();
    file
}

/// A shell reads the script whole, and runs nothing of it.
fn takes(shell: &str) {
    let said = run(Command::new(find(shell)).arg("-n").arg(script(shell)));
    assert!(said.status.success() && both(&said).is_empty(), "{shell}: {}", both(&said));
}

/// What bash offers in place of the last word.
fn offered(words: &[&str]) -> Vec<String> {
    let ask =
        "source \"$1\"; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMP_LINE=\"$*\"; COMP_POINT=${#COMP_LINE}
        completer=$(complete -p kfimg | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
        \"$completer\" kfimg \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut bash = Command::new(find("bash"));
    bash.args(["--norc", "--noprofile", "-c", ask, "bash"]).arg(script("bash")).arg("kfimg").args(words);
    succeed(&mut bash).lines().map(str::to_owned).collect()
}

#[test]
fn bash_takes_the_script_and_completes_commands_options_and_values() {
    takes("bash");
    for (words, expected) in [
        (&["ren"][..], &["render"][..]),
        (&["pki", ""], &["show", "renew"]),
        (&["render", "--seal", "age:x", "--all"], &["--all-in-one"]),
        (&["render", "--channel", ""], &["ignition", "nocloud", "config-drive", "guestinfo", "pxe"]),
        (&["validate", "--color", "n"], &["never"]),
    ] {
        let found = offered(words);
        let missing: Vec<_> = expected.iter().filter(|word| !found.iter().any(|found| found == *word)).collect();
        assert!(missing.is_empty(), "{words:?}: {missing:?} in {found:?}");
    }
    assert_eq!(offered(&["nothing-begins-so"]), [""]);
}

#[test]
#[ignore = "needs zsh and fish, which `make interop` installs"]
fn zsh_and_fish_take_their_scripts() {
    takes("zsh");
    takes("fish");
    // A shell that takes anything would prove nothing.
    let wrong = empty_folder("completions/wrong").join("kfimg");
    fs::write(&wrong, "if true; then (\n").unwrap();
    for shell in ["bash", "zsh", "fish"] {
        assert!(!run(Command::new(find(shell)).arg("-n").arg(&wrong)).status.success(), "{shell}");
    }
}
