//! How much is told within a minute: whoever asks without end must not fill a terminal, nor a node's time line.

/// What was told in the minute that was counted last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowance {
    minute: i64,
    count: u32,
}

/// What becomes of something that could be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Turn {
    /// It is told.
    Told,
    /// That there is more is told in its place.
    Last,
    /// It is one too many.
    Silent,
}

impl Allowance {
    /// Counts one thing, at this second, of which the minute has so many.
    pub(super) fn take(&mut self, second: i64, most: u32) -> Turn {
        let minute = second.div_euclid(60);
        let count = if self.minute == minute { self.count.saturating_add(1) } else { 1 };
        *self = Self { minute, count };
        match count {
            _ if count < most => Turn::Told,
            _ if count == most => Turn::Last,
            _ => Turn::Silent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Allowance, Turn};

    #[test]
    fn a_minute_has_so_much_and_the_next_one_as_much_again() {
        let mut allowance = Allowance::default();
        for minute in [7, 8] {
            let turns: Vec<Turn> = (0..5).map(|second| allowance.take(minute * 60 + second, 3)).collect();
            assert_eq!(turns, [Turn::Told, Turn::Told, Turn::Last, Turn::Silent, Turn::Silent]);
        }
    }
}
