//! The step `images`: what this node runs, from a bundle on the machine into containerd.
//!
//! An image that no bundle has, or whose copy is damaged, is left to the kubelet, which asks the mirror. Nothing here
//! touches a network. As this is what comes between containerd and the kubelet, containers that would mislead the kubelet
//! go here, too.

mod containerd;
mod created;
mod digest;
mod import;
mod layout;
mod place;
mod stream;

use crate::failure::{Code, Failure, Weight};
use crate::plan;
use crate::program::Context;
use crate::step::{self, StepLog};
use crate::texts::{self, Text};
use crate::wait::{Backoff, Deadline};
use containerd::{Containerd, Named, Stock};
use import::{Import, Outcome};
use layout::{Image, Layout};
use place::Places;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How long containerd may take to start. Its unit says that it is ready before this one begins.
const PATIENCE: Duration = Duration::from_secs(60);

const CONTAINERD_SILENT: Code = Code {
    name: "CONTAINERD_SILENT",
    weight: Weight::Retry,
    meaning: "containerd does not answer, so no image of the bundle can be imported",
    remedy: "read `journalctl -b -u containerd`; then `systemctl restart kfimg-images`",
};

const BUNDLE_UNREADABLE: Code = Code {
    name: "BUNDLE_UNREADABLE",
    weight: Weight::Warning,
    meaning: "a bundle is on the machine and can't be used; images come from another bundle or from the registry",
    remedy: "write the bundle to the medium again, and check it with `kfimg bundle verify`",
};

const IMAGE_DAMAGED: Code = Code {
    name: "IMAGE_DAMAGED",
    weight: Weight::Warning,
    meaning: "an image of the bundle is not what its digests say, or is for other machines; the registry has to serve it",
    remedy: "write the bundle to the medium again, or see that the registry serves this image",
};

const IMAGE_REFUSED: Code = Code {
    name: "IMAGE_REFUSED",
    weight: Weight::Warning,
    meaning: "containerd did not take an image of the bundle; the registry has to serve it",
    remedy: "read the reason (a full disk is the usual one: `df /var`), then `systemctl restart kfimg-images`",
};

/// Codes of this step.
pub(crate) const CODES: &[Code] =
    &[CONTAINERD_SILENT, BUNDLE_UNREADABLE, IMAGE_DAMAGED, IMAGE_REFUSED, created::CREATED_CONTAINERS];

/// An image of the plan, and the bundles that have it.
#[derive(Clone, Debug)]
struct Wanted {
    /// As the plan names it.
    reference: String,
    /// In the order in which they are tried.
    sources: Vec<(Layout, Image)>,
}

/// Runs the step.
pub(crate) fn run(context: &Context, log: &mut StepLog) -> Result<(), Failure> {
    let began = Instant::now();
    let places = Places::find(&context.root);
    if let Some(problem) = &places.problem {
        log.warn(&BUNDLE_UNREADABLE, problem);
    }
    let layouts = open(&places, log);
    let containerd = Containerd::new(&context.root);
    created::remove(&containerd, log);
    if layouts.is_empty() {
        unpin(&containerd, &containerd.imported().unwrap_or_default(), &context.plan.images);
        log.done(&texts::images::no_bundle());
        return Ok(());
    }
    let (wanted, absent) = find(&context.plan.images, &layouts, log);
    let stock = stock(&containerd, log)?;
    unpin(&containerd, &stock.images, &context.plan.images);
    let missing: Vec<&Wanted> = wanted.iter().filter(|wanted| !is_there(&containerd, &stock, wanted)).collect();
    let outcomes = Import::new(&containerd, &stock).all(&missing, log);
    let lost = tell(&missing, &outcomes, log);
    log.done(&summary(wanted.len() - lost, missing.len() - lost, absent + lost, began.elapsed()));
    Ok(())
}

fn open(places: &Places, log: &mut StepLog) -> Vec<Layout> {
    let mut layouts = Vec::new();
    for folder in &places.folders {
        match Layout::open(folder) {
            Ok(layout) => layouts.push(layout),
            Err(error) => log.warn(&BUNDLE_UNREADABLE, &error.to_string()),
        }
    }
    layouts
}

