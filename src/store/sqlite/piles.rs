//! Rows that are read before their turn: a pile for each priority, given in order when all are read.
//!
//! The first two megabytes stay in memory, so that a list that is not long touches no file. What
//! follows goes in batches beside the memory ([`TextHeap`]), so that a list of any length has the
//! same memory. A batch that finds no room there is no error: the piles are given up, and whoever
//! filled them reads the rows again in their order.

use std::collections::BTreeMap;
use std::mem;

use crate::base::fs::{TextHeap, TextPlace};
use crate::store::{Flow, StoreError};

/// The sizes that bound the memory of piles.
#[derive(Clone, Copy)]
struct Room {
    /// Bytes of a batch, and so of each pile's part that still grows.
    batch: usize,
    /// Bytes of all batches that stay in memory.
    memory: usize,
}

/// The heap writes texts of this size as they are, and reads no others beside them.
const ROOM: Room = Room {
    batch: 256 << 10,
    memory: 2 << 20,
};

/// A number of lines, each with its end.
enum LineBatch {
    Here(String),
    There(TextPlace),
}

#[derive(Default)]
struct Pile {
    full: Vec<LineBatch>,
    growing: String,
}

/// The piles.
pub(super) struct Piles {
    by_priority: BTreeMap<i64, Pile>,
    room: Room,
    heap: TextHeap,
    are_whole: bool,
}

impl Default for Piles {
    fn default() -> Piles {
        Piles {
            by_priority: BTreeMap::new(),
            room: ROOM,
            heap: TextHeap::default(),
            are_whole: true,
        }
    }
}

impl Piles {
    /// Keeps a row on the pile of a priority.
    pub(super) fn put(&mut self, priority: i64, row: &str) {
        if !self.are_whole {
            return;
        }
        let pile = self.by_priority.entry(priority).or_default();
        if pile.growing.capacity() == 0 {
            // Asked for at once, and with room for the row that fills it: growing would copy.
            pile.growing
                .reserve_exact(self.room.batch + self.room.batch / 8);
        }
        pile.growing.push_str(row);
        pile.growing.push('\n');
        let size = pile.growing.len();
        if size < self.room.batch {
            return;
        }
        if let Some(left) = self.room.memory.checked_sub(size) {
            self.room.memory = left;
            pile.full
                .push(LineBatch::Here(mem::take(&mut pile.growing)));
            return;
        }
        match self.heap.add(&pile.growing) {
            Ok(place) => {
                pile.full.push(LineBatch::There(place));
                pile.growing.clear();
            }
            Err(_) => {
                self.are_whole = false;
                self.by_priority.clear();
            }
        }
    }

    /// Returns false where some row found no room, so that none is left.
    pub(super) fn are_whole(&self) -> bool {
        self.are_whole
    }

    /// Gives all rows, the lowest priority number first, each pile in the order in which it grew:
    /// many lines at a time, without the end of the last.
    pub(super) fn give(
        mut self,
        each: &mut dyn FnMut(&str) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        for pile in self.by_priority.into_values() {
            let growing = LineBatch::Here(pile.growing);
            for batch in pile.full.into_iter().chain([growing]) {
                let lines = match &batch {
                    LineBatch::Here(lines) => lines,
                    LineBatch::There(place) => self.heap.get(*place)?,
                };
                match lines.strip_suffix('\n').map(&mut *each).transpose()? {
                    Some(Flow::Stop) => return Ok(()),
                    Some(Flow::More) | None => {}
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
impl Piles {
    /// Piles of these sizes.
    pub(super) fn with_room(batch: usize, memory: usize) -> Piles {
        Piles {
            room: Room { batch, memory },
            ..Piles::default()
        }
    }

    /// Piles that found no room.
    pub(super) fn given_up() -> Piles {
        Piles {
            are_whole: false,
            ..Piles::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn rows_come_back_by_priority_in_their_order(
            rows in proptest::collection::vec((0..5_i64, 0..40_usize), 0..200),
            batch in 1..400_usize,
            memory in 0..3_000_usize,
        ) {
            let mut piles = Piles::with_room(batch, memory);
            let mut expected: Vec<(i64, String)> = Vec::new();
            for (n, (priority, length)) in rows.iter().enumerate() {
                let row = format!("{n} {}", "\u{e9}".repeat(*length));
                piles.put(*priority, &row);
                expected.push((*priority, row));
            }
            expected.sort_by_key(|(priority, _)| *priority);
            proptest::prop_assert!(piles.are_whole());
            let mut given = Vec::new();
            piles.give(&mut |rows| {
                given.extend(rows.split('\n').map(str::to_owned));
                Ok(Flow::More)
            }).unwrap();
            let expected: Vec<String> = expected.into_iter().map(|(_, row)| row).collect();
            proptest::prop_assert_eq!(given, expected);
        }
    }
}
