//! Ranges and conditions of requests.
//!
//! Source: RFC 9110, sections 13 and 14. Several ranges at once are answered as if none had been asked for, which 14.2 allows.

/// What part of a body is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// From an offset, so many bytes.
    Part(u64, u64),
    /// What lies beyond its end.
    Beyond,
}

/// Reads a `Range` header for a body of `size` bytes.
pub(super) fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some(spec) = header.and_then(|text| text.trim().strip_prefix("bytes=")) else { return Wanted::Whole };
    let Some((first, last)) = spec.split_once('-') else { return Wanted::Whole };
    match (number(first), number(last)) {
        (Number::None, Number::Some(0)) => Wanted::Beyond,
        (Number::None, Number::Some(_)) if size == 0 => Wanted::Beyond,
        (Number::None, Number::Some(length)) => {
            let length = length.min(size);
            Wanted::Part(size - length, length)
        }
        (Number::Some(first), Number::None) if first < size => Wanted::Part(first, size - first),
        (Number::Some(first), Number::Some(last)) if first > last => Wanted::Whole,
        (Number::Some(first), Number::Some(last)) if first < size => {
            Wanted::Part(first, (last - first).saturating_add(1).min(size - first))
        }
        (Number::Some(_), Number::None | Number::Some(_)) => Wanted::Beyond,
        _ => Wanted::Whole,
    }
}

enum Number {
    None,
    Some(u64),
    Bad,
}

/// More digits than a size has are a number beyond every end.
fn number(text: &str) -> Number {
    if text.is_empty() {
        Number::None
    } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
        Number::Some(text.parse().unwrap_or(u64::MAX))
    } else {
        Number::Bad
    }
}

/// Whether an `If-None-Match` or `If-Range` header names this entity tag. `weak`: whether `W/"…"` counts as the same.
pub(super) fn names(header: Option<&str>, tag: &str, weak: bool) -> bool {
    let Some(header) = header else { return false };
    header
        .split(',')
        .map(str::trim)
        .any(|one| one == tag || (weak && (one == "*" || one.strip_prefix("W/") == Some(tag))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_to_the_body() {
        let table = [
            (None, 10, Wanted::Whole),
            (Some("bytes=0-"), 10, Wanted::Part(0, 10)),
            (Some("bytes=3-"), 10, Wanted::Part(3, 7)),
            (Some("bytes=3-3"), 10, Wanted::Part(3, 1)),
            (Some("bytes=3-99"), 10, Wanted::Part(3, 7)),
            (Some("bytes=3-18446744073709551615"), 10, Wanted::Part(3, 7)),
            (Some("bytes=0-99999999999999999999999"), 10, Wanted::Part(0, 10)),
            (Some("bytes=-4"), 10, Wanted::Part(6, 4)),
            (Some("bytes=-40"), 10, Wanted::Part(0, 10)),
            (Some("bytes=10-"), 10, Wanted::Beyond),
            (Some("bytes=99-100"), 10, Wanted::Beyond),
            (Some("bytes=-0"), 10, Wanted::Beyond),
            (Some("bytes=0-"), 0, Wanted::Beyond),
            (Some("bytes=-1"), 0, Wanted::Beyond),
            (Some("bytes=5-3"), 10, Wanted::Whole),
            (Some("bytes=0-1,3-4"), 10, Wanted::Whole),
            (Some("bytes=a-b"), 10, Wanted::Whole),
            (Some("bytes=-"), 10, Wanted::Whole),
            (Some("lines=1-2"), 10, Wanted::Whole),
        ];
        for (header, size, wanted) in table {
            assert_eq!(super::wanted(header, size), wanted, "{header:?}");
        }
    }

    #[test]
    fn entity_tags_are_compared_as_their_header_says() {
        let tag = "\"sha256:ab\"";
        assert!(names(Some("\"x\", \"sha256:ab\""), tag, true));
        assert!(names(Some("W/\"sha256:ab\""), tag, true) && !names(Some("W/\"sha256:ab\""), tag, false));
        assert!(names(Some("*"), tag, true) && !names(Some("*"), tag, false));
        assert!(!names(Some("\"sha256:abc\""), tag, true) && !names(None, tag, true));
    }
}
