//! Sizes in bytes as people write and read them.
//!
//! Source of the units: IEC 80000-13, as `systemd` and `kubectl` write them; powers of ten only where `kB`, `MB`, `GB` are written.

/// What a suffix stands for, in bytes.
const UNITS: [(&str, u64); 13] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// Reads `4GiB`, `4Gi`, `700MB` or a bare number of bytes.
///
/// # Errors
/// What is wrong with it, for clap to print.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (digits, unit) =
        UNITS.iter().find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit))).unwrap_or((text, 1));
    let number: u64 = digits.trim().parse().map_err(|_| "write a whole number and a unit, such as 4GiB".to_owned())?;
    number.checked_mul(unit).ok_or_else(|| "is larger than any disk".to_owned())
}

/// `412.0 MiB`, `1.3 GiB`, `17 B`.
pub(crate) fn human(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::{human, parse};

    #[test]
    fn sizes_have_units_or_are_bytes() {
        for (text, bytes) in [
            ("0", 0),
            ("17", 17),
            ("17B", 17),
            ("4GiB", 4 << 30),
            ("4Gi", 4 << 30),
            ("700 MB", 700_000_000),
            ("1TiB", 1 << 40),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "GiB", "-1", "1.5GiB", "4 gigabytes", "99999999999TiB", "0x10"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn people_read_units() {
        assert_eq!(human(17), "17 B");
        assert_eq!(human(1 << 30), "1.00 GiB");
    }
}
