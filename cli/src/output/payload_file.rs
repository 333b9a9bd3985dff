//! The files in which one node's payload can lie, by channel: where each stands in an output.
//!
//! What is in them is crate `ignition`'s; which of them are written follows from the description.

use kfimg_ignition::payload::{IGNITION_KEY, METADATA_KEY, USER_DATA_KEY};

/// One file of a payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PayloadFile {
    /// An Ignition configuration.
    Ignition,
    /// cloud-init's user-data.
    UserData,
    /// Who the machine is, for cloud-init.
    MetaData,
    /// The names of its cards, for cloud-init.
    NetworkConfig,
    /// Nothing: cloud-init asks for it over HTTP, and again for ten seconds where there is none.
    VendorData,
    /// A drive of NoCloud with the first three.
    Seed,
    /// A config drive with either of both formats.
    ConfigDrive,
    /// guestinfo value of an Ignition configuration.
    GuestinfoIgnition,
    /// guestinfo value of a user-data.
    GuestinfoUserData,
    /// guestinfo value of the metadata beside it.
    GuestinfoMetadata,
    /// What govc imports an appliance with; the values are vApp properties in it.
    ImportSpecification,
}

impl PayloadFile {
    /// Whether it lies in a virtual machine's configuration.
    pub(crate) fn is_guestinfo(self) -> bool {
        matches!(
            self,
            Self::GuestinfoIgnition | Self::GuestinfoUserData | Self::GuestinfoMetadata | Self::ImportSpecification
        )
    }

    /// Its path below the output folder.
    pub(crate) fn path(self, node: &str) -> String {
        match self {
            Self::Ignition => format!("nodes/{node}/ignition.json"),
            Self::UserData => format!("nodes/{node}/user-data"),
            Self::MetaData => format!("nodes/{node}/meta-data"),
            Self::NetworkConfig => format!("nodes/{node}/network-config"),
            Self::VendorData => format!("nodes/{node}/vendor-data"),
            Self::Seed => format!("nodes/{node}/seed.img"),
            Self::ConfigDrive => format!("nodes/{node}/config-drive.img"),
            Self::GuestinfoIgnition => format!("vmware/{node}/{IGNITION_KEY}"),
            Self::GuestinfoUserData => format!("vmware/{node}/{USER_DATA_KEY}"),
            Self::GuestinfoMetadata => format!("vmware/{node}/{METADATA_KEY}"),
            Self::ImportSpecification => format!("vmware/{node}/import.json"),
        }
    }
}
