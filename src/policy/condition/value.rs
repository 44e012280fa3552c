//! The values that the steps of a condition have while it is run.

use crate::domain::commit_message;
use crate::policy::condition::failure::{ConditionFailure, Evaluated};
use crate::policy::condition::schema::{FileFact, KnownFact};

/// A value that is no list. It is copied: a decision may ask thousands of conditions, and what owns nothing
/// is passed along without a thought of who gives it back.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scalar<'a> {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text in bytes, as paths are.
    Text(&'a [u8]),
    /// A changed file.
    File(FileFact<'a>),
}

/// A list, which is not copied where the question holds it. Lists hold no lists.
#[derive(Debug)]
pub(super) enum ListValue<'a> {
    /// A list of the question.
    Known(KnownFact<'a>),
    /// A list that the condition makes.
    Made(Vec<Scalar<'a>>),
}

impl<'a> ListValue<'a> {
    /// The number of items; none where it is no list.
    pub(super) fn len(&self) -> Option<usize> {
        match self {
            Self::Known(KnownFact::Texts(texts) | KnownFact::Subjects(texts)) => Some(texts.len()),
            Self::Known(KnownFact::Paths(paths)) => Some(paths.len()),
            Self::Known(KnownFact::Files(resource, _)) => Some(resource.paths.len()),
            Self::Known(KnownFact::Bool(_) | KnownFact::Int(_) | KnownFact::Text(_)) => None,
            Self::Made(items) => Some(items.len()),
        }
    }

    /// The number of items as conditions have it.
    pub(super) fn size(&self) -> Evaluated<i64> {
        self.len().map(int).ok_or(ConditionFailure::Unusable)
    }

    /// The items in their order.
    pub(super) fn items(&self) -> impl Iterator<Item = Scalar<'a>> + '_ {
        (0..).map_while(|at| self.get(at))
    }

    /// The item at a place.
    pub(super) fn get(&self, at: usize) -> Option<Scalar<'a>> {
        match self {
            Self::Known(KnownFact::Texts(texts)) => {
                texts.get(at).map(|one| Scalar::Text(one.as_bytes()))
            }
            Self::Known(KnownFact::Subjects(texts)) => texts
                .get(at)
                .map(|one| Scalar::Text(commit_message::subject(one).as_bytes())),
            Self::Known(KnownFact::Paths(paths)) => {
                paths.get(at).map(|one| Scalar::Text(one.as_bytes()))
            }
            Self::Known(KnownFact::Files(resource, kinds)) => {
                FileFact::at(resource, kinds, at).map(Scalar::File)
            }
            Self::Known(KnownFact::Bool(_) | KnownFact::Int(_) | KnownFact::Text(_)) => None,
            Self::Made(items) => items.get(at).copied(),
        }
    }
}

/// A size as the numbers of conditions are.
pub(super) fn int(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
