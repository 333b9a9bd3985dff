//! NTP servers and the time zone.

use crate::site::{Site, text};
use crate::{is_wanted, link};

const DROP_IN: &str = "/etc/systemd/timesyncd.conf.d/10-kfimg.conf";

#[test]
fn only_the_descriptions_servers_are_asked() {
    let site = Site::with(|cluster| {
        cluster.time.servers = vec!["ntp1.example.com".to_owned(), "fd00::1".to_owned()];
        cluster.time.timezone = "Europe/Vienna".to_owned();
    });
    let tree = site.tree("worker1");
    assert_eq!(text(&tree, DROP_IN), "[Time]\nNTP=ntp1.example.com fd00::1\nFallbackNTP=\n");
    assert!(is_wanted(&tree, "systemd-timesyncd.service", "sysinit.target"));
    assert_eq!(link(&tree, "/etc/localtime"), "../usr/share/zoneinfo/Europe/Vienna");
}

#[test]
fn without_servers_nothing_is_asked_or_waited_for() {
    let tree = Site::with(|cluster| cluster.time.servers.clear()).tree("worker1");
    assert_eq!(text(&tree, DROP_IN), "[Time]\nNTP=\nFallbackNTP=\n");
    assert!(!is_wanted(&tree, "systemd-timesyncd.service", "sysinit.target"));
}
