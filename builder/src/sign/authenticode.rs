//! What is signed of a program, and the form of the signature (PKCS #7).

use super::der::{
    BIT_STRING, CONTENT_TYPE, INDIRECT_DATA, INTEGER, MESSAGE_DIGEST, OCTET_STRING, PE_IMAGE, RSA, SEQUENCE, SET,
    SHA256, SIGNED_DATA, algorithm, context, context_string, value,
};
use super::{Signer, number_at};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Signatures begin and end at multiples of this.
const ALIGNMENT: u64 = 8;
const HEAD: u64 = 8;
/// "Revision 2.0, PKCS #7".
const KIND: [u8; 4] = [0, 2, 2, 0];
/// Places in the optional header of PE32+.
const CHECKSUM: u64 = 64;
const DIRECTORY: u64 = 112 + 8 * 4;
/// The name of the file, which nobody looks at.
const OBSOLETE: &str = "<<<Obsolete>>>";

/// Where a program has what is not signed: its checksum, and the place of the signature.
pub(super) struct Place {
    checksum: u64,
    directory: u64,
    length: u64,
}

impl Place {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let optional = u64::from(u32::from_le_bytes(number_at(file, 0x3c)?)) + 24;
        let length = file.metadata()?.len();
        let place = Self { checksum: optional + CHECKSUM, directory: optional + DIRECTORY, length };
        if number_at::<8>(file, place.directory)? != [0; 8] || !length.is_multiple_of(ALIGNMENT) {
            return Err(io::Error::other("the program has a signature already, or does not end with a section"));
        }
        Ok(place)
    }

    /// The digest of all but those two places.
    pub(super) fn digest(&self, file: &File) -> io::Result<Vec<u8>> {
        let ranges = [0..self.checksum, self.checksum + 4..self.directory, self.directory + 8..self.length];
        let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
        for range in ranges {
            let mut place = range.start;
            while place < range.end {
                let rest = usize::try_from(range.end - place).unwrap_or(usize::MAX);
                let part = rest.min(buffer.len());
                file.read_exact_at(&mut buffer[..part], place)?;
                hash.update(&buffer[..part]);
                place += part as u64;
            }
        }
        Ok(hash.finalize().to_vec())
    }

    /// Appends a signature and says where it is.
    pub(super) fn append(&self, file: &File, signed: &[u8]) -> io::Result<()> {
        let number = |value: u64| u32::try_from(value).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge));
        let length = HEAD + signed.len() as u64;
        let mut table = [&number(length)?.to_le_bytes()[..], &KIND, signed].concat();
        table.resize(table.len().next_multiple_of(8), 0);
        file.write_all_at(&table, self.length)?;
        let directory = [number(self.length)?.to_le_bytes(), number(table.len() as u64)?.to_le_bytes()];
        file.write_all_at(directory.as_flattened(), self.directory)
    }
}

/// The signature of a program with this digest.
pub(super) fn signed_data(
    digest: &[u8],
    signer: &Signer,
    sign: impl Fn(&[u8]) -> io::Result<Vec<u8>>,
) -> io::Result<Vec<u8>> {
    let (image, digest_info) = indirect_data(digest);
    // The digest of the content goes without its tag and length.
    let content_digest = Sha256::digest([&image[..], &digest_info].concat());
    let attributes =
        [attribute(CONTENT_TYPE, INDIRECT_DATA), attribute(MESSAGE_DIGEST, &value(OCTET_STRING, &[&content_digest]))]
            .concat();
    let signature = sign(&value(SET, &[&attributes]))?;
    let signer_info = value(
        SEQUENCE,
        &[
            &value(INTEGER, &[&[1]]),
            &value(SEQUENCE, &[&signer.issuer, &value(INTEGER, &[&signer.serial])]),
            &algorithm(SHA256),
            &value(context(0), &[&attributes]),
            &algorithm(RSA),
            &value(OCTET_STRING, &[&signature]),
        ],
    );
    let content = value(SEQUENCE, &[INDIRECT_DATA, &value(context(0), &[&value(SEQUENCE, &[&image, &digest_info])])]);
    let signed = value(
        SEQUENCE,
        &[
            &value(INTEGER, &[&[1]]),
            &value(SET, &[&algorithm(SHA256)]),
            &content,
            &value(context(0), &[&signer.certificate]),
            &value(SET, &[&signer_info]),
        ],
    );
    Ok(value(SEQUENCE, &[SIGNED_DATA, &value(context(0), &[&signed])]))
}

/// What is signed: "a PE image", and its digest.
fn indirect_data(digest: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let name: Vec<u8> = OBSOLETE.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let file = value(context(0), &[&value(context(2), &[&value(context_string(0), &[&name])])]);
    let image = value(SEQUENCE, &[PE_IMAGE, &value(SEQUENCE, &[&value(BIT_STRING, &[&[0]]), &file])]);
    let digest_info = value(SEQUENCE, &[&algorithm(SHA256), &value(OCTET_STRING, &[digest])]);
    (image, digest_info)
}

fn attribute(identifier: &[u8], content: &[u8]) -> Vec<u8> {
    value(SEQUENCE, &[identifier, &value(SET, &[content])])
}
