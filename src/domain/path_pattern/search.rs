//! The search for a shortest path that two automata accept and a third one does not.
//!
//! Breadth first over (state, state, set of states to avoid, shape of the path). The first two stay
//! nondeterministic, for which pairs of states are enough; only what must *not* match is
//! determinised, as far as the search gets. Without anything to avoid the search always ends within
//! the product of the two sizes; with it, a budget ends it.

use std::cell::Cell;
use std::collections::HashMap;

use crate::domain::path_pattern::automaton::{Automaton, NfaState, StateId};
use crate::domain::path_pattern::charset::{CharSet, after, pick};
use crate::domain::path_pattern::fold::CaseMode;
use crate::domain::path_pattern::shape::{NameShape, SHAPES};

/// Memory of a search that avoids something, in words of 64 places.
const WORDS: usize = 1 << 20;
/// Number of sets of states to avoid that it may make.
const SETS: usize = 4096;
const ROOT: u32 = u32::MAX;

/// The result of a search.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SearchResult {
    /// A shortest such path (or the rest of one, where the search began inside it).
    Path(String),
    /// There is none.
    Nothing,
    /// The budget ended first.
    Exhausted,
}

/// Two automata, read side by side.
pub(super) struct Product<'a> {
    left: &'a Automaton,
    right: &'a Automaton,
    mode: CaseMode,
    avoid: Option<AvoidedSets<'a>>,
    starts: Vec<SearchPlace>,
    /// The places that may still be looked at; as many as there are where absent.
    left_over: Option<&'a Cell<usize>>,
}

/// One place of the search.
#[derive(Debug, Clone, Copy)]
struct SearchPlace {
    left: StateId,
    right: StateId,
    avoid: u32,
    shape: NameShape,
}

/// The way in which a place was reached: from which one, and by which character, if any.
struct SearchStep {
    place: SearchPlace,
    from: u32,
    by: Option<char>,
}

impl<'a> Product<'a> {
    /// A search for what both accept, from their beginnings.
    pub(super) fn new(left: &'a Automaton, right: &'a Automaton, mode: CaseMode) -> Self {
        let start = SearchPlace {
            left: left.start(),
            right: right.start(),
            avoid: 0,
            shape: NameShape::Start,
        };
        Self {
            left,
            right,
            mode,
            avoid: None,
            starts: vec![start],
            left_over: None,
        }
    }

    /// A search for how a path that was read up to the end of a name can go on beneath it, so that
    /// `right` accepts it.
    pub(super) fn beneath(
        left: &'a Automaton,
        right: &'a Automaton,
        reached: &[StateId],
        mode: CaseMode,
    ) -> Self {
        let start = |&right| SearchPlace {
            left: left.start(),
            right,
            avoid: 0,
            shape: NameShape::Inside,
        };
        Self {
            left,
            right,
            mode,
            avoid: None,
            starts: reached.iter().map(start).collect(),
            left_over: None,
        }
    }

    /// Leaves out what `avoid` accepts.
    pub(super) fn avoiding(self, avoid: &'a Automaton) -> Self {
        let first = avoid.first();
        self.avoiding_from(avoid, first)
    }

    /// Leaves out what `avoid` accepts, which has come as far as `reached`.
    pub(super) fn avoiding_from(mut self, avoid: &'a Automaton, reached: Vec<StateId>) -> Self {
        let alphabet = alphabet([self.left, self.right, avoid], self.mode);
        self.avoid = Some(AvoidedSets::new(avoid, alphabet, reached));
        self
    }

    /// Takes each place that is looked at from `left_over`, and ends where nothing of it is left.
    pub(super) fn within(mut self, left_over: Option<&'a Cell<usize>>) -> Self {
        self.left_over = left_over;
        self
    }

    fn is_spent(&self, places: usize) -> bool {
        self.left_over.is_some_and(|left_over| {
            let left = left_over.get();
            left_over.set(left.saturating_sub(places));
            left < places
        })
    }

