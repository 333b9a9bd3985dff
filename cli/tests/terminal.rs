//! What a person sees in a terminal of 80 columns and of 200: no line is broken by the terminal, colours stay where they are wanted,
//! long work shows how far it is.
//!
//! `script` records what is written (it comes with every Debian); tmux is a terminal, and shows what became of it.

#![allow(clippy::unwrap_used)]

#[path = "terminal/bars.rs"]
mod bars;
#[path = "bundle/relay.rs"]
mod relay;
#[path = "terminal/screen.rs"]
mod screen;
mod support;
#[allow(dead_code)]
#[path = "bundle/upstream.rs"]
mod upstream;

use kfimg_builder::fake::{self, FakeBase};
use kfimg_images::Architecture;
use screen::Screen;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use support::document::shell;
use support::noise::noise;
use support::program::{both, empty_folder, find, run, succeed};
use support::said;

/// A description with a long line, long names, and an error of each sort.
const WRONG: &str = r#"clusterNmae: demo
kubernetesVersion: v1.30.1
controlPlaneEndpoint: {address: 192.168.50.150}
networking: {podSubnet: 192.168.0.0/16}
kubelet: {maxPods: many}
nodes:
  - {name: master1, labels: {"a very long label that nobody would ever write but somebody does": "and its value, which is no label value either"}}
  - {name: Master_2, role: control-plane, address: 192.168.49.152}
"#;

/// Commands whose output has columns, sentences or paths that are wider than a page where nobody folds them.
const COMMANDS: [&str; 12] = [
    "validate --profile ha3 --site wrong.yaml",
    "validate --profile ha3",
    "validate --profile ha3 --explain",
    "validate --profile ha3 --cis",
    "validate --profile ha3 --cis --set allowUnsafeArgs=true --set apiServer.extraArgs=[{name:profiling,value:'true'}]",
    "validate --list-checks",
    "profiles",
    "images --profile ha3 --why",
    "pki show --profile ha3",
    "diff old new",
    "diff old nowhere",
    "bundle verify --bundle nowhere",
];

/// A folder with what the commands read.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = empty_folder("terminal");
        fs::write(folder.join("wrong.yaml"), WRONG).unwrap();
        let render = "kfimg render -q --profile ha3";
        let change = "--set controlPlaneEndpoint.address=192.168.49.149 --set addons.headlamp.enabled=true";
        let said = shell(&format!("{render} -o old; {render} -o new {change}"), &folder);
        assert!(said.status.success(), "{}", both(&said));
        folder
    })
}

/// What would colour a terminal, or keep it from colours, beside what a test sets (a CI service is taken for a coloured one).
const COLOUR_VARIABLES: [&str; 4] = ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"];

/// What `kfimg` shows in a terminal of that width.
fn in_terminal(command: &str, columns: usize, environment: &[(&str, &str)]) -> String {
    let line = format!("stty cols {columns} rows 50; {} {command}", env!("CARGO_BIN_EXE_kfimg"));
    let mut terminal = Command::new(find("script"));
    terminal.args(["-q", "-c", &line, "/dev/null"]).current_dir(folder());
    COLOUR_VARIABLES.iter().for_each(|name| _ = terminal.env_remove(name));
    terminal.env("TERM", "xterm-256color").envs(environment.iter().copied());
    String::from_utf8(run(&mut terminal).stdout).unwrap().replace("\r\n", "\n")
}

/// What a terminal of that width shows at the end, as it stands and with the lines that it broke put together again.
fn on_screen(command: &str, columns: usize) -> [String; 2] {
    let screen = Screen::start(command, columns, 3000, folder(), false);
    screen.wait();
    [screen.shows(), screen.shows_whole()]
}

/// The end of each sequence that steers a terminal, and the text behind it.
fn sequences(text: &str) -> impl Iterator<Item = (char, &str)> {
    text.split("\u{1b}[").skip(1).filter_map(|part| {
        let end = part.find(|c: char| c.is_ascii_alphabetic())?;
        Some((char::from(part.as_bytes()[end]), &part[end + 1..]))
    })
}

fn has_colours(text: &str) -> bool {
    sequences(text).any(|(end, _)| end == 'm')
}

