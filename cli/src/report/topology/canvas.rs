//! Shapes, lines and texts in SVG. Colours and fonts are the page's styles, by class.

use kfimg_builder::html::Html;

/// A place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) x: i32,
    pub(super) y: i32,
}

/// A box.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rect {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

impl Rect {
    /// Its lower edge.
    pub(super) fn bottom(self) -> i32 {
        self.y + self.height
    }

    /// The middle of its upper edge.
    pub(super) fn above(self) -> Point {
        Point { x: self.x + self.width / 2, y: self.y }
    }

    /// The middle of its lower edge.
    pub(super) fn below(self) -> Point {
        Point { x: self.x + self.width / 2, y: self.bottom() }
    }

    /// Its middle.
    pub(super) fn middle(self) -> Point {
        Point { x: self.x + self.width / 2, y: self.y + self.height / 2 }
    }
}

/// One thing of a drawing.
#[derive(Debug)]
enum Item {
    Shape { class: &'static str, place: Rect, radius: i32 },
    Way { class: &'static str, path: String, is_arrow: bool },
    Dot { class: &'static str, at: Point },
    Ellipse { class: &'static str, at: Point, wide: i32, high: i32 },
    Text { class: &'static str, anchor: &'static str, at: Point, text: String, full: Option<String> },
    Group { title: String, items: Vec<Item> },
}

/// A drawing; what comes later lies above.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    items: Vec<Item>,
}

impl Canvas {
    /// A box with round corners.
    pub(super) fn shape(&mut self, class: &'static str, place: Rect, radius: i32) {
        self.items.push(Item::Shape { class, place, radius });
    }

    /// A straight line.
    pub(super) fn line(&mut self, class: &'static str, from: Point, to: Point) {
        self.way(class, format!("M{} {}L{} {}", from.x, from.y, to.x, to.y), false);
    }

    /// A straight line with a tip.
    pub(super) fn arrow(&mut self, class: &'static str, from: Point, to: Point) {
        self.way(class, format!("M{} {}L{} {}", from.x, from.y, to.x, to.y), true);
    }

    /// A line that leaves downwards and arrives from above, with a tip.
    pub(super) fn curve(&mut self, class: &'static str, from: Point, to: Point) {
        let middle = (from.y + to.y) / 2;
        self.way(
            class,
            format!("M{} {}C{} {middle} {} {middle} {} {}", from.x, from.y, from.x, to.x, to.x, to.y),
            true,
        );
    }

    /// Straight lines from point to point, with a tip.
    pub(super) fn path(&mut self, class: &'static str, points: &[Point]) {
        let step =
            |(index, point): (usize, &Point)| format!("{}{} {}", if index == 0 { 'M' } else { 'L' }, point.x, point.y);
        self.way(class, points.iter().enumerate().map(step).collect(), true);
    }

    fn way(&mut self, class: &'static str, path: String, is_arrow: bool) {
        self.items.push(Item::Way { class, path, is_arrow });
    }

    /// A filled circle.
    pub(super) fn dot(&mut self, class: &'static str, at: Point) {
        self.items.push(Item::Dot { class, at });
    }

    /// An ellipse by its radii.
    pub(super) fn ellipse(&mut self, class: &'static str, at: Point, wide: i32, high: i32) {
        self.items.push(Item::Ellipse { class, at, wide, high });
    }

    /// Text around a place.
    pub(super) fn text(&mut self, class: &'static str, at: Point, text: &str, width: i32) {
        self.anchored("middle", class, at, text, width);
    }

    /// Text that begins at a place.
    pub(super) fn start(&mut self, class: &'static str, at: Point, text: &str, width: i32) {
        self.anchored("start", class, at, text, width);
    }

    /// Text that ends at a place.
    pub(super) fn end(&mut self, class: &'static str, at: Point, text: &str, width: i32) {
        self.anchored("end", class, at, text, width);
    }

    fn anchored(&mut self, anchor: &'static str, class: &'static str, at: Point, text: &str, width: i32) {
        let shown = fitted(text, width, class);
        let full = (shown != text).then(|| text.to_owned());
        self.items.push(Item::Text { class, anchor, at, text: shown, full });
    }

    /// Things that tell their title when somebody points at them.
    pub(super) fn titled(&mut self, title: &str, draw: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        draw(&mut inner);
        self.items.push(Item::Group { title: title.to_owned(), items: inner.items });
    }

    /// Everything of another drawing.
    pub(super) fn append(&mut self, other: Self) {
        self.items.extend(other.items);
    }

    /// Every box with its class, those in groups too.
    #[cfg(test)]
    pub(super) fn shapes(&self) -> Vec<(&'static str, Rect)> {
        fn collect(items: &[Item], found: &mut Vec<(&'static str, Rect)>) {
            for item in items {
                match item {
                    Item::Shape { class, place, .. } => found.push((class, *place)),
                    Item::Group { items, .. } => collect(items, found),
                    _ => {}
                }
            }
        }
        let mut found = Vec::new();
        collect(&self.items, &mut found);
        found
    }

    /// Writes what was drawn.
    pub(super) fn write(&self, html: &mut Html) {
        html.raw("<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto-start-reverse\"><path class=\"tip\" d=\"M0 0L8 4L0 8z\"/></marker></defs>\n");
        self.items.iter().for_each(|item| item.write(html));
    }
}

/// As much of a text as a width has room for, by the usual width of a letter of its class.
fn fitted(text: &str, width: i32, class: &str) -> String {
    let tenths = match class {
        "strong" => 84,
        "address" => 70,
        "name" => 75,
        "tiny" => 60,
        _ => 66,
    };
    let room = usize::try_from(width * 10 / tenths).unwrap_or(0).max(2);
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room - 1).chain(['…']).collect()
}

impl Item {
    fn write(&self, html: &mut Html) {
        match self {
            Self::Shape { class, place: Rect { x, y, width, height }, radius } => {
                html.open(
                    "rect",
                    &[("class", class), ("x", x), ("y", y), ("width", width), ("height", height), ("rx", radius)],
                );
                html.close("rect");
            }
            Self::Way { class, path, is_arrow: true } => {
                html.open("path", &[("class", class), ("d", path), ("marker-end", &"url(#tip)")]);
                html.close("path");
            }
            Self::Way { class, path, is_arrow: false } => {
                html.open("path", &[("class", class), ("d", path)]);
                html.close("path");
            }
            Self::Dot { class, at } => {
                html.open("circle", &[("class", class), ("cx", &at.x), ("cy", &at.y), ("r", &6)]);
                html.close("circle");
            }
            Self::Ellipse { class, at, wide, high } => {
                html.open("ellipse", &[("class", class), ("cx", &at.x), ("cy", &at.y), ("rx", wide), ("ry", high)]);
                html.close("ellipse");
            }
            Self::Text { class, anchor, at, text, full } => {
                html.open("text", &[("class", class), ("x", &at.x), ("y", &at.y), ("text-anchor", anchor)]);
                html.text(text);
                if let Some(full) = full {
                    html.element("title", &[], full);
                }
                html.close("text");
            }
            Self::Group { title, items } => {
                html.open("g", &[]);
                html.element("title", &[], title);
                items.iter().for_each(|item| item.write(html));
                html.close("g");
            }
        }
    }
}
