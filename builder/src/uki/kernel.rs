//! What has to be known of a kernel before it goes into a unified kernel image: that UEFI can start it, and its release.
//!
//! Source: Linux `Documentation/arch/x86/boot.rst`.

use crate::output::OutputError;
use kfimg_images::Architecture;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Enough for the header and the text that it points to.
const HEAD: u64 = 64 << 10;
/// Where `kernel_version` points from.
const SETUP: usize = 0x200;
/// Longer than any release.
const RELEASE: usize = 64;

/// What is known of a kernel.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Kernel {
    /// What `uname -r` will say; only x86 kernels tell it.
    pub(super) release: Option<String>,
}

/// Looks at a kernel.
///
/// # Errors
/// When it cannot be read, or has no UEFI entry.
pub(super) fn inspect(path: &Path, architecture: Architecture) -> Result<Kernel, OutputError> {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.map_err(OutputError::io("reading", path))?;
    if !head.starts_with(b"MZ") {
        let problem = if head.starts_with(&[0x1f, 0x8b]) {
            "this kernel is gzip-compressed, which UEFI cannot start: unpack it in the base"
        } else {
            "this is no kernel that UEFI can start (built with CONFIG_EFI_STUB)"
        };
        return Err(OutputError::part(path, problem));
    }
    let release = if architecture == Architecture::Amd64 { release(&head) } else { None };
    Ok(Kernel { release })
}

fn release(head: &[u8]) -> Option<String> {
    if head.get(0x202..0x206)? != b"HdrS" {
        return None;
    }
    let place = usize::from(u16::from_le_bytes(head.get(0x20e..0x210)?.try_into().ok()?)) + SETUP;
    let text = head.get(place..)?.iter().take(RELEASE).take_while(|byte| byte.is_ascii_graphic());
    let release: String = text.map(|byte| char::from(*byte)).collect();
    (!release.is_empty()).then_some(release)
}

#[cfg(test)]
mod tests {
    use super::{Architecture, inspect};

    fn told(kernel: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), kernel).unwrap();
        match inspect(file.path(), Architecture::Amd64) {
            Ok(kernel) => format!("{:?}", kernel.release),
            Err(error) => error.to_string().rsplit_once(": ").unwrap().1.to_owned(),
        }
    }

    #[test]
    fn the_release_is_read_and_nothing_else_makes_it_fail() {
        let mut kernel = vec![0; 0x1000];
        kernel[..2].copy_from_slice(b"MZ");
        assert_eq!(told(&kernel), "None");
        kernel[0x202..0x206].copy_from_slice(b"HdrS");
        kernel[0x20e..0x210].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(told(&kernel), "None", "a pointer behind the end");
        kernel[0x20e..0x210].copy_from_slice(&[0x00, 0x04]);
        kernel[0x600..0x616].copy_from_slice(b"6.1.0-41-amd64 (debian");
        assert_eq!(told(&kernel), "Some(\"6.1.0-41-amd64\")");
        assert_eq!(told(b""), "this is no kernel that UEFI can start (built with CONFIG_EFI_STUB)");
        assert_eq!(told(b"\x1f\x8b"), "unpack it in the base");
    }
}