/// The images that a bundle has, in the plan's order, and the number of those that none has.
fn find(images: &[plan::Image], layouts: &[Layout], log: &mut StepLog) -> (Vec<Wanted>, usize) {
    let mut wanted = Vec::new();
    let mut absent = 0;
    for image in images {
        let mut sources = Vec::new();
        for layout in layouts {
            match layout.image(&image.reference, image.pin()) {
                Ok(found) => sources.extend(found.map(|found| (layout.clone(), found))),
                Err(error) => log.warn(&IMAGE_DAMAGED, &format!("{}: {error}", image.reference)),
            }
        }
        absent += usize::from(sources.is_empty());
        if !sources.is_empty() {
            wanted.push(Wanted { reference: image.reference.clone(), sources });
        }
    }
    (wanted, absent)
}

fn stock(containerd: &Containerd, log: &mut StepLog) -> Result<Stock, Failure> {
    let deadline = Deadline::after(PATIENCE);
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
    while let Err(error) = containerd.answers() {
        if deadline.over() {
            return Err(Failure::new(&CONTAINERD_SILENT, error.to_string()));
        }
        log.waiting(&texts::images::containerd());
        backoff.pause(deadline);
    }
    containerd.stock().map_err(|error| Failure::new(&CONTAINERD_SILENT, error.to_string()))
}

/// Whether all its names stand for the bundle's image, which is complete and stays.
fn is_there(containerd: &Containerd, stock: &Stock, wanted: &Wanted) -> bool {
    wanted.sources.iter().any(|(_, image)| {
        let digest = image.target.digest.to_string();
        let named = names(&wanted.reference, &digest).into_iter().all(|name| {
            stock.images.get(&name).is_some_and(|known| known.digest == digest && known.ours && known.complete)
        });
        named && image.blobs.iter().all(|blob| containerd.is_whole(blob))
    })
}

/// The names under which the runtime looks for an image: by tag, and by digest alone.
fn names(reference: &str, digest: &str) -> Vec<String> {
    let tagged = reference.split_once('@').map_or(reference, |(name, _)| name);
    let slash = tagged.rfind('/').map_or(0, |at| at + 1);
    let repository = tagged[slash..].find(':').map_or(tagged, |at| &tagged[..slash + at]);
    let by_digest = format!("{repository}@{digest}");
    if tagged == repository { vec![by_digest] } else { vec![tagged.to_owned(), by_digest] }
}

/// What an older generation brought may go now, when the kubelet needs room. A failure costs only that.
fn unpin(containerd: &Containerd, stock: &BTreeMap<String, Named>, images: &[plan::Image]) {
    for (name, known) in outdated(stock, images) {
        match containerd.unpin(name) {
            Ok(()) => step::tell(format_args!("images: {name} ({}) is of an older payload and may go", known.digest)),
            Err(error) => step::tell(format_args!("images: {name} can't be released: {error}")),
        }
    }
}

/// Names that came from a bundle and that stand for nothing of the plan. An image without a digest keeps what its tag stands for.
fn outdated<'a>(stock: &'a BTreeMap<String, Named>, images: &[plan::Image]) -> Vec<(&'a String, &'a Named)> {
    let mut tags: BTreeSet<&str> = BTreeSet::new();
    let mut digests: BTreeSet<&str> = BTreeSet::new();
    for image in images {
        let tag = image.reference.split('@').next().unwrap_or_default();
        tags.insert(tag);
        digests.extend(image.pin().or_else(|| Some(stock.get(tag)?.digest.as_str())));
    }
    let is_kept = |name: &str, digest: &str| digests.contains(digest) && (name.contains('@') || tags.contains(name));
    stock.iter().filter(|(name, known)| known.ours && !is_kept(name, &known.digest)).collect()
}

/// Warns of what could not be imported, and counts it.
fn tell(missing: &[&Wanted], outcomes: &[Outcome], log: &mut StepLog) -> usize {
    let mut lost = 0;
    for (wanted, outcome) in missing.iter().zip(outcomes) {
        for reason in &outcome.damaged {
            log.warn(&IMAGE_DAMAGED, &format!("{}: {reason}", wanted.reference));
        }
        if let Some(reason) = &outcome.refused {
            log.warn(&IMAGE_REFUSED, &format!("{}: {reason}", wanted.reference));
        }
        lost += usize::from(!outcome.imported);
    }
    lost
}

fn summary(there: usize, new: usize, left: usize, time: Duration) -> Text {
    let seconds = format!("{:.1}", time.as_secs_f64());
    match left {
        0 => texts::images::done(there, new, seconds),
        left => texts::images::done_but(there, new, seconds, left),
    }
}

#[cfg(test)]
mod tests;
