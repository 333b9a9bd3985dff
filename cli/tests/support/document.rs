//! Documents of `docs/`, and how their reader runs what stands in them: with `kfimg` installed, on this machine. What is a command
//! and what is a file, [`super::steps`] tells.

use super::fenced::{self, Fenced};
use super::steps;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A document of `docs/`, as text.
pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)).unwrap()
}

/// Every document by its name, README.md among them.
pub(crate) fn all() -> Vec<(String, String)> {
    let project = super::named::project();
    let pages = fs::read_dir(project.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = pages.chain([project.join("README.md")]).collect();
    paths.sort();
    let named =
        |path: PathBuf| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap());
    paths.into_iter().map(named).collect()
}

/// The text for `sh` of a document whose first line begins so.
pub(crate) fn script(name: &str, start: &str) -> String {
    fenced::that(&read(name), "sh", start).text()
}

/// The commands of a text in their order, without what they print: those of a `console` behind `$ `, and the lines of an `sh`.
#[derive(Debug)]
pub(crate) struct Commands(Vec<String>);

impl Commands {
    /// Those of all its texts.
    pub(crate) fn of(text: &str) -> Self {
        Self(fenced::all(text).iter().flat_map(of_block).collect())
    }

    /// Those of the one text in this language whose first line begins so.
    pub(crate) fn of_the(text: &str, language: &str, start: &str) -> Self {
        Self(of_block(&fenced::that(text, language, start)))
    }

    /// Each of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The only one that has this part.
    ///
    /// # Panics
    /// When none has it, or several.
    pub(crate) fn with(&self, part: &str) -> &str {
        let found: Vec<&str> = self.iter().filter(|command| command.contains(part)).collect();
        let [one] = found[..] else { panic!("`{part}` is in {} of {:?}", found.len(), self.0) };
        one
    }
}

fn of_block(block: &Fenced<'_>) -> Vec<String> {
    match block.language {
        "console" => block.commands().into_iter().map(|(command, _)| command).collect(),
        "sh" if block.file().is_none() => block.lines.iter().map(|line| (*line).to_owned()).collect(),
        _ => Vec::new(),
    }
}

/// Writes and runs everything in that folder; gives the number of commands.
///
/// # Panics
/// When a command fails, or prints something else than the document says.
pub(crate) fn walk(name: &str, text: &str, folder: &Path) -> usize {
    steps::walk(name, text, folder, shell)
}

/// Runs a line as its reader would, with `kfimg` installed.
pub(crate) fn shell(command: &str, folder: &Path) -> Output {
    let own = Path::new(env!("CARGO_BIN_EXE_kfimg")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places =
        std::iter::once(own.to_path_buf()).chain(std::env::split_paths(&path)).chain([PathBuf::from("/usr/sbin")]);
    let mut shell = Command::new("sh");
    shell.args(["-euc", command]).current_dir(folder).env("PATH", std::env::join_paths(places).unwrap());
    super::program::run(&mut shell)
}
