//! `docs/systems.md`, `docs/channels.md` and `docs/hostile.md` name tests. Each of them exists.

mod support;

use support::named::{named, problem, project};

#[test]
fn every_test_that_a_document_names_exists() {
    for (document, least) in [("systems.md", 50), ("channels.md", 10), ("hostile.md", 60)] {
        let text = std::fs::read_to_string(project().join("docs").join(document)).unwrap();
        let names: Vec<&str> = named(&text).collect();
        assert!(names.len() > least, "{document}: {names:?}");
        let problems: Vec<String> = names.into_iter().filter_map(problem).collect();
        assert!(problems.is_empty(), "docs/{document}:\n{}", problems.join("\n"));
    }
}

#[test]
fn every_ability_has_a_test_a_reason_or_an_open_part() {
    let text = std::fs::read_to_string(project().join("docs/systems.md")).unwrap();
    let open = text.lines().find(|line| line.starts_with("Open part")).unwrap_or_default();
    let open: Vec<&str> = open.split("**").skip(1).step_by(2).collect();
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| they had"));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.trim_matches('|').split(" | ").collect()).collect();
    assert!(rows.len() > 40, "{}", rows.len());
    for row in rows {
        let [_, _, shown] = row[..] else { panic!("three cells: {row:?}") };
        let is_open = open.contains(&shown.trim());
        assert!(is_open || shown.contains("by design") || named(shown).next().is_some(), "{row:?}");
    }
}

/// An attack without a test is a promise.
#[test]
fn every_attack_has_its_test() {
    let text = std::fs::read_to_string(project().join("docs/hostile.md")).unwrap();
    let is_row = |line: &&str| line.starts_with("| ") && !line.ends_with("| shown by |");
    let rows: Vec<&str> = text.lines().filter(is_row).collect();
    assert!(rows.len() >= 35, "{}", rows.len());
    for row in rows {
        let shown = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert!(named(shown).next().is_some(), "{row}");
    }
}
