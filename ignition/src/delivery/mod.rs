//! What brings payloads to machines that fetch them or are made for them: boot scripts, an example for a DHCP server, a
//! script for vSphere.
//!
//! It knows which machine is which; what a payload holds is decided in [`crate::content`] and written in
//! [`crate::payload`]. Nothing here is secret but vApp properties.

mod dnsmasq;
mod govc;
mod ipxe;

pub use dnsmasq::dnsmasq;
pub use govc::{deploy_script, import_specification, imported_value, imported_values};
pub use ipxe::{boot_scripts, cards, unnamed_machines};

/// A file of the output.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeliveryFile {
    /// Path below the output folder.
    pub path: String,
    /// Its contents.
    pub content: String,
}
