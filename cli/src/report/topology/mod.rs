//! The topology as a drawing: from who asks, by the endpoint, to API servers, etcd, workers and the registry.
//!
//! Where things stand is in here, how a thing looks in [`canvas`] and the page's styles.

mod canvas;
#[cfg(test)]
mod tests;

use super::model::{Group, Node, Report};
use super::page::{called, counted};
use canvas::{Canvas, Point, Rect};
use kfimg_builder::html::Html;
use kfimg_profiles::description::{EndpointMode, Role};

/// Width of the drawing. Its height grows with what is in it.
const WIDTH: i32 = 1000;
/// Where machines begin; left of it runs the way to the API.
const LEFT: i32 = 70;
/// Where machines end beside a registry, and without one.
const RIGHT: [i32; 2] = [815, 970];
/// Space between machines.
const GAP: i32 = 18;
/// Up to so many workers are drawn as boxes; more are squares.
const BOXES: usize = 12;
/// A square and the space after it.
const SQUARE: i32 = 15;

/// The drawing.
pub(super) fn write(report: &Report, html: &mut Html) {
    let mut canvas = Canvas::default();
    let height = draw(report, &mut canvas);
    html.nest("figure", &[("class", &"wide")], |html| {
        let size = format!("0 0 {WIDTH} {height}");
        html.nest(
            "svg",
            &[("class", &"topology"), ("viewBox", &size), ("role", &"img"), ("aria-label", &words(report))],
            |html| {
                canvas.write(html);
            },
        );
        legend(report, html);
    });
}

/// What the lines mean.
fn legend(report: &Report, html: &mut Html) {
    html.nest("figcaption", &[("class", &"legend")], |html| {
        html.raw("<span class=\"api\">asks the API</span> <span class=\"member\">etcd</span>");
        if report.registry.is_some() {
            html.raw(" <span class=\"images\">images</span>");
        }
    });
}

/// The drawing for who does not see it.
fn words(report: &Report) -> String {
    let count =
        |role| report.groups.iter().filter(|group| group.role == role).map(|group| group.nodes.len()).sum::<usize>();
    let [control_planes, etcd, workers] =
        [Role::ControlPlane, Role::Etcd, Role::Worker].map(|role| counted(role, count(role)));
    format!(
        "The API at {} leads to {control_planes}; {etcd}; {workers}, each of which reaches every API server by its own haproxy",
        report.endpoint.address
    )
}

/// Draws everything; gives the height.
fn draw(report: &Report, canvas: &mut Canvas) -> i32 {
    let right = RIGHT[usize::from(report.registry.is_none())];
    let of = |role| report.groups.iter().filter(move |group| group.role == role);
    let planes: Vec<&Group> = of(Role::ControlPlane).collect();
    let endpoint = draw_endpoint(report, right, canvas);
    let mut boxes = row(planes.len(), endpoint.bottom() + 54, 0, right);
    let most = planes.iter().map(|group| parts(report, group).len()).max().unwrap_or(0);
    for place in &mut boxes {
        place.height = chips(*place, most).last().map_or(56, |chip| chip.bottom() - place.y + 10);
    }
    for (place, group) in boxes.iter().zip(&planes) {
        canvas.curve("way api", endpoint.below(), place.above());
        draw_control_plane(report, *place, group, canvas);
    }
    let apart: Vec<&Group> = of(Role::Etcd).collect();
    let mut bottom = boxes.first().map_or(endpoint.bottom(), |place| place.bottom());
    let mut members = None;
    if apart.is_empty() {
        bottom = draw_ring(&boxes, bottom, canvas);
    } else {
        let places = row(apart.len(), bottom + 50, 54, right);
        for (place, group) in places.iter().zip(&apart) {
            draw_machine("etcd", *place, &group.nodes[0], canvas);
            boxes.iter().for_each(|plane| canvas.curve("way member faint", plane.below(), place.above()));
        }
        members = places.last().copied();
        bottom = draw_ring(&places, places.first().map_or(bottom, |place| place.bottom()), canvas);
    }
    let machines = boxes.first().map_or(endpoint, |first| *first);
    let last = boxes.last().map_or(machines, |last| *last);
    let (bottom, workers) = draw_workers(report, bottom + 34, right, machines, canvas);
    draw_registry(report, last, members, workers, canvas);
    bottom + 16
}

/// Places side by side, as wide as there is room, in the middle.
fn row(count: usize, y: i32, height: i32, right: i32) -> Vec<Rect> {
    const WIDEST: i32 = 228;
    let count = i32::try_from(count.max(1)).unwrap_or(1);
    let width = ((right - LEFT - (count - 1) * GAP) / count).min(WIDEST);
    let start = LEFT + (right - LEFT - count * width - (count - 1) * GAP) / 2;
    (0..count).map(|index| Rect { x: start + index * (width + GAP), y, width, height }).collect()
}

