//! A nondeterministic automaton over characters, built from a parsed pattern.
//!
//! Every state has at most one step on characters, or empty moves only, so that its size bounds the
//! work of any simulation.

use crate::domain::path_pattern::charset::CharSet;

/// The most states one pattern of a lock may need. Two automata of this size are still searched in
/// milliseconds.
pub(super) const STATE_LIMIT: usize = 512;

/// Index of a state.
pub(super) type StateId = u32;

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PatternNode {
    /// One character of the set.
    Set(CharSet),
    /// Any number of characters of the set.
    Repeat(CharSet),
    /// One of several sequences.
    OneOf(Vec<Vec<PatternNode>>),
}

impl PatternNode {
    /// The one character that the piece stands for, if it stands for exactly one.
    pub(super) fn literal(&self) -> Option<char> {
        match self {
            PatternNode::Set(CharSet::One(c)) => Some(*c),
            _ => None,
        }
    }

    /// Nothing, or a slash and any text: what a pattern names, and everything beneath it.
    pub(super) fn everything_beneath() -> Self {
        let slash = PatternNode::Set(CharSet::One('/'));
        PatternNode::OneOf(vec![vec![], vec![slash, PatternNode::Repeat(CharSet::Any)]])
    }
}

/// One state.
#[derive(Debug, Clone)]
pub(super) enum NfaState {
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
    states: Vec<NfaState>,
    start: StateId,
}

impl Automaton {
    /// Builds the automaton of a sequence, of [`states_needed`] states.
    pub(super) fn compile(nodes: &[PatternNode]) -> Self {
        let mut builder = AutomatonBuilder {
            states: vec![NfaState::Accept],
        };
        let start = builder.sequence(nodes, 0);
        Self {
            states: builder.states,
            start,
        }
    }

    /// Matches every text.
    pub(super) fn everything() -> Self {
        Self {
            states: vec![
                NfaState::Accept,
                NfaState::Split(vec![2, 0]),
                NfaState::Step(CharSet::Any, 1),
            ],
            start: 1,
        }
    }

    /// Matches a slash and any text after it: what lies beneath a path that was already read.
    pub(super) fn beneath() -> Self {
        let mut beneath = Self::everything();
        beneath.states.push(NfaState::Step(CharSet::One('/'), 1));
        beneath.start = 3;
        beneath
    }

    /// Matches what any of the parts matches.
    pub(super) fn union<'a>(parts: impl IntoIterator<Item = &'a Automaton>) -> Self {
        let mut states = vec![NfaState::Split(Vec::new())];
        let mut starts = Vec::new();
        for part in parts {
            let shift = id(states.len());
            starts.push(part.start + shift);
            states.extend(part.states.iter().map(|state| state.shifted(shift)));
        }
        states[0] = NfaState::Split(starts);
        Self { states, start: 0 }
    }

    /// The state in which a match begins.
    pub(super) fn start(&self) -> StateId {
        self.start
    }

    /// The number of states.
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// The state of this number.
    pub(super) fn state(&self, id: StateId) -> &NfaState {
        &self.states[id as usize]
    }

    /// All character sets on any step.
    pub(super) fn sets(&self) -> impl Iterator<Item = &CharSet> {
        self.states.iter().filter_map(|state| match state {
            NfaState::Step(set, _) => Some(set),
            _ => None,
        })
    }

    /// The states reached by reading nothing.
    pub(super) fn first(&self) -> Vec<StateId> {
        Simulation::new(self).into_states()
    }

    /// The states reached from `states` by reading `c`, sorted; empty moves are already taken.
    pub(super) fn next(&self, states: &[StateId], c: char) -> Vec<StateId> {
        let mut simulation = Simulation::at(self, states);
        simulation.read(c);
        simulation.into_states()
    }

    /// The states reached by reading all of `text` from the start.
    pub(super) fn read(&self, text: &str) -> Vec<StateId> {
        let mut simulation = Simulation::new(self);
        for c in text.chars() {
            if simulation.is_dead() {
                break;
            }
            simulation.read(c);
        }
        simulation.into_states()
    }

    /// True where one of `states` is a match.
    pub(super) fn accepts(&self, states: &[StateId]) -> bool {
        states
            .iter()
            .any(|&id| matches!(self.state(id), NfaState::Accept))
    }
}

