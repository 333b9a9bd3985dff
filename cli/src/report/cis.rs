//! The CIS benchmark: what came out for each role, what is not as required, and all checks.

use super::build::Sample;
use super::model::{Cis, CisRow, Report};
use super::page::counted;
use crate::names::ranges;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use kfimg_builder::html::Html;
use kfimg_ignition::cis::{Applied, BENCHMARK, Judged, Kind, Lint, Row, State, Waivers, judge};
use kfimg_profiles::description::Role;
use std::collections::BTreeMap;

/// Roles in the order of the table's columns.
const ROLES: [Role; 3] = [Role::ControlPlane, Role::Etcd, Role::Worker];

/// Judges what the samples get, `None` if one of them can't be judged. Nodes with the same settings come out alike.
pub(super) fn judged(samples: &BTreeMap<String, Sample>, rendered: Timestamp) -> Option<Cis> {
    let control_plane = samples.values().find(|sample| sample.role == Role::ControlPlane)?;
    let applied = Applied::of(&control_plane.tree).ok()?;
    let judged: Vec<Judged> =
        samples.values().map(|sample| judge(&sample.tree, &applied).ok()).collect::<Option<_>>()?;
    let day = rendered.to_zoned(TimeZone::UTC).date();
    let mut problems = kfimg_profiles::problem::Report::new();
    let lint = Lint::new(&judged, &Waivers::default(), day, &mut problems);
    let totals = lint.roles.iter().map(|totals| (totals.role, totals.automated.by_state().collect())).collect();
    let rows = lint.rows.iter().map(|found| row(found, samples)).collect();
    Some(Cis { judged: samples.keys().cloned().collect(), totals, rows })
}

fn row(found: &Row, samples: &BTreeMap<String, Sample>) -> CisRow {
    let worst = |role| {
        let of_role =
            found.nodes.iter().filter(|(name, _)| samples.get(*name).is_some_and(|sample| sample.role == role));
        of_role.map(|(_, state)| *state).max()
    };
    let finding = |finding: &kfimg_ignition::cis::Finding| {
        format!("{}: {}; required: {}", finding.fault.path, finding.fault.found, finding.fault.required)
    };
    CisRow {
        id: found.check.id,
        title: found.check.title,
        kind: found.check.kind,
        state: found.state,
        states: ROLES.map(worst),
        findings: found.findings.iter().map(finding).collect(),
    }
}

/// Nothing where nobody judged.
pub(super) fn write(report: &Report, html: &mut Html) {
    let Some(cis) = &report.cis else { return };
    html.nest("p", &[("class", &"note")], |html| {
        let names: Vec<&str> = cis.judged.iter().map(String::as_str).collect();
        let total: usize = report.groups.iter().map(|group| group.nodes.len()).sum();
        let all = if names.len() == total { "all nodes" } else { "the first node of each kind" };
        html.text(format_args!("{BENCHMARK}, over what {all} get{}", if names.len() == total { "" } else { "s" }));
        if names.len() < total {
            html.text(format_args!(" ({})", ranges(&names)));
        }
        html.raw("; <code>kfimg validate --cis</code> tells more, and takes waivers. Automated checks:");
    });
    html.nest("ul", &[("class", &"totals")], |html| {
        cis.totals.iter().for_each(|(role, totals)| write_totals(*role, totals, html));
    });
    let of = |state| cis.rows.iter().filter(move |row| row.state == state);
    if of(State::Fail).next().is_some() {
        html.nest("ul", &[("class", &"ends")], |html| of(State::Fail).for_each(|row| write_open(row, html)));
    }
    if of(State::Warn).next().is_some() {
        html.nest("details", &[], |html| {
            let text = format!("{} that the benchmark leaves to people are not as it asks", of(State::Warn).count());
            html.element("summary", &[], text);
            html.nest("ul", &[("class", &"ends")], |html| of(State::Warn).for_each(|row| write_open(row, html)));
        });
    }
    html.nest("details", &[], |html| {
        let automated = cis.rows.iter().filter(|row| row.kind == Kind::Automated).count();
        let text = format!("All {} checks, {automated} of them automated", cis.rows.len());
        html.element("summary", &[], text);
        html.nest("div", &[("class", &"wide")], |html| write_table(cis, html));
    });
}

fn write_totals(role: Role, totals: &[(State, usize)], html: &mut Html) {
    html.nest("li", &[], |html| {
        let name = counted(role, 2);
        html.element("span", &[], name.split_once(' ').map_or("", |(_, name)| name));
        for (state, count) in totals {
            html.element("span", &[("class", &class(*state))], format_args!("{count} {}", state.word()));
        }
    });
}

/// A check that is not as required.
fn write_open(row: &CisRow, html: &mut Html) {
    html.nest("li", &[], |html| {
        html.element("span", &[("class", &class(row.state))], row.state.word());
        html.element("strong", &[], format_args!("{} {}", row.id, row.title));
        html.nest("div", &[("class", &"findings")], |html| {
            row.findings.iter().for_each(|finding| html.element("div", &[], finding));
        });
    });
}

fn write_table(cis: &Cis, html: &mut Html) {
    html.nest("table", &[("class", &"cis")], |html| {
        html.raw("<thead><tr><th scope=\"col\">Id</th><th scope=\"col\">What must hold</th><th scope=\"col\">Judged</th>");
        html.raw("<th scope=\"col\">Control planes</th><th scope=\"col\">etcd apart</th><th scope=\"col\">Workers</th></tr></thead>");
        html.nest("tbody", &[], |html| cis.rows.iter().for_each(|row| write_row(row, html)));
    });
}

fn write_row(row: &CisRow, html: &mut Html) {
    html.nest("tr", &[], |html| {
        html.element("td", &[], row.id);
        html.element("td", &[], row.title);
        html.element("td", &[], row.kind.word());
        for state in row.states {
            let (class, word) = state.map_or(("none", "–"), |state| (class(state), state.word()));
            html.nest("td", &[], |html| html.element("span", &[("class", &class)], word));
        }
    });
}

fn class(state: State) -> &'static str {
    match state {
        State::Pass => "pass",
        State::Fail => "fail",
        State::Warn | State::Waived => "waived",
        State::NotJudged | State::NotApplicable => "none",
    }
}
