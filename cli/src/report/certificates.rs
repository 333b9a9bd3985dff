//! Certificates: a line of time for a look, a table for the details.

use super::ends::{day, soon};
use super::model::{Certificate, Report};
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use kfimg_builder::html::Html;

/// Width of the drawing, of the names in it, and what is left for time.
const WIDTH: i64 = 1000;
const NAMES: i64 = 270;
const TIME: i64 = WIDTH - NAMES - 20;
/// Height of a row, and where the first one begins.
const ROW: i64 = 24;
const TOP: i64 = 34;

/// Both.
pub(super) fn write(report: &Report, html: &mut Html) {
    html.nest("figure", &[("class", &"wide")], |html| draw(report, html));
    html.nest("details", &[("class", &"files")], |html| {
        html.element("summary", &[], format_args!("All {} kinds of certificates", report.certificates.len()));
        html.nest("div", &[("class", &"wide")], |html| write_table(report, html));
    });
}

/// From when to when the drawing goes.
struct Scale {
    begin: i64,
    end: i64,
}

impl Scale {
    fn x(&self, moment: Timestamp) -> i64 {
        let span = (self.end - self.begin).max(1);
        NAMES + (moment.as_second().clamp(self.begin, self.end) - self.begin) * TIME / span
    }
}

fn draw(report: &Report, html: &mut Html) {
    let rows = bars(report);
    let begin = rows.iter().filter_map(|row| row.from).min().unwrap_or_default().as_second();
    let end = rows.iter().map(|row| row.to).max().unwrap_or_default().as_second();
    let scale = Scale { begin, end };
    let height = TOP + ROW * i64::try_from(rows.len()).unwrap_or(0) + 8;
    let size = format!("0 0 {WIDTH} {height}");
    let label =
        format!("The support of Kubernetes and {} kinds of certificates, and when they end", report.certificates.len());
    let attributes: &[(&'static str, &dyn std::fmt::Display)] = &[
        ("class", &"timeline"),
        ("viewBox", &size),
        ("role", &"img"),
        ("aria-label", &label),
        ("data-begin", &scale.begin),
        ("data-end", &scale.end),
        ("data-left", &NAMES),
        ("data-width", &TIME),
    ];
    html.nest("svg", attributes, |html| {
        years(&scale, height, html);
        for (index, row) in (0..).zip(&rows) {
            draw_bar(&scale, TOP + index * ROW, row, html);
        }
    });
}

/// A line for the beginning of each year, with its number where there is room.
fn years(scale: &Scale, height: i64, html: &mut Html) {
    const ROOM: i64 = 40;
    let year = |second: i64| Timestamp::from_second(second).unwrap_or_default().to_zoned(TimeZone::UTC).year();
    let mut free = NAMES;
    for year in year(scale.begin)..=year(scale.end).min(year(scale.begin).saturating_add(60)) {
        let Ok(start) = date(year, 1, 1).to_zoned(TimeZone::UTC) else { continue };
        let x = scale.x(start.timestamp());
        if start.timestamp().as_second() <= scale.begin {
            continue;
        }
        html.open("path", &[("class", &"year"), ("d", &format_args!("M{x} 24V{height}"))]);
        html.close("path");
        if x >= free && x + ROOM / 2 <= WIDTH {
            html.element("text", &[("class", &"tiny"), ("x", &x), ("y", &14), ("text-anchor", &"middle")], year);
            free = x + ROOM;
        }
    }
}

/// One row of the drawing.
struct Bar {
    class: &'static str,
    name: String,
    /// What is told to who points at it.
    title: String,
    /// Without it the bar begins at the edge.
    from: Option<Timestamp>,
    to: Timestamp,
    /// How many days before its end that is near.
    soon: i64,
}

/// The support of the version, where it is known, and every kind of certificate.
fn bars(report: &Report) -> Vec<Bar> {
    let support = report.ends.iter().find(|end| end.is_support).map(|end| Bar {
        class: "support",
        name: "Kubernetes, supported".to_owned(),
        title: format!("{} until {}", end.what, day(end.when)),
        from: None,
        to: end.when,
        soon: end.soon,
    });
    let certificate = |row: &Certificate| Bar {
        class: if row.is_authority { "authority" } else { "leaf" },
        name: name(row),
        title: format!("{}\n{} to {}\n{}", row.name, day(row.not_before), day(row.not_after), row.holders),
        from: Some(row.not_before),
        to: row.not_after,
        soon: soon(row.is_authority),
    };
    support.into_iter().chain(report.certificates.iter().map(certificate)).collect()
}

fn draw_bar(scale: &Scale, y: i64, row: &Bar, html: &mut Html) {
    let (from, to) = (row.from.map_or(NAMES, |from| scale.x(from)), scale.x(row.to));
    html.nest("g", &[("data-ends", &row.to.as_second()), ("data-soon", &row.soon)], |html| {
        html.element("title", &[], &row.title);
        html.element(
            "text",
            &[("class", &"name"), ("x", &(NAMES - 12)), ("y", &(y + ROW / 2)), ("text-anchor", &"end")],
            &row.name,
        );
        html.open(
            "rect",
            &[
                ("class", &row.class),
                ("x", &from),
                ("y", &(y + 4)),
                ("width", &(to - from).max(2)),
                ("height", &(ROW - 8)),
                ("rx", &4),
            ],
        );
        html.close("rect");
        // Beside a short bar, within a long one.
        let is_short = to - from < 90;
        let (x, anchor, class) = match (is_short, to + 90 < WIDTH) {
            (true, true) => (to + 6, "start", "tiny"),
            (true, false) => (from - 6, "end", "tiny"),
            (false, _) => (to - 8, "end", "tiny within"),
        };
        html.element(
            "text",
            &[("class", &class), ("x", &x), ("y", &(y + ROW / 2)), ("text-anchor", &anchor)],
            day(row.to),
        );
    });
}

/// `kubelet-client × 303`.
fn name(row: &Certificate) -> String {
    const LONGEST: usize = 34;
    let authority = if row.is_authority { " (authority)" } else { "" };
    let count = if row.count > 1 { format!(" × {}", row.count) } else { String::new() };
    let mut text = format!("{}{authority}{count}", row.name);
    if text.chars().count() > LONGEST {
        text = text.chars().take(LONGEST - 1).chain(['…']).collect();
    }
    text
}

fn write_table(report: &Report, html: &mut Html) {
    html.nest("table", &[("class", &"certificates")], |html| {
        html.raw("<thead><tr><th scope=\"col\">Certificate</th><th scope=\"col\">Held by</th><th scope=\"col\">Subject, names</th>");
        html.raw("<th scope=\"col\">Begins</th><th scope=\"col\">Ends</th></tr></thead>");
        html.nest("tbody", &[], |html| report.certificates.iter().for_each(|row| write_row(row, html)));
    });
}

fn write_row(row: &Certificate, html: &mut Html) {
    let such = if row.count > 1 { "such as " } else { "" };
    html.nest("tr", &[], |html| {
        html.element("td", &[], &row.name);
        html.element("td", &[], holders(row));
        html.nest("td", &[], |html| {
            html.text(format_args!("{such}{} (by {})", row.subject, row.issuer));
            if !row.names.is_empty() {
                html.element("div", &[("class", &"names")], row.names.join(" "));
            }
        });
        html.element("td", &[], day(row.not_before));
        html.element("td", &[], day(row.not_after));
    });
}

fn holders(row: &Certificate) -> &str {
    match (row.holders.as_str(), row.is_authority) {
        ("", true) => "the state folder",
        ("", false) => "the administrator",
        (holders, _) => holders,
    }
}