/// The number of states of the automaton of a sequence.
pub(super) fn states_needed(nodes: &[PatternNode]) -> usize {
    fn of_sequence(nodes: &[PatternNode]) -> usize {
        nodes.iter().map(of_node).sum()
    }
    fn of_node(node: &PatternNode) -> usize {
        match node {
            PatternNode::Set(_) => 1,
            PatternNode::Repeat(_) => 2,
            PatternNode::OneOf(branches) => {
                1 + branches.iter().map(|b| of_sequence(b)).sum::<usize>()
            }
        }
    }
    // One more, which accepts.
    1 + of_sequence(nodes)
}

/// A reading of one text. It keeps its memory from character to character: a run asks about
/// thousands of paths.
struct Simulation<'a> {
    automaton: &'a Automaton,
    /// The states that the text so far reaches, apart from those that only split.
    states: Vec<StateId>,
    /// The states of the text before, while the next ones are found.
    before: Vec<StateId>,
    /// States still to be entered.
    stack: Vec<StateId>,
    /// For each state the number of the turn in which it was last entered.
    entered: Vec<u32>,
    turn: u32,
}

impl<'a> Simulation<'a> {
    /// Begins before the first character.
    fn new(automaton: &'a Automaton) -> Self {
        let mut simulation = Self::at(automaton, &[]);
        simulation.stack.push(automaton.start);
        simulation.settle();
        simulation
    }

    /// Begins in these states.
    fn at(automaton: &'a Automaton, states: &[StateId]) -> Self {
        Self {
            automaton,
            states: states.to_vec(),
            before: Vec::new(),
            stack: Vec::new(),
            entered: vec![0; automaton.states.len()],
            turn: 0,
        }
    }

    fn is_dead(&self) -> bool {
        self.states.is_empty()
    }

    fn read(&mut self, c: char) {
        std::mem::swap(&mut self.states, &mut self.before);
        for &id in &self.before {
            if let NfaState::Step(set, next) = self.automaton.state(id)
                && set.contains(c)
            {
                self.stack.push(*next);
            }
        }
        self.settle();
    }

    /// Takes all empty moves of the states on the stack.
    fn settle(&mut self) {
        self.states.clear();
        self.turn += 1;
        while let Some(id) = self.stack.pop() {
            let entered = &mut self.entered[id as usize];
            if *entered == self.turn {
                continue;
            }
            *entered = self.turn;
            match self.automaton.state(id) {
                NfaState::Split(next) => self.stack.extend(next),
                NfaState::Step(..) | NfaState::Accept => self.states.push(id),
            }
        }
    }

    /// The states, sorted.
    fn into_states(mut self) -> Vec<StateId> {
        self.states.sort_unstable();
        self.states
    }
}

impl NfaState {
    fn shifted(&self, by: StateId) -> NfaState {
        match self {
            NfaState::Step(set, next) => NfaState::Step(set.clone(), next + by),
            NfaState::Split(next) => NfaState::Split(next.iter().map(|id| id + by).collect()),
            NfaState::Accept => NfaState::Accept,
        }
    }
}

struct AutomatonBuilder {
    states: Vec<NfaState>,
}

impl AutomatonBuilder {
    /// Builds from the end, since each state knows the next one.
    fn sequence(&mut self, nodes: &[PatternNode], end: StateId) -> StateId {
        nodes
            .iter()
            .rev()
            .fold(end, |next, node| self.node(node, next))
    }

    fn node(&mut self, node: &PatternNode, next: StateId) -> StateId {
        match node {
            PatternNode::Set(set) => self.push(NfaState::Step(set.clone(), next)),
            PatternNode::Repeat(set) => {
                let turn = self.push(NfaState::Split(Vec::new()));
                let body = self.push(NfaState::Step(set.clone(), turn));
                self.states[turn as usize] = NfaState::Split(vec![body, next]);
                turn
            }
            PatternNode::OneOf(branches) => {
                let starts = branches
                    .iter()
                    .map(|branch| self.sequence(branch, next))
                    .collect();
                self.push(NfaState::Split(starts))
            }
        }
    }

    fn push(&mut self, state: NfaState) -> StateId {
        self.states.push(state);
        id(self.states.len() - 1)
    }
}

fn id(index: usize) -> StateId {
    // Sizes are bounded far below this by the limits on patterns and on the configuration file.
    StateId::try_from(index).unwrap_or(StateId::MAX)
}
