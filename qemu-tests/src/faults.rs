//! Chance, by a seed that a failed scenario prints, so that the same order and the same moments can be had again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Variable that fixes the seed.
const SEED: &str = "KFIMG_LAB_SEED";

/// A source of choices (`SplitMix64`, Steele, Lea and Flood 2014): small, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Thrown with the seed of `KFIMG_LAB_SEED`, else with the time's; says which.
    pub fn new(scenario: &str) -> Self {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs());
        let seed = std::env::var(SEED).ok().and_then(|text| text.parse().ok()).unwrap_or_else(now);
        println!("{scenario}: {SEED}={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 when `limit` is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.next() % limit }
    }

    /// A time of whole milliseconds, shorter than `limit`.
    pub fn time_below(&mut self, limit: Duration) -> Duration {
        Duration::from_millis(self.below(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The items in a random order.
    pub fn shuffled<T>(&mut self, items: impl IntoIterator<Item = T>) -> Vec<T> {
        let mut items: Vec<T> = items.into_iter().collect();
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap_or(0);
            items.swap(last, other);
        }
        items
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn the_same_seed_throws_the_same_and_every_order_comes() {
        let order = |seed| Dice(seed).shuffled(["a", "b", "c"]).concat();
        assert_eq!(order(7), order(7));
        let orders: std::collections::BTreeSet<String> = (0..200).map(order).collect();
        assert_eq!(orders.len(), 6, "{orders:?}");
    }
}
