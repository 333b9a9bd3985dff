//! Ports that the node's components will listen on are free.
//!
//! Read from `/proc/net/tcp` and `tcp6` (`proc_pid_net(5)`): binding to try would disturb whoever comes next.

use super::Findings;
use super::codes::PORT_TAKEN;
use crate::root::Root;
use std::collections::BTreeMap;

/// State of a socket that listens (`include/net/tcp_states.h`).
const LISTEN: &str = "0A";

/// Names each port that is taken, and by whom.
pub(super) fn check(root: &Root, ports: &[u16], findings: &mut Findings) {
    let mut listeners = BTreeMap::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        // Without IPv6 there is no second table.
        let text = std::fs::read_to_string(root.at(table)).unwrap_or_default();
        listeners.extend(text.lines().skip(1).filter_map(listener));
    }
    for port in ports {
        let Some(inode) = listeners.get(port) else { continue };
        let holder = holder(root, *inode).unwrap_or_else(|| "a program that could not be found".to_owned());
        findings.add(&PORT_TAKEN, format!("{holder} listens on port {port}"));
    }
}

/// Port and inode of a line, if its socket listens.
fn listener(line: &str) -> Option<(u16, u64)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    let (_, port) = local.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    (*state == LISTEN).then_some((port, inode.parse().ok()?))
}

/// The process that holds a socket, as `name (pid)`.
fn holder(root: &Root, inode: u64) -> Option<String> {
    let socket = format!("socket:[{inode}]");
    let processes = std::fs::read_dir(root.at("/proc")).ok()?.flatten();
    processes.map(|process| process.path()).find_map(|process| {
        let pid = process.file_name()?.to_str()?.parse::<u32>().ok()?;
        let mut files = std::fs::read_dir(process.join("fd")).ok()?.flatten();
        files.find(|file| std::fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == socket.as_str()))?;
        let name = std::fs::read_to_string(process.join("comm")).ok()?;
        Some(format!("{} ({pid})", name.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::listener;

    #[test]
    fn only_sockets_that_listen_take_a_port() {
        let listens = "   0: 0100007F:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0";
        assert_eq!(listener(listens), Some((6443, 4711)));
        assert_eq!(listener(&listens.replace(" 0A ", " 01 ")), None);
        assert_eq!(listener("  sl  local_address"), None);
        let six =
            "   0: 00000000000000000000000000000000:0947 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 12 1";
        assert_eq!(listener(six), Some((2375, 12)));
    }
}
