//! How large the parts of a payload are, and what their channels take.

use super::model::Size;
use crate::output::{FileRecord, NodeRecord};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Parts of a payload without a limit are told from so many bytes on.
const TOLD: u64 = 4096;

/// The files of an output by their paths.
pub(super) type Files = BTreeMap<String, FileRecord>;

/// What channels take, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// A guestinfo value.
    pub(crate) value: u64,
    /// All guestinfo values of a machine together.
    pub(crate) machine: u64,
    /// User data, where the description limits it.
    pub(crate) user_data: Option<u64>,
}

/// The parts of a node's payload; those with a limit first, the fullest before the others.
pub(super) fn sizes(limits: Limits, files: &Files, node: &str, record: Option<&NodeRecord>) -> Vec<Size> {
    let values: Vec<Size> =
        below(files, format!("vmware/{node}/")).map(|(part, bytes)| value(limits, part, bytes)).collect();
    let machine = (!values.is_empty()).then(|| Size {
        channel: "VMware, whole machine",
        part: "all of a machine's values".to_owned(),
        bytes: values.iter().map(|size| size.bytes).sum(),
        limit: Some(limits.machine),
    });
    let others = below(files, format!("nodes/{node}/")).map(|(part, bytes)| file(limits, part, bytes));
    let mut sizes: Vec<Size> = values.into_iter().chain(machine).chain(others).chain(fetched(files, record)).collect();
    sizes.retain(|size| size.limit.is_some() || size.bytes >= TOLD);
    sizes.sort_by_key(|size| (size.limit.is_none(), Reverse(size.percent())));
    sizes
}

/// Names and sizes of the files right below a folder.
fn below(files: &Files, folder: String) -> impl Iterator<Item = (&str, u64)> {
    let parts = files.range(folder.clone()..).take_while(move |(path, _)| path.starts_with(&folder));
    parts.filter_map(|(path, record)| Some((path.rsplit_once('/')?.1, record.size)))
}

fn value(limits: Limits, part: &str, bytes: u64) -> Size {
    let channel = if part.starts_with("import.json") { "VMware OVF properties" } else { "VMware guestinfo" };
    Size { channel, part: part.to_owned(), bytes, limit: Some(limits.value) }
}

fn file(limits: Limits, part: &str, bytes: u64) -> Size {
    let (channel, limit) = match part {
        "ignition.json" => ("Ignition", limits.user_data),
        "seed.img" => ("NoCloud drive", None),
        "config-drive.img" => ("Config drive", None),
        "user-data" => ("cloud-init", limits.user_data),
        _ => ("cloud-init", None),
    };
    Size { channel, part: part.to_owned(), bytes, limit }
}

/// What the node fetches from the boot server because its channel does not take it.
fn fetched(files: &Files, record: Option<&NodeRecord>) -> Option<Size> {
    let paths = &record?.fetched;
    let count = paths.len();
    let part = if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    let bytes = paths.iter().filter_map(|path| files.get(path)).map(|file| file.size).sum();
    (count > 0).then_some(Size { channel: "Boot server", part, bytes, limit: None })
}

#[cfg(test)]
mod tests {
    use super::{Files, Limits, sizes};
    use crate::output::FileRecord;

    fn files(list: &[(&str, u64)]) -> Files {
        let record = |size| FileRecord { sha256: String::new(), size };
        list.iter().map(|(path, size)| ((*path).to_owned(), record(*size))).collect()
    }

    #[test]
    fn every_part_stands_against_the_limit_of_its_channel() {
        let files = files(&[
            ("nodes/a/ignition.json", 10_000),
            ("nodes/a/meta-data", 100),
            ("nodes/a/seed.img", 49_152),
            ("nodes/a/user-data", 12_000),
            ("nodes/ab/user-data", 1),
            ("vmware/a/guestinfo.metadata", 1_000),
            ("vmware/a/guestinfo.userdata", 65_000),
        ]);
        let told = |user_data| {
            let limits = Limits { value: 65_536, machine: 1 << 20, user_data };
            let sizes = sizes(limits, &files, "a", None);
            sizes.iter().map(|size| format!("{} {}", size.part, size.percent())).collect::<Vec<_>>()
        };
        let values = ["guestinfo.userdata 100", "all of a machine's values 7", "guestinfo.metadata 2"];
        assert_eq!(told(None)[..3], values);
        assert_eq!(told(None)[3..], ["ignition.json 0", "seed.img 0", "user-data 0"]);
        let first = ["guestinfo.userdata 100", "user-data 74", "ignition.json 62"];
        assert_eq!(told(Some(16_384))[..3], first);
    }
}
