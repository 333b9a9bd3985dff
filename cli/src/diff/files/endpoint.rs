//! Where the API answers: haproxy's and keepalived's configurations as settings.

use crate::diff::settings::{Setting, Settings, lines};

/// API servers by name, addresses that haproxy listens on, all other lines.
pub(super) fn haproxy(text: &str) -> Option<Settings> {
    let mut settings = Settings::new();
    let (mut binds, mut others) = (Vec::new(), Vec::new());
    for line in lines(text) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["server", name, address, ..] => {
                settings.insert(format!("API server {name}"), Setting::One((*address).to_owned()));
            }
            ["bind", address] => binds.push((*address).to_owned()),
            _ if line.trim_start().starts_with('#') => {}
            words => others.push(words.join(" ")),
        }
    }
    settings.insert("listens on".to_owned(), Setting::Many(binds));
    settings.insert("lines".to_owned(), Setting::Many(others));
    Some(settings)
}

/// Settings by the blocks that they lie in; a block of bare words is a list.
pub(super) fn keepalived(text: &str) -> Option<Settings> {
    let mut settings = Settings::new();
    let mut blocks: Vec<String> = Vec::new();
    for line in lines(text) {
        let line = line.trim();
        if let Some(block) = line.strip_suffix('{') {
            let block = block.trim();
            blocks.push(block.strip_prefix("vrrp_instance ").unwrap_or(block).to_owned());
        } else if line == "}" {
            blocks.pop();
        } else if let Some((key, value)) = line.split_once(' ') {
            settings.insert(format!("{} {key}", blocks.join(" ")), Setting::One(value.trim().to_owned()));
        } else if !line.starts_with('#') {
            let list = settings.entry(blocks.join(" ")).or_insert_with(|| Setting::Many(Vec::new()));
            if let Setting::Many(items) = list {
                items.push(line.to_owned());
            }
        }
    }
    Some(settings)
}

#[cfg(test)]
mod tests {
    use super::{haproxy, keepalived};
    use crate::diff::settings::compare;

    #[test]
    fn a_new_control_plane_and_a_new_address_are_told_as_such() {
        let old = "backend a\n    # x\n    balance leastconn\n    server m1 192.0.2.1:6443 verifyhost m1\nfrontend f\n    bind 127.0.0.1:6443\n    bind 192.0.2.9:6443\n";
        let new = old.replace("192.0.2.9", "192.0.2.8").replace("# x", "# y") + "    server m2 192.0.2.2:6443\n";
        let words: Vec<String> = compare(&haproxy(old).unwrap(), &haproxy(&new).unwrap())
            .into_iter()
            .map(|(name, what)| format!("{name} {what:?}"))
            .collect();
        assert_eq!(
            words,
            [
                r#"API server m2 Added { to: Some("192.0.2.2:6443") }"#,
                r#"listens on Items { added: ["192.0.2.8:6443"], removed: ["192.0.2.9:6443"] }"#,
            ]
        );
    }

    #[test]
    fn keepalived_is_told_by_instance() {
        let old = "global_defs {\n    vrrp_version 3\n}\nvrrp_instance ipv4 {\n    nopreempt\n    priority 100\n    virtual_ipaddress {\n        192.0.2.9/32\n    }\n}\n";
        let new = old.replace("priority 100", "priority 101").replace("2.9/32", "2.8/32");
        let words: Vec<String> = compare(&keepalived(old).unwrap(), &keepalived(&new).unwrap())
            .into_iter()
            .map(|(name, what)| format!("{name} {what:?}"))
            .collect();
        assert_eq!(
            words,
            [
                r#"ipv4 priority Changed { from: "100", to: "101" }"#,
                r#"ipv4 virtual_ipaddress Changed { from: "192.0.2.9/32", to: "192.0.2.8/32" }"#,
            ]
        );
    }
}
