//! The description of a machine (OVF): its hardware, its disk, and the properties that carry a payload.

use crate::parts::Parts;
use kfimg_images::Architecture;

const TEXT: &str = include_str!("machine.ovf");
/// What a value of guestinfo may have (facts of VMware's tools: 64 KiB).
const LONGEST_VALUE: &str = "MaxLen(65535)";

/// What a payload is given by: keys, and what people read beside them. Each has a second key with `.encoding` behind it.
const PROPERTIES: [(&str, &str); 3] = [
    ("guestinfo.ignition.config.data", "Payload of the node for Ignition"),
    ("guestinfo.userdata", "Payload of the node for cloud-init"),
    ("guestinfo.metadata", "Metadata of the node for cloud-init"),
];

/// What opens a sealed payload, which the agent asks for. Its value is an age identity or a passphrase: nothing encodes it.
const KEY: (&str, &str) =
    ("guestinfo.kfimg.key", "Key of a sealed payload, in one line; to be taken away when the node is up");

/// What a machine that is made of the appliance has; both can be changed afterwards.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Machine {
    /// Virtual processors.
    pub processors: u32,
    /// Memory, in MiB.
    pub memory: u32,
}

impl Default for Machine {
    /// What a control plane of a small cluster needs.
    fn default() -> Self {
        Self { processors: 2, memory: 4096 }
    }
}

/// The disk that the description names.
#[derive(Clone, Copy)]
pub(super) struct Disk<'a> {
    pub(super) file: &'a str,
    /// Bytes of the file, and of the disk in it.
    pub(super) file_bytes: u64,
    pub(super) bytes: u64,
}

/// The whole text.
pub(super) fn description(parts: &Parts, machine: Machine, disk: Disk<'_>) -> String {
    // VMware's number and name for "other Linux, 64 bits" of an architecture.
    let (system, system_name) = match parts.architecture {
        Architecture::Amd64 => ("101", "other5xLinux64Guest"),
        Architecture::Arm64 => ("101", "arm-other5xLinux-64"),
    };
    let properties: String = PROPERTIES.iter().map(|(key, label)| encoded(key, label)).collect();
    let properties = properties + &property(KEY.0, KEY.1, "");
    let values = [
        ("@ID@", escaped(&parts.image_id)),
        ("@VERSION@", escaped(&parts.image_version)),
        ("@FILE@", escaped(disk.file)),
        ("@FILE_BYTES@", disk.file_bytes.to_string()),
        ("@DISK_BYTES@", disk.bytes.to_string()),
        ("@SYSTEM@", system.to_owned()),
        ("@SYSTEM_NAME@", system_name.to_owned()),
        ("@PROCESSORS@", machine.processors.to_string()),
        ("@MEMORY@", machine.memory.to_string()),
        ("@PROPERTIES@", properties),
    ];
    values.iter().fold(TEXT.to_owned(), |text, (name, value)| text.replace(name, value))
}

/// A property and the one that tells its encoding.
fn encoded(key: &str, label: &str) -> String {
    let length = format!(" ovf:qualifiers=\"{LONGEST_VALUE}\"");
    property(key, label, &length)
        + &property(&format!("{key}.encoding"), &format!("{label}: its encoding, gzip+base64"), "")
}

fn property(key: &str, label: &str, rest: &str) -> String {
    format!(
        "      <Property ovf:key=\"{key}\" ovf:type=\"string\" ovf:value=\"\" ovf:userConfigurable=\"true\"{rest}>\n        \
         <Label>{label}</Label>\n      </Property>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