    /// Runs the search.
    pub(super) fn search(mut self) -> SearchResult {
        // The table of places is made at once, a word for 64 of them.
        if self.is_spent(self.left.len() * self.right.len() / 64) {
            return SearchResult::Exhausted;
        }
        let mut seen = SeenPlaces::new(self.left.len(), self.right.len());
        let mut steps: Vec<SearchStep> = Vec::new();
        for place in std::mem::take(&mut self.starts) {
            if seen.insert(place) {
                steps.push(SearchStep {
                    place,
                    from: ROOT,
                    by: None,
                });
            }
        }
        // Each turn handles all places that a path of one length reaches: empty moves first, which
        // lengthen the turn itself, then characters, which make the next one.
        let mut turn = 0;
        while turn < steps.len() {
            let mut at = turn;
            while at < steps.len() {
                if self.is_spent(1) {
                    return SearchResult::Exhausted;
                }
                if self.is_goal(steps[at].place) {
                    return SearchResult::Path(spell(&steps, at));
                }
                self.take_empty_moves(at, &mut seen, &mut steps);
                at += 1;
            }
            for from in turn..at {
                self.take_characters(from, &mut seen, &mut steps);
                if self
                    .avoid
                    .as_ref()
                    .is_some_and(|avoid| avoid.sets.len() > SETS || seen.bits.len() > WORDS)
                {
                    return SearchResult::Exhausted;
                }
            }
            turn = at;
        }
        SearchResult::Nothing
    }

    fn is_goal(&self, place: SearchPlace) -> bool {
        place.shape.is_complete()
            && matches!(self.left.state(place.left), NfaState::Accept)
            && matches!(self.right.state(place.right), NfaState::Accept)
            && self
                .avoid
                .as_ref()
                .is_none_or(|avoid| !avoid.accepts(place.avoid))
    }

    /// The left side moves first, so that few half-moved pairs arise.
    fn take_empty_moves(&self, from: usize, seen: &mut SeenPlaces, steps: &mut Vec<SearchStep>) {
        let place = steps[from].place;
        let mut go = |place: SearchPlace| push(place, from, None, seen, steps);
        if let NfaState::Split(next) = self.left.state(place.left) {
            next.iter()
                .for_each(|&left| go(SearchPlace { left, ..place }));
        } else if let NfaState::Split(next) = self.right.state(place.right) {
            next.iter()
                .for_each(|&right| go(SearchPlace { right, ..place }));
        }
    }

    fn take_characters(&mut self, from: usize, seen: &mut SeenPlaces, steps: &mut Vec<SearchStep>) {
        let place = steps[from].place;
        let (NfaState::Step(one, left), NfaState::Step(other, right)) =
            (self.left.state(place.left), self.right.state(place.right))
        else {
            return;
        };
        let mode = self.mode;
        let mut go = |c: char, avoid: u32| {
            if let Some(shape) = place.shape.step(c, mode) {
                push(
                    SearchPlace {
                        left: *left,
                        right: *right,
                        avoid,
                        shape,
                    },
                    from,
                    Some(c),
                    seen,
                    steps,
                );
            }
        };
        match &mut self.avoid {
            None => one
                .shared(other, mode)
                .into_iter()
                .flatten()
                .for_each(|c| go(c, 0)),
            Some(avoid) => {
                for index in 0..avoid.alphabet.len() {
                    let c = avoid.alphabet[index];
                    if one.contains(c) && other.contains(c) {
                        go(c, avoid.step(place.avoid, index));
                    }
                }
            }
        }
    }
}

/// The automaton that must not match, determinised as far as it was needed. Set 0 is where the
/// search starts.
struct AvoidedSets<'a> {
    automaton: &'a Automaton,
    alphabet: Vec<char>,
    sets: Vec<Vec<StateId>>,
    numbers: HashMap<Vec<StateId>, u32>,
    /// The move of each set on each letter, one row of the alphabet's length a set.
    moves: Vec<Option<u32>>,
}

