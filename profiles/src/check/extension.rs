//! The system extension of a stock operating system: where it lies, what it must be, and that nothing is needed of it before it is
//! there.

use super::delivery::{is_below_server, is_plain_url};
use super::{Machine, Subject, and_others, number};
use crate::description::{PayloadFormat, SystemExtension};
use crate::document::Path;
use crate::problem::Report;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let has_server = subject.description.delivery.boot_server.is_some();
    for (path, node) in subject.parts() {
        if let Some(extension) = &node.system_extension {
            one(&path.key("systemExtension"), extension, has_server, report);
        }
    }
    disks(subject, report);
}

fn one(path: &Path, extension: &SystemExtension, has_server: bool, report: &mut Report) {
    let SystemExtension { source, sha256 } = extension;
    let is_place = if extension.is_url() { is_plain_url(source) } else { is_below_server(source) };
    if !is_place {
        report
            .error(
                "system-extension-source",
                path.key("source"),
                format!("`{source}` is no URL that nodes fetch from, and no path below the boot server's"),
            )
            .help("write a path such as images/kfimg.raw, or http:// or https:// with host, port and path");
    } else if !extension.is_url() && !has_server {
        report
            .error(
                "system-extension-source",
                path.key("source"),
                format!("nothing says on which server `{source}` lies"),
            )
            .help("write `delivery: {bootServer: http://192.168.49.2:8080}`, or the whole URL here");
    }
    if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) {
        report
            .error("system-extension-digest", path.key("sha256"), format!("`{sha256}` is no SHA-256"))
            .help("write the 64 digits that `sha256sum kfimg.raw` prints; `kfimg build` wrote them to sysext.yaml");
    }
}

/// The agent comes with the extension, which lies on `/var`: it can't be the one who makes the partition for it.
fn disks(subject: &Subject<'_>, report: &mut Report) {
    let by_cloud_init = subject.description.delivery.payload == PayloadFormat::CloudInit;
    let needs_agent = |machine: &&Machine<'_>| {
        let by_size = machine.node.data_disk.as_ref().is_some_and(|disk| disk.min_size.is_some());
        machine.node.system_extension.is_some() && (by_size || by_cloud_init && machine.node.data_disk.is_some())
    };
    let machines: Vec<&Machine<'_>> = subject.machines.iter().filter(needs_agent).collect();
    let Some(first) = machines.first() else { return };
    let message = format!(
        "the data {} of {} would be made by the agent, which is in the system extension, which lies there",
        number(&machines, "partition", "partitions"),
        and_others(&machines)
    );
    let help = if by_cloud_init {
        "write `dataDisk: null`: the root file system lasts; or deliver Ignition, which partitions a disk that `path` or `id` names"
    } else {
        "name the disk by `path` or `id`, for Ignition to partition; or write `dataDisk: null` where the root file system lasts"
    };
    let is_own = first.own.data_disk.is_some();
    report.error("system-extension-disk", first.at_origin(is_own, "dataDisk"), message).help(help);
}
