//! "Did you mean": the known word that an unknown one was probably meant to be.

/// The closest of the known words, when it is close enough to be meant. Capitals, `-` and `_` don't count.
#[must_use]
pub fn did_you_mean<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody misspells longer words, and the comparison takes time that grows with the square of the length.
    const LONGEST: usize = 64;
    if unknown.len() > LONGEST {
        return None;
    }
    let folded = fold(unknown);
    let distance = |word: &&str| strsim::damerau_levenshtein(&folded, &fold(word));
    let allowed = (folded.chars().count() / 3).max(1);
    let closest = known.into_iter().map(|word| (distance(&word), word)).min()?;
    (closest.0 <= allowed).then_some(closest.1)
}

fn fold(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_close_words_are_suggested() {
        let known = ["podSubnet", "serviceSubnet", "dnsDomain", "vip"];
        for (unknown, expected) in [
            ("podsubnet", Some("podSubnet")),
            ("pod_subnet", Some("podSubnet")),
            ("podSubnets", Some("podSubnet")),
            ("dnsDoamin", Some("dnsDomain")),
            ("vpi", Some("vip")),
            ("gateway", None),
            ("", None),
        ] {
            assert_eq!(did_you_mean(unknown, known), expected, "{unknown}");
        }
        assert_eq!(did_you_mean(&"x".repeat(1 << 20), known), None);
    }
}