fn draw_endpoint(report: &Report, right: i32, canvas: &mut Canvas) -> Rect {
    let middle = (LEFT + right) / 2;
    let people = Rect { x: middle - 90, y: 8, width: 180, height: 30 };
    canvas.shape("people", people, 15);
    canvas.text("small", people.middle(), "kubectl and programs", people.width - 16);
    let endpoint = &report.endpoint;
    let place = Rect { x: middle - 235, y: 78, width: 470, height: 62 };
    canvas.arrow("way api", people.below(), place.above());
    let class = match endpoint.mode {
        EndpointMode::External => "endpoint foreign",
        EndpointMode::Vip | EndpointMode::Node => "endpoint",
    };
    canvas.shape(class, place, 31);
    let at = |y| Point { x: middle, y: place.y + y };
    canvas.text("strong", at(23), &endpoint.address, place.width - 40);
    canvas.text("small", at(44), &endpoint.note, place.width - 40);
    place
}

fn draw_control_plane(report: &Report, place: Rect, group: &Group, canvas: &mut Canvas) {
    let node = &group.nodes[0];
    canvas.titled(&title(node), |canvas| {
        canvas.shape("machine control-plane", place, 10);
        let at = |y| Point { x: place.x + place.width / 2, y: place.y + y };
        canvas.text("strong", at(22), &node.name, place.width - 16);
        canvas.text("address", at(41), &address(node), place.width - 12);
        let parts = parts(report, group);
        for (part, chip) in parts.iter().zip(chips(place, parts.len())) {
            canvas.shape(if *part == "etcd" { "chip member" } else { "chip" }, chip, 8);
            canvas.text("tiny", chip.middle(), part, chip.width - 6);
        }
    });
}

/// What a control plane runs.
fn parts(report: &Report, group: &Group) -> Vec<&'static str> {
    let mut parts = vec!["API server", "haproxy"];
    if report.endpoint.mode == EndpointMode::Vip {
        parts.push("keepalived");
    }
    parts.extend(group.is_etcd_member.then_some("etcd"));
    parts
}

/// Whether the parts of a machine need a line each.
fn is_narrow(place: &Rect) -> bool {
    place.width < 190
}

/// Two columns in the lower half of a machine, one in a narrow one.
fn chips(place: Rect, count: usize) -> Vec<Rect> {
    let columns = if is_narrow(&place) { 1 } else { 2 };
    let width = (place.width - 22 - (columns - 1) * 8) / columns;
    let step = if columns == 1 { 24 } else { 26 };
    let chip = |index: i32| Rect {
        x: place.x + 11 + index % columns * (width + 8),
        y: place.y + 56 + index / columns * step,
        width,
        height: 20,
    };
    (0..).map(chip).take(count).collect()
}

/// A machine without parts.
fn draw_machine(class: &'static str, place: Rect, node: &Node, canvas: &mut Canvas) {
    canvas.titled(&title(node), |canvas| {
        canvas.shape(if class == "etcd" { "machine etcd" } else { "machine worker" }, place, 8);
        let at = |y| Point { x: place.x + place.width / 2, y: place.y + y };
        canvas.text("name", at(place.height / 2 - 8), &node.name, place.width - 10);
        let main = address(node).split(' ').next().unwrap_or_default().to_owned();
        canvas.text("address", at(place.height / 2 + 10), &main, place.width - 8);
    });
}

/// The members of etcd as a ring below their machines; gives its lower end.
fn draw_ring(places: &[Rect], y: i32, canvas: &mut Canvas) -> i32 {
    const HIGH: i32 = 30;
    let (Some(first), Some(last)) = (places.first(), places.last()) else { return y };
    let (from, to) = (first.below().x, last.below().x);
    let center = Point { x: (from + to) / 2, y: y + 28 + HIGH };
    let wide = (to - from) / 2;
    if places.len() == 1 {
        let dot = Point { y: y + 34, ..center };
        canvas.line("way member", Point { y, ..center }, dot);
        canvas.dot("member", dot);
        canvas.text("small", Point { y: y + 58, ..center }, "etcd: 1 member, no other copy", 260);
        return y + 70;
    }
    canvas.ellipse("ring", center, wide, HIGH);
    for place in places {
        let x = place.below().x;
        // On the upper half for those within, so that the label has room below them.
        let share = f64::from(x - center.x) / f64::from(wide.max(1));
        let lift = (f64::from(HIGH) * (1.0 - share * share).max(0.0).sqrt()).round();
        #[expect(clippy::cast_possible_truncation, reason = "it lies between 0 and HIGH")]
        let dot = Point { x, y: center.y - lift as i32 };
        canvas.line("way member", Point { x, y }, dot);
        canvas.dot("member", dot);
    }
    let members = places.len();
    let label = format!("etcd: {members} members, goes on without {}", (members - 1) / 2);
    canvas.text("small", Point { y: center.y + 10, ..center }, &label, 2 * wide - 40);
    center.y + HIGH
}

