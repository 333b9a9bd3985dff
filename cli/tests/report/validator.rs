//! The pages before html-validate.

use crate::pages::{build_page, hostile, many, profile_page};
use crate::support::program::{both, empty_folder, run, succeed};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
#[ignore = "needs a package of npm: make interop"]
fn an_html_validator_finds_nothing() {
    let install = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/html/install.sh");
    let tools = PathBuf::from(succeed(&mut Command::new(install)).trim_end());
    let place = empty_folder("report/validator");
    let judge = |name: &str, page: &str| {
        let file = place.join(format!("{name}.html"));
        fs::write(&file, page).unwrap();
        let mut validator = Command::new(tools.join("node_modules/.bin/html-validate"));
        run(validator.arg("--config").arg(tools.join(".htmlvalidate.json")).arg(file))
    };
    for (name, page) in [
        ("ha3", profile_page("ha3", "validated")),
        ("external-etcd", profile_page("external-etcd", "validated")),
        ("hostile", hostile("validated").1),
        ("many", many("validated-many").1),
        ("build", build_page("validated-build").1),
    ] {
        let said = judge(name, &page);
        assert!(said.status.success(), "{name}: {}", both(&said));
    }
    let wrong = "<!DOCTYPE html>\n<html lang=\"en\"><head><title>x</title></head><body><p></div></body></html>\n";
    let said = both(&judge("wrong", wrong));
    assert!(said.contains("close-order"), "the validator judges: {said}");
}
