//! Every fenced text of README.md and `docs/`: which test reads it, or why none can. Whoever adds a text adds a row, or gets to know it here.
//!
//! That the test does something with the text is for the test to say; here it has to exist and to name the document. What no test runs
//! is at least parsed: by `sh -n`, by kfimg's own options, by `make -n`.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::process::Command;
use support::document::shell;
use support::fenced::{self, Fenced};
use support::named::{problem, project, sources};
use support::program::{both, empty_folder, run};

/// What becomes of a text.
#[derive(Clone, Copy)]
enum Read {
    /// This test reads it.
    By(&'static str),
    /// Nobody runs it, for this reason.
    ByNobody(&'static str),
}

use Read::{By, ByNobody};

/// Texts by document (`*` for any), language and the beginning of their first line; the first row that fits counts.
const ROWS: &[(&str, &str, &str, Read)] = &[
    ("*", "text", "", ByNobody("a picture, or what a machine says: nothing to run")),
    (
        "README.md",
        "sh",
        "make demo",
        ByNobody("`make test` runs this test; `make demo` builds a release of what `kfimg render` is tested by"),
    ),
    (
        "README.md",
        "sh",
        "make cluster",
        ByNobody("boots machines for minutes as root: every scenario of `make cluster-test` begins with it"),
    ),
    ("README.md", "sh", "kfimg init", By("cli/documents::the_commands_of_the_readme_run")),
    ("air-gap.md", "console", "", By("cli/air_gap::the_document_is_walked_from_the_internet_to_a_node")),
    ("boot.md", "json", "", ByNobody("`agent/src/report/tests.rs` holds it against the format")),
    ("build.md", "sh", "kfimg bundle create", By("cli/documents::the_command_of_build_makes_what_it_says")),
    ("build.md", "console", "$ jq ", By("cli/documents::the_command_of_build_makes_what_it_says")),
    ("change.md", "sh", "", By("cli/documents::the_commands_of_change_tell_what_changes")),
    ("channels.md", "console", "", By("cli/channels::the_document_has_a_command_for_each_profile_and_channel")),
    ("cis.md", "sh", "", By("cli/cis::the_commands_of_the_documentation_run")),
    ("cloud-init.md", "sh", "", By("cli/documents::the_command_of_cloud_init_lists_what_a_payload_brings")),
    ("getting-started.md", "sh", "cargo install", By("cli/walk_throughs::the_program_is_installed_as_the_page_says")),
    (
        "getting-started.md",
        "sh",
        "kubectl ",
        ByNobody("asks machines that booted; the same line of pxe.md is asked in qemu-tests/pxe_walk_through"),
    ),
    ("getting-started.md", "console", "", By("cli/walk_throughs::a_newcomer_ends_with_payloads_for_three_machines")),
    ("getting-started.md", "csv", "", By("cli/walk_throughs::a_newcomer_ends_with_payloads_for_three_machines")),
    ("image.md", "console", "$ kfimg render", By("cli/all_in_one::the_pages_own_words_make_the_drive")),
    ("image.md", "console", "$ kfimg build", By("cli/documents::the_commands_of_image_build_render_and_serve")),
    (
        "lab.md",
        "sh",
        "make cluster",
        ByNobody("boots machines for minutes as root: every scenario of `make cluster-test` begins with it"),
    ),
    ("own-ca.md", "ini", "", By("cli/walk_throughs::an_authority_of_ones_own_is_brought_as_the_page_says")),
    ("own-ca.md", "console", "", By("cli/walk_throughs::an_authority_of_ones_own_is_brought_as_the_page_says")),
    (
        "pxe.md",
        "sh",
        "make -C",
        ByNobody(
            "fetches a Debian and images from the internet; qemu-tests/pxe_walk_through brings the same three things",
        ),
    ),
    ("pxe.md", "console", "$ kfimg build", By("qemu-tests/pxe_walk_through")),
    ("pxe.md", "sh", "kfimg serve --out out --images images --bundle", By("qemu-tests/pxe_walk_through")),
    ("pxe.md", "sh", "kubectl ", By("qemu-tests/pxe_walk_through")),
    ("pxe.md", "sh", "kfimg build", By("cli/documents::the_commands_of_pxe_run")),
    ("pxe.md", "sh", "kfimg serve", By("cli/pxe_serve")),
    ("pxe.md", "console", "", By("cli/documents::the_commands_of_pxe_run")),
    ("recovery.md", "sh", "etcd()", ByNobody("asks a running member on its machine, which needs `make cluster`")),
    ("scale.md", "sh", "", By("cli/scale::no_command_and_no_configuration_is_left_out")),
    ("scale.md", "haproxy", "", By("cli/scale::a_registry_that_is_gone_is_missed_by_nobody")),
    ("scale.md", "nginx", "", By("cli/scale::one_process_and_then_a_hall_with_its_own_nginx_boot_the_same_machine")),
    ("security.md", "console", "", By("cli/documents::the_commands_of_security_run")),
    ("state.md", "sh", "kfimg pki renew", By("cli/documents::the_commands_of_state_renew_one_node_and_nobody_else")),
    (
        "state.md",
        "console",
        "",
        By("cli/rotate_runs::the_chapter_is_walked_and_nothing_is_unreadable_or_refused_before_its_time"),
    ),
    ("stock.md", "console", "", By("cli/documents::the_commands_of_stock_make_an_extension_that_payloads_name")),
    ("topologies.md", "console", "", By("cli/topologies_document::every_command_works_in_an_empty_folder")),
    ("topologies.md", "csv", "", By("cli/topologies_document::the_inventory_is_one")),
    ("topologies.md", "haproxy", "", By("cli/topologies_document::haproxy_takes_the_balancers_configuration")),
    (
        "vmware.md",
        "sh",
        "make -C",
        ByNobody(
            "fetches a Debian and images from the internet; qemu-tests/vmware_walk_through brings the same three things",
        ),
    ),
    (
        "vmware.md",
        "sh",
        "export GOVC_URL",
        ByNobody("where a reader's vCenter is; cli/vsphere says where the simulator is"),
    ),
    ("vmware.md", "console", "$ kfimg build", By("qemu-tests/vmware_walk_through")),
    ("vmware.md", "console", "$ out/vmware/deploy.sh --ova", By("qemu-tests/vmware_walk_through")),
    ("vmware.md", "sh", "", By("qemu-tests/vmware_walk_through")),
    ("vmware.md", "console", "", By("cli/vsphere::the_commands_of_the_document_run_in_their_order")),
    ("*", "yaml", "", By("cli/documents::every_yaml_of_every_document_is_accepted")),
];

/// README.md and every document, by name.
fn documents() -> Vec<(String, String)> {
    let entries = fs::read_dir(project().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.chain([project().join("README.md")]).collect();
    paths.sort();
    let read = |path: std::path::PathBuf| {
        (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap())
    };
    paths.into_iter().map(read).collect()
}

fn fits(row: &(&str, &str, &str, Read), document: &str, block: &Fenced<'_>) -> bool {
    let (named, language, start, _) = row;
    let first = block.lines.first().copied().unwrap_or_default();
    (*named == "*" || *named == document) && *language == block.language && first.starts_with(start)
}

#[test]
fn every_text_is_read_by_a_test_or_by_nobody_for_a_reason() {
    let mut problems = Vec::new();
    let mut used = vec![false; ROWS.len()];
    for (document, text) in documents() {
        for block in fenced::all(&text) {
            match ROWS.iter().position(|row| fits(row, &document, &block)) {
                Some(row) => used[row] = true,
                None => problems.push(format!(
                    "{document}:{}: no row says who reads this `{}`: {}",
                    block.line,
                    block.language,
                    block.lines.first().unwrap_or(&"")
                )),
            }
        }
    }
    let idle = ROWS.iter().zip(used).filter(|(_, used)| !used);
    problems.extend(idle.map(|((document, language, start, _), _)| format!("no {language} `{start}` in {document}")));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_reader_exists_and_reads_that_document() {
    let mut problems = Vec::new();
    for (document, _, start, read) in ROWS {
        match read {
            By(test) => {
                problems.extend(problem(test));
                let knows = sources(test).is_some_and(|text| *document == "*" || text.contains(document));
                problems.extend((!knows).then(|| format!("{test} does not name {document}")));
            }
            ByNobody(reason) => assert!(reason.split(' ').count() > 4, "{document} `{start}`: {reason}"),
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// All that a shell runs, as texts with their places.
fn commands() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (document, text) in documents() {
        for block in fenced::all(&text) {
            let place = format!("{document}:{}", block.line);
            match block.language {
                "console" => found.extend(block.commands().into_iter().map(|(command, _)| (place.clone(), command))),
                "sh" => found.push((place, block.text())),
                _ => {}
            }
        }
    }
    found
}

#[test]
fn every_command_is_one_for_a_shell_and_every_option_of_kfimg_one_that_it_has() {
    let folder = empty_folder("every-block");
    let mut problems = Vec::new();
    let mut count = 0;
    for (place, text) in commands() {
        let parsed = run(Command::new("sh").args(["-nc", &text]));
        if !parsed.status.success() {
            problems.push(format!("{place}: {}", both(&parsed)));
        }
        for line in text.lines().filter(|line| line.trim_start().starts_with("kfimg ")) {
            // Its own words, without what follows it: help is told after the words before it were understood.
            let own = line.split([';', '|', '#', '>']).next().unwrap().trim().trim_end_matches(['&', ' ']);
            let said = shell(&format!("{own} --help"), &folder);
            if !said.status.success() {
                problems.push(format!("{place}: {own}: {}", both(&said)));
            }
            count += 1;
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(count > 40, "only {count} commands of kfimg were found");
}

#[test]
fn every_target_of_make_is_one() {
    let mut targets = 0;
    for (place, text) in commands() {
        for line in text.lines().filter(|line| line.starts_with("make ")) {
            let words = line.split(" #").next().unwrap().trim_start_matches("make ").replace("-C ~/kfimg ", "");
            let make = format!("make --dry-run --directory '{}' {words}", project().display());
            let said = run(Command::new("sh").args(["-euc", &make]));
            assert!(said.status.success(), "{place}: {line}: {}", both(&said));
            targets += 1;
        }
    }
    assert!(targets >= 6, "{targets}");
}
