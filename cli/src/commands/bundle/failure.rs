//! Which exit code an error of the crate `images` means.

use crate::failure::{Failure, Trouble, is_missing};
use kfimg_images::archive::ArchiveError;
use kfimg_images::content::ContentError;
use kfimg_images::create::CreateError;
use kfimg_images::download::DownloadProblem;
use kfimg_images::lock::LockError;
use kfimg_images::parity::ParityError;
use kfimg_images::pull::Problem;
use kfimg_images::push::{self, PushError};
use kfimg_images::receipt::ReceiptError;
use kfimg_images::registry::{Class, RegistryError};

/// Trouble with a registry.
pub(super) fn registry(error: RegistryError) -> Failure {
    Failure::images(trouble(&error), error)
}

/// Trouble with a bundle that is written.
pub(super) fn archive(error: ArchiveError) -> Failure {
    let trouble = match &error {
        ArchiveError::Content(error) => of_content(error),
        ArchiveError::Stopped => Trouble::Stopped,
        ArchiveError::Name(_) | ArchiveError::ChunkSize { .. } | ArchiveError::Parity { .. } => Trouble::Usage,
        _ => Trouble::Input,
    };
    Failure::images(trouble, error)
}

/// Trouble with chunks that are rebuilt.
pub(super) fn parity(error: ParityError) -> Failure {
    match error {
        ParityError::Content(error) => Failure::Bundle(error),
        ParityError::Archive(error) => archive(error),
        other => Failure::images(Trouble::Verification, other),
    }
}

/// Trouble with a bundle that is created.
pub(super) fn create(error: CreateError) -> Failure {
    let trouble = match &error {
        CreateError::NoArchitecture | CreateError::NotAsked(_) => Trouble::Usage,
        CreateError::NotLocked(_) | CreateError::LockArchitecture(_) => Trouble::Input,
        CreateError::LockDiffers(_) | CreateError::Documents(_) => Trouble::Verification,
        CreateError::Incomplete { images, binaries } => {
            let images = images.iter().map(|failure| of_problem(&failure.problem));
            let binaries = binaries.iter().map(|failure| match &failure.problem {
                DownloadProblem::Fetch(problem) => of_problem(problem),
                DownloadProblem::Checksum { .. } => Trouble::Network,
                _ => Trouble::Input,
            });
            worst(images.chain(binaries))
        }
        CreateError::Stopped => Trouble::Stopped,
        CreateError::Archive(ArchiveError::Content(_)) => Trouble::Verification,
        CreateError::Content(error) => of_content(error),
        _ => Trouble::Input,
    };
    Failure::images(trouble, error)
}

/// Trouble with a file of a lock.
pub(super) fn lock(error: LockError) -> Failure {
    Failure::images(Trouble::Input, error)
}

/// Trouble with a push.
pub(super) fn push(error: PushError) -> Failure {
    let trouble = match &error {
        PushError::Registry(error) => trouble(error),
        PushError::Base(_) => Trouble::Input,
        PushError::Stopped => Trouble::Stopped,
        PushError::Incomplete(failures) => worst(failures.iter().map(|failure| match &failure.problem {
            push::Problem::Registry(error) => trouble(error),
            push::Problem::Content(error) => of_content(error),
            push::Problem::Lost { .. } | push::Problem::NotMounted { .. } => Trouble::Network,
            _ => Trouble::Verification,
        })),
    };
    Failure::images(trouble, error)
}

/// Trouble with a receipt.
pub(super) fn receipt(error: ReceiptError) -> Failure {
    let trouble = match &error {
        ReceiptError::Registry { error, .. } => trouble(error),
        ReceiptError::Stopped => Trouble::Stopped,
        _ => Trouble::Input,
    };
    Failure::images(trouble, error)
}

fn trouble(error: &RegistryError) -> Trouble {
    match (error, error.class()) {
        (RegistryError::Stopped, _) => Trouble::Stopped,
        (RegistryError::Digest { .. } | RegistryError::Document { .. }, _) => Trouble::Verification,
        (_, Class::Final) => Trouble::Input,
        _ => Trouble::Network,
    }
}

fn of_problem(problem: &Problem) -> Trouble {
    match problem {
        Problem::Registry(error) => trouble(error),
        _ => Trouble::Verification,
    }
}

fn of_content(error: &ContentError) -> Trouble {
    if is_missing(error) { Trouble::Input } else { Trouble::Verification }
}

/// What is wrong for good comes before what another try may mend.
fn worst(all: impl Iterator<Item = Trouble>) -> Trouble {
    all.min().unwrap_or(Trouble::Network)
}
