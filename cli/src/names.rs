//! Names of nodes for people: in the order in which they count, runs of numbers as one.

use std::cmp::Ordering;

/// Sorts names as people count: `worker2` before `worker10`.
pub(crate) fn sort(names: &mut [&str]) {
    names.sort_by(|one, other| natural(one, other));
}

/// Compares names with the numbers in them taken as numbers.
pub(crate) fn natural(one: &str, other: &str) -> Ordering {
    parts(one).cmp(parts(other)).then_with(|| one.cmp(other))
}

/// Texts and numbers in turn; a number is its digits without leading zeros, the longer one the greater.
fn parts(name: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let is_number = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != is_number).unwrap_or(rest.len());
        let (part, tail) = rest.split_at(end);
        rest = tail;
        let digits = part.trim_start_matches('0');
        Some(if is_number { (digits.len(), digits) } else { (usize::MAX, part) })
    })
}

/// Names with each run of three or more that count upwards as its first and last: `worker1 … worker40, worker45`.
pub(crate) fn ranges(names: &[&str]) -> String {
    let mut sorted = names.to_vec();
    sort(&mut sorted);
    let mut shown: Vec<String> = Vec::new();
    let mut rest = sorted.as_slice();
    while let Some(first) = rest.first() {
        let run = 1 + rest.windows(2).take_while(|pair| follows(pair[0], pair[1])).count();
        let last = rest[run - 1];
        match run {
            1 => shown.push((*first).to_owned()),
            2 => shown.extend([(*first).to_owned(), last.to_owned()]),
            _ => shown.push(format!("{first} … {last}")),
        }
        rest = &rest[run..];
    }
    shown.join(", ")
}

/// Whether a name is the one before it with the next number at its end.
fn follows(name: &str, next: &str) -> bool {
    let number = |name: &str| {
        let prefix = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        Some((prefix, name[prefix..].parse::<u64>().ok()?))
    };
    let (Some((prefix, one)), Some((same, other))) = (number(name), number(next)) else { return false };
    let zeros = |digits: &str| digits.starts_with('0');
    let alike = name.len() == next.len() || (!zeros(&name[prefix..]) && !zeros(&next[same..]));
    name[..prefix] == next[..same] && one.checked_add(1) == Some(other) && alike
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn names_are_counted_as_people_do() {
        for (names, shown) in [
            (vec!["worker10", "worker9", "worker11", "worker2"], "worker2, worker9 … worker11"),
            (vec!["a1", "a2"], "a1, a2"),
            (vec!["n08", "n09", "n10", "n11"], "n08 … n11"),
            (vec!["n9", "n010", "n11"], "n9, n010, n11"),
            (vec!["rack1-a", "rack2-a", "rack10-a"], "rack1-a, rack2-a, rack10-a"),
            (vec!["x99999999999999999999999", "x2"], "x2, x99999999999999999999999"),
            (vec![], ""),
        ] {
            assert_eq!(ranges(&names), shown);
        }
    }
}