impl<'a> AvoidedSets<'a> {
    fn new(automaton: &'a Automaton, alphabet: Vec<char>, first: Vec<StateId>) -> Self {
        let numbers = HashMap::from([(first.clone(), 0)]);
        let moves = vec![None; alphabet.len()];
        Self {
            automaton,
            alphabet,
            sets: vec![first],
            numbers,
            moves,
        }
    }

    fn accepts(&self, set: u32) -> bool {
        self.automaton.accepts(&self.sets[set as usize])
    }

    fn step(&mut self, set: u32, letter: usize) -> u32 {
        let cell = set as usize * self.alphabet.len() + letter;
        if let Some(known) = self.moves[cell] {
            return known;
        }
        let next = self
            .automaton
            .next(&self.sets[set as usize], self.alphabet[letter]);
        let found = self.number_of(next);
        self.moves[cell] = Some(found);
        found
    }

    fn number_of(&mut self, set: Vec<StateId>) -> u32 {
        if let Some(&known) = self.numbers.get(&set) {
            return known;
        }
        let fresh = number(self.sets.len());
        self.numbers.insert(set.clone(), fresh);
        self.sets.push(set);
        self.moves
            .resize(self.moves.len() + self.alphabet.len(), None);
        fresh
    }
}

/// The places that were already reached.
struct SeenPlaces {
    left: usize,
    right: usize,
    bits: Vec<u64>,
}

impl SeenPlaces {
    fn new(left: usize, right: usize) -> Self {
        Self {
            left,
            right,
            bits: vec![0; (left * right * SHAPES).div_ceil(64)],
        }
    }

    /// True where the place is new.
    fn insert(&mut self, place: SearchPlace) -> bool {
        let row = place.avoid as usize * self.left + place.left as usize;
        let index = (row * self.right + place.right as usize) * SHAPES + place.shape as usize;
        let (word, bit) = (index / 64, 1 << (index % 64));
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        let fresh = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        fresh
    }
}

/// One character for each way in which the steps of all automata tell characters apart, best first.
fn alphabet(automata: [&Automaton; 3], mode: CaseMode) -> Vec<char> {
    let sets = automata
        .into_iter()
        .flat_map(Automaton::sets)
        .flat_map(CharSet::ranges);
    let special = ['.', ' ', '/'];
    let alone = special.iter().map(|&c| (c, c));
    let mut cuts: Vec<char> = sets
        .chain(alone)
        .flat_map(|(from, to)| [Some(from), after(to)])
        .flatten()
        .collect();
    cuts.push('\0');
    cuts.sort_unstable();
    cuts.dedup();
    let ends = cuts.iter().skip(1).map(|&next| Some(next)).chain([None]);
    let cells = cuts.iter().zip(ends).filter_map(|(&from, next)| {
        let to = next.map_or(Some(char::MAX), |next| (from..next).next_back())?;
        if special.contains(&from) {
            Some(from)
        } else {
            pick(&[(from, to)], mode)
        }
    });
    let mut letters: Vec<char> = cells.collect();
    letters.sort_by_key(|c| (special.contains(c), !c.is_ascii_lowercase(), *c));
    letters
}

fn push(
    place: SearchPlace,
    from: usize,
    by: Option<char>,
    seen: &mut SeenPlaces,
    steps: &mut Vec<SearchStep>,
) {
    if seen.insert(place) {
        steps.push(SearchStep {
            place,
            from: number(from),
            by,
        });
    }
}

fn spell(steps: &[SearchStep], end: usize) -> String {
    let mut back: Vec<char> = Vec::new();
    let mut at = end;
    while let Some(step) = steps.get(at) {
        back.extend(step.by);
        at = step.from as usize;
    }
    back.iter().rev().collect()
}

fn number(index: usize) -> u32 {
    // Bounded by the limits on automata and on the search.
    u32::try_from(index).unwrap_or(ROOT)
}
