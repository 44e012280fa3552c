//! The names in a file of new tasks: which entry bears each, what waits for what, and what is named
//! of the store. Names are kept once and as numbers from then on, since there may be very many.

use std::collections::HashMap;

use crate::base::text::one_line;
use crate::domain::cycle;
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;

/// The names in one entry.
#[derive(Clone, Copy)]
pub(super) struct EntryNames<'a> {
    /// Its own.
    pub(super) key: Option<&'a str>,
    /// What it waits for.
    pub(super) deps: &'a [String],
    /// What it is a part of.
    pub(super) parent: Option<&'a str>,
}

/// The names of entries and of what they wait for.
#[derive(Default)]
pub(super) struct EntryIndex {
    /// Numbers of names.
    names: HashMap<Box<str>, u32>,
    /// The entry that bears each name as its key.
    bearers: Vec<Option<u32>>,
    /// The entry that used each name first.
    users: Vec<u32>,
    /// Names that each entry waits for.
    deps: Vec<Vec<u32>>,
    /// The name of each entry's parent.
    parents: Vec<Option<u32>>,
}

/// Something that an entry names.
#[derive(Clone, Copy)]
pub(super) struct NamedTarget {
    /// Number of the name.
    pub(super) number: u32,
    /// The entry that bears it, where one does.
    pub(super) entry: Option<usize>,
}

/// A name that no entry bears: a task of the store.
pub(super) struct OutsideName<'a> {
    pub(super) number: u32,
    pub(super) text: &'a str,
    /// The entry that uses it first.
    pub(super) entry: usize,
}

impl EntryIndex {
    /// Takes the names of the next entry.
    pub(super) fn add(&mut self, new: EntryNames<'_>) -> Result<(), OpError> {
        let entry = u32::try_from(self.deps.len()).map_err(|_| Refusal::Unclear {
            why: "too many entries".into(),
            hint: "split the file".into(),
        })?;
        if let Some(key) = new.key {
            let name = self.number(key, entry) as usize;
            if self.bearers[name].replace(entry).is_some() {
                let why = format!("two entries have the key `{}`", one_line(key));
                let hint = "give each entry a key of its own, or none".into();
                return Err(Refusal::Unclear { why, hint }.into());
            }
        }
        let deps = new.deps.iter().map(|dep| self.number(dep, entry)).collect();
        let parent = new.parent.map(|name| self.number(name, entry));
        self.deps.push(deps);
        self.parents.push(parent);
        Ok(())
    }

    fn number(&mut self, name: &str, entry: u32) -> u32 {
        if let Some(number) = self.names.get(name) {
            return *number;
        }
        // Fewer names than a file has bytes, and that number is bounded.
        let number = u32::try_from(self.users.len()).unwrap_or(u32::MAX);
        self.names.insert(name.into(), number);
        self.users.push(entry);
        self.bearers.push(None);
        number
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.parents.len()
    }

    /// The meaning of a name.
    pub(super) fn target(&self, name: &str) -> Option<NamedTarget> {
        let number = *self.names.get(name)?;
        let entry = self.bearers.get(number as usize).copied().flatten();
        Some(NamedTarget {
            number,
            entry: entry.map(|n| n as usize),
        })
    }

    /// The names of tasks of the store, in the order of their first use.
    pub(super) fn outside(&self) -> Vec<OutsideName<'_>> {
        let bearers = &self.bearers;
        let mut all: Vec<OutsideName<'_>> = self
            .names
            .iter()
            .filter(|(_, number)| bearers[**number as usize].is_none())
            .map(|(text, number)| OutsideName {
                number: *number,
                text,
                entry: self.users[*number as usize] as usize,
            })
            .collect();
        all.sort_unstable_by_key(|name| name.number);
        all
    }

    /// Entries can wait only for each other in a circle: what the store holds already knows nothing
    /// of them. The edges are not needed any more then.
    pub(super) fn refuse_circles(&mut self) -> Result<(), OpError> {
        let mut waits = std::mem::take(&mut self.deps);
        for names in &mut waits {
            names.retain_mut(|name| match self.bearers[*name as usize] {
                Some(entry) => {
                    *name = entry;
                    true
                }
                None => false,
            });
        }
        let circle = cycle::find(&waits).or_else(|| {
            for (part, parent) in waits.iter_mut().zip(&self.parents) {
                part.clear();
                part.extend(parent.and_then(|name| self.bearers[name as usize]));
            }
            cycle::find(&waits)
        });
        match circle {
            None => Ok(()),
            Some(circle) => {
                // Whatever is named by others has a key.
                let keys: HashMap<usize, String> = self
                    .names
                    .iter()
                    .filter_map(|(key, name)| {
                        Some((self.bearers[*name as usize]? as usize, key.to_string()))
                    })
                    .collect();
                let mut names: Vec<String> =
                    circle.iter().filter_map(|n| keys.get(n).cloned()).collect();
                names.extend(names.first().cloned());
                Err(Refusal::Cycle(names).into())
            }
        }
    }
}
