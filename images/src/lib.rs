//! Which container images a cluster asks for, and why.
//!
//! - [`mod@catalog`]: the images and host programs that belong to a Kubernetes minor version (embedded, reviewed data);
//! - [`mod@reference`]: image references, as containerd reads them, and where a mirror keeps them;
//! - [`mod@discovery`]: the images that Kubernetes objects name;
//! - [`mod@list`]: what one render needs, each image with the reasons for it.
//!
//! It opens no connection and reads no file: whoever calls it brings the objects.

pub mod catalog;
mod catalog_file;
pub mod component;
pub mod digest;
pub mod discovery;
mod likely;
pub mod list;
mod object_path;
mod pod;
pub mod reason;
pub mod reference;

pub use catalog::{Catalog, CatalogError};
pub use component::{Architecture, Component, HostPart};
pub use digest::{Digest, DigestError};
pub use discovery::{Discovery, FoundImage, ObjectName, Place, Remark, RemarkKind, Severity, discover};
pub use list::{ImageList, ImageRow};
pub use reason::{Cause, Reason, Scope};
pub use reference::{Reference, ReferenceError, ReferenceErrorKind};
