//! Does the same to many things, on several threads.
//!
//! The order of the results is that of the things, so that what is printed does not depend on threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Most threads: hashing is bound by processors, and more readers do not make a disk faster.
const MOST: usize = 16;

/// The number of threads that work is worth.
pub(crate) fn threads() -> usize {
    thread::available_parallelism().map_or(2, usize::from).min(MOST)
}

/// Applies `work` to every item; items are begun in order.
pub(crate) fn each<T: Sync, R: Send>(items: &[T], threads: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    let run = || {
        while let Some((number, item)) = take(&next, items) {
            let result = work(item);
            results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((number, result));
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.clamp(1, items.len().max(1)) {
            scope.spawn(run);
        }
        run();
    });
    let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

fn take<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    items.get(number).map(|item| (number, item))
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_stand_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..500).collect();
        let found = super::each(&items, 4, |item| item * 2);
        assert_eq!(found, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert!(super::each(&[0; 0], 4, |item: &i32| *item).is_empty());
    }
}
