//! Name servers that answer every question alike, and a question to one. Without any of a distribution's programs: few machines
//! have them.

use super::machine::Machine;
use super::program::{go_folder, run};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The file of one at an address: every name leads to `answer`.
pub(crate) fn file(address: &str, answer: &str) -> String {
    let record = format!("template IN A {{\n answer \"{{{{ .Name }}}} 60 IN A {answer}\"\n }}");
    let others = "template ANY ANY {\n rcode NXDOMAIN\n }";
    format!(".:53 {{\n bind {address}\n {record}\n {others}\n}}\n")
}

/// CoreDNS on that machine, with that file.
pub(crate) fn command(machine: &Machine, folder: &Path, label: &str, text: &str) -> Command {
    let file = folder.join(format!("Corefile-{label}"));
    fs::write(&file, text).unwrap();
    let mut server = machine.command(go_folder(&["coredns"]).join("coredns"));
    server.arg("-conf").arg(file);
    server
}

/// Sends the question, and prints the answer's bytes.
const ASK: &str = r#"
exec 3<>/dev/udp/$1/53
dd if="$2" bs=512 status=none >&3
timeout 5 dd bs=512 count=1 status=none <&3 | od -An -v -tx1
"#;

/// Asks for the IPv4 address of a name, over UDP; none where there is no answer, or no such name. Source: RFC 1035, 4.1.
pub(crate) fn ask(machine: &Machine, folder: &Path, server: &str, name: &str) -> Option<String> {
    let mut question = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        question.push(u8::try_from(label.len()).unwrap());
        question.extend(label.as_bytes());
    }
    question.extend([0, 0, 1, 0, 1]);
    let file = folder.join(format!("question-{name}"));
    fs::write(&file, &question).unwrap();
    let said = run(machine.command("bash").args(["-uc", ASK, "bash", server]).arg(file));
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let answer: Vec<u8> = said.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    // No error, one record, whose address is the last of it.
    let is_answer = answer.len() > question.len() && answer[3] & 0xf == 0 && answer[6..8] == [0, 1];
    let address = is_answer.then(|| answer[answer.len() - 4..].iter().map(ToString::to_string).collect::<Vec<_>>());
    address.map(|bytes| bytes.join("."))
}
