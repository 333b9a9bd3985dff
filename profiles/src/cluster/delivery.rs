//! How payloads reach the machines of a validated cluster.

use crate::description::{Channel, GuestinfoTransport, PayloadFormat};
use std::collections::BTreeSet;

/// The channels of a description that names none.
pub const DEFAULT_CHANNELS: [Channel; 4] = [Channel::Ignition, Channel::Nocloud, Channel::Guestinfo, Channel::Pxe];

/// How payloads reach the machines.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct Delivery {
    /// The ways in that are rendered.
    pub channels: BTreeSet<Channel>,
    /// What the machines' operating system reads.
    pub payload: PayloadFormat,
    /// URL below which the output lies, without a slash at its end.
    pub boot_server: Option<String>,
    /// How guestinfo values get to a virtual machine.
    pub guestinfo_transport: GuestinfoTransport,
    /// Greatest size of a guestinfo value in bytes.
    pub guestinfo_limit: u64,
    /// Greatest size of all guestinfo values of a machine together, in bytes.
    pub guestinfo_machine_limit: u64,
    /// Greatest size of user data in bytes.
    pub user_data_limit: Option<u64>,
    /// Path of the kernel below the boot server's URL.
    pub kernel: String,
    /// Paths of the initial RAM disks below the boot server's URL.
    pub initrd: Vec<String>,
    /// More arguments for the kernel.
    pub kernel_arguments: Vec<String>,
}

impl Delivery {
    /// Whether a channel is rendered.
    pub fn has(&self, channel: Channel) -> bool {
        self.channels.contains(&channel)
    }
}
