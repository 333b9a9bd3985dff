//! `kfimg init`: a commented site file, an inventory and the schema to start from.

use crate::console::Console;
use crate::failure::Failure;
use clap::Args;
use fs_err as fs;
use kfimg_profiles::{builtin, templates};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Arguments of `kfimg init`.
#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// Profile to start from
    #[arg(default_value = "ha3")]
    profile: String,
    /// Folder to write into; it is made when it is missing
    #[arg(value_name = "DIR", default_value = "site")]
    folder: PathBuf,
}

/// Writes the files; overwrites none.
pub(crate) fn run(args: &InitArgs, console: &Console) -> Result<(), Failure> {
    let files = templates::site(&args.profile).ok_or_else(|| unknown_profile(&args.profile))?;
    let paths: Vec<PathBuf> = files.iter().map(|(name, _)| args.folder.join(name)).collect();
    if let Some(path) = paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(Failure::Exists { path: path.clone() });
    }
    fs::create_dir_all(&args.folder).map_err(Failure::io("creating", &args.folder))?;
    for (path, (_, content)) in paths.iter().zip(&files) {
        write_new(path, content)?;
    }
    let folder = args.folder.display();
    console.say(&format!("Wrote a site for profile *{}* into *{folder}*:", args.profile));
    for (name, _) in &files {
        console.say(&format!("  {folder}/{name}"));
    }
    console.say("Edit the addresses in both files, then:");
    console.say(&format!(
        "  kfimg render --profile {} --site {folder}/site.yaml --inventory {folder}/nodes.csv",
        args.profile
    ));
    Ok(())
}

fn write_new(path: &Path, content: &str) -> Result<(), Failure> {
    let mut file = fs::File::create_new(path).map_err(Failure::io("creating", path))?;
    file.write_all(content.as_bytes()).map_err(Failure::io("writing", path))
}

fn unknown_profile(name: &str) -> Failure {
    let known: Vec<&str> = builtin::PROFILES.iter().map(|profile| profile.name).collect();
    Failure::Usage(format!("there is no profile `{name}`; choose one of {}", known.join(", ")))
}
