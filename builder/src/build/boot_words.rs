//! What may stand in the scripts of iPXE and on the kernel's command line: both are read in words, and neither asks whether a
//! character was meant.
//!
//! Sources: iPXE's documentation of scripts and settings (`${…}`, `#`, `||`, `&&`, `;`, quotes); the kernel's
//! `admin-guide/kernel-parameters`; RFC 3986, sections 2.3 and 3.2.

/// Characters to which one of them gives a meaning of its own. A description refuses them in `delivery.pxe.arguments` as well.
const SPECIAL: &str = "\"'`\\#|&;$";

/// Why the root can't be fetched from below this URL, with what to write instead.
pub(super) fn root_url(url: &str) -> Option<String> {
    let form = "write http://SERVER/FOLDER, without a query; the initrd holds the root's digest, so it needs no TLS";
    let Some(rest) = url.strip_prefix("http://") else { return Some(form.to_owned()) };
    let (authority, path) = rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    if let Some(odd) = path.chars().find(|c| !is_allowed(*c) && *c != '/') {
        let reason = "is read differently by boot scripts, the kernel's command line or the server";
        return Some(format!(
            "`{}` {reason}; give the folder a name of letters, digits and - . _ ~",
            odd.escape_debug()
        ));
    }
    let folder = path.strip_suffix('/').unwrap_or(path);
    if !folder.is_empty() && folder.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Some("its path has an empty part, or `.` or `..`; write the folder as the server has it".to_owned());
    }
    (!is_authority(authority)).then(|| format!("`{authority}` is no server; {form}"))
}

/// A host, with a port or without, and no user.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => ("host", port),
            _ => return false,
        },
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    let is_port =
        |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0) && port.bytes().all(|byte| byte.is_ascii_digit());
    let is_label = |label: &str| {
        let is_word = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        !label.is_empty() && is_word && !label.starts_with('-') && !label.ends_with('-')
    };
    host.len() < 254 && host.split('.').all(is_label) && port.strip_prefix(':').map_or(port.is_empty(), is_port)
}

/// Why words for the kernel can't stand in a boot script.
pub(super) fn arguments(words: &str) -> Option<String> {
    let odd = words.chars().find(|c| SPECIAL.contains(*c) || !(c.is_ascii_graphic() || *c == ' '))?;
    let reason = "is read differently by the scripts of iPXE, which boot what --output pxe makes";
    Some(format!("--append: `{}` {reason}; leave it out, or build the other outputs without pxe", odd.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::{arguments, root_url};

    #[test]
    fn a_url_has_nothing_that_somebody_on_its_way_reads_as_more() {
        for good in [
            "http://192.0.2.1",
            "http://192.0.2.1/",
            "http://192.0.2.1:8080/images",
            "http://boot.example/images/2026-11_a~b/",
            "http://[2001:db8::1]:8080/images",
        ] {
            assert_eq!(root_url(good), None, "{good}");
        }
        for (bad, part) in [
            ("https://a/b", "write http://SERVER/FOLDER"),
            ("ftp://a/b", "write http://SERVER/FOLDER"),
            ("http://", "`` is no server"),
            ("http:///images", "`` is no server"),
            ("http://user:secret@a/b", "is no server"),
            ("http://a:0/b", "is no server"),
            ("http://a:+80/b", "is no server"),
            ("http://a:http/b", "is no server"),
            ("http://a:99999/b", "is no server"),
            ("http://[::1/b", "is no server"),
            ("http://[x]/b", "is no server"),
            ("http://-a/b", "is no server"),
            ("http://a;b/c", "is no server"),
            ("http://${next-server}/b", "is no server"),
            ("http://a/b&c", "`&` is read differently"),
            ("http://a/b;c", "`;` is read differently"),
            ("http://a/b|c", "`|` is read differently"),
            ("http://a/b?c", "`?` is read differently"),
            ("http://a/b#c", "`#` is read differently"),
            ("http://a/${c}", "`$` is read differently"),
            ("http://a/b c", "` ` is read differently"),
            ("http://a/b\nc", "`\\n` is read differently"),
            ("http://a/%2e%2e/c", "`%` is read differently"),
            ("http://a/b\\c", "`\\\\` is read differently"),
            ("http://a/b=\"c", "`=` is read differently"),
            ("http://a/é", "`é` is read differently"),
            ("http://a//b", "an empty part"),
            ("http://a/../b", "an empty part"),
        ] {
            let problem = root_url(bad).unwrap_or_else(|| panic!("{bad} is taken"));
            assert!(problem.contains(part), "{bad}: {problem}");
        }
    }

    #[test]
    fn words_for_the_kernel_are_those_that_a_boot_script_hands_on() {
        assert_eq!(arguments(" console=ttyS0,115200 net.ifnames=0 rd.break=pre-mount systemd.mask=a@b.service"), None);
        for (words, odd) in [
            ("a; b", "`;`"),
            ("a=\"b c\"", "`\\\"`"),
            ("a=${b}", "`$`"),
            ("a && b", "`&`"),
            ("a\tb", "`\\t`"),
            ("# a", "`#`"),
        ] {
            let problem = arguments(words).unwrap_or_else(|| panic!("{words} is taken"));
            assert!(problem.starts_with(&format!("--append: {odd} is read differently")), "{words}: {problem}");
        }
    }
}
