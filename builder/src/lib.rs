//! The machine template: base system, container runtime and kubelet as one read-only, verified image.
//!
//! It is the same for every node and every site; only payloads differ. This crate sees no private key and no inventory.
//!
//! The way of a build, which [`mod@build`] puts in order:
//!
//! - [`mod@base`]: an OCI image, a tar or a folder becomes a [`mod@tree`] in memory; contents stay where they are;
//! - [`mod@content`]: identity out; host programs, agent, settings and images in;
//! - [`mod@licences`]: under which terms all of it may be handed on;
//! - [`mod@lint`]: what can't boot or should not be there is refused;
//! - [`mod@root_image`] and [`mod@verity`]: the read-only root and the tree that verifies it;
//! - [`mod@boot`] and [`mod@initrd`]: how the image boots, and what the initrd has for it;
//! - [`mod@record`], [`mod@listing`] and [`mod@picture`]: what was built, for programs and for people ([`mod@html`] writes pages);
//!   [`mod@compare`] tells two builds apart.
//!
//! Outputs, as functions over [`parts::Parts`]:
//!
//! - [`mod@sysext`]: an extension of a foreign system; [`mod@pxe`]: what a boot server hands out;
//! - [`mod@uki`]: a unified kernel image for a medium, and [`mod@sign`], which signs it for Secure Boot;
//! - [`mod@disk`]: what lies on a disk, and the disk as it is; [`mod@qcow2`], [`mod@vmdk`] and [`mod@ova`] are the same disk for
//!   hypervisors;
//! - [`mod@iso`]: a live medium.
//!
//! They use [`mod@esp`] (the volume that firmware boots from), [`mod@gpt`] (partition tables) and [`mod@extents`] (content that is
//! not a file yet).

pub mod base;
mod blocks;
pub mod boot;
pub mod build;
pub mod compare;
pub mod content;
pub mod disk;
mod elf;
mod error;
pub mod esp;
pub mod extents;
pub mod fake;
pub mod gpt;
pub mod html;
pub mod initrd;
pub mod iso;
pub mod licences;
pub mod lint;
pub mod listing;
pub mod output;
pub mod ova;
mod packages;
pub mod parts;
pub mod picture;
pub mod pxe;
pub mod qcow2;
pub mod record;
pub mod request;
pub mod root_image;
pub mod sign;
mod sizes;
mod spool;
pub mod sysext;
pub mod tree;
pub mod uki;
pub mod verity;
pub mod vmdk;

pub use build::{Built, build};
pub use content::Preload;
pub use disk::DiskSizes;
pub use error::{ArchiveProblem, Error, ErrorKind};
pub use request::{Event, OutputKind, Request};
pub use root_image::RootFormat;
pub use sign::Signer;
