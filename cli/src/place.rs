//! Where a path leads, also where nothing lies yet.

use std::path::{Component, Path, PathBuf};

/// Whether one path is, or leads below, the other, by whatever ways both are named.
pub(crate) fn lies_in(path: &Path, folder: &Path) -> bool {
    real(path).starts_with(real(folder))
}

/// The path without links and without `..`, as far as it exists; what does not exist yet will be made there.
fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let known = absolute.ancestors().find_map(|part| Some((part, std::fs::canonicalize(part).ok()?)));
    let Some((known, mut real)) = known else { return absolute };
    for component in absolute.strip_prefix(known).unwrap_or(Path::new("")).components() {
        match component {
            Component::ParentDir => drop(real.pop()),
            other => real.push(other),
        }
    }
    real
}

#[cfg(test)]
mod tests {
    use super::real;
    use std::path::Path;

    #[test]
    fn a_path_leads_to_one_place_whether_it_exists_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("here")).unwrap();
        std::os::unix::fs::symlink("here", root.join("link")).unwrap();
        for (path, place) in [
            ("here", "here"),
            ("link", "here"),
            ("link/new/deep", "here/new/deep"),
            ("new/../link", "link"),
            ("here/../new", "new"),
            ("./here/.", "here"),
        ] {
            assert_eq!(real(&root.join(path)), root.join(place), "{path}");
        }
        assert_eq!(real(Path::new("/")), Path::new("/"));
    }
}
