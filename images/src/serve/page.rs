//! Pages of sorted names: `?n=` and `?last=`.
//!
//! Source: OCI distribution specification, "Listing Tags".

/// Most names of one page.
const MOST: usize = 1000;

/// One page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page<'a> {
    pub(super) names: Vec<&'a str>,
    /// Whether more follow.
    pub(super) more: bool,
}

/// Reads `?n=`; an error when it is no number.
pub(super) fn length(text: Option<&str>) -> Result<usize, ()> {
    match text {
        None => Ok(MOST),
        Some(text) if text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse::<usize>().map(|n| n.min(MOST)).map_err(|_| ())
        }
        Some(_) => Err(()),
    }
}

/// The names that follow `last`, which need not be one of them.
pub(super) fn page<'a>(names: impl Iterator<Item = &'a str>, length: usize, last: Option<&str>) -> Page<'a> {
    let mut rest = names.filter(|name| last.is_none_or(|last| *name > last));
    let names: Vec<&str> = rest.by_ref().take(length).collect();
    // With a length of zero there is no last name to go on from.
    let more = !names.is_empty() && rest.next().is_some();
    Page { names, more }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another() {
        let all = ["a", "b", "c"];
        let table: [(usize, Option<&str>, &[&str], bool); 7] = [
            (2, None, &["a", "b"], true),
            (2, Some("b"), &["c"], false),
            (3, None, &["a", "b", "c"], false),
            (1, Some("aa"), &["b"], true),
            (9, Some("z"), &[], false),
            (0, None, &[], false),
            (9, Some(""), &["a", "b", "c"], false),
        ];
        for (length, last, names, more) in table {
            assert_eq!(page(all.into_iter(), length, last), Page { names: names.to_vec(), more }, "{length} {last:?}");
        }
        assert_eq!(length(None), Ok(MOST));
        assert_eq!(length(Some("5000")), Ok(MOST));
        for bad in ["-1", "x", "", "9999999999999999999"] {
            assert_eq!(length(Some(bad)), Err(()), "{bad}");
        }
    }
}
