//! A nondeterministic automaton over characters, built from a parsed pattern.
//!
//! Every state has at most one step on characters, or empty moves only, so that its size bounds the
//! work of any simulation.

use super::charset::CharSet;
use super::error::PatternFault;

/// The most states one pattern may need. Two automata of this size are still searched in
/// milliseconds.
pub(super) const STATE_LIMIT: usize = 512;

/// Index of a state.
pub(super) type StateId = u32;

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// One character of the set.
    Set(CharSet),
    /// Any number of characters of the set.
    Repeat(CharSet),
    /// One of several sequences.
    OneOf(Vec<Vec<Node>>),
}

/// One state.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// Goes on after one character of the set.
    Step(CharSet, StateId),
    /// Goes on at each of these without a character.
    Split(Vec<StateId>),
    /// The text so far matches.
    Accept,
}

/// The automaton of one pattern, or of several that count as one.
#[derive(Debug, Clone)]
pub(super) struct Automaton {
    states: Vec<State>,
    start: StateId,
}

impl Automaton {
    /// Builds the automaton of a sequence.
    pub(super) fn compile(nodes: Vec<Node>, limit: usize) -> Result<Self, PatternFault> {
        let mut builder = Builder {
            states: vec![State::Accept],
            limit,
        };
        let start = builder.sequence(nodes, 0)?;
        Ok(Self {
            states: builder.states,
            start,
        })
    }

    /// Matches every text.
    pub(super) fn everything() -> Self {
        Self {
            states: vec![
                State::Accept,
                State::Split(vec![2, 0]),
                State::Step(CharSet::Any, 1),
            ],
            start: 1,
        }
    }

    /// Matches a slash and any text after it: what lies beneath a path that was already read.
    pub(super) fn beneath() -> Self {
        let mut beneath = Self::everything();
        beneath.states.push(State::Step(CharSet::One('/'), 1));
        beneath.start = 3;
        beneath
    }

    /// Matches what any of the parts matches.
    pub(super) fn union<'a>(parts: impl IntoIterator<Item = &'a Automaton>) -> Self {
        let mut states = vec![State::Split(Vec::new())];
        let mut starts = Vec::new();
        for part in parts {
            let shift = id(states.len());
            starts.push(part.start + shift);
            states.extend(part.states.iter().map(|state| state.shifted(shift)));
        }
        states[0] = State::Split(starts);
        Self { states, start: 0 }
    }

    /// Where a match begins.
    pub(super) fn start(&self) -> StateId {
        self.start
    }

    /// How many states there are.
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// The state of this number.
    pub(super) fn state(&self, id: StateId) -> &State {
        &self.states[id as usize]
    }

    /// All character sets on any step.
    pub(super) fn sets(&self) -> impl Iterator<Item = &CharSet> {
        self.states.iter().filter_map(|state| match state {
            State::Step(set, _) => Some(set),
            _ => None,
        })
    }

    /// The states reached by reading nothing.
    pub(super) fn first(&self) -> Vec<StateId> {
        self.settled([self.start])
    }

    /// The states reached from `states` by reading `c`, sorted; empty moves are already taken.
    pub(super) fn next(&self, states: &[StateId], c: char) -> Vec<StateId> {
        self.settled(states.iter().filter_map(|&id| match self.state(id) {
            State::Step(set, next) if set.contains(c) => Some(*next),
            _ => None,
        }))
    }

    /// The states reached by reading all of `text` from the start.
    pub(super) fn read(&self, text: &str) -> Vec<StateId> {
        let mut states = self.first();
        for c in text.chars() {
            if states.is_empty() {
                break;
            }
            states = self.next(&states, c);
        }
        states
    }

    /// Whether one of `states` is a match.
    pub(super) fn accepts(&self, states: &[StateId]) -> bool {
        states
            .iter()
            .any(|&id| matches!(self.state(id), State::Accept))
    }

    fn settled(&self, from: impl IntoIterator<Item = StateId>) -> Vec<StateId> {
        let mut seen = vec![0u64; self.states.len().div_ceil(64)];
        let mut stack: Vec<StateId> = from.into_iter().collect();
        let mut out = Vec::new();
        while let Some(id) = stack.pop() {
            let (word, bit) = (id as usize / 64, 1 << (id % 64));
            if seen[word] & bit != 0 {
                continue;
            }
            seen[word] |= bit;
            match self.state(id) {
                State::Split(next) => stack.extend(next),
                State::Step(..) | State::Accept => out.push(id),
            }
        }
        out.sort_unstable();
        out
    }
}

impl State {
    fn shifted(&self, by: StateId) -> State {
        match self {
            State::Step(set, next) => State::Step(set.clone(), next + by),
            State::Split(next) => State::Split(next.iter().map(|id| id + by).collect()),
            State::Accept => State::Accept,
        }
    }
}

struct Builder {
    states: Vec<State>,
    limit: usize,
}

impl Builder {
    fn sequence(&mut self, nodes: Vec<Node>, end: StateId) -> Result<StateId, PatternFault> {
        nodes
            .into_iter()
            .rev()
            .try_fold(end, |next, node| self.node(node, next))
    }

    fn node(&mut self, node: Node, next: StateId) -> Result<StateId, PatternFault> {
        match node {
            Node::Set(set) => self.push(State::Step(set, next)),
            Node::Repeat(set) => {
                let turn = self.push(State::Split(Vec::new()))?;
                let body = self.push(State::Step(set, turn))?;
                self.states[turn as usize] = State::Split(vec![body, next]);
                Ok(turn)
            }
            Node::OneOf(branches) => {
                let starts = branches
                    .into_iter()
                    .map(|branch| self.sequence(branch, next));
                let starts = starts.collect::<Result<Vec<_>, _>>()?;
                self.push(State::Split(starts))
            }
        }
    }

    fn push(&mut self, state: State) -> Result<StateId, PatternFault> {
        if self.states.len() >= self.limit {
            return Err(PatternFault::TooComplex {
                what: "too many wildcards and alternatives",
            });
        }
        self.states.push(state);
        Ok(id(self.states.len() - 1))
    }
}

fn id(index: usize) -> StateId {
    // Sizes are bounded far below this by the limits on patterns and on the configuration file.
    StateId::try_from(index).unwrap_or(StateId::MAX)
}
