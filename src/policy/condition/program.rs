//! A condition that was typed, in the form in which it is run.

use std::sync::Arc;

use regex::bytes::Regex;

use crate::policy::condition::schema::{Fact, FileField};
use crate::policy::condition::syntax::ListMacro;
use crate::policy::path_globs::PathGlobs;

/// A part of a typed condition.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// `true`, `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(Arc<str>),
    /// A list.
    List(Vec<Step>),
    /// A fact.
    Fact(Fact),
    /// `has(…)` of a fact.
    Has(Fact),
    /// The item of a look at each item of a list, by how many such looks stand around it.
    Item(usize),
    /// A field of a changed file.
    Field(Box<Step>, FileField),
    /// `!a`.
    Not(Box<Step>),
    /// `-a`.
    Negate(Box<Step>),
    /// `a && b`.
    And(Box<[Step; 2]>),
    /// `a || b`.
    Or(Box<[Step; 2]>),
    /// `a ? b : c`.
    Choose(Box<[Step; 3]>),
    /// A comparison.
    Compare(Comparison, Box<[Step; 2]>),
    /// Arithmetic.
    Compute(Arithmetic, Box<[Step; 2]>),
    /// `a in list`.
    In(Box<[Step; 2]>),
    /// `list[n]`.
    Index(Box<[Step; 2]>),
    /// `size(a)`.
    Size(Box<Step>),
    /// `a.startsWith(b)` and its like.
    Part(TextPart, Box<[Step; 2]>),
    /// `a.matches("…")`.
    Matches(Box<Step>, Arc<Regex>),
    /// `glob("…", a)`.
    Glob(Arc<PathGlobs>, Box<Step>),
    /// A look at each item of a list.
    Each(ListMacro, Box<[Step; 2]>),
}

/// A comparison of two values of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// `==`.
    Equal,
    /// `!=`.
    Unequal,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
}

/// Arithmetic with two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    /// `+`.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`.
    Divide,
    /// `%`.
    Rest,
}

/// The part of a text that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextPart {
    /// `startsWith`.
    Start,
    /// `endsWith`.
    End,
    /// `contains`.
    Anywhere,
}
