//! A unified kernel image: systemd-stub with kernel, initrd and command line as sections of one UEFI program.
//!
//! Sources: UAPI Group "Unified Kernel Image" (sections), systemd `src/ukify/ukify.py` (their order: the kernel last, because old
//! stubs unpack it in its place), `systemd-stub(7)`. The root hash stands in the command line, so whoever trusts this file
//! trusts the whole root.

mod kernel;
mod pe;

use crate::output::{Medium, NewFile, OutputError, RootHash};
use crate::parts::Parts;
use crate::sign::Signer;
use kfimg_images::Architecture;
use pe::{Content, Section, Stub};
use std::fs;
use std::path::Path;

/// Stubs are a tenth of this.
const LARGEST_STUB: u64 = 4 << 20;
/// What shim reads of revoked programs: lines for this kind of file and for its maker.
const SBAT: &str = "uki,1,UKI,uki,1,https://uapi-group.org/specifications/specs/unified_kernel_image/\n";

/// Where the stub lies in a base, and what brings it.
#[must_use]
pub fn stub_place(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Amd64 => "usr/lib/systemd/boot/efi/linuxx64.efi.stub",
        Architecture::Arm64 => "usr/lib/systemd/boot/efi/linuxaa64.efi.stub",
    }
}

/// The base has no stub.
pub(crate) fn no_stub(architecture: Architecture) -> OutputError {
    OutputError::NoStub { place: stub_place(architecture), package: "systemd-boot-efi" }
}

/// Writes the unified kernel image that boots from a medium, signed for Secure Boot when there is a signer.
///
/// # Errors
/// Without a stub; when stub or kernel are not what they have to be; when they cannot be read or it cannot be written.
pub fn write(parts: &Parts, medium: Medium, signer: Option<&Signer>, path: &Path) -> Result<(), OutputError> {
    let stub_path = parts.stub.as_ref().ok_or_else(|| no_stub(parts.architecture))?;
    let stub = read_stub(stub_path)?;
    let stub = Stub::parse(&stub, parts.architecture).map_err(|problem| OutputError::part(stub_path, problem))?;
    let sections = sections(parts, medium, &stub)?;
    let file = NewFile::begin(path)?;
    stub.write_with(&sections, &file).map_err(|error| error.at(stub_path, path))?;
    if let Some(signer) = signer {
        signer.sign(file.file()).map_err(OutputError::io("signing", path))?;
    }
    file.finish()
}

fn sections(parts: &Parts, medium: Medium, stub: &Stub<'_>) -> Result<Vec<Section>, OutputError> {
    let hash = RootHash::of(parts)?;
    let kernel = kernel::inspect(&parts.kernel, parts.architecture)?;
    let command_line = medium.command_line(&parts.command_line, &hash);
    if let Some(wrong) = command_line.chars().find(|character| character.is_control()) {
        let problem = format!("a command line is one line, and this has the character {wrong:?} in it");
        return Err(OutputError::Value { what: "kernel command line", value: command_line, problem });
    }
    let bytes = |name, bytes: Vec<u8>| Section { name, content: Content::Bytes(bytes) };
    let mut sections = vec![bytes(".sbat", sbat(stub, parts)?), bytes(".osrel", parts.os_release.clone())];
    sections.extend(kernel.release.map(|release| bytes(".uname", release.into_bytes())));
    sections.push(bytes(".cmdline", command_line.into_bytes()));
    sections.push(Section { name: ".initrd", content: Content::of_file(&parts.initrd)? });
    sections.push(Section { name: ".linux", content: Content::of_file(&parts.kernel)? });
    Ok(sections)
}

/// The stub's own lines, and ours.
fn sbat(stub: &Stub<'_>, parts: &Parts) -> Result<Vec<u8>, OutputError> {
    for (what, value) in [("IMAGE_ID", &parts.image_id), ("IMAGE_VERSION", &parts.image_version)] {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._+~-".contains(&byte);
        if value.is_empty() || !value.bytes().all(allowed) {
            let problem = "os-release allows letters, digits and . _ - + ~ only".to_owned();
            return Err(OutputError::Value { what, value: value.clone(), problem });
        }
    }
    let mut sbat = stub.section(".sbat").unwrap_or_default().to_vec();
    let end = sbat.iter().rposition(|byte| *byte != 0 && *byte != b'\n').map_or(0, |last| last + 1);
    sbat.truncate(end);
    if sbat.is_empty() {
        sbat.extend_from_slice(b"sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md");
    }
    let Parts { image_id, image_version, .. } = parts;
    let ours = format!("\n{SBAT}kfimg,1,kfimg,{image_id},{image_version},https://github.com/kfimg/kfimg\n");
    sbat.extend_from_slice(ours.as_bytes());
    Ok(sbat)
}

fn read_stub(path: &Path) -> Result<Vec<u8>, OutputError> {
    if crate::extents::file_size(path)? > LARGEST_STUB {
        return Err(OutputError::part(path, "it is too large to be systemd-stub"));
    }
    fs::read(path).map_err(OutputError::io("reading", path))
}