/// What stays to be read: without colours, and without bars, which are drawn over.
fn plain(text: &str) -> String {
    let first = text.split("\u{1b}[").next().unwrap_or_default().to_owned();
    let whole = first + &sequences(text).map(|(_, rest)| rest).collect::<String>();
    whole.split('\n').map(|line| line.rsplit('\r').next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for command in COMMANDS {
        let text = plain(&in_terminal(command, 80, &[]));
        assert!(!text.trim().is_empty(), "{command}");
        let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{command}: {long:#?}");
    }
    let rendered = plain(&in_terminal("render --profile ha3 -o out", 80, &[]));
    let long: Vec<&str> = rendered.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(rendered.contains("Next:") && long.is_empty(), "{rendered}");
}

#[test]
fn a_real_terminal_breaks_no_line_and_a_wide_one_has_a_row_a_line() {
    for command in COMMANDS {
        let [narrow, whole] = on_screen(command, 80);
        assert!(!narrow.is_empty() && narrow == whole, "{command}:\n{narrow}\nis broken; whole it is\n{whole}");
        let [wide, whole] = on_screen(command, 200);
        assert_eq!(wide, whole, "{command}");
        assert!(wide.lines().count() <= narrow.lines().count(), "{command}:\n{wide}\nhas more lines than\n{narrow}");
    }
    // Tables that have no room in the narrow one have a row a line in the wide one.
    let [rows, _] = on_screen("pki show --profile ha3", 200);
    assert!(rows.lines().skip(1).all(|line| line.ends_with("ECDSA-P256")), "{rows}");
    let [settings, _] = on_screen("validate --profile ha3 --explain", 200);
    assert!(settings.lines().skip(1).all(|line| !line.starts_with(' ')), "{settings}");
}

#[test]
fn words_stay_whole_where_a_sentence_is_folded() {
    let text = plain(&in_terminal(COMMANDS[0], 80, &[]));
    assert!(text.contains("there are 4\n  control planes\n"), "{text}");
    let wide = plain(&in_terminal(COMMANDS[0], 200, &[]));
    assert!(wide.contains("but there are 4 control planes\n"), "{wide}");
    let whole = |text: &str| text.split_whitespace().filter(|word| word.chars().all(char::is_alphabetic)).count();
    assert!(whole(&text) > 100, "{text}");
}

#[test]
fn a_pipe_gets_a_row_a_line_and_no_colours() {
    for command in COMMANDS {
        let said = run(Command::new("sh")
            .args(["-c", &format!("{} {command}", env!("CARGO_BIN_EXE_kfimg"))])
            .current_dir(folder()));
        assert!(!both(&said).contains('\u{1b}'), "{command}");
    }
    let rows = succeed(
        Command::new(env!("CARGO_BIN_EXE_kfimg")).args(["pki", "show", "--profile", "ha3"]).current_dir(folder()),
    );
    assert!(rows.lines().skip(1).all(|line| line.ends_with("ECDSA-P256")), "{rows}");
}

#[test]
fn colours_come_in_a_terminal_and_go_when_they_are_not_wanted() {
    for command in [COMMANDS[0], COMMANDS[3]] {
        assert!(has_colours(&in_terminal(command, 80, &[])), "{command}");
        let never = format!("{command} --color never");
        for (command, environment) in
            [(command, &[("NO_COLOR", "1")][..]), (&*never, &[]), (command, &[("TERM", "dumb")])]
        {
            assert!(!has_colours(&in_terminal(command, 80, environment)), "{command} {environment:?}");
        }
    }
    let always = format!("{} --color always {} 2>&1", env!("CARGO_BIN_EXE_kfimg"), COMMANDS[0]);
    let said = run(Command::new("sh").args(["-c", &always]).current_dir(folder()).env_remove("NO_COLOR"));
    assert!(has_colours(&both(&said)));
}

/// A render that takes longer than a second on one core: RSA keys for workers, in a state of its own.
fn long_work(name: &str, workers: usize) -> String {
    let mut nodes = "name,role,address\n".to_owned();
    (1..=3).for_each(|number| nodes += &format!("master{number},control-plane,192.168.49.15{number}\n"));
    (2..2 + workers).for_each(|number| nodes += &format!("worker{number},worker,192.168.49.{number}\n"));
    fs::write(folder().join(format!("{name}.csv")), nodes).unwrap();
    format!(
        "render --profile ha3 --inventory {name}.csv \
         --set pki.encryptionAlgorithm=RSA-2048 --state {name}.state -o {name}"
    )
}

/// On one core, so that a fast machine takes its time, too.
fn on_one_core(command: &str) -> String {
    format!("taskset -c 0 {} {command}", env!("CARGO_BIN_EXE_kfimg"))
}

/// What a terminal of 80 columns got from a command of a shell that succeeds.
fn recorded(command: &str) -> String {
    let mut terminal = Command::new(find("script"));
    terminal.args(["-qe", "-c", &format!("stty cols 80 rows 50; {command}"), "/dev/null"]);
    succeed(terminal.current_dir(folder()).env("TERM", "xterm-256color")).replace("\r\n", "\n")
}

#[test]
fn long_work_shows_how_far_it_is_on_a_terminal_and_leaves_nothing() {
    let text = recorded(&on_one_core(&long_work("bars", 25)));
    let drawn: Vec<&str> = text.split(['\r', '\n']).filter(|part| part.contains("issuing certificates")).collect();
    assert!(!drawn.is_empty(), "{text}");
    for bar in drawn {
        let bar: String = sequences(&format!("\u{1b}[m{bar}")).map(|(_, rest)| rest).collect();
        assert!(bar.contains(" of ") && bar.trim_end().chars().count() <= 80, "{bar:?}");
    }
    let left = plain(&text);
    assert!(left.contains("Next:") && !left.contains("issuing certificates"), "{left}");
}

#[test]
fn ctrl_c_ends_a_render_and_leaves_neither_a_bar_nor_half_an_output() {
    let line = on_one_core(&long_work("stopped", 140));
    let screen = Screen::start_line(&line, 80, 30, folder(), true);
    screen.wait_for("issuing certificates");
    screen.press("C-c");
    screen.wait();
    let shown = screen.shows();
    let clean = shown.ends_with("error: stopped; nothing was written\nended 130");
    assert!(clean && !shown.contains("issuing certificates"), "{shown}");
    let left = |name: &str| folder().join(name).exists();
    assert!(!left("stopped") && !left(".stopped.kfimg-staging") && !left("stopped.state/state.json"), "{shown}");
}

#[test]
fn a_pipe_gets_no_bars() {
    let said = run(Command::new("sh").args(["-c", &on_one_core(&long_work("pipe", 25))]).current_dir(folder()));
    let text = both(&said);
    // What the test before this one looks for.
    assert!(said.status.success() && text.contains("Next:"), "{text}");
    assert!(!text.contains("issuing certificates") && !text.contains(['\r', '\u{1b}']), "{text}");
}

/// A build whose root takes its time, and one file of it that a lint tells of.
fn long_build() -> &'static str {
    static SITE: OnceLock<()> = OnceLock::new();
    SITE.get_or_init(|| {
        fake::bundle(&folder().join("bundle"), Architecture::Amd64);
        let mut base = FakeBase::new(Architecture::Amd64);
        base.file("usr/share/noise", 0o644, noise(24 << 20));
        base.file("usr/bin/su", 0o4755, "x").write(&folder().join("base.tar"));
    });
    "build --base base.tar --output parts -v -o"
}

#[test]
fn a_build_shows_its_phases_on_a_terminal_and_their_times_afterwards() {
    let text = recorded(&on_one_core(&format!("{} phases", long_build())));
    let is_bar = |part: &&str| part.contains("writing the root image") && part.contains(" of ");
    let drawn: Vec<String> = text
        .split(['\r', '\n'])
        .filter(is_bar)
        .map(|bar| sequences(&format!("\u{1b}[m{bar}")).map(|(_, rest)| rest).collect())
        .collect();
    assert!(!drawn.is_empty(), "{text}");
    assert!(drawn.iter().all(|bar| bar.trim_end().chars().count() <= 80), "{drawn:?}");
    let left = plain(&text);
    assert!(left.contains("\nsetuid: 1 programs: /usr/bin/su"), "no bar goes through a line: {left}");
    let times = left.split_once("\nIt took ").unwrap().1;
    for phase in ["reading the base", "writing the root image", "hashing the outputs"] {
        assert!(
            times.lines().any(|line| line.trim_start().starts_with(phase) && line.contains(" s")),
            "{phase}: {left}"
        );
    }
    assert!(times.lines().all(|line| line.chars().count() <= 80), "{times}");
}

#[test]
fn a_pipe_gets_the_names_of_phases_and_no_bars() {
    let said =
        run(Command::new("sh").args(["-c", &on_one_core(&format!("{} piped", long_build()))]).current_dir(folder()));
    let text = both(&said);
    assert!(said.status.success() && text.contains("\nwriting the root image\n"), "{text}");
    assert!(!text.contains(['\r', '\u{1b}']), "{text}");
}
