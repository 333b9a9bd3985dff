//! `kfimg bundle`: everything that a cluster will ask for, carried to where it is.

mod create;
mod failure;
mod failures;
mod opened;
mod pack;
mod push;
mod receipt;
mod registries;
mod repair;
mod sign;
mod target;
mod verify;
mod wanted;

pub(crate) use create::architecture;

use crate::console::Console;
use crate::failure::Failure;
use clap::Subcommand;

/// What to do with a bundle.
#[derive(Debug, Subcommand)]
pub(crate) enum BundleCommand {
    /// Fetch every image and binary that a cluster will ask for
    Create(Box<create::CreateArgs>),
    /// Write a bundle as one tar or as numbered chunks
    Pack(pack::PackArgs),
    /// Rehash everything, and prove that nothing is missing
    Verify(verify::VerifyArgs),
    /// Rebuild lost or damaged chunks from parity chunks
    Repair(repair::RepairArgs),
    /// Bring a bundle into a registry
    Push(push::PushArgs),
    /// Write down what a registry has, for a delta
    Receipt(receipt::ReceiptArgs),
    /// Sign a bundle
    Sign(sign::SignArgs),
}

/// Does it.
pub(crate) fn run(command: &BundleCommand, console: &Console) -> Result<(), Failure> {
    match command {
        BundleCommand::Create(args) => create::run(args, console),
        BundleCommand::Pack(args) => pack::run(args, console),
        BundleCommand::Verify(args) => verify::run(args, console),
        BundleCommand::Repair(args) => repair::run(args, console),
        BundleCommand::Push(args) => push::run(args, console),
        BundleCommand::Receipt(args) => receipt::run(args, console),
        BundleCommand::Sign(args) => sign::run(args, console),
    }
}