/// Workers, alone or as squares; gives the lower end, and where they are if there are any.
fn draw_workers(report: &Report, y: i32, right: i32, planes: Rect, canvas: &mut Canvas) -> (i32, Option<Rect>) {
    let groups: Vec<&Group> = report.groups.iter().filter(|group| group.role == Role::Worker).collect();
    let count = groups.iter().map(|group| group.nodes.len()).sum::<usize>();
    if count == 0 {
        return (y - 34, None);
    }
    let inner = Rect { x: LEFT + 14, y: y + 40, width: right - LEFT - 28, height: 0 };
    let mut parts = Canvas::default();
    let bottom =
        if count <= BOXES { draw_boxes(&groups, inner, &mut parts) } else { draw_squares(&groups, inner, &mut parts) };
    let panel = Rect { x: LEFT, y, width: right - LEFT, height: bottom - y + 14 };
    canvas.shape("panel", panel, 12);
    canvas.start("strong", Point { x: LEFT + 16, y: y + 22 }, &counted(Role::Worker, count), 240);
    canvas.end("small", Point { x: right - 16, y: y + 22 }, "each reaches every API server by its own haproxy", 420);
    canvas.append(parts);
    let (x, side) = (LEFT / 2, planes.y + planes.height / 2);
    canvas.path(
        "way api",
        &[Point { x: LEFT, y: y + 22 }, Point { x, y: y + 22 }, Point { x, y: side }, Point { x: planes.x, y: side }],
    );
    (panel.bottom(), Some(panel))
}

fn draw_boxes(groups: &[&Group], inner: Rect, canvas: &mut Canvas) -> i32 {
    const COLUMNS: i32 = 4;
    const HEIGHT: i32 = 46;
    let width = (inner.width - (COLUMNS - 1) * 12) / COLUMNS;
    let nodes = groups.iter().flat_map(|group| &group.nodes);
    let mut bottom = inner.y;
    for (index, node) in (0..).zip(nodes) {
        let place = Rect {
            x: inner.x + index % COLUMNS * (width + 12),
            y: inner.y + index / COLUMNS * (HEIGHT + 12),
            width,
            height: HEIGHT,
        };
        draw_machine("worker", place, node, canvas);
        bottom = place.bottom();
    }
    bottom
}

fn draw_squares(groups: &[&Group], inner: Rect, canvas: &mut Canvas) -> i32 {
    let columns = inner.width / SQUARE;
    let mut y = inner.y;
    for group in groups {
        let names: Vec<&str> = group.nodes.iter().map(|node| node.name.as_str()).collect();
        let labels = group.settings.iter().find(|(name, _)| *name == "Labels").map_or("", |(_, labels)| labels);
        let label = format!("{} ({})   {labels}", called(&names), names.len());
        canvas.start("small", Point { x: inner.x, y: y + 6 }, &label, inner.width);
        y += 18;
        for (index, node) in (0..).zip(&group.nodes) {
            let place = Rect {
                x: inner.x + index % columns * SQUARE,
                y: y + index / columns * SQUARE,
                width: SQUARE - 3,
                height: SQUARE - 3,
            };
            canvas.titled(&title(node), |canvas| canvas.shape("square", place, 3));
        }
        let rows = (i32::try_from(group.nodes.len()).unwrap_or(columns) + columns - 1) / columns;
        y += rows * SQUARE + 12;
    }
    y - 12
}

/// The registry on the right, and the way of images: to control planes, to members of etcd beside them, to workers.
fn draw_registry(report: &Report, plane: Rect, members: Option<Rect>, workers: Option<Rect>, canvas: &mut Canvas) {
    let Some(registry) = &report.registry else { return };
    let place = Rect { x: 862, y: plane.y + (plane.height - 80) / 2, width: 126, height: 80 };
    canvas.shape("registry", place, 10);
    let at = |y| Point { x: place.x + place.width / 2, y: place.y + y };
    canvas.text("strong", at(30), "registry", place.width - 10);
    canvas.text("address", at(53), registry, place.width - 10);
    let side = Point { x: place.x, y: place.y + place.height / 2 };
    canvas.arrow("way images", side, Point { x: plane.x + plane.width, y: side.y });
    for target in members.into_iter().chain(workers) {
        let y = target.y + target.height / 2;
        let end = Point { x: target.x + target.width, y };
        canvas.path("way images", &[place.below(), Point { x: place.below().x, y }, end]);
    }
}

fn address(node: &Node) -> String {
    let plain = |address: &String| address.split('/').next().unwrap_or_default().to_owned();
    node.addresses.iter().map(plain).collect::<Vec<_>>().join(" ")
}

fn title(node: &Node) -> String {
    format!("{}\n{}", node.name, node.addresses.join("\n"))
}
