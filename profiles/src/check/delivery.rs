//! How payloads reach the machines.

use super::{Subject, at, syntax};
use crate::description::{Channel, Delivery, Pxe};
use crate::document::Path;
use crate::problem::Report;
use std::collections::BTreeSet;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let delivery = &subject.description.delivery;
    channels(delivery, report);
    boot_server(delivery, report);
    limits(delivery, report);
    pxe(&delivery.pxe, report);
}

fn channels(delivery: &Delivery, report: &mut Report) {
    let mut seen = BTreeSet::new();
    for (index, channel) in delivery.channels.iter().enumerate() {
        if !seen.insert(channel) {
            report
                .error(
                    "duplicate-channel",
                    at("delivery.channels").index(index),
                    format!("`{channel}` is there already"),
                )
                .help("remove it");
        }
    }
    let is_unused = |channel| !seen.is_empty() && !seen.contains(&channel);
    let guestinfo = &delivery.guestinfo;
    if is_unused(Channel::Guestinfo) && (guestinfo.limit.is_some() || guestinfo.machine_limit.is_some()) {
        unused(at("delivery.guestinfo"), "guestinfo", report);
    }
    let pxe = &delivery.pxe;
    if is_unused(Channel::Pxe) && (pxe.kernel.is_some() || !pxe.initrd.is_empty() || !pxe.arguments.is_empty()) {
        unused(at("delivery.pxe"), "pxe", report);
    }
}

fn unused(setting: Path, channel: &str, report: &mut Report) {
    report
        .warning("unused-setting", setting, format!("`channels` does not name `{channel}`"))
        .at_key()
        .help(format!("remove it, or add `{channel}` to `delivery.channels`"));
}

fn boot_server(delivery: &Delivery, report: &mut Report) {
    let Some(url) = &delivery.boot_server else { return };
    if !is_plain_url(url) {
        report
            .error("invalid-url", at("delivery.bootServer"), "this is no URL that machines can boot from")
            .help("write http:// or https://, host, port and path, without a user: http://192.168.49.2:8080");
    }
}

/// A URL that needs no quoting, in a script of iPXE or of a shell.
pub(super) fn is_plain_url(url: &str) -> bool {
    syntax::is_http_url(url) && !url.contains(['?', '$', '\\', '"', '\'', '`', ';', '&', '|'])
}

fn limits(delivery: &Delivery, report: &mut Report) {
    let limits = [
        ("delivery.guestinfo.limit", delivery.guestinfo.limit),
        ("delivery.guestinfo.machineLimit", delivery.guestinfo.machine_limit),
        ("delivery.userDataLimit", delivery.user_data_limit),
    ];
    for (setting, limit) in limits {
        if limit.is_some_and(|limit| limit.get() == 0) {
            report.error("invalid-limit", at(setting), "nothing fits into 0 bytes").help("write a size such as 64Ki");
        }
    }
}

/// An iPXE script gives a meaning to white space and to `${…}`; neither belongs into a path or an argument.
fn pxe(pxe: &Pxe, report: &mut Report) {
    let list = |setting: &str, texts: &[String]| -> Vec<(Path, String)> {
        texts.iter().enumerate().map(|(index, text)| (at(setting).index(index), text.clone())).collect()
    };
    let kernel = pxe.kernel.iter().map(|text| (at("delivery.pxe.kernel"), text.clone()));
    let paths = kernel.chain(list("delivery.pxe.initrd", &pxe.initrd));
    for (setting, path) in paths {
        if !is_below_server(&path) {
            report
                .error("invalid-path", setting, format!("`{path}` is no path below the boot server's URL"))
                .help("write a relative path such as images/vmlinuz");
        }
    }
    for (setting, argument) in list("delivery.pxe.arguments", &pxe.arguments) {
        if argument.is_empty() || !is_word(&argument) {
            report
                .error("invalid-argument", setting, format!("`{argument}` is no argument of a kernel"))
                .help("write one argument an item, without white space, quotes and `${`: console=ttyS0,115200");
        }
    }
}

/// A path that means the same whatever stands before it.
pub(super) fn is_below_server(path: &str) -> bool {
    is_word(path) && !path.contains("://") && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'`\\#|&;$".contains(&byte))
}
