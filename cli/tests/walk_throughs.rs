//! Documents that somebody follows word by word: `docs/getting-started.md`, `docs/own-ca.md`, and the demonstration of README.md.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use support::document::{Commands, read, script, walk};
use support::program::{both, empty_folder, find, run, succeed};
use support::steps::line;

/// What a newcomer writes in place of the values of the page.
const OWN_VALUES: [(&str, &str); 6] = [
    ("192.168.49.", "10.20.30."),
    ("52:54:00:00:01:", "3c:ec:ef:12:34:"),
    ("master", "plant-7-node-"),
    ("demo", "plant-7"),
    ("interface: eth0", "interface: lan0"),
    ("minSize: 20Gi", "minSize: 100Gi"),
];

/// Every machine has its payload: Ignition accepts it, and cloud-init's names the machine's address, interface and card.
fn are_payloads(folder: &Path, nodes: [&str; 3], addresses: &str, card: &str, interface: &str) {
    assert_eq!(fs::read_dir(folder.join("out/nodes")).unwrap().count(), nodes.len());
    for (number, node) in (1..).zip(nodes) {
        let own = folder.join(format!("out/nodes/{node}"));
        let said = run(Command::new(find("ignition-validate")).arg(own.join("ignition.json")));
        assert!(said.status.success() && both(&said).is_empty(), "{node}: {}", both(&said));
        let unpack = "sed -n \"/<<'END'/,/^ *END$/{//!p}\" user-data | base64 -d -i | tar -xzO --wildcards '*.network'";
        let network = succeed(Command::new("sh").args(["-euc", unpack]).current_dir(&own));
        for part in [format!("Address={addresses}{}/24", 150 + number), format!("MACAddress={card}5{number}")] {
            assert!(network.contains(&part), "{node}: {part} in {network}");
        }
        let link = fs::read_to_string(own.join("network-config")).unwrap();
        assert!(link.contains(&format!("{card}5{number}")) && link.contains(interface), "{node}: {link}");
    }
    assert!(folder.join("out/pxe/boot.ipxe").is_file() && folder.join("out/vmware/deploy.sh").is_file());
}

#[test]
fn a_newcomer_ends_with_payloads_for_three_machines() {
    let folder = empty_folder("walk-throughs/getting-started");
    let count = walk("getting-started.md", &read("getting-started.md"), &folder);
    assert!(count >= 8, "{count} commands");
    are_payloads(&folder, ["master1", "master2", "master3"], "192.168.49.", "52:54:00:00:01:", "eth0");
}

#[test]
fn a_newcomer_ends_with_payloads_for_machines_of_their_own() {
    let folder = empty_folder("walk-throughs/own-machines");
    let own = OWN_VALUES.iter().fold(read("getting-started.md"), |text, (from, to)| text.replace(from, to));
    walk("getting-started.md with other values", &without_output(&own), &folder);
    let nodes = ["plant-7-node-1", "plant-7-node-2", "plant-7-node-3"];
    are_payloads(&folder, nodes, "10.20.30.", "3c:ec:ef:12:34:", "lan0");
}

/// The page without what its commands print.
fn without_output(text: &str) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in text.lines() {
        inside = if line.starts_with("```") { line == "```console" } else { inside };
        if !inside || line.starts_with("```") || line.starts_with("$ ") {
            kept += &format!("{line}\n");
        }
    }
    kept
}

#[test]
fn an_authority_of_ones_own_is_brought_as_the_page_says() {
    let folder = empty_folder("walk-throughs/own-ca");
    let count = walk("own-ca.md", &read("own-ca.md"), &folder);
    assert!(count >= 10, "{count} commands");
    // And every other certificate that any node carries.
    let unpack = "for node in out/nodes/*; do mkdir $node/files
        sed -n \"/<<'END'/,/^ *END$/{//!p}\" $node/user-data | base64 -d -i | tar -xz --no-same-owner -C $node/files etc/kubernetes; done
        find out/nodes -name '*.crt' -o -name '*.pem' | while read file; do
        openssl verify -x509_strict -CAfile root.crt -untrusted $file $file; done";
    let said = succeed(Command::new("sh").args(["-euc", unpack]).current_dir(&folder));
    assert!(said.lines().count() > 40 && said.lines().all(|line| line.ends_with(": OK")), "{said}");
    let root_key = fs::read_to_string(folder.join("root.key")).unwrap();
    let secret = root_key.lines().nth(1).unwrap();
    let leaked = run(Command::new("grep").args(["-rl", secret, "out", "ha3.state"]).current_dir(&folder));
    assert!(leaked.stdout.is_empty(), "{}", both(&leaked));
}

