//! People who may log in.

use crate::site::{Site, file, text};
use kfimg_profiles::description::User;

const SUDOERS: &str = "/etc/sudoers.d/kfimg";
const SSHD: &str = "/etc/ssh/sshd_config.d/10-kfimg.conf";

fn user(name: &str, sudo: bool) -> User {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA ops".to_owned();
    User { name: name.to_owned(), ssh_authorized_keys: vec![key], sudo, ..User::default() }
}

#[test]
fn nobody_is_made_unless_described() {
    let tree = Site::with(|cluster| cluster.users.clear()).tree("worker1");
    assert_eq!(tree.users().count(), 0);
    assert!([SUDOERS, SSHD].iter().all(|path| tree.get(path).is_none()));
}

#[test]
fn users_log_in_by_key_and_some_become_root() {
    let site = Site::with(|cluster| cluster.users = vec![user("ops", true), user("audit", false)]);
    let tree = site.tree("worker1");
    let names: Vec<&str> = tree.users().map(|user| user.name.as_str()).collect();
    assert_eq!(names, ["audit", "ops"]);
    assert_eq!(text(&tree, SUDOERS), "ops ALL=(ALL:ALL) NOPASSWD: ALL\n");
    assert_eq!(file(&tree, SUDOERS).mode, 0o440);
    let sshd = text(&tree, SSHD);
    assert!(
        sshd.ends_with("\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin no\n"),
        "{sshd}"
    );
}

#[test]
fn root_logs_in_by_key_where_described() {
    let tree = Site::with(|cluster| cluster.users = vec![user("root", false)]).tree("worker1");
    assert!(text(&tree, SSHD).ends_with("\nPermitRootLogin prohibit-password\n"));
    assert!(tree.get(SUDOERS).is_none());
}
