//! The machine template: base system, container runtime and kubelet as one read-only, verified image.
//!
//! It is the same for every node and every site; only payloads differ. This crate sees no private key and no inventory.
//!
//! Outputs, as functions over [`parts::Parts`]:
//!
//! - [`mod@uki`]: a unified kernel image for a medium, and [`mod@sign`], which signs it for Secure Boot;
//! - [`mod@disk`]: what lies on a disk, and the disk as it is; [`mod@qcow2`], [`mod@vmdk`] and [`mod@ova`] are the same disk for
//!   hypervisors;
//! - [`mod@iso`]: a live medium.
//!
//! They use [`mod@esp`] (the volume that firmware boots from), [`mod@gpt`] (partition tables) and [`mod@extents`] (content that is
//! not a file yet).

mod blocks;
pub mod disk;
pub mod esp;
pub mod extents;
pub mod gpt;
pub mod iso;
pub mod output;
pub mod ova;
pub mod parts;
pub mod qcow2;
pub mod sign;
pub mod uki;
pub mod vmdk;
pub mod boot;
pub mod initrd;
pub mod pxe;
