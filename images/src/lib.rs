//! Which container images a cluster asks for and why, and the bundle that carries them.
//!
//! - [`mod@catalog`]: the images and host programs that belong to a Kubernetes minor version (embedded, reviewed data);
//! - [`mod@reference`]: image references, as containerd reads them, and where a mirror keeps them;
//! - [`mod@discovery`] and [`mod@rule`]: the images that Kubernetes objects name;
//! - [`mod@list`]: what one render needs, each image with the reasons for it.
//!
//! What talks to registries; nothing else opens a connection outward:
//!
//! - [`mod@registry`]: a registry's API, with the rules of whom a redirect, a login or an upload may lead to;
//! - [`mod@store`] and [`mod@pull`]: a layout that many may write at once, and what fetches images into it;
//! - [`mod@transfer`]: what they tell of a blob on its way, to a site's registry too;
//! - [`mod@download`]: host programs, as artifacts in the same layout;
//! - [`mod@lock`] and [`mod@create`]: which content references stand for, and a whole bundle made of it.
//!
//! A bundle, which is read where it lies:
//!
//! - [`mod@layout`] and [`mod@content`]: an OCI image layout as folder, tar or chunks;
//! - [`mod@archive`] and [`mod@parity`]: the tar and the chunks, and what rebuilds lost ones;
//! - [`mod@verify`] and [`mod@sign`]: whether every byte is right, and whose bundle it is;
//! - [`mod@proof`]: whether everything that nodes will ask for is inside, and what they are pinned to;
//! - [`mod@pins`]: those digests, written into references and objects;
//! - [`mod@serve`]: a read-only registry over it.

pub mod archive;
pub mod attached;
pub mod catalog;
mod catalog_file;
pub mod component;
pub mod content;
pub mod create;
pub mod digest;
pub mod discovery;
pub mod download;
pub mod early;
pub mod fake;
pub mod hasher;
pub mod layout;
mod likely;
pub mod list;
pub mod lock;
mod object_path;
mod parallel;
pub mod parity;
pub mod pins;
mod platforms;
mod pod;
pub mod proof;
pub mod pull;
pub mod push;
pub mod reason;
pub mod receipt;
pub mod reference;
pub mod registry;
pub mod rule;
pub mod serve;
mod shown;
pub mod sign;
pub mod steps;
pub mod stop;
pub mod store;
pub mod transfer;
pub mod verify;

pub use catalog::{Catalog, CatalogError, Support};
pub use component::{Architecture, Component, HostPart};
pub use digest::{Digest, DigestError};
pub use discovery::{Discovery, FoundImage, ObjectName, Place, Remark, RemarkKind, Severity, discover, discover_by};
pub use list::{ImageList, ImageRow};
pub use pins::Pins;
pub use reason::{Cause, Reason, Scope};
pub use reference::{Reference, ReferenceError, ReferenceErrorKind};
pub use rule::{ImageRule, RuleStep};
