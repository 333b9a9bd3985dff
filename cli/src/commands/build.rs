//! `kfimg build`: the machine template, from a base system and a bundle.

mod talk;

use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::BuildFolder;
use crate::size::{self, human};
use clap::{Args, ValueEnum};
use kfimg_builder::lint::{LINTS, Severity};
use kfimg_builder::record::BuildRecord;
use kfimg_builder::{DiskSizes, Error, OutputKind, Preload, Request, RootFormat, Signer, build};
use kfimg_images::Architecture;
use kfimg_images::content::Content;
use std::path::PathBuf;
use talk::{Talk, time_lines};

/// The environment's wish for the time of everything (<https://reproducible-builds.org/specs/source-date-epoch/>).
const EPOCH: &str = "SOURCE_DATE_EPOCH";
/// The kernel talks to the screen and to the first serial line, which is a PC's UART or an arm64 server's PL011.
fn consoles(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Amd64 => "console=tty0 console=ttyS0,115200",
        Architecture::Arm64 => "console=tty0 console=ttyAMA0,115200",
    }
}

/// Arguments of `kfimg build`.
#[derive(Args, Debug)]
pub(crate) struct BuildArgs {
    /// System to build on: a tar, a folder, an OCI image layout (PATH#REFERENCE for one of several), or a reference in the bundle
    #[arg(long, value_name = "BASE", required_unless_present = "list_lints")]
    base: Option<String>,
    /// Bundle with kubelet, containerd and the other host programs
    #[arg(long, value_name = "PATH", default_value = "bundle")]
    bundle: PathBuf,
    /// What to write: pxe, raw, qcow2, vmdk, ova, iso, sysext, parts
    #[arg(long = "output", value_name = "KIND", value_delimiter = ',', required_unless_present = "list_lints")]
    outputs: Vec<OutputKind>,
    /// Folder to write to
    #[arg(short = 'o', long = "output-dir", value_name = "DIR", default_value = "images")]
    folder: PathBuf,
    /// kfimg-agent of `make agent` [default: the bundle's]
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,
    /// Architecture of the machines
    #[arg(long = "arch", value_name = "ARCH", default_value = "amd64", value_parser = super::bundle::architecture)]
    architecture: Architecture,
    /// Format of the read-only root
    #[arg(long, value_enum, default_value_t = Root::Squashfs, value_name = "FORMAT")]
    root: Root,
    /// Whose images to lay into the image, so that a first boot needs no registry
    #[arg(long, value_enum, value_name = "ROLE")]
    preload: Option<PreloadRole>,
    /// Name of the image (IMAGE_ID of os-release)
    #[arg(long, value_name = "NAME", default_value = "kfimg")]
    image_id: String,
    /// Version of the image (IMAGE_VERSION of os-release) [default: the kubelet's]
    #[arg(long, value_name = "VERSION")]
    image_version: Option<String>,
    /// Words to add to the kernel's command line
    #[arg(long, value_name = "TEXT")]
    append: Vec<String>,
    /// PXE: machines fetch the root from this folder of a boot server, verified, instead of loading it inside the initrd
    #[arg(long, value_name = "URL")]
    root_url: Option<String>,
    #[command(flatten)]
    disk: DiskArgs,
    #[command(flatten)]
    secure_boot: SecureBootArgs,
    /// A lint that may find something; may be given more than once
    #[arg(long = "allow", value_name = "LINT")]
    allowed: Vec<String>,
    /// List what images are held against, and stop
    #[arg(long)]
    list_lints: bool,
}

/// Sizes of raw, qcow2, vmdk and ova.
#[derive(Args, Clone, Copy, Debug)]
struct DiskArgs {
    /// Size of the disk, such as 64GiB [default: the smallest, and 32GiB for ova]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    disk_size: Option<u64>,
    /// Size of each of the two root partitions [default: half as much again as the root needs]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    slot_size: Option<u64>,
    /// Size of the EFI system partition [default: 512MiB]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    esp_size: Option<u64>,
}

impl From<DiskArgs> for DiskSizes {
    fn from(args: DiskArgs) -> Self {
        Self { disk: args.disk_size, slot: args.slot_size, esp: args.esp_size }
    }
}

/// What signs the kernel of disks and ISO.
#[derive(Args, Debug)]
struct SecureBootArgs {
    /// Secure Boot: RSA key (PEM) that signs the kernel image of disks and ISO
    #[arg(long, value_name = "FILE", requires = "secure_boot_certificate")]
    secure_boot_key: Option<PathBuf>,
    /// Secure Boot: certificate (PEM) of that key, which the firmware knows
    #[arg(long, value_name = "FILE", requires = "secure_boot_key")]
    secure_boot_certificate: Option<PathBuf>,
}

