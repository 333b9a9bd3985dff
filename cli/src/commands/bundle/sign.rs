//! `kfimg bundle sign`: a detached signature that says whose bundle it is.

use super::opened::BundleArgs;
use crate::console::Console;
use crate::failure::{Failure, Trouble};
use clap::Args;
use kfimg_images::content::Content;
use kfimg_images::sign::{KEY_LIMIT, SignError, SigningKey};
use serde_json::json;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Arguments of `kfimg bundle sign`.
#[derive(Args, Debug)]
pub(crate) struct SignArgs {
    #[command(flatten)]
    bundle: BundleArgs,
    /// Private key in PEM, of ECDSA P-256
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// File to write [default: the bundle's path with .sig]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Signs `bundle.json`, which names everything else by digest.
pub(crate) fn run(args: &SignArgs, console: &Console) -> Result<(), Failure> {
    let content = args.bundle.open()?;
    let pem = read_small(&args.key, KEY_LIMIT)?;
    let key = SigningKey::from_pem(&pem).map_err(|error| of_file(&args.key, error))?;
    let signature = key.sign(signed(&content)?).map_err(|error| of_file(&args.key, error))?;
    let output = args.output.clone().unwrap_or_else(|| args.bundle.signature());
    crate::output::replace(&output, &signature).map_err(Failure::io("writing", &output))?;
    if console.is_json() {
        return console.json(&json!({"signature": output.display().to_string()}));
    }
    console.say(&format!("*{}* signs {}.", output.display(), args.bundle.bundle.display()));
    Ok(())
}

/// What is signed of a bundle.
///
/// # Errors
/// When it is a layout of another program, which has no `bundle.json`.
pub(super) fn signed(content: &Content) -> Result<&[u8], Failure> {
    content.manifest_bytes().ok_or_else(|| {
        let place = content.place().display();
        Failure::images(
            Trouble::Input,
            format!("{place} has no bundle.json to sign; let `kfimg bundle create` make it"),
        )
    })
}

/// A key or a signature that cannot be used.
pub(super) fn of_file(path: &Path, error: SignError) -> Failure {
    let trouble = if error == SignError::Signature { Trouble::Verification } else { Trouble::Input };
    Failure::images(trouble, format!("{}: {error}", path.display()))
}

/// A file that is small by its nature; of a longer one, one byte more than `limit`.
pub(super) fn read_small(path: &Path, limit: u64) -> Result<zeroize::Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    let file = std::fs::File::open(path).map_err(Failure::io("reading", path))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(Failure::io("reading", path))?;
    Ok(bytes)
}
