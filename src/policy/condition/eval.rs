//! Runs a condition: within a budget of steps, and never taking a failure for an answer.
//!
//! `&&`, `||`, `all` and `exists` do as CEL says: where one side decides, a failure of the other does not
//! count. What goes beyond a bound always counts.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use crate::domain::commit_message;
use crate::domain::repo_path::RepoPath;
use crate::policy::asked::Request;
use crate::policy::condition::budget::StepBudget;
use crate::policy::condition::program::{Arithmetic, Comparison, Step, TextPart};
use crate::policy::condition::schema::{Fact, FileFact, KnownFact};
use crate::policy::condition::syntax::ListMacro;

/// Most items of a list that is looked at.
pub(super) const MAX_ITEMS: usize = 10_000;
/// Most steps of one condition.
pub(super) const MAX_STEPS: u32 = 1_000_000;
/// So many bytes of a text are compared in one step, or searched.
const BYTES_A_STEP: usize = 16;

/// The reason why a condition has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::policy) enum ConditionFailure {
    /// A fact is not known of this question.
    Unknown(&'static str),
    /// A number grows beyond 64 bits.
    Overflow,
    /// A number is divided by zero.
    ByZero,
    /// A list has no such item.
    NoItem,
    /// It cannot be told whether a pattern matches here.
    Undecided,
    /// A list is too long.
    Items,
    /// The condition takes too many steps.
    Steps,
    /// The text is no condition.
    Unusable,
}

impl ConditionFailure {
    /// True for a failure that counts wherever it happens.
    fn is_bound(self) -> bool {
        matches!(self, Self::Items | Self::Steps | Self::Unusable)
    }
}

impl fmt::Display for ConditionFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(fact) if fact.contains('.') => {
                write!(f, "`{fact}` is not known here; ask `has({fact})` first")
            }
            Self::Unknown(fact) => write!(f, "`{fact}` is not known here"),
            Self::Overflow => f.write_str("a number grows too large"),
            Self::ByZero => f.write_str("a number is divided by zero"),
            Self::NoItem => f.write_str("a list has no such item"),
            Self::Undecided => f.write_str("a pattern cannot be read for this file system"),
            Self::Items => write!(f, "a list has more than {MAX_ITEMS} items"),
            Self::Steps => f.write_str("it takes too many steps"),
            Self::Unusable => f.write_str("it cannot be read"),
        }
    }
}

type Evaluated<T> = Result<T, ConditionFailure>;

