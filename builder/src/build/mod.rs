//! [`build`]: from a base and a bundle to finished outputs in a folder. The order of the steps, and nothing of what they do.
//!
//! Whoever calls makes the folder and publishes it when all is there; a build that fails or is killed leaves its target as it
//! was.

mod assemble;
mod boot_words;
mod check;

use crate::base::{self, Base};
use crate::boot;
use crate::content::kernel::{self, Kernel};
use crate::content::system::{self, Stamp};
use crate::content::{self, PartSource, PreloadedImage, host, identity, preload};
use crate::error::{Error, ErrorKind};
use crate::initrd;
use crate::licences;
use crate::lint::{self, Finding, Severity, Subject};
use crate::listing::LISTING_FILE;
use crate::output::Watch;
use crate::packages::{self, Package};
use crate::parts::Parts;
use crate::picture::{self, PICTURE_FILE};
use crate::record::{BuildRecord, FORMAT_VERSION, OptionsRecord, OutputRecord, RECORD_FILE, RootRecord};
use crate::request::{Event, Request};
use crate::root_image::{self, Options, RootImage};
use crate::sizes;
use crate::spool::Spool;
use crate::tree::{FileContent, Tree};
use crate::verity::{self, Verity};
use fs_err as fs;
use kfimg_images::stop::Stop;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Where the parts lie until they are assembled, below the build's folder.
const WORK: &str = ".work";
/// squashfs keeps times in 32 bits.
const LATEST: u64 = u32::MAX as u64;

/// A finished build.
#[derive(Clone, Debug)]
pub struct Built {
    /// What stands in `build.json`.
    pub record: BuildRecord,
}

/// The system that goes into the root, before it is written.
struct System {
    tree: Tree,
    base: Base,
    kernel: Kernel,
    parts: Vec<PartSource>,
    preloaded: Vec<PreloadedImage>,
    os_release: Vec<u8>,
    version: String,
    epoch: u64,
}

/// Builds everything that the request names into its folder.
///
/// # Errors
/// [`Error`]; the folder then holds nothing of use.
pub fn build(request: &Request<'_>, stop: &Stop, tell: &dyn Fn(Event<'_>)) -> Result<Built, Error> {
    // Ctrl-C in a terminal ends the programs that run too, and their end is no failure of theirs.
    all(request, stop, tell).map_err(|error| match error.kind() {
        ErrorKind::Program if stop.is_asked() => Error::Stopped,
        _ => error,
    })
}

fn all(request: &Request<'_>, stop: &Stop, tell: &dyn Fn(Event<'_>)) -> Result<Built, Error> {
    check::check(request)?;
    let programs = assemble::programs(request)?;
    let work = request.folder.join(WORK);
    fs::create_dir(&work).map_err(Error::io("creating", &work))?;
    let advanced = |bytes| tell(Event::Advanced(bytes));
    let watch = Watch::new(stop, &advanced);
    let mut spool = Spool::new(&work, watch.clone())?;
    let system = compose(request, &mut spool, tell)?;
    let packages = packages::all(&system.tree);
    let findings = judge(request, &system, &packages, &work, stop, tell)?;
    assemble::check_base(request, &system.kernel, &system.version)?;
    let (image, verity, parts) = write_root(request, &system, &work, stop, tell)?;
    preload::verify(&image.listing, request.bundle)?;
    let context = assemble::Context { request, parts: &parts, tree: &system.tree, work: &work, watch: &watch, tell };
    assemble::all(&context)?;
    write(request, LISTING_FILE, image.listing.as_bytes())?;
    fs::remove_dir_all(&work).map_err(Error::io("removing", &work))?;
    let mut record = record(request, &system, findings, &image, &verity);
    record.licences = licences::all(&packages, &record.parts);
    record.packages = packages.into_iter().map(|package| (package.name, package.version)).collect();
    record.programs = programs;
    record.outputs = outputs(request.folder, &watch, tell)?;
    write(request, PICTURE_FILE, picture::page(&record).as_bytes())?;
    write(request, RECORD_FILE, &record.to_bytes())?;
    Ok(Built { record })
}

