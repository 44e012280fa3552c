//! The high-water mark of a log: the farthest record that was ever written here, remembered beside
//! the store and not in it. A store that does not reach its mark is an older copy.
//!
//! The mark is written after each commit and never waited for: one that lags behind is no fault.
//! Deliberately absent: where it is kept, and what happens to an older store.

use crate::base::hash;

/// The farthest record that is known of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HighWater {
    /// The store's id. A mark says nothing of another store.
    pub store: String,
    /// Position of the record.
    pub seq: u64,
    /// Its hash, which stands for all that came before.
    pub hash: String,
}

/// The log of a store that is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogAtHand {
    /// Its id.
    pub store: String,
    /// Position of its newest record.
    pub last: u64,
    /// Hash of its record at the position of the mark.
    pub hash_at_mark: Option<String>,
}

/// The way in which a store is not what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setback {
    /// Its log ends before the mark.
    Shorter {
        /// Its last record.
        last: u64,
        /// The record that it had reached.
        marked: u64,
    },
    /// It went another way before it came to the mark.
    OtherHistory {
        /// The record that differs.
        marked: u64,
    },
}

impl std::fmt::Display for Setback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Setback::Shorter { last, marked } => write!(
                f,
                "an older copy: its log ends at record {last}, and record {marked} was written here before"
            ),
            Setback::OtherHistory { marked } => write!(
                f,
                "another copy: its record {marked} is not the one that was written here before"
            ),
        }
    }
}

/// Compares a store with the mark that was left of it.
pub fn setback(mark: &HighWater, log: &LogAtHand) -> Option<Setback> {
    let marked = mark.seq;
    if mark.store != log.store {
        None
    } else if log.last < marked {
        Some(Setback::Shorter {
            last: log.last,
            marked,
        })
    } else if log.hash_at_mark.as_ref() != Some(&mark.hash) {
        Some(Setback::OtherHistory { marked })
    } else {
        None
    }
}

impl HighWater {
    /// The mark as a line. Two writers may write theirs at once, so that it ends in a sum of itself.
    pub fn line(&self) -> String {
        let text = format!("1 {} {} {}", self.store, self.seq, self.hash);
        let sum = sum(&text);
        format!("{text} {sum}\n")
    }

    /// Reads a line back; nothing where it is torn or none.
    pub fn parse(text: &str) -> Option<HighWater> {
        let (text, found) = text.split_once('\n')?.0.rsplit_once(' ')?;
        if found != sum(text) {
            return None;
        }
        let mut words = text.split(' ');
        let ["1", store, seq, hash] = [words.next()?, words.next()?, words.next()?, words.next()?]
        else {
            return None;
        };
        Some(HighWater {
            store: store.to_owned(),
            seq: seq.parse().ok()?,
            hash: hash.to_owned(),
        })
    }
}

fn sum(text: &str) -> String {
    let mut sum = hash::sha256_hex(text.as_bytes());
    sum.truncate(16);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(store: &str, seq: u64, hash: &str) -> HighWater {
        HighWater {
            store: store.into(),
            seq,
            hash: hash.into(),
        }
    }

    #[test]
    fn a_store_must_reach_its_mark_on_the_same_way() {
        let table = [
            (("s", 5, Some("h")), None),
            (("s", 9, Some("h")), None),
            (
                ("s", 4, None),
                Some(Setback::Shorter { last: 4, marked: 5 }),
            ),
            (
                ("s", 0, None),
                Some(Setback::Shorter { last: 0, marked: 5 }),
            ),
            (
                ("s", 5, Some("x")),
                Some(Setback::OtherHistory { marked: 5 }),
            ),
            (("s", 9, None), Some(Setback::OtherHistory { marked: 5 })),
            (("another", 1, None), None),
        ];
        for ((store, last, hash_at_mark), expected) in table {
            let log = LogAtHand {
                store: store.into(),
                last,
                hash_at_mark: hash_at_mark.map(str::to_owned),
            };
            assert_eq!(setback(&mark("s", 5, "h"), &log), expected, "{log:?}");
        }
    }

    #[test]
    fn a_mark_reads_back_and_a_torn_one_is_none() {
        let whole = mark("s", 12, "abc").line();
        assert_eq!(HighWater::parse(&whole), Some(mark("s", 12, "abc")));
        // A longer line of before may stand behind a shorter one.
        let longer = format!("{whole}rest of a longer line\n");
        assert_eq!(HighWater::parse(&longer), Some(mark("s", 12, "abc")));
        for end in 0..whole.len() {
            assert_eq!(HighWater::parse(&whole[..end]), None, "{end}");
        }
        let other = mark("s", 13, "abd").line();
        for at in 5..whole.len().min(other.len()) - 2 {
            let mixed = format!("{}{}", &whole[..at], &other[at..]);
            let read = HighWater::parse(&mixed);
            let both = [mark("s", 12, "abc"), mark("s", 13, "abd")];
            assert!(read.is_none_or(|read| both.contains(&read)), "{mixed}");
        }
    }
}
