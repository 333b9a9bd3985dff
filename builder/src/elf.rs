//! For which machines a program is, and whether it needs a dynamic linker. Nothing else of ELF and PE is read.
//!
//! Sources: System V ABI, "ELF Header" and "Program Header"; Microsoft PE format, "COFF File Header"; Linux
//! Documentation/arch/x86/boot.rst and Documentation/arch/arm64/booting.rst.

use crate::tree::FileContent;
use kfimg_images::Architecture;

/// Bytes that hold the headers of every program of this world.
const HEAD: u64 = 64 << 10;
/// `e_machine` of an ELF file and `Machine` of a PE file.
const MACHINES: [(Architecture, u16, u16); 2] = [(Architecture::Amd64, 62, 0x8664), (Architecture::Arm64, 183, 0xaa64)];
/// Type of the program header that names the dynamic linker.
const PT_INTERP: u32 = 3;

/// What a program's headers say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Program {
    /// `None` for machines that kfimg has no word for.
    pub(crate) architecture: Option<Architecture>,
    /// Path of the dynamic linker that it needs.
    pub(crate) linker: Option<String>,
}

/// Reads an ELF file; `None` for anything else.
pub(crate) fn read(content: &FileContent) -> Option<Program> {
    let head = content.head(HEAD).ok()?;
    if !head.starts_with(b"\x7fELF") {
        return None;
    }
    // 64 bits, little endian: both architectures are, and others' headers lie elsewhere.
    if head.get(4..6)? != b"\x02\x01" {
        return Some(Program { architecture: None, linker: None });
    }
    let machine = u16::from_le_bytes(head.get(18..20)?.try_into().ok()?);
    let architecture = MACHINES.iter().find(|row| row.1 == machine).map(|row| row.0);
    Some(Program { architecture, linker: linker(&head) })
}

fn linker(head: &[u8]) -> Option<String> {
    let number = |at: usize, length: usize| {
        let bytes = head.get(at..at.checked_add(length)?)?;
        let value = bytes.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        usize::try_from(value).ok()
    };
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let headers = (0..count).filter_map(|index| table.checked_add(index.checked_mul(size)?));
    let mut interpreters = headers.filter(|at| number(*at, 4) == Some(PT_INTERP as usize));
    let at = interpreters.next()?;
    let (offset, length) = (number(at + 8, 8)?, number(at + 32, 8)?);
    let text = head.get(offset..offset.checked_add(length)?)?;
    Some(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned())
}

/// The machines that a Linux kernel with an EFI stub is for; `None` for anything else.
pub(crate) fn kernel(content: &FileContent) -> Option<Architecture> {
    let head = content.head(HEAD).ok()?;
    if head.get(..2)? != b"MZ" {
        return None;
    }
    let at = usize::try_from(u32::from_le_bytes(head.get(0x3c..0x40)?.try_into().ok()?)).ok()?;
    if head.get(at..at.checked_add(4)?)? != b"PE\0\0" {
        return None;
    }
    let machine = u16::from_le_bytes(head.get(at + 4..at + 6)?.try_into().ok()?);
    MACHINES.iter().find(|row| row.2 == machine).map(|row| row.0)
}

#[cfg(test)]
mod tests {
    use super::{Program, kernel, read};
    use crate::fake::{kernel as fake_kernel, program as fake};
    use crate::tree::FileContent;
    use kfimg_images::Architecture;

    #[test]
    fn headers_tell_machine_and_linker() {
        for architecture in Architecture::ALL.iter().copied() {
            for linker in [None, Some("/lib/ld-musl-x86_64.so.1")] {
                let found = read(&FileContent::Bytes(fake(architecture, linker)));
                let wanted = Program { architecture: Some(architecture), linker: linker.map(str::to_owned) };
                assert_eq!(found, Some(wanted));
            }
            assert_eq!(kernel(&FileContent::Bytes(fake_kernel(architecture))), Some(architecture));
        }
    }

    #[test]
    fn this_test_is_a_program() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let found = read(&FileContent::Bytes(bytes)).unwrap();
        assert_eq!(found.architecture, Architecture::of_this_machine());
        assert!(found.linker.is_some_and(|linker| linker.contains("ld-linux")));
    }

    #[test]
    fn damaged_headers_are_no_program() {
        let whole = fake(Architecture::Amd64, Some("/lib/ld"));
        for length in 0..whole.len() {
            let _ = read(&FileContent::Bytes(whole[..length].to_vec()));
            let _ = kernel(&FileContent::Bytes(whole[..length].to_vec()));
        }
        let mut wild = whole;
        wild[32..64].fill(0xff);
        assert_eq!(read(&FileContent::Bytes(wild)).unwrap().linker, None);
        assert_eq!(read(&FileContent::Bytes(b"#!/bin/sh".to_vec())), None);
        let (narrow, other) = (b"\x7fELF\x01\x01".to_vec(), Program { architecture: None, linker: None });
        assert_eq!(read(&FileContent::Bytes(narrow)), Some(other), "of 32 bits: for other machines");
    }
}
