//! Shares blobs out to threads in turns: each thread takes the blob that has most left, hashes a part of it, and gives it back.
//!
//! One blob is hashed by one thread at a time. Were it kept to its end, three large layers on two processors would leave one of
//! these idle for the whole of the third; in turns, all end together unless one blob is longer than everybody's share.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::iter::Peekable;
use std::sync::{Mutex, PoisonError};
use std::vec::IntoIter;

/// What can be worked at in turns.
pub(super) trait Work: Send {
    /// How much is left, in the unit of the sizes that [`Turns`] was made with; nothing when it is done.
    fn left(&self) -> u64;
}

/// Items of certain sizes, begun by the largest, and work that was begun and is nobody's now.
pub(super) struct Turns<'a, T, W> {
    state: Mutex<State<'a, T, W>>,
    /// Most items that are begun and not done at a time: each may keep a file open.
    most: usize,
}

struct State<'a, T, W> {
    /// Items that nobody began, the largest first.
    waiting: Peekable<IntoIter<(u64, &'a T)>>,
    begun: BinaryHeap<Begun<W>>,
    open: usize,
}

/// What a thread is to do. It gives the work back, however far it came.
pub(super) enum Turn<'a, T, W> {
    /// Begin this item.
    Begin(&'a T),
    /// Go on with this.
    Continue(W),
}

impl<'a, T, W: Work> Turns<'a, T, W> {
    pub(super) fn new(items: &'a [T], size: impl Fn(&T) -> u64, most: usize) -> Self {
        let mut waiting: Vec<(u64, &T)> = items.iter().map(|item| (size(item), item)).collect();
        // A stable sort: what is of one size is begun in the order that was given.
        waiting.sort_by_key(|(size, _)| Reverse(*size));
        let state = State { waiting: waiting.into_iter().peekable(), begun: BinaryHeap::new(), open: 0 };
        Self { state: Mutex::new(state), most: most.max(1) }
    }

    /// The next turn; `None` when there is none for this thread: all that is left is in others' hands, one for each of them.
    pub(super) fn take(&self) -> Option<Turn<'a, T, W>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let may_begin = state.open < self.most;
        let longest = state.begun.peek().map(|begun| begun.0.left());
        let is_longer = |(size, _): &(u64, &T)| longest.is_none_or(|longest| may_begin && *size > longest);
        if let Some((_, item)) = state.waiting.next_if(is_longer) {
            state.open += 1;
            return Some(Turn::Begin(item));
        }
        state.begun.pop().map(|begun| Turn::Continue(begun.0))
    }

    /// Gives work back; what is done stays with the thread.
    pub(super) fn give_back(&self, work: W) -> Option<W> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if work.left() > 0 {
            state.begun.push(Begun(work));
            return None;
        }
        state.open -= 1;
        Some(work)
    }
}

/// Work in the order of what is left of it.
struct Begun<W>(W);

impl<W: Work> Ord for Begun<W> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.left().cmp(&other.0.left())
    }
}

impl<W: Work> PartialOrd for Begun<W> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<W: Work> PartialEq for Begun<W> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<W: Work> Eq for Begun<W> {}

#[cfg(test)]
mod tests {
    use super::{Turn, Turns, Work};

    impl Work for u64 {
        fn left(&self) -> u64 {
            *self
        }
    }

    /// How many turns of one each it takes so many threads, all of them equally fast, and how many items were open at most.
    fn rounds(sizes: &[u64], threads: usize, most: usize) -> (u64, usize) {
        let turns: Turns<'_, u64, u64> = Turns::new(sizes, |size| *size, most);
        let (mut rounds, mut begun, mut done, mut open) = (0, 0, 0, 0);
        loop {
            let taken: Vec<_> = (0..threads).filter_map(|_| turns.take()).collect();
            if taken.is_empty() {
                assert_eq!(done, sizes.len());
                return (rounds, open);
            }
            rounds += 1;
            for turn in taken {
                let left = match turn {
                    Turn::Begin(size) => {
                        begun += 1;
                        *size
                    }
                    Turn::Continue(left) => left,
                };
                open = open.max(begun - done);
                done += usize::from(turns.give_back(left.saturating_sub(1)).is_some());
            }
        }
    }

    #[test]
    fn no_thread_is_idle_while_another_has_two_items_left() {
        let table: [(&[u64], usize, u64); 6] = [
            // Two large layers and one of half the size: 60 when each is kept to its end.
            (&[40, 40, 20], 2, 50),
            (&[40, 20, 40, 1, 1, 1, 1], 2, 52),
            (&[30, 30, 30], 2, 45),
            (&[100, 10, 10], 2, 100),
            (&[1, 1, 1, 1, 1], 2, 3),
            (&[7, 7, 7, 7, 7], 4, 9),
        ];
        for (sizes, threads, wanted) in table {
            assert_eq!(rounds(sizes, threads, 16).0, wanted, "{sizes:?} on {threads}");
        }
        assert_eq!(rounds(&[], 2, 16).0, 0);
    }

    #[test]
    fn few_items_are_open_at_a_time() {
        let (rounds, open) = rounds(&[5; 1000], 2, 8);
        assert_eq!(rounds, 2500);
        assert!(open <= 8, "{open}");
    }
}
