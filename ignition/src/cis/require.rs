//! What a flag or a field must be.
//!
//! As kube-bench reads its conditions: a value that is left out fails unless the condition allows it. Where kube-bench
//! looks for a part of a text (`has`, `nothave`), entries of lists are compared as a whole here.

/// A condition on a value that may be left out or repeated.
#[derive(Clone, Copy, Debug)]
pub(super) enum Require {
    Set,
    Unset,
    Is(&'static str),
    /// Set, and not to this.
    Not(&'static str),
    /// A list with this entry.
    Has(&'static str),
    /// A list without this entry.
    Lacks(&'static str),
    /// A list with no other entries.
    Only(&'static [&'static str]),
    AtLeast(i64),
    /// This address, with or without a port.
    Address(&'static str),
    /// A length of time in Go's notation that is not zero.
    SomeTime,
    /// Left out, or as required.
    OrUnset(&'static Require),
}

impl Require {
    /// Whether the values of one flag are as required; none: it is left out.
    pub(super) fn holds(&self, values: &[String]) -> bool {
        match self {
            Self::OrUnset(required) => values.is_empty() || required.holds(values),
            Self::Unset => values.is_empty(),
            Self::Has(entry) => values.iter().any(|value| entries(value).any(|found| found == *entry)),
            _ => !values.is_empty() && values.iter().all(|value| self.takes(value)),
        }
    }

    fn takes(&self, value: &str) -> bool {
        match self {
            Self::Set => !value.is_empty(),
            Self::Is(only) => value.eq_ignore_ascii_case(only),
            Self::Not(refused) => !value.eq_ignore_ascii_case(refused),
            Self::Lacks(entry) => entries(value).all(|found| found != *entry),
            Self::Only(allowed) => entries(value).all(|found| allowed.contains(&found)),
            Self::AtLeast(least) => value.trim().parse::<i64>().is_ok_and(|number| number >= *least),
            Self::Address(address) => {
                value.strip_prefix(address).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
            }
            // Go writes no length of time but zero without another digit.
            Self::SomeTime => !value.starts_with('-') && value.contains(|c: char| ('1'..='9').contains(&c)),
            Self::Unset | Self::Has(_) | Self::OrUnset(_) => false,
        }
    }

    /// What is required of `name`, for people.
    pub(super) fn words(&self, name: &str) -> String {
        match self {
            Self::Set => format!("{name} is set"),
            Self::Unset => format!("{name} is not set"),
            Self::Is(only) => format!("{name}={only}"),
            Self::Not(refused) => format!("{name} is set, not to {refused}"),
            Self::Has(entry) => format!("{name} has {entry}"),
            Self::Lacks(entry) => format!("{name} has no {entry}"),
            Self::Only(allowed) if allowed.len() <= 4 => format!("{name} has nothing beside {}", allowed.join(", ")),
            Self::Only(_) => format!("{name} has nothing beside ECDHE suites with GCM or CHACHA20_POLY1305"),
            Self::AtLeast(least) => format!("{name} is {least} or more"),
            Self::Address(address) => format!("{name} is {address}"),
            Self::SomeTime => format!("{name} is not zero"),
            Self::OrUnset(required) => format!("{}, or {name} is left out", required.words(name)),
        }
    }
}

fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::Require::{self, Address, AtLeast, Has, Is, Lacks, Not, Only, OrUnset, Set, SomeTime, Unset};

    /// Values of one flag, several where it is repeated, none where it is left out; several such flags.
    type Flags = &'static [&'static [&'static str]];

    #[test]
    fn every_condition_can_hold_and_can_fail() {
        let table: &[(Require, Flags, Flags)] = &[
            (Set, &[&["a"]], &[&[], &[""]]),
            (Unset, &[&[]], &[&["a"]]),
            (Is("false"), &[&["false"], &["False"]], &[&[], &["true"], &["false", "true"]]),
            (Not("false"), &[&["true"]], &[&[], &["FALSE"]]),
            (Has("Node"), &[&["Node,RBAC"], &["RBAC", "Node"]], &[&[], &["NodeRestriction"]]),
            (Lacks("AlwaysAllow"), &[&["Node"]], &[&[], &["Node, AlwaysAllow"], &["a", "AlwaysAllow"]]),
            (Only(&["a", "b"]), &[&["a"], &["b,a"]], &[&[], &[""], &["a,c"]]),
            (AtLeast(30), &[&["30"], &["31"]], &[&[], &["29"], &["x"]]),
            (Address("127.0.0.1"), &[&["127.0.0.1"], &["127.0.0.1:1"]], &[&[], &["127.0.0.11"], &["0.0.0.0"]]),
            (SomeTime, &[&["4h"], &["10ms"]], &[&[], &["0"], &["0s"], &["-1s"]]),
            (OrUnset(&Is("a")), &[&[], &["a"]], &[&["b"]]),
        ];
        let owned = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>();
        for (require, good, bad) in table {
            assert!(good.iter().all(|values| require.holds(&owned(values))), "{require:?} takes {good:?}");
            assert!(!bad.iter().any(|values| require.holds(&owned(values))), "{require:?} refuses {bad:?}");
        }
    }
}