impl SecureBootArgs {
    fn signer(&self) -> Result<Option<Signer>, Error> {
        let files = self.secure_boot_key.as_deref().zip(self.secure_boot_certificate.as_deref());
        Ok(files.map(|(key, certificate)| Signer::load(key, certificate)).transpose()?)
    }
}

/// Format of the read-only root.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Root {
    // Reads everywhere; zstd.
    Squashfs,
    // Less memory and faster reads; LZ4, needs erofs-utils 1.7.
    Erofs,
}

/// Whose images are laid into an image.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum PreloadRole {
    ControlPlane,
    Etcd,
    Worker,
    All,
}

/// Builds it.
pub(crate) fn run(args: &BuildArgs, console: &Console) -> Result<(), Failure> {
    if args.list_lints {
        return list(console);
    }
    let stop = interrupt::stop_on_signals();
    let bundle = Content::open(&args.bundle)?;
    let outputs = args.outputs.iter().copied().collect();
    let consoles = consoles(args.architecture);
    let command_line =
        std::iter::once(consoles).chain(args.append.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
    let signer = args.secure_boot.signer()?;
    let folder = BuildFolder::begin(&args.folder)?;
    let request = Request {
        base: args.base.as_deref().unwrap_or_default(),
        bundle: &bundle,
        agent: args.agent.as_deref(),
        architecture: args.architecture,
        outputs: &outputs,
        root: match args.root {
            Root::Squashfs => RootFormat::Squashfs,
            Root::Erofs => RootFormat::Erofs,
        },
        image_id: &args.image_id,
        image_version: args.image_version.as_deref(),
        source_date_epoch: epoch()?,
        preload: args.preload.map(preload),
        allowed: &args.allowed,
        command_line: &command_line,
        root_url: args.root_url.as_deref(),
        disk: args.disk.into(),
        signer: signer.as_ref(),
        folder: folder.path(),
    };
    let talk = Talk::new(console);
    let built = build(&request, &stop, &|event| talk.take(event));
    let times = talk.end();
    let built = built?;
    folder.publish()?;
    tell(args, &built.record, console)?;
    if console.is_verbose() && !console.is_json() {
        time_lines(&times).iter().for_each(|line| console.say(line));
    }
    Ok(())
}

fn preload(role: PreloadRole) -> Preload {
    match role {
        PreloadRole::ControlPlane => Preload::ControlPlane,
        PreloadRole::Etcd => Preload::Etcd,
        PreloadRole::Worker => Preload::Worker,
        PreloadRole::All => Preload::All,
    }
}

fn epoch() -> Result<Option<u64>, Failure> {
    let Some(text) = std::env::var_os(EPOCH).filter(|text| !text.is_empty()) else { return Ok(None) };
    let number = text.to_str().and_then(|text| text.parse().ok());
    let wrong = || Failure::Usage(format!("{EPOCH} is `{}`; write seconds since 1970", text.display()));
    number.map(Some).ok_or_else(wrong)
}

fn list(console: &Console) -> Result<(), Failure> {
    if console.is_json() {
        let rows = LINTS.iter().map(|lint| {
            serde_json::json!({ "lint": lint.id, "severity": lint.severity, "what": lint.what, "remedy": lint.remedy })
        });
        return console.json(&rows.collect::<Vec<_>>());
    }
    let rows = LINTS.iter().map(|lint| [lint.id, lint.severity.as_str(), lint.what].map(str::to_owned));
    console.columns(["LINT", "SEVERITY", "WHAT"], rows)
}

fn tell(args: &BuildArgs, record: &BuildRecord, console: &Console) -> Result<(), Failure> {
    if console.is_json() {
        return console.json(record);
    }
    let root = &record.root;
    console.say(&format!(
        "*{}* holds {} {} for {}, on {} with Linux {}",
        args.folder.display(),
        record.image_id,
        record.image_version,
        record.architecture,
        record.system,
        record.kernel_version
    ));
    let (content, size) = (human(root.content_bytes), human(root.size));
    console
        .say(&format!("The root: {} files, {content}, as an image {size}; root hash {}", root.entries, root.root_hash));
    for (name, output) in &record.outputs {
        console.say(&format!("  {name:16} {:>10}", human(output.size)));
    }
    let notes = record.findings.iter().filter(|finding| finding.severity == Severity::Note).count();
    if notes > 0 && !console.is_verbose() {
        console.say(&format!("{notes} notes of lints stand in build.json; -v shows them."));
    }
    Ok(())
}
