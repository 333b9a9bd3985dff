//! What the program says about itself: `--help` fits a page, mandoc finds nothing in the manual, and the lists of README and program agree.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::program::{both, empty_folder, find, run, succeed};

const KFIMG: &str = env!("CARGO_BIN_EXE_kfimg");

/// The manual in a folder of that name.
fn manual(name: &str) -> Vec<PathBuf> {
    let folder = empty_folder(&format!("manual/{name}"));
    succeed(Command::new(KFIMG).arg("man").arg(&folder));
    let mut pages: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    assert!(pages.len() > 20, "{pages:?}");
    pages
}

/// The words of every command, `["pki", "show"]`: the manual has a page for each.
fn commands(name: &str) -> Vec<Vec<String>> {
    let stem = |page: &PathBuf| page.file_stem().unwrap().to_string_lossy().into_owned();
    manual(name).iter().map(|page| stem(page).split('-').skip(1).map(str::to_owned).collect()).collect()
}

#[test]
fn mandoc_finds_nothing_to_say_about_any_page() {
    for page in manual("lint") {
        let said = run(Command::new(find("mandoc")).args(["-T", "lint", "-W", "all"]).arg(&page));
        assert!(said.status.success() && both(&said).is_empty(), "{}", both(&said));
    }
}

#[test]
fn a_page_reads_like_a_manual() {
    let pages = manual("read");
    let page = pages.iter().find(|page| page.ends_with("kfimg-render.1")).unwrap();
    let text = succeed(Command::new(find("mandoc")).args(["-T", "ascii", "-O", "width=78"]).arg(page));
    let text = struck_once(&text);
    for part in ["SYNOPSIS", "kfimg render [OPTIONS]", "-o, --output DIR", "Default: out.", "EXIT STATUS", "kfimg(1)"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let first = succeed(Command::new(KFIMG).arg("man"));
    assert_eq!(first, fs::read_to_string(page.with_file_name("kfimg.1")).unwrap());
    for section in [".SH COMMANDS", "\\fBkfimg\\-bundle\\fR(1)"] {
        assert!(first.contains(section), "{section} in {first}");
    }
}

/// What a printer would show of letters that are struck twice, for bold, or over a line.
fn struck_once(text: &str) -> String {
    let mut shown = String::new();
    for letter in text.chars() {
        if letter == '\u{8}' {
            shown.pop();
        } else {
            shown.push(letter);
        }
    }
    shown
}

#[test]
fn help_fits_a_page_eighty_columns_wide() {
    for command in commands("help") {
        for option in ["--help", "-h"] {
            let said = run(Command::new(KFIMG).args(&command).arg(option).env("COLUMNS", "200"));
            let text = String::from_utf8(said.stdout).unwrap();
            assert!(said.status.success() && text.contains("Usage: kfimg"), "{command:?}");
            let wrong = |line: &&str| line.chars().count() > 80 || line.ends_with(' ') || line.contains('\u{1b}');
            let lines: Vec<&str> = text.lines().filter(wrong).collect();
            assert!(lines.is_empty(), "{command:?}: {lines:?}");
        }
    }
    let version = succeed(Command::new(KFIMG).arg("--version"));
    assert_eq!(version, format!("kfimg {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_readme_knows_every_command_and_every_document() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    for command in commands("readme").iter().filter(|command| !command.is_empty()) {
        let (whole, last) = (format!("kfimg {}", command.join(" ")), format!("`{}`", command.last().unwrap()));
        assert!(readme.contains(&whole) || readme.contains(&last), "README.md does not name {whole}");
    }
    for entry in fs::read_dir(root.join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(readme.contains(&format!("(docs/{name})")), "README.md does not lead to docs/{name}");
    }
    let codes = [
        "0 done",
        "1 a bug",
        "2 usage",
        "3 the description is wrong",
        "4 an input is missing",
        "130 stopped by Ctrl-C",
    ];
    let more = ["5 verification failed", "6 another program is missing or failed", "7 network", "8 differences found"];
    for code in codes.into_iter().chain(more) {
        assert!(readme.contains(code), "README.md does not explain exit code {code}");
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut pages: Vec<PathBuf> = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.extend([root.join("README.md"), root.join("CONTRIBUTING.md"), root.join("CHANGELOG.md")]);
    let (mut dead, mut count) = (Vec::new(), 0);
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            count += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.with_file_name(file) };
            let lives = link.contains("://") || target.exists() && has_anchor(&target, anchor);
            if !lives {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
    assert!(count > 100, "{count}");
}

/// Whether a page has the heading that an anchor names, as GitHub makes anchors.
fn has_anchor(page: &Path, anchor: &str) -> bool {
    let slug = |heading: &str| -> String {
        let kept = heading.trim().to_lowercase();
        kept.chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect()
    };
    let text = if page.is_dir() { String::new() } else { fs::read_to_string(page).unwrap() };
    anchor.is_empty()
        || text.lines().filter(|line| line.starts_with('#')).any(|line| slug(line.trim_start_matches('#')) == anchor)
}
