//! iPXE scripts on their way: a machine's own gets its ticket, and every script gets the server that it came from where the
//! description names none.
//!
//! The marks that are looked for are those that `kfimg render` writes (crate `ignition`, `delivery/ipxe.rs`); a script without
//! them goes out as it is.

use crate::entrance::Entrance;

/// What stands before each path of the boot server.
const SERVER: &str = "${boot-server}/";
/// The server of a description that names none: the one that iPXE was loaded from, at HTTP's usual port.
const UNNAMED: &str = "set boot-server http://${next-server}\n";

/// What a file is for a machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Part {
    Kernel,
    Initrd,
}

/// A machine's script, whose URLs carry its ticket.
pub(crate) fn with_ticket(script: &str, ticket: &str) -> String {
    script.replace(SERVER, &format!("{SERVER}t/{ticket}/"))
}

/// A script that knows its server, where the description named none.
pub(crate) fn with_server(script: &str, server: Option<&str>) -> String {
    match server {
        Some(server) => script.replace(UNNAMED, &format!("set boot-server {server}\n")),
        None => script.to_owned(),
    }
}

/// The script of a server that has nothing rendered yet: it asks again, where iPXE itself would give up.
pub(crate) fn waiting(server: &str) -> String {
    format!(
        "#!ipxe\n\
         echo The boot server is not ready yet. Trying again in 10 seconds.\n\
         sleep 10\n\
         chain --autofree --replace {server}/pxe/boot.ipxe || shell\n"
    )
}

/// The kernel and the initial RAM disks that a script names, by their paths on the server.
pub(crate) fn parts(script: &str) -> Vec<(String, Part)> {
    let part = |line: &str| {
        let part = match line.split(' ').next()? {
            "kernel" => Part::Kernel,
            "initrd" => Part::Initrd,
            _ => return None,
        };
        let path = line.split_once(SERVER)?.1;
        Some((path.split(' ').next().unwrap_or(path).to_owned(), part))
    };
    script.lines().filter_map(part).collect()
}

/// The server by which a client reaches us: the host that it asked for, if it is one, and the entrance that it came through.
pub(crate) fn server(host: Option<&str>, entrance: Entrance) -> Option<String> {
    let host = host?;
    let name = match host.strip_prefix('[') {
        Some(rest) => &host[..rest.find(']')? + 2],
        None => host.split(':').next().unwrap_or(host),
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    (!name.is_empty() && name.len() <= 255 && name.chars().all(is_host)).then(|| entrance.at(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "#!ipxe\n# a of the cluster demo\nisset ${boot-server} || set boot-server http://${next-server}\n\
         kernel ${boot-server}/images/vmlinuz initrd=initrd0 ignition.config.url=${boot-server}/nodes/a/ignition.json ip=dhcp\n\
         initrd --name initrd0 ${boot-server}/images/initrd\nboot\n";

    #[test]
    fn every_url_carries_the_ticket() {
        let script = with_ticket(SCRIPT, "abc");
        assert_eq!(script.matches("${boot-server}/t/abc/").count(), 3);
        assert!(script.contains("ignition.config.url=${boot-server}/t/abc/nodes/a/ignition.json ip=dhcp"));
        let parts = parts(SCRIPT);
        assert_eq!(parts, [("images/vmlinuz".to_owned(), Part::Kernel), ("images/initrd".to_owned(), Part::Initrd)]);
    }

    #[test]
    fn a_server_is_a_host_and_the_entrance_and_nothing_else() {
        let table = [
            (Some("192.0.2.1"), Some("http://192.0.2.1:8080")),
            (Some("192.0.2.1:80"), Some("http://192.0.2.1:8080")),
            (Some("[2001:db8::1]:80"), Some("http://[2001:db8::1]:8080")),
            (Some("boot.example"), Some("http://boot.example:8080")),
            (Some("a\nshell"), None),
            (Some("a b"), None),
            (Some("${x}"), None),
            (Some(""), None),
            (Some("[::1"), None),
            (None, None),
        ];
        for (host, wanted) in table {
            assert_eq!(server(host, Entrance { port: 8080, tls: false }).as_deref(), wanted, "{host:?}");
            let secure = wanted.map(|wanted| wanted.replace("http://", "https://"));
            assert_eq!(server(host, Entrance { port: 8080, tls: true }), secure, "{host:?}");
        }
        assert!(
            with_server(SCRIPT, Some("http://192.0.2.1:8080")).contains("|| set boot-server http://192.0.2.1:8080\n")
        );
        assert_eq!(with_server(SCRIPT, None), SCRIPT);
    }
}
