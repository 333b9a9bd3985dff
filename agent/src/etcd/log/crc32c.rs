//! CRC-32C (Castagnoli), as etcd chains it through its log (Go, `hash/crc32` with the Castagnoli table).
//!
//! Eight bytes at a time: a log has hundreds of megabytes, and a boot waits for it.

/// The reversed polynomial.
const POLYNOMIAL: u32 = 0x82f6_3b78;

static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = (value >> 1) ^ (POLYNOMIAL & (value & 1).wrapping_neg());
            bit += 1;
        }
        tables[0][byte] = value;
        byte += 1;
    }
    let mut at = 256;
    while at < 8 * 256 {
        let before = tables[at / 256 - 1][at % 256];
        tables[at / 256][at % 256] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
        at += 1;
    }
    tables
}

/// The checksum of what came before, continued over these bytes. 0 before the first.
pub(super) fn update(crc: u32, bytes: &[u8]) -> u32 {
    let mut value = !crc;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let [a, b, c, d, e, f, g, h] = *word;
        let low = (value ^ u32::from_le_bytes([a, b, c, d])).to_le_bytes();
        value = TABLES[7][usize::from(low[0])]
            ^ TABLES[6][usize::from(low[1])]
            ^ TABLES[5][usize::from(low[2])]
            ^ TABLES[4][usize::from(low[3])]
            ^ TABLES[3][usize::from(e)]
            ^ TABLES[2][usize::from(f)]
            ^ TABLES[1][usize::from(g)]
            ^ TABLES[0][usize::from(h)];
    }
    for byte in rest {
        value = (value >> 8) ^ TABLES[0][usize::from(value.to_le_bytes()[0] ^ byte)];
    }
    !value
}

#[cfg(test)]
mod tests {
    use super::update;

    #[test]
    fn sums_are_those_of_the_standard() {
        // RFC 3720, appendix B.4, and the customary check value.
        let rising: Vec<u8> = (0..32).collect();
        let cases: [(&[u8], u32); 4] =
            [(b"123456789", 0xe306_9283), (&[0; 32], 0x8a91_36aa), (&[0xff; 32], 0x62a8_ab43), (&rising, 0x46dd_794e)];
        for (bytes, sum) in cases {
            assert_eq!(update(0, bytes), sum);
            let (one, two) = bytes.split_at(bytes.len() / 3);
            assert_eq!(update(update(0, one), two), sum, "in two parts");
        }
    }
}
