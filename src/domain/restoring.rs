//! Going back to a backup: which one is taken, what is lost by it, and what is said where there is
//! none. Deliberately absent: reading backups, and putting one in place.

/// The store that a backup would replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreAtHand {
    /// Nothing stands there.
    Missing,
    /// A store with this many events.
    Readable(u64),
    /// Something that cannot be read.
    Unreadable,
}

impl StoreAtHand {
    /// The number of events that are in the store and not in a backup with `kept` of them; nothing
    /// where nobody can say.
    pub fn lost_events(self, kept: u64) -> Option<u64> {
        match self {
            StoreAtHand::Readable(events) => Some(events.saturating_sub(kept)),
            StoreAtHand::Missing | StoreAtHand::Unreadable => None,
        }
    }
}

/// The backup that is taken, and the newer ones that were passed over.
#[derive(Debug, PartialEq, Eq)]
pub struct BackupChoice<P, B, E> {
    /// The newest backup that is whole; nothing where none is.
    pub whole: Option<B>,
    /// Newer ones that cannot be used, each with the reason.
    pub unusable: Vec<(P, E)>,
}

/// Takes the newest backup that is whole. `look` reads one, and is asked for no older ones than
/// needed.
pub fn newest_whole<P, B, E>(
    oldest_first: Vec<P>,
    mut look: impl FnMut(&P) -> Result<B, E>,
) -> BackupChoice<P, B, E> {
    let mut unusable = Vec::new();
    for path in oldest_first.into_iter().rev() {
        match look(&path) {
            Ok(whole) => {
                return BackupChoice {
                    whole: Some(whole),
                    unusable,
                };
            }
            Err(why) => unusable.push((path, why)),
        }
    }
    BackupChoice {
        whole: None,
        unusable,
    }
}

/// The sentence, and the next step, where no backup in `dir` can be taken, `unusable` of them for a fault of theirs.
pub fn no_backup(dir: &str, unusable: usize, store: StoreAtHand) -> (String, String) {
    let (why, hint) = match (unusable, store) {
        (0, StoreAtHand::Readable(_)) => (
            format!("there is no backup in {dir}, and the store stands"),
            "`ai backup` makes one",
        ),
        (0, StoreAtHand::Missing | StoreAtHand::Unreadable) => (
            format!("there is no backup in {dir}"),
            "to begin anew, move the directory above it away",
        ),
        (n, StoreAtHand::Readable(_)) => (
            format!("none of the {n} backups in {dir} can be used"),
            "the store stands; `ai backup` makes a new one",
        ),
        (n, StoreAtHand::Missing | StoreAtHand::Unreadable) => (
            format!("none of the {n} backups in {dir} can be used"),
            "`ai restore FILE` takes one from elsewhere; to begin anew, move the directory above it away",
        ),
    };
    (why, hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use StoreAtHand::{Missing, Readable, Unreadable};

    #[test]
    fn the_newest_whole_backup_is_taken_and_no_older_one_looked_at() {
        // Oldest first; a negative number is one that is spoilt.
        type Case<'a> = (&'a [i32], Option<i32>, &'a [i32], usize);
        let cases: [Case<'_>; 5] = [
            (&[], None, &[], 0),
            (&[1, 2], Some(2), &[], 1),
            (&[1, -2], Some(1), &[-2], 2),
            (&[1, 2, -3, -4], Some(2), &[-4, -3], 3),
            (&[-1, -2], None, &[-2, -1], 2),
        ];
        for (backups, whole, unusable, looks) in cases {
            let mut looked = 0;
            let choice = newest_whole(backups.to_vec(), |backup| {
                looked += 1;
                if *backup > 0 {
                    Ok(*backup)
                } else {
                    Err("spoilt")
                }
            });
            let expected = unusable.iter().map(|backup| (*backup, "spoilt")).collect();
            assert_eq!(
                (choice, looked),
                (
                    BackupChoice {
                        whole,
                        unusable: expected
                    },
                    looks
                ),
                "{backups:?}"
            );
        }
    }

    #[test]
    fn what_is_lost_is_told_where_it_can_be_counted() {
        for (store, kept, lost) in [
            (Readable(9), 7, Some(2)),
            (Readable(7), 7, Some(0)),
            // The backup of another store may have more.
            (Readable(7), 9, Some(0)),
            (Missing, 7, None),
            (Unreadable, 7, None),
        ] {
            assert_eq!(store.lost_events(kept), lost, "{store:?} {kept}");
        }
    }

    #[test]
    fn without_a_backup_the_sentence_names_the_way_on() {
        let said = [
            (0, Readable(1)),
            (0, Missing),
            (0, Unreadable),
            (2, Readable(1)),
        ]
        .map(|(unusable, store)| no_backup("/b", unusable, store));
        let said = said.map(|(why, hint)| format!("{why}; {hint}"));
        insta::assert_snapshot!(said.join("\n"), @r"
        there is no backup in /b, and the store stands; `ai backup` makes one
        there is no backup in /b; to begin anew, move the directory above it away
        there is no backup in /b; to begin anew, move the directory above it away
        none of the 2 backups in /b can be used; the store stands; `ai backup` makes a new one
        ");
    }
}
