//! File contents as `data:` URLs (RFC 2397).
//!
//! Text is percent-encoded rather than base64: a payload that is compressed as a whole comes out a third smaller,
//! because repetitions within and between files stay visible to the compressor.

use data_encoding::BASE64;

/// The contents as a `data:` URL.
pub(super) fn data_url(content: &[u8]) -> String {
    match std::str::from_utf8(content) {
        Ok(text) => format!("data:,{}", percent_encode(text)),
        Err(_) => format!("data:;base64,{}", BASE64.encode(content)),
    }
}

/// Leaves what RFC 2396 calls `uric` and a URL parser does not read as the start of a fragment; escapes the rest.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + text.len() / 4);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'();/?:@&=+$,".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(hex_digit(byte >> 4));
            encoded.push(hex_digit(byte & 15));
        }
    }
    encoded
}

/// The contents of a URL that [`data_url`] made; `None` for any other.
pub(super) fn read_data_url(url: &str) -> Option<Vec<u8>> {
    match url.strip_prefix("data:,") {
        Some(text) => percent_decode(text),
        None => BASE64.decode(url.strip_prefix("data:;base64,")?.as_bytes()).ok(),
    }
}

fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        decoded.push(match byte {
            b'%' => {
                let (digits, tail) = rest.split_first_chunk::<2>()?;
                rest = tail;
                hex_value(digits[0])? << 4 | hex_value(digits[1])?
            }
            other => *other,
        });
    }
    Some(decoded)
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn hex_digit(nibble: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(nibble & 15)])
}

#[cfg(test)]
mod tests {
    use super::data_url;

    #[test]
    fn contents_travel_readable_when_they_are_text() {
        let cases: [(&[u8], &str); 5] = [
            (b"", "data:,"),
            (b"a b\n", "data:,a%20b%0A"),
            (
                b"100% #1 \"x\" [y] {z} <w> \\ ^ ` |",
                "data:,100%25%20%231%20%22x%22%20%5By%5D%20%7Bz%7D%20%3Cw%3E%20%5C%20%5E%20%60%20%7C",
            ),
            ("ü".as_bytes(), "data:,%C3%BC"),
            (&[0xff, 0x00], "data:;base64,/wA="),
        ];
        for (content, expected) in cases {
            assert_eq!(data_url(content), expected);
        }
    }
}
