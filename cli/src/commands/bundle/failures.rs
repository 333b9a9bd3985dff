//! Images and programs that could not be had or brought, each with its reason; those of one reason at one host are told as one.

use crate::console::Console;
use kfimg_images::download::{DownloadFailure, DownloadProblem};
use kfimg_images::registry::RegistryError;
use kfimg_images::{pull, push};

/// One image or program, and why it failed.
pub(super) struct Told<'a> {
    /// Its name.
    pub(super) name: String,
    /// Name and reason.
    pub(super) message: String,
    /// The registry's part in it.
    pub(super) error: Option<&'a RegistryError>,
}

impl<'a> From<&'a push::Failure> for Told<'a> {
    fn from(failure: &'a push::Failure) -> Self {
        let error = match &failure.problem {
            push::Problem::Registry(error) => Some(&**error),
            _ => None,
        };
        Self { name: failure.name.clone(), message: failure.to_string(), error }
    }
}

impl<'a> From<&'a pull::Failure> for Told<'a> {
    fn from(failure: &'a pull::Failure) -> Self {
        let error = of_registry(&failure.problem);
        Self { name: failure.reference.to_string(), message: failure.to_string(), error }
    }
}

impl<'a> From<&'a DownloadFailure> for Told<'a> {
    fn from(failure: &'a DownloadFailure) -> Self {
        let error = match &failure.problem {
            DownloadProblem::Fetch(problem) => of_registry(problem),
            _ => None,
        };
        let binary = &failure.binary;
        let name = format!("{} for {}", binary.artifact.part, binary.architecture);
        Self { name, message: failure.to_string(), error }
    }
}

fn of_registry(problem: &pull::Problem) -> Option<&RegistryError> {
    match problem {
        pull::Problem::Registry(error) => Some(error),
        _ => None,
    }
}

/// Prints them all.
pub(super) fn tell<'a>(failures: impl Iterator<Item = Told<'a>>, console: &Console) {
    messages(failures).iter().for_each(|message| console.error(message));
}

/// Without a login or a way to a host everything there fails: a hundred times the same would hide what else is
/// wrong. All are named, since logins may be good for some repositories only.
fn messages<'a>(failures: impl Iterator<Item = Told<'a>>) -> Vec<String> {
    let mut groups: Vec<(Told<'a>, Vec<String>)> = Vec::new();
    for told in failures {
        let same = |first: &Told<'_>| reason(first).is_some() && reason(first) == reason(&told);
        match groups.iter_mut().find(|(first, _)| same(first)) {
            Some((_, others)) => others.push(told.name),
            None => groups.push((told, Vec::new())),
        }
    }
    groups.into_iter().map(|(first, others)| format!("{}{}", first.message, the_same_for(&others))).collect()
}

fn reason<'a>(told: &Told<'a>) -> Option<(&'a str, &'a str)> {
    told.error.and_then(RegistryError::host_and_reason)
}

fn the_same_for(others: &[String]) -> String {
    if others.is_empty() { String::new() } else { format!("\n  the same for {}", others.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::{Told, messages};
    use kfimg_images::registry::RegistryError;

    fn wants_login(url: &str) -> RegistryError {
        RegistryError::Unauthorized { url: url.to_owned(), reason: "wants a login".to_owned() }
    }

    fn told<'a>(name: &str, error: &'a RegistryError) -> Told<'a> {
        Told { name: name.to_owned(), message: format!("{name}: {error}"), error: Some(error) }
    }

    #[test]
    fn one_reason_at_one_host_is_told_once() {
        let errors: Vec<_> = (0..6).map(|n| wants_login(&format!("https://a.local/v2/{n}"))).collect();
        let all = errors.iter().enumerate().map(|(n, error)| told(&n.to_string(), error));
        assert_eq!(messages(all), ["0: https://a.local/v2/0: wants a login\n  the same for 1, 2, 3, 4, 5"]);
    }

    #[test]
    fn other_hosts_and_other_reasons_are_told_by_themselves() {
        let (here, there) = (wants_login("https://a.local/v2/x"), wants_login("https://b.local/v2/x"));
        let absent = || RegistryError::NotFound { url: "https://a.local/v2/x".to_owned(), reason: String::new() };
        let (first, second) = (absent(), absent());
        let all = [told("1", &here), told("2", &there), told("3", &first), told("4", &second), told("5", &here)];
        let messages = messages(all.into_iter());
        let starts: Vec<&str> = messages.iter().map(|message| &message[..1]).collect();
        assert_eq!(starts, ["1", "2", "3", "4"]);
        assert!(messages[0].ends_with("\n  the same for 5"), "{}", messages[0]);
    }
}
