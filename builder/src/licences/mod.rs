//! The licences of an image: of every package of the base, as its copyright file names them, and of what kfimg adds.
//!
//! The list stands in `build.json`; the image carries the terms of what kfimg adds beside those of its packages. Preloaded images
//! bring their own licences with them, and nobody looks into them here.

use crate::content::PartSource;
use crate::packages::Package;
use serde::Serialize;

/// The copyright file of what kfimg adds, in the image.
pub(crate) const FILE: &str = "usr/share/doc/kfimg/copyright";
/// What others ask to be handed on word by word, in the image.
pub(crate) const NOTICES_FILE: &str = "usr/share/doc/kfimg/notices";
/// Notices of programs under Apache-2.0 (its section 4, d), as their releases have them. The other host programs have none.
const NOTICES: &[(&str, &str)] =
    &[("containerd", include_str!("NOTICE.containerd")), ("runc", include_str!("NOTICE.runc"))];
/// The libraries in the agent, and the terms of those that ask for their text; written by a test.
const LIBRARIES: &str = include_str!("agent.txt");
/// The text of kfimg's own licence, which is that of all host programs too.
const APACHE: &str = include_str!("../../../LICENSE");
/// Where Debian and Ubuntu have the text of the other one that asks for its text.
const LESSER: &str = "/usr/share/common-licenses/LGPL-2.1";

/// Something with licences.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LicenceRecord {
    /// The package, or the program that kfimg adds.
    pub name: String,
    /// Its version, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Who brought it.
    pub origin: LicenceOrigin,
    /// Short names of its licences; none where its file names none.
    pub licences: Vec<String>,
    /// The file with its terms, in the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// Who brought something.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LicenceOrigin {
    /// The base.
    Base,
    /// kfimg, from the bundle.
    Kfimg,
}

/// Something that kfimg adds.
struct Added {
    /// As [`PartSource`] calls it.
    name: &'static str,
    files: &'static str,
    copyright: &'static str,
    licences: &'static [&'static str],
}

const KUBERNETES: &str = "The Kubernetes Authors";
/// Official releases. The agent's are those that `deny.toml` lets in, and that of the C library, which it is linked with.
const ADDED: &[Added] = &[
    Added { name: "kubelet", files: "usr/bin/kubelet", copyright: KUBERNETES, licences: &["Apache-2.0"] },
    Added { name: "kubectl", files: "usr/bin/kubectl", copyright: KUBERNETES, licences: &["Apache-2.0"] },
    Added {
        name: "runc",
        files: "usr/bin/runc",
        copyright: "The runc authors; libseccomp, which it is linked with: its authors",
        licences: &["Apache-2.0", "LGPL-2.1"],
    },
    Added {
        name: "containerd",
        files: "usr/bin/containerd usr/bin/containerd-shim-runc-v2 usr/bin/ctr",
        copyright: "The containerd Authors",
        licences: &["Apache-2.0"],
    },
    Added { name: "cni-plugins", files: "opt/cni/bin/*", copyright: "CNI authors", licences: &["Apache-2.0"] },
    Added { name: "crictl", files: "usr/bin/crictl", copyright: KUBERNETES, licences: &["Apache-2.0"] },
    Added {
        name: "kfimg-agent",
        files: "usr/bin/kfimg-agent",
        copyright: "The kfimg authors; those of the libraries that it is linked with",
        licences: &["Apache-2.0", "BSD-3-Clause", "ISC", "LGPL-2.1+", "MIT", "Unicode-3.0", "Zlib"],
    },
];

/// The licences of a whole image: packages of the base, then what kfimg adds.
pub(crate) fn all(packages: &[Package], parts: &[PartSource]) -> Vec<LicenceRecord> {
    let base = packages.iter().map(|package| LicenceRecord {
        name: package.name.clone(),
        version: Some(package.version.clone()),
        origin: LicenceOrigin::Base,
        licences: package.licences.clone(),
        file: package.copyright.clone(),
    });
    let own = parts.iter().map(|part| LicenceRecord {
        name: part.name.clone(),
        version: part.version.clone(),
        origin: LicenceOrigin::Kfimg,
        licences: of_added(&part.name).iter().map(|name| (*name).to_owned()).collect(),
        file: Some(FILE.to_owned()),
    });
    base.chain(own).collect()
}

fn of_added(name: &str) -> &'static [&'static str] {
    ADDED.iter().find(|row| row.name == name).map_or(&[], |row| row.licences)
}

/// The text of [`NOTICES_FILE`].
pub(crate) fn notices() -> String {
    let mut text = format!("Notices of what kfimg adds to the base. Licences: /{FILE}\n");
    for (name, notice) in NOTICES {
        text += &format!("\n---- {name}: NOTICE ----\n\n{}\n", notice.trim_end());
    }
    text += "\nThe libraries in kubelet, kubectl, containerd, runc, CNI plugins and crictl stand with their terms in the source releases\n\
             of these projects, whose programs are here as they were published.\n\n";
    text + LIBRARIES
}

/// The text of [`FILE`], machine-readable as Debian's.
pub(crate) fn copyright() -> String {
    let mut text = format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: kfimg\n\
         Comment: What kfimg adds to the base. The sources of libseccomp stand beside the releases of runc, and those of the\n \
         C library are Debian's glibc. The text of the LGPL is {LESSER} on Debian and Ubuntu.\n\n"
    );
    for Added { files, copyright, licences, .. } in ADDED {
        text += &format!("Files: {files}\nCopyright: {copyright}\nLicense: {}\n\n", licences.join(" and "));
    }
    text += "License: Apache-2.0\n";
    for line in APACHE.lines() {
        text += &if line.trim().is_empty() { " .\n".to_owned() } else { format!(" {line}\n") };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{ADDED, NOTICES, copyright, notices};
    use crate::packages::licences;
    use std::collections::BTreeSet;

    #[test]
    fn the_file_in_the_image_names_every_licence_and_has_the_text() {
        let text = copyright();
        let found: BTreeSet<String> =
            licences(&text).iter().flat_map(|all| all.split(" and ")).map(str::to_owned).collect();
        let wanted: BTreeSet<String> =
            ADDED.iter().flat_map(|row| row.licences).map(|name| (*name).to_owned()).collect();
        assert_eq!(found, wanted);
        assert!(text.contains("\n .\n") && text.contains("Version 2.0, January 2004"), "{text}");
        assert!(text.lines().all(|line| line.is_empty() || line.starts_with(' ') || line.contains(": ")), "{text}");
    }

    #[test]
    fn notices_of_programs_go_along_word_by_word() {
        let text = notices();
        for (name, notice) in NOTICES {
            assert!(ADDED.iter().any(|row| row.name == *name), "{name}");
            assert!(text.contains(notice.trim_end()) && notice.contains("This product includes software"), "{name}");
        }
        assert!(text.contains("  aws-lc-sys "), "{text}");
    }

    #[test]
    fn the_agents_licences_are_those_that_are_let_in() {
        let text = include_str!("../../../deny.toml");
        let list = text.split_once("\nallow = [").and_then(|(_, rest)| rest.split_once(']')).unwrap().0;
        let allowed: BTreeSet<&str> = list.split('"').skip(1).step_by(2).collect();
        let agent = ADDED.iter().find(|row| row.name == "kfimg-agent").unwrap();
        let own: BTreeSet<&str> = agent.licences.iter().copied().filter(|name| *name != "LGPL-2.1+").collect();
        assert_eq!(own, allowed);
    }
}