/// A value.
#[derive(Debug, Clone)]
enum Value<'a> {
    Bool(bool),
    Int(i64),
    Text(&'a [u8]),
    File(FileFact<'a>),
    List(ListValue<'a>),
}

/// A list, which is not copied where the question holds it.
#[derive(Debug, Clone)]
enum ListValue<'a> {
    Known(KnownFact<'a>),
    Made(Rc<[Value<'a>]>),
}

/// The value of a condition.
pub(super) fn run(program: &Step, request: &Request<'_>, budget: &StepBudget) -> Evaluated<bool> {
    let before = budget.left();
    let machine = Machine {
        request,
        left: Cell::new(before.min(MAX_STEPS)),
    };
    let value = machine.bool(program, &Items::None);
    let used = before.min(MAX_STEPS) - machine.left.get();
    budget.spend(used);
    value
}

struct Machine<'a> {
    request: &'a Request<'a>,
    left: Cell<u32>,
}

/// The items that are looked at, innermost first.
enum Items<'i, 'a> {
    None,
    One(Value<'a>, usize, &'i Items<'i, 'a>),
}

impl<'a> Items<'_, 'a> {
    fn at(&self, depth: usize) -> Option<Value<'a>> {
        match self {
            Items::None => None,
            Items::One(value, own, _) if *own == depth => Some(value.clone()),
            Items::One(_, _, outer) => outer.at(depth),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Items::None => 0,
            Items::One(_, own, _) => own + 1,
        }
    }
}

impl<'a> Machine<'a> {
    fn charge(&self, steps: usize) -> Evaluated<()> {
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        match self.left.get().checked_sub(steps) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.left.set(0);
                Err(ConditionFailure::Steps)
            }
        }
    }

    fn value(&self, step: &'a Step, items: &Items<'_, 'a>) -> Evaluated<Value<'a>> {
        self.charge(1)?;
        Ok(match step {
            Step::Bool(value) => Value::Bool(*value),
            Step::Int(value) => Value::Int(*value),
            Step::Text(text) => Value::Text(text.as_bytes()),
            Step::List(steps) => {
                let made: Evaluated<Vec<Value<'a>>> =
                    steps.iter().map(|step| self.value(step, items)).collect();
                Value::List(ListValue::Made(made?.into()))
            }
            Step::Fact(fact) => self.fact(*fact)?,
            Step::Has(fact) => Value::Bool(fact.of(self.request).is_some()),
            Step::Item(depth) => items.at(*depth).ok_or(ConditionFailure::Unusable)?,
            Step::Field(of, field) => match self.value(of, items)? {
                Value::File(file) => Value::Text(file.field(*field)),
                _ => return Err(ConditionFailure::Unusable),
            },
            Step::Not(a) => Value::Bool(!self.bool(a, items)?),
            Step::Negate(a) => {
                let value = self.int(a, items)?.checked_neg();
                Value::Int(value.ok_or(ConditionFailure::Overflow)?)
            }
            Step::And(both) => Value::Bool(self.decided(both, false, items)?),
            Step::Or(both) => Value::Bool(self.decided(both, true, items)?),
            Step::Choose(parts) => {
                let [condition, then, other] = &**parts;
                let taken = if self.bool(condition, items)? {
                    then
                } else {
                    other
                };
                self.value(taken, items)?
            }
            Step::Compare(comparison, both) => {
                Value::Bool(self.compare(*comparison, both, items)?)
            }
            Step::Compute(arithmetic, both) => {
                let [a, b] = &**both;
                let (a, b) = (self.int(a, items)?, self.int(b, items)?);
                Value::Int(compute(*arithmetic, a, b)?)
            }
            Step::In(both) => Value::Bool(self.is_in(both, items)?),
            Step::Index(both) => {
                let [list, at] = &**both;
                let (list, at) = (self.list(list, items)?, self.int(at, items)?);
                let at = usize::try_from(at).map_err(|_| ConditionFailure::NoItem)?;
                list.get(at).ok_or(ConditionFailure::NoItem)?
            }
            Step::Size(of) => Value::Int(match self.value(of, items)? {
                Value::Text(text) => {
                    self.charge(text.len() / BYTES_A_STEP)?;
                    int(String::from_utf8_lossy(text).chars().count())
                }
                Value::List(list) => int(list.len()),
                _ => return Err(ConditionFailure::Unusable),
            }),
            Step::Part(part, both) => {
                let [a, b] = &**both;
                let (a, b) = (self.text(a, items)?, self.text(b, items)?);
                Value::Bool(self.has_part(*part, a, b)?)
            }
            Step::Matches(of, regex) => {
                let text = self.text(of, items)?;
                self.charge(4 + text.len())?;
                Value::Bool(regex.is_match(text))
            }
            Step::Glob(globs, of) => {
                let path = self.text(of, items)?;
                self.charge(4 + path.len())?;
                let path = RepoPath::new(path);
                let matched = globs.matches(&path, self.request.facts.path_case);
                Value::Bool(matched.ok_or(ConditionFailure::Undecided)?)
            }
            Step::Each(each, parts) => self.each(*each, parts, items)?,
        })
    }

    fn fact(&self, fact: Fact) -> Evaluated<Value<'a>> {
        let known = fact.of(self.request);
        Ok(match known.ok_or(ConditionFailure::Unknown(fact.name()))? {
            KnownFact::Bool(value) => Value::Bool(value),
            KnownFact::Int(value) => Value::Int(value),
            KnownFact::Text(text) => Value::Text(text),
            list @ (KnownFact::Texts(_)
            | KnownFact::Subjects(_)
            | KnownFact::Paths(_)
            | KnownFact::Files(..)) => Value::List(ListValue::Known(list)),
        })
    }

    fn bool(&self, step: &'a Step, items: &Items<'_, 'a>) -> Evaluated<bool> {
        match self.value(step, items)? {
            Value::Bool(value) => Ok(value),
            _ => Err(ConditionFailure::Unusable),
        }
    }

    fn int(&self, step: &'a Step, items: &Items<'_, 'a>) -> Evaluated<i64> {
        match self.value(step, items)? {
            Value::Int(value) => Ok(value),
            _ => Err(ConditionFailure::Unusable),
        }
    }

    fn text(&self, step: &'a Step, items: &Items<'_, 'a>) -> Evaluated<&'a [u8]> {
        match self.value(step, items)? {
            Value::Text(text) => Ok(text),
            _ => Err(ConditionFailure::Unusable),
        }
    }

    fn list(&self, step: &'a Step, items: &Items<'_, 'a>) -> Evaluated<ListValue<'a>> {
        match self.value(step, items)? {
            Value::List(list) if list.len() > MAX_ITEMS => Err(ConditionFailure::Items),
            Value::List(list) => Ok(list),
            _ => Err(ConditionFailure::Unusable),
        }
    }

    /// The value of `a && b`, which `false` decides, or of `a || b`, which `true` decides.
    fn decided(
        &self,
        both: &'a [Step; 2],
        deciding: bool,
        items: &Items<'_, 'a>,
    ) -> Evaluated<bool> {
        let [a, b] = both;
        let first = self.bool(a, items);
        match first {
            Ok(value) if value == deciding => return Ok(value),
            Err(failure) if failure.is_bound() => return Err(failure),
            _ => {}
        }
        match self.bool(b, items) {
            Ok(value) if value == deciding => Ok(value),
            Err(failure) if failure.is_bound() => Err(failure),
            Ok(value) => first.map(|_| value),
            Err(failure) => first.and(Err(failure)),
        }
    }

    fn compare(
        &self,
        comparison: Comparison,
        both: &'a [Step; 2],
        items: &Items<'_, 'a>,
    ) -> Evaluated<bool> {
        let [a, b] = both;
        let (a, b) = (self.value(a, items)?, self.value(b, items)?);
        let ordering = match (&a, &b) {
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Text(a), Value::Text(b)) => {
                self.charge(a.len().min(b.len()) / BYTES_A_STEP)?;
                a.cmp(b)
            }
            _ => return Err(ConditionFailure::Unusable),
        };
        Ok(match comparison {
            Comparison::Equal => ordering.is_eq(),
            Comparison::Unequal => ordering.is_ne(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        })
    }

    fn is_in(&self, both: &'a [Step; 2], items: &Items<'_, 'a>) -> Evaluated<bool> {
        let [a, list] = both;
        let a = self.value(a, items)?;
        // A list that is written out is not made for this, but each of its items must have a value.
        if let Step::List(steps) = list {
            let mut found = false;
            for step in steps {
                found |= self.same(&a, &self.value(step, items)?)?;
            }
            return Ok(found);
        }
        let list = self.list(list, items)?;
        for item in (0..list.len()).filter_map(|at| list.get(at)) {
            if self.same(&a, &item)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn same(&self, a: &Value<'a>, b: &Value<'a>) -> Evaluated<bool> {
        self.charge(1)?;
        match (a, b) {
            (Value::Int(a), Value::Int(b)) => Ok(a == b),
            (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
            (Value::Text(a), Value::Text(b)) => {
                self.charge(a.len().min(b.len()) / BYTES_A_STEP)?;
                Ok(a == b)
            }
            _ => Err(ConditionFailure::Unusable),
        }
    }

    fn has_part(&self, part: TextPart, text: &[u8], wanted: &[u8]) -> Evaluated<bool> {
        self.charge((text.len() + wanted.len()) / BYTES_A_STEP)?;
        Ok(match part {
            TextPart::Start => text.starts_with(wanted),
            TextPart::End => text.ends_with(wanted),
            TextPart::Anywhere => match (str::from_utf8(text), str::from_utf8(wanted)) {
                (Ok(text), Ok(wanted)) => text.contains(wanted),
                // A path in no encoding: the plain search, which can take long.
                _ => {
                    self.charge(text.len().saturating_mul(wanted.len()) / BYTES_A_STEP)?;
                    wanted.is_empty() || text.windows(wanted.len()).any(|part| part == wanted)
                }
            },
        })
    }

    fn each(
        &self,
        each: ListMacro,
        parts: &'a [Step; 2],
        items: &Items<'_, 'a>,
    ) -> Evaluated<Value<'a>> {
        let [list, body] = parts;
        let list = self.list(list, items)?;
        let (mut kept, mut count, mut failed) = (Vec::new(), 0, None);
        for at in 0..list.len() {
            self.charge(1)?;
            let item = list.get(at).ok_or(ConditionFailure::NoItem)?;
            let around = Items::One(item, items.depth(), items);
            match (each, self.bool(body, &around)) {
                (_, Err(failure)) if failure.is_bound() => return Err(failure),
                (ListMacro::All | ListMacro::Exists, Err(failure)) => failed = Some(failure),
                (ListMacro::ExistsOne | ListMacro::Filter, Err(failure)) => return Err(failure),
                (ListMacro::All, Ok(false)) => return Ok(Value::Bool(false)),
                (ListMacro::Exists, Ok(true)) => return Ok(Value::Bool(true)),
                (ListMacro::ExistsOne, Ok(true)) => count += 1,
                (ListMacro::Filter, Ok(true)) => kept.extend(around.at(items.depth())),
                (_, Ok(_)) => {}
            }
        }
        match (each, failed) {
            (_, Some(failure)) => Err(failure),
            (ListMacro::All, None) => Ok(Value::Bool(true)),
            (ListMacro::Exists, None) => Ok(Value::Bool(false)),
            (ListMacro::ExistsOne, None) => Ok(Value::Bool(count == 1)),
            (ListMacro::Filter, None) => Ok(Value::List(ListValue::Made(kept.into()))),
        }
    }
}

impl<'a> ListValue<'a> {
    fn len(&self) -> usize {
        match self {
            Self::Known(KnownFact::Texts(texts) | KnownFact::Subjects(texts)) => texts.len(),
            Self::Known(KnownFact::Paths(paths)) => paths.len(),
            Self::Known(KnownFact::Files(resource, _)) => resource.paths.len(),
            Self::Known(KnownFact::Bool(_) | KnownFact::Int(_) | KnownFact::Text(_)) => 0,
            Self::Made(items) => items.len(),
        }
    }

    fn get(&self, at: usize) -> Option<Value<'a>> {
        match self {
            Self::Known(KnownFact::Texts(texts)) => {
                texts.get(at).map(|one| Value::Text(one.as_bytes()))
            }
            Self::Known(KnownFact::Subjects(texts)) => texts
                .get(at)
                .map(|one| Value::Text(commit_message::subject(one).as_bytes())),
            Self::Known(KnownFact::Paths(paths)) => {
                paths.get(at).map(|one| Value::Text(one.as_bytes()))
            }
            Self::Known(KnownFact::Files(resource, kinds)) => {
                FileFact::at(resource, kinds, at).map(Value::File)
            }
            Self::Known(KnownFact::Bool(_) | KnownFact::Int(_) | KnownFact::Text(_)) => None,
            Self::Made(items) => items.get(at).cloned(),
        }
    }
}

fn compute(arithmetic: Arithmetic, a: i64, b: i64) -> Evaluated<i64> {
    let whole = match arithmetic {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Subtract => a.checked_sub(b),
        Arithmetic::Multiply => a.checked_mul(b),
        Arithmetic::Divide | Arithmetic::Rest if b == 0 => return Err(ConditionFailure::ByZero),
        Arithmetic::Divide => a.checked_div(b),
        Arithmetic::Rest => a.checked_rem(b),
    };
    whole.ok_or(ConditionFailure::Overflow)
}

fn int(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
