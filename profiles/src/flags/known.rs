//! The flags that each component has in each Kubernetes minor version.
//!
//! The lists are data (`data/flags/known/*.txt`, see the README there) taken from the components themselves. This
//! module finds a name in them and suggests another one; it judges nothing.

use super::Component;
use super::value::Form;
use crate::document::did_you_mean;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The oldest Kubernetes minor version that the lists know.
pub const OLDEST_MINOR: (u32, u32) = (1, 34);
/// The newest Kubernetes minor version that the lists know.
pub const NEWEST_MINOR: (u32, u32) = (1, 36);

/// A flag of one component.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag {
    pub(super) form: Form,
    since: u32,
    until: u32,
    /// What to do instead, or empty; `None` for a flag that is not deprecated.
    pub(super) deprecated: Option<&'static str>,
}

/// Where a flag is known.
pub(super) enum Presence {
    Here(Flag),
    Elsewhere { since: u32, until: u32 },
    Never,
}

type Flags = BTreeMap<&'static str, Flag>;

fn text(component: Component) -> &'static str {
    match component {
        Component::ApiServer => include_str!("../../data/flags/known/kube-apiserver.txt"),
        Component::ControllerManager => include_str!("../../data/flags/known/kube-controller-manager.txt"),
        Component::Scheduler => include_str!("../../data/flags/known/kube-scheduler.txt"),
        Component::Kubelet => include_str!("../../data/flags/known/kubelet.txt"),
        Component::Etcd => include_str!("../../data/flags/known/etcd.txt"),
        Component::KubeProxy => include_str!("../../data/flags/known/kube-proxy.txt"),
    }
}

/// The flags of a component in every version, by name.
pub(super) fn flags(component: Component) -> &'static Flags {
    static LISTS: OnceLock<BTreeMap<Component, Flags>> = OnceLock::new();
    static NONE: Flags = Flags::new();
    let read = |component| (component, content_lines(text(component)).filter_map(read_line).collect());
    LISTS.get_or_init(|| Component::ALL.into_iter().map(read).collect()).get(&component).unwrap_or(&NONE)
}

/// Lines of a data file that are neither empty nor a comment.
pub(super) fn content_lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// `name type since-until`, then for a deprecated flag `deprecated` and what to do instead.
fn read_line(line: &'static str) -> Option<(&'static str, Flag)> {
    let mut fields = line.splitn(4, ' ');
    let (name, form) = (fields.next()?, Form::named(fields.next()?)?);
    let (since, until) = fields.next()?.split_once('-')?;
    let deprecated = fields.next().map(|note| note.strip_prefix("deprecated").unwrap_or(note).trim_start());
    Some((name, Flag { form, since: since.parse().ok()?, until: until.parse().ok()?, deprecated }))
}

/// Finds a flag, for the nearest known minor version.
pub(super) fn find(component: Component, minor: (u32, u32), name: &str) -> Presence {
    let minor = nearest(minor);
    match flags(component).get(name) {
        None => Presence::Never,
        Some(flag) if (flag.since..=flag.until).contains(&minor) => Presence::Here(*flag),
        Some(flag) => Presence::Elsewhere { since: flag.since, until: flag.until },
    }
}

/// The known minor version that is nearest to `minor`.
pub(super) fn nearest(minor: (u32, u32)) -> u32 {
    minor.clamp(OLDEST_MINOR, NEWEST_MINOR).1
}

/// What people may have meant by a flag that the component does not have.
pub(super) fn suggest(component: Component, minor: (u32, u32), name: &str) -> String {
    let has = |component| matches!(find(component, minor, name), Presence::Here(_));
    if let Some(other) = Component::ALL.into_iter().find(|other| *other != component && has(*other)) {
        return format!("it is a flag of {other}: write it under `{}`", other.setting());
    }
    let here = |candidate: &&str| matches!(find(component, minor, candidate), Presence::Here(_));
    match did_you_mean(name, flags(component).keys().copied().filter(here)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("see `{component} --help` of Kubernetes 1.{} for its flags", nearest(minor)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_lists_is_read_and_sorted() {
        for component in Component::ALL {
            let lines: Vec<&str> = content_lines(text(component)).collect();
            assert_eq!(lines.len(), flags(component).len(), "{component}: a line is malformed or there twice");
            let names: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
            assert!(names.is_sorted(), "{component}: not sorted");
            let within =
                |flag: &Flag| OLDEST_MINOR.1 <= flag.since && flag.since <= flag.until && flag.until <= NEWEST_MINOR.1;
            assert!(flags(component).values().all(within), "{component}: a version is out of range");
        }
    }
}
