//! Copies of keys in memory, each where its component alone can read it.
//!
//! A component owns the folders of its copies, so it could put a link there: every step down from `/run/kfimg` is taken
//! with `O_NOFOLLOW` from the folder before, and each copy is a new file that takes the old one's place at once.

use crate::plan::SecretCopy;
use crate::root::Root;
use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Uid, fchmod, fchown, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

/// Where all copies lie.
const FOLDER: &str = "/run/kfimg";
/// No key or certificate is larger than this, in bytes.
const LIMIT: u64 = 1 << 20;

/// Makes all copies. Those of an earlier run are replaced. An error names source and destination.
pub(crate) fn make(root: &Root, copies: &[SecretCopy]) -> std::io::Result<()> {
    copies.iter().try_for_each(|copy| {
        let named = |reason| std::io::Error::other(format!("{} to {}: {reason}", copy.source, copy.destination));
        make_one(root, copy).map_err(named)
    })
}

fn make_one(root: &Root, copy: &SecretCopy) -> Result<(), String> {
    let (folders, name) = names(&copy.destination).ok_or("the copy does not lie in a folder below /run/kfimg")?;
    let content = read(&root.at(&copy.source)).map_err(|error| error.to_string())?;
    let written = folder(&root.run(), &folders, copy.uid).and_then(|folder| write(&folder, name, &content, copy.uid));
    written.map_err(|error| error.to_string())
}

/// The folders below `/run/kfimg`, at least one, and the name of the file.
fn names(destination: &str) -> Option<(Vec<&str>, &str)> {
    let below = Path::new(destination).strip_prefix(FOLDER).ok()?;
    let mut names = Vec::new();
    for component in below.components() {
        match component {
            Component::Normal(name) => names.push(name.to_str()?),
            _ => return None,
        }
    }
    let file = names.pop()?;
    (!names.is_empty()).then_some((names, file))
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let length = fs_err::metadata(path)?.len();
    if length > LIMIT {
        let reason = format!("{}: {length} bytes are more than a key can have", path.display());
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, reason));
    }
    fs_err::read(path)
}

/// Opens the innermost folder; each on the way is made, and belongs to the component.
fn folder(start: &Path, names: &[&str], uid: u32) -> std::io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut folder = openat(CWD, start, flags, Mode::empty())?;
    for name in names {
        match mkdirat(&folder, *name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        folder = openat(&folder, *name, flags, Mode::empty())?;
        fchown(&folder, Some(Uid::from_raw(uid)), Some(Gid::from_raw(uid)))?;
        fchmod(&folder, Mode::RWXU)?;
    }
    Ok(folder)
}

/// Not synced: memory does not outlive a power cut, and the next boot copies again.
fn write(folder: &OwnedFd, name: &str, content: &[u8], uid: u32) -> std::io::Result<()> {
    let partial = format!(".{name}.partial");
    match unlinkat(folder, &partial, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = std::fs::File::from(openat(folder, &partial, flags, Mode::RUSR)?);
    fchmod(&file, Mode::RUSR)?;
    file.write_all(content)?;
    fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(uid)))?;
    Ok(renameat(folder, &partial, folder, name)?)
}

#[cfg(test)]
mod tests {
    use super::{make, names};
    use crate::plan::SecretCopy;
    use crate::root::Root;
    use std::os::unix::fs::{MetadataExt, symlink};

    #[test]
    fn a_copy_lies_in_a_folder_below_run_and_nowhere_else() {
        assert_eq!(names("/run/kfimg/etcd/pki/ca.crt"), Some((vec!["etcd", "pki"], "ca.crt")));
        for destination in ["/run/kfimg/ca.crt", "/run/kfimg/../x/y", "/etc/x/y", "/run/kfimg", "/run/kfimgs/x/y", ""] {
            assert_eq!(names(destination), None, "{destination}");
        }
    }

    #[test]
    fn copies_are_the_components_own_also_after_a_second_run() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        let uid = rustix::process::getuid().as_raw();
        std::fs::create_dir_all(root.run()).unwrap();
        let source = root.at("/etc/key");
        std::fs::create_dir_all(source.parent().unwrap()).unwrap();
        let destination = "/run/kfimg/etcd/pki/key".to_owned();
        let copy = SecretCopy { source: "/etc/key".to_owned(), destination: destination.clone(), uid };
        for content in ["first", "second"] {
            std::fs::write(&source, content).unwrap();
            make(&root, std::slice::from_ref(&copy)).unwrap();
            let copied = root.at(&destination);
            assert_eq!(std::fs::read_to_string(&copied).unwrap(), content);
            let modes = [copied.clone(), root.at("/run/kfimg/etcd"), root.at("/run/kfimg/etcd/pki")]
                .map(|path| std::fs::metadata(path).unwrap().mode() & 0o7777);
            assert_eq!(modes, [0o400, 0o700, 0o700]);
            // What a power cut in the middle would leave.
            std::fs::write(root.at("/run/kfimg/etcd/pki/.key.partial"), "half").unwrap();
        }
    }

    #[test]
    fn a_link_that_a_component_put_there_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        let uid = rustix::process::getuid().as_raw();
        for path in ["/run/kfimg/etcd", "/etc", "/elsewhere"] {
            std::fs::create_dir_all(root.at(path)).unwrap();
        }
        std::fs::write(root.at("/etc/key"), "secret").unwrap();
        symlink(root.at("/elsewhere"), root.at("/run/kfimg/etcd/pki")).unwrap();
        symlink(root.at("/elsewhere/key"), root.at("/run/kfimg/etcd/key")).unwrap();
        let copy = |destination: &str| {
            let copy = SecretCopy { source: "/etc/key".to_owned(), destination: destination.to_owned(), uid };
            make(&root, &[copy])
        };
        assert!(copy("/run/kfimg/etcd/pki/key").unwrap_err().to_string().starts_with("/etc/key to "));
        copy("/run/kfimg/etcd/key").unwrap();
        assert_eq!(std::fs::read_dir(root.at("/elsewhere")).unwrap().count(), 0);
        assert!(!root.at("/run/kfimg/etcd/key").is_symlink());
    }
}
