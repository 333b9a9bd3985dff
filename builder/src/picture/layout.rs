//! Where the tiles of a treemap go. What they are is not asked here.
//!
//! Source: Bruls, Huizing, van Wijk, "Squarified Treemaps" (2000).

/// Units of the picture, which is as wide as the page.
pub(super) const WIDTH: f64 = 1040.0;
pub(super) const HEIGHT: f64 = 480.0;

/// Place and size of a rectangle.
pub(super) type Rectangle = (f64, f64, f64, f64);

/// Areas, largest first, as rectangles that are as square as they can be.
pub(super) fn squarified(areas: &[f64]) -> Vec<Rectangle> {
    let mut left: Rectangle = (0.0, 0.0, WIDTH, HEIGHT);
    let mut placed = Vec::new();
    let mut rest = areas;
    while !rest.is_empty() {
        let side = left.2.min(left.3);
        let mut count = 1;
        while count < rest.len() && worst(&rest[..=count], side) <= worst(&rest[..count], side) {
            count += 1;
        }
        let (row, after) = rest.split_at(count);
        left = lay(row, left, &mut placed);
        rest = after;
    }
    placed
}

/// The largest ratio of sides in a row.
fn worst(row: &[f64], side: f64) -> f64 {
    let sum: f64 = row.iter().sum();
    let largest = row.iter().copied().fold(f64::MIN, f64::max);
    let smallest = row.iter().copied().fold(f64::MAX, f64::min);
    (side * side * largest / (sum * sum)).max(sum * sum / (side * side * smallest))
}

/// Lays a row along the shorter side; returns what is left.
fn lay(row: &[f64], (x, y, width, height): Rectangle, placed: &mut Vec<Rectangle>) -> Rectangle {
    let sum: f64 = row.iter().sum();
    let upright = width >= height;
    let side = if upright { height } else { width };
    let depth = if side > 0.0 { sum / side } else { 0.0 };
    let mut at = 0.0;
    for area in row {
        let length = if depth > 0.0 { area / depth } else { 0.0 };
        placed.push(if upright { (x, y + at, depth, length) } else { (x + at, y, length, depth) });
        at += length;
    }
    if upright {
        (x + depth, y, (width - depth).max(0.0), height)
    } else {
        (x, y + depth, width, (height - depth).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::{HEIGHT, WIDTH, squarified};

    #[test]
    fn rectangles_fill_the_picture_without_overlap() {
        let shares = [0.4, 0.25, 0.15, 0.1, 0.05, 0.03, 0.02];
        let areas: Vec<f64> = shares.iter().map(|share| share * WIDTH * HEIGHT).collect();
        let placed = squarified(&areas);
        for ((x, y, width, height), area) in placed.iter().zip(&areas) {
            assert!((width * height - area).abs() < 1.0);
            assert!(*x >= -0.01 && *y >= -0.01 && x + width <= WIDTH + 0.01 && y + height <= HEIGHT + 0.01);
        }
        for (index, a) in placed.iter().enumerate() {
            for b in &placed[index + 1..] {
                let apart = a.0 + a.2 <= b.0 + 0.01
                    || b.0 + b.2 <= a.0 + 0.01
                    || a.1 + a.3 <= b.1 + 0.01
                    || b.1 + b.3 <= a.1 + 0.01;
                assert!(apart, "{a:?} {b:?}");
            }
        }
    }
}