/// kfimg's sources in a folder of their own, as somebody gets them; what is built of them lies beside what this workspace builds.
fn sources() -> &'static Path {
    static SOURCES: OnceLock<PathBuf> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let folder = empty_folder("walk-throughs/sources");
        // Times stay as they are, so that the next run builds only what has changed.
        let copy = "tar --exclude=./target --exclude=./.git --exclude=./out -C \"$1\" -c . | tar -x -C \"$2\"";
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        succeed(Command::new("sh").args(["-euc", copy, "sh"]).arg(project).arg(&folder));
        folder
    })
}

/// The target folder of this workspace.
fn built_into() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder")
}

/// Runs a command of a page in the folder of the sources.
fn in_sources(command: &str, root: &Path) -> String {
    let mut shell = Command::new("sh");
    shell.args(["-euc", command]).current_dir(sources());
    // As from a shell: not below the make that runs this.
    for name in ["MAKEFLAGS", "MAKELEVEL", "MFLAGS"] {
        shell.env_remove(name);
    }
    succeed(shell.env("CARGO_TARGET_DIR", built_into()).env("CARGO_INSTALL_ROOT", root))
}

#[test]
#[ignore = "needs minutes, in which it builds the program for release: make install-test"]
fn the_program_is_installed_as_the_page_says() {
    let root = empty_folder("walk-throughs/installed");
    in_sources(&script("getting-started.md", "cargo install"), &root);
    let kfimg = root.join("bin/kfimg");
    let page = Commands::of(&read("getting-started.md"));
    let said = succeed(Command::new(&kfimg).args(page.with("--version").split(' ').skip(1)));
    assert_eq!(said, format!("kfimg {}\n", env!("CARGO_PKG_VERSION")));
    // And it makes payloads where nothing of the sources is.
    let folder = empty_folder("walk-throughs/elsewhere");
    succeed(Command::new(kfimg).args(["render", "--quiet", "--profile", "ha3"]).current_dir(&folder));
    assert!(folder.join("out/nodes/master3/ignition.json").is_file());
}

/// How long a name on the same machine may take to be found.
const FOUND: Duration = Duration::from_secs(60);

/// In a root with nothing but the program and a table of hosts, it starts, makes payloads, and finds a server by its name.
#[test]
#[ignore = "needs minutes, in which it builds the program for release: make install-test"]
fn the_static_program_needs_nothing_of_the_machine() {
    in_sources("make --silent static", Path::new("/nonexistent"));
    let root = empty_folder("walk-throughs/static");
    let built = format!("{}-unknown-linux-gnu/dist/kfimg", std::env::consts::ARCH);
    fs::copy(built_into().join(built), root.join("kfimg")).unwrap();
    fs::create_dir(root.join("etc")).unwrap();
    fs::write(root.join("etc/hosts"), "127.0.0.1 reg.example\n").unwrap();
    let kfimg = |words: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", &format!("--root={}", root.display()), "/kfimg"]).args(words);
        command
    };
    succeed(&mut kfimg(&["render", "--quiet", "--profile", "ha3", "-o", "/out", "--state", "/state"]));
    assert!(root.join("out/nodes/master3/ignition.json").is_file());

    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let registry = format!("reg.example:{}", server.local_addr().unwrap().port());
    let mut asking = kfimg(&["bundle", "receipt", "--registry", &registry, "--plain-http", &registry]).spawn().unwrap();
    let (told, comes) = std::sync::mpsc::channel();
    std::thread::spawn(move || told.send(server.accept().is_ok()));
    let found = comes.recv_timeout(FOUND);
    // No answer is needed.
    asking.kill().unwrap();
    asking.wait().unwrap();
    assert_eq!(found, Ok(true), "reg.example was not found");
}

#[test]
#[ignore = "needs minutes, in which it builds the program for release: make install-test"]
fn make_demo_of_the_readme_renders_a_cluster() {
    let readme = read("../README.md");
    let said = in_sources(line(&readme, "make demo"), &empty_folder("walk-throughs/demo"));
    let (_, look_at) = said.split_once("Look at:\n").unwrap_or_else(|| panic!("{said}"));
    let (files, commands): (Vec<&str>, Vec<&str>) =
        look_at.lines().map(str::trim).partition(|line| line.starts_with("out/"));
    assert!(files.len() >= 5 && commands.len() >= 2, "{look_at}");
    for file in files {
        let file = file.split(' ').next().expect("a line has a word");
        assert!(sources().join(file).is_file(), "{file}");
    }
    for command in commands {
        in_sources(command, Path::new("/nonexistent"));
    }
}
