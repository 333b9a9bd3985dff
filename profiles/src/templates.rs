//! What `kfimg init` writes: a commented site file, the machines as CSV, and the schema for editors.
//!
//! The site file is meant to be edited by people; it repeats the example of the profile and names what else there is.

use crate::schema;

/// Name of the schema file that the first line of the site file names.
const SCHEMA_FILE: &str = "cluster.schema.json";

/// A template of that profile: its name, site file and inventory.
macro_rules! template {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../templates/", $name, "/site.yaml")),
            include_str!(concat!("../templates/", $name, "/nodes.csv")),
        )
    };
}

/// Each built-in profile's name, site file and inventory.
const TEMPLATES: [(&str, &str, &str); 6] = [
    template!("single"),
    template!("single-vip"),
    template!("ha3"),
    template!("ha5"),
    template!("external-lb"),
    template!("external-etcd"),
];

/// Names and contents of the files of a new site: `site.yaml`, `nodes.csv`, `cluster.schema.json`. `None` for a profile that
/// is not built in.
pub fn site(profile: &str) -> Option<Vec<(&'static str, String)>> {
    let (_, site, nodes) = TEMPLATES.into_iter().find(|(name, ..)| *name == profile)?;
    let schema = format!("{:#}\n", schema::schema());
    Some(vec![("site.yaml", site.to_owned()), ("nodes.csv", nodes.to_owned()), (SCHEMA_FILE, schema)])
}

#[cfg(test)]
mod tests {
    use super::{SCHEMA_FILE, site};
    use crate::builtin::PROFILES;

    #[test]
    fn every_profile_has_a_site_that_names_its_schema() {
        for profile in PROFILES {
            let files = site(profile.name).unwrap();
            let first = files[0].1.lines().next().unwrap();
            assert_eq!(first, format!("# yaml-language-server: $schema={SCHEMA_FILE}"));
            assert!(files.iter().any(|(name, _)| *name == SCHEMA_FILE));
        }
        assert!(site("none").is_none());
    }
}