/// Base, host programs, agent, settings, images; identity out.
fn compose(request: &Request<'_>, spool: &mut Spool<'_>, tell: &dyn Fn(Event<'_>)) -> Result<System, Error> {
    let architecture = request.architecture;
    // Of layers and folders nobody knows before how much they are.
    let file = fs::metadata(request.base).ok().filter(|about| about.is_file());
    tell(Event::Phase { name: "reading the base", bytes: file.map_or(0, |about| about.len()) });
    let mut base = base::read(request.base, Some(request.bundle), architecture, spool)?;
    base.remarks.iter().for_each(|remark| tell(Event::Remark(remark)));
    let mut tree = std::mem::take(&mut base.tree);
    let kernel = kernel::find(&tree, architecture);
    let newest = tree.iter().filter(|(_, node)| !node.is_folder()).map(|(_, node)| node.mtime).max();
    let epoch = request.source_date_epoch.unwrap_or_else(|| newest.unwrap_or(0).min(LATEST));
    check_clock(epoch)?;
    tell(Event::Phase { name: "adding programs and settings", bytes: 0 });
    identity::remove(&mut tree);
    identity::make_mount_points(&mut tree)?;
    let mut parts = host::add(&mut tree, request.bundle, architecture, spool)?;
    let kubelet = parts.iter().find(|part| part.name == "kubelet").and_then(|part| part.version.clone());
    let version = request.image_version.map(str::to_owned).or(kubelet).unwrap_or_default();
    parts.push(content::add_agent(&mut tree, request.agent, request.bundle, architecture, spool)?);
    let stamp = Stamp { id: request.image_id, version: &version };
    let os_release = system::write(&mut tree, stamp)?;
    content::boot::add(&mut tree)?;
    let preloaded = match request.preload {
        Some(preload) => preload::add(&mut tree, request.bundle, preload, architecture, spool.watch())?,
        None => Vec::new(),
    };
    Ok(System { tree, base, kernel, parts, preloaded, os_release, version, epoch })
}

/// Writers of images bound times by this machine's clock too, so an earlier clock would show in the image.
fn check_clock(epoch: u64) -> Result<(), Error> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    if epoch <= now {
        return Ok(());
    }
    let reason = format!(
        "the time of the image, {epoch} s since 1970, lies after this machine's clock ({now}); set the clock, or SOURCE_DATE_EPOCH"
    );
    Err(Error::Usage(reason))
}

/// Runs all lints and tells what they find.
fn judge(
    request: &Request<'_>,
    system: &System,
    packages: &[Package],
    work: &Path,
    stop: &Stop,
    tell: &dyn Fn(Event<'_>),
) -> Result<Vec<Finding>, Error> {
    tell(Event::Phase { name: "checking the image", bytes: 0 });
    let modules = lint::initrd_modules();
    let wanted = initrd::Wanted { programs: lint::initrd_programs(), modules: &modules };
    let contents = |initrd: &Arc<FileContent>| initrd::contents(initrd.reader(), wanted, work, stop);
    let initrd = system.kernel.initrd.as_ref().map(contents).transpose()?;
    let subject = Subject {
        tree: &system.tree,
        kernel: &system.kernel,
        architecture: request.architecture,
        root_options: request.root.kernel_options(),
        os_release: &system.os_release,
        initrd: initrd.as_ref(),
        packages,
    };
    let findings = lint::run(&subject, request.allowed);
    findings.iter().for_each(|finding| tell(Event::Finding(finding)));
    if !lint::refuses(&findings) {
        return Ok(findings);
    }
    let count = |severity| findings.iter().filter(|finding: &&Finding| finding.severity == severity).count();
    let summary = match (count(Severity::Fatal), count(Severity::Refused)) {
        (fatal, 0) => format!("{fatal} findings, with which no node can boot or work"),
        (0, refused) => format!("{refused} findings; correct the base, or take each over with --allow LINT"),
        (fatal, refused) => format!("{fatal} findings with which no node can boot or work, and {refused} others"),
    };
    Err(Error::Refused(summary))
}

fn write_root(
    request: &Request<'_>,
    system: &System,
    work: &Path,
    stop: &Stop,
    tell: &dyn Fn(Event<'_>),
) -> Result<(RootImage, Verity, Parts), Error> {
    let bytes = sizes::by_part(&system.tree).values().sum();
    tell(Event::Phase { name: "writing the root image", bytes });
    let root = work.join("root");
    let name = format!("{} {}", request.image_id, system.version);
    let options = Options { format: request.root, source_date_epoch: system.epoch, name: &name };
    let image = root_image::write(&system.tree, &root, options, stop, &|bytes| tell(Event::Advanced(bytes)))?;
    tell(Event::Phase { name: "hashing the root image", bytes: 0 });
    let tree = work.join("verity");
    let verity = verity::write(&root, &image.digest, &tree, stop)?;
    let kernel = &system.kernel;
    let parts = Parts {
        architecture: request.architecture,
        image_id: request.image_id.to_owned(),
        image_version: system.version.clone(),
        kernel: extract(work, "vmlinuz", kernel.linux.as_ref())?.unwrap_or_default(),
        initrd: whole_initrd(system, work)?,
        root,
        verity: tree,
        root_hash: verity.root_hash.clone(),
        command_line: command_line(request),
        os_release: system.os_release.clone(),
        stub: extract(work, "stub.efi", kernel.stub.as_ref())?,
        source_date_epoch: system.epoch,
    };
    Ok((image, verity, parts))
}

/// What every kernel of the image is told, before an output says where the root is.
fn command_line(request: &Request<'_>) -> String {
    format!("{} {}", boot::COMMAND_LINE, request.command_line).trim_end().to_owned()
}

/// The base's initrd, with the agent and the units that open the root behind it.
fn whole_initrd(system: &System, work: &Path) -> Result<PathBuf, Error> {
    let Some(base) = extract(work, "base-initrd", system.kernel.initrd.as_ref())? else { return Ok(PathBuf::new()) };
    let agent = system.tree.lookup(initrd::AGENT).and_then(|(_, node)| node.content());
    let agent = extract(work, "agent", agent)?.ok_or_else(|| Error::Refused("it has no agent".to_owned()))?;
    let whole = work.join("initrd");
    initrd::write(&base, &agent, system.epoch, &whole).map_err(Error::io("writing", &whole))?;
    Ok(whole)
}

/// Copies a file of the image into the work folder.
fn extract(work: &Path, name: &str, content: Option<&Arc<FileContent>>) -> Result<Option<PathBuf>, Error> {
    let Some(content) = content else { return Ok(None) };
    let path = work.join(name);
    let mut file = fs::File::create(&path).map_err(Error::io("creating", &path))?;
    std::io::copy(&mut content.reader(), &mut file).map_err(Error::io("writing", &path))?;
    Ok(Some(path))
}

fn write(request: &Request<'_>, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let path = request.folder.join(name);
    fs::write(&path, bytes).map_err(Error::io("writing", &path))
}

fn record(
    request: &Request<'_>,
    system: &System,
    findings: Vec<Finding>,
    image: &RootImage,
    verity: &Verity,
) -> BuildRecord {
    let sizes = sizes::by_part(&system.tree);
    let named = |name| system::setting(&system.os_release, name);
    BuildRecord {
        format_version: FORMAT_VERSION,
        kfimg_version: env!("CARGO_PKG_VERSION").to_owned(),
        image_id: request.image_id.to_owned(),
        image_version: system.version.clone(),
        architecture: request.architecture.to_string(),
        source_date_epoch: system.epoch,
        system: named("PRETTY_NAME").or_else(|| named("ID")).unwrap_or_default(),
        base: system.base.source.clone(),
        kernel_version: system.kernel.version.clone().unwrap_or_default(),
        parts: system.parts.clone(),
        preloaded: system.preloaded.clone(),
        packages: BTreeMap::new(),
        licences: Vec::new(),
        programs: Vec::new(),
        root: RootRecord {
            format: request.root,
            entries: system.tree.iter().count() as u64,
            content_bytes: sizes.values().sum(),
            size: image.size,
            digest: image.digest.clone(),
            root_hash: verity.root_hash.clone(),
            salt: verity.salt.clone(),
        },
        command_line: command_line(request),
        options: OptionsRecord::of(request),
        secure_boot: request.signer.map(|signer| signer.record().clone()),
        findings,
        sizes,
        outputs: BTreeMap::new(),
    }
}

/// Size and digest of every file in the folder and below it.
fn outputs(
    folder: &Path,
    watch: &Watch<'_>,
    tell: &dyn Fn(Event<'_>),
) -> Result<BTreeMap<String, OutputRecord>, Error> {
    let files = files(folder)?;
    tell(Event::Phase { name: "hashing the outputs", bytes: files.iter().map(|(_, _, size)| size).sum() });
    let record = |(name, path, _): (String, PathBuf, u64)| -> Result<_, Error> {
        let (size, digest) = root_image::digest(&path, watch)?;
        Ok((name, OutputRecord { size, digest }))
    };
    files.into_iter().map(record).collect()
}

/// Name, path and size of every file in the folder and below it.
fn files(folder: &Path) -> Result<Vec<(String, PathBuf, u64)>, Error> {
    let mut found = Vec::new();
    let mut open = vec![(folder.to_owned(), String::new())];
    while let Some((here, prefix)) = open.pop() {
        for entry in fs::read_dir(&here).map_err(Error::io("listing", &here))? {
            let entry = entry.map_err(Error::io("listing", &here))?;
            let name = crate::tree::join(&prefix, &entry.file_name().to_string_lossy());
            let about = entry.metadata().map_err(Error::io("examining", &entry.path()))?;
            if about.is_dir() {
                open.push((entry.path(), name));
            } else {
                found.push((name, entry.path(), about.len()));
            }
        }
    }
    Ok(found)
}
