//! Runs a condition: within a budget of steps, and never taking a failure for an answer.
//!
//! `&&`, `||`, `all` and `exists` do as CEL says: where one side decides, a failure of the other does not
//! count. What goes beyond a bound always counts.

use std::cell::Cell;

use crate::domain::repo_path::RepoPath;
use crate::policy::asked::Request;
use crate::policy::condition::budget::{MAX_ITEMS, StepBudget};
use crate::policy::condition::failure::{ConditionFailure, Evaluated};
use crate::policy::condition::program::{Arithmetic, Comparison, Step, TextPart};
use crate::policy::condition::schema::{Fact, KnownFact};
use crate::policy::condition::syntax::ListMacro;
use crate::policy::condition::value::{ListValue, Scalar, int};

/// Most steps of one condition.
pub(super) const MAX_STEPS: u32 = 1_000_000;
/// So many bytes of a text are compared in one step, or searched.
const BYTES_A_STEP: usize = 16;

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
    One(Scalar<'a>, usize, &'i Items<'i, 'a>),
}

impl<'a> Items<'_, 'a> {
    fn at(&self, depth: usize) -> Option<Scalar<'a>> {
        match self {
            Items::None => None,
            Items::One(item, own, _) if *own == depth => Some(*item),
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

/// Each step has a type, which is known when the condition is read; so each is run by the one function of its
/// type. Those that can be of any are in [`Machine::untyped`].
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

    fn bool(&self, step: &'a Step, items: &Items<'_, 'a>) -> Evaluated<bool> {
        self.charge(1)?;
        self.bool_of(step, items)
    }

    fn bool_of(&self, step: &'a Step, items: &Items<'_, 'a>) -> Evaluated<bool> {
        match step {
            Step::Bool(value) => Ok(*value),
            Step::Has(fact) => Ok(fact.of(self.request).is_some()),
            Step::Not(a) => Ok(!self.bool(a, items)?),
            Step::And(both) => self.decided(both, false, items),
            Step::Or(both) => self.decided(both, true, items),
            Step::Compare(comparison, both) => self.compare(*comparison, both, items),
            Step::In(both) => self.is_in(both, items),
            Step::Part(part, both) => {
                let [a, b] = &**both;
                let (a, b) = (self.text(a, items)?, self.text(b, items)?);
                self.has_part(*part, a, b)
            }
            Step::Matches(of, regex) => {
                let text = self.text(of, items)?;
                self.charge(4 + text.len())?;
                Ok(regex.is_match(text))
            }
            Step::Glob(globs, of) => {
                let path = self.text(of, items)?;
                self.charge(4 + path.len())?;
                let path = RepoPath::new(path);
                let matched = globs.matches(&path, self.request.facts.path_case);
                matched.ok_or(ConditionFailure::Undecided)
            }
            Step::Each(each, parts) => self.each(*each, parts, items),
            Step::Fact(_) | Step::Item(_) | Step::Choose(_) | Step::Index(_) => {
                match self.untyped(step, items)? {
                    Scalar::Bool(value) => Ok(value),
                    _ => Err(ConditionFailure::Unusable),
                }
            }
            Step::Int(_)
            | Step::Negate(_)
            | Step::Compute(..)
            | Step::Size(_)
            | Step::Text(_)
            | Step::Field(..)
            | Step::List(_) => Err(ConditionFailure::Unusable),
        }
    }

    fn int(&self, step: &'a Step, items: &Items<'_, 'a>) -> Evaluated<i64> {
        match self.scalar(step, items)? {
            Scalar::Int(value) => Ok(value),
            _ => Err(ConditionFailure::Unusable),
        }
    }

    fn text(&self, step: &'a Step, items: &Items<'_, 'a>) -> Evaluated<&'a [u8]> {
        match self.scalar(step, items)? {
            Scalar::Text(text) => Ok(text),
            _ => Err(ConditionFailure::Unusable),
        }
    }

    fn scalar(&self, step: &'a Step, items: &Items<'_, 'a>) -> Evaluated<Scalar<'a>> {
        self.charge(1)?;
        self.scalar_of(step, items)
    }

    fn scalar_of(&self, step: &'a Step, items: &Items<'_, 'a>) -> Evaluated<Scalar<'a>> {
        Ok(match step {
            Step::Text(text) => Scalar::Text(text.as_bytes()),
            Step::Int(value) => Scalar::Int(*value),
            Step::Field(of, field) => match self.scalar(of, items)? {
                Scalar::File(file) => Scalar::Text(file.field(*field)),
                _ => return Err(ConditionFailure::Unusable),
            },
            Step::Negate(a) => {
                let value = self.int(a, items)?.checked_neg();
                Scalar::Int(value.ok_or(ConditionFailure::Overflow)?)
            }
            Step::Compute(arithmetic, both) => {
                let [a, b] = &**both;
                let (a, b) = (self.int(a, items)?, self.int(b, items)?);
                Scalar::Int(compute(*arithmetic, a, b)?)
            }
            Step::Size(of) => Scalar::Int(self.size(of, items)?),
            Step::Fact(_) | Step::Item(_) | Step::Choose(_) | Step::Index(_) => {
                self.untyped(step, items)?
            }
            Step::List(_) => return Err(ConditionFailure::Unusable),
            Step::Bool(_)
            | Step::Has(_)
            | Step::Not(_)
            | Step::And(_)
            | Step::Or(_)
            | Step::Compare(..)
            | Step::In(_)
            | Step::Part(..)
            | Step::Matches(..)
            | Step::Glob(..)
            | Step::Each(..) => Scalar::Bool(self.bool_of(step, items)?),
        })
    }

    /// The value of a step that can be of any type.
    fn untyped(&self, step: &'a Step, items: &Items<'_, 'a>) -> Evaluated<Scalar<'a>> {
        match step {
            Step::Fact(fact) => match self.fact(*fact)? {
                KnownFact::Bool(value) => Ok(Scalar::Bool(value)),
                KnownFact::Int(value) => Ok(Scalar::Int(value)),
                KnownFact::Text(text) => Ok(Scalar::Text(text)),
                KnownFact::Texts(_)
                | KnownFact::Subjects(_)
                | KnownFact::Paths(_)
                | KnownFact::Files(..) => Err(ConditionFailure::Unusable),
            },
            Step::Item(depth) => items.at(*depth).ok_or(ConditionFailure::Unusable),
            Step::Choose(parts) => self.scalar(self.chosen(parts, items)?, items),
            Step::Index(both) => {
                let [list, at] = &**both;
                let (list, at) = (self.list(list, items)?, self.int(at, items)?);
                let at = usize::try_from(at).map_err(|_| ConditionFailure::NoItem)?;
                list.get(at).ok_or(ConditionFailure::NoItem)
            }
            _ => Err(ConditionFailure::Unusable),
        }
    }

    fn list(&self, step: &'a Step, items: &Items<'_, 'a>) -> Evaluated<ListValue<'a>> {
        let list = self.list_of_any_length(step, items)?;
        match list.len() {
            None => Err(ConditionFailure::Unusable),
            Some(length) if length > MAX_ITEMS => Err(ConditionFailure::Items),
            Some(_) => Ok(list),
        }
    }

    fn list_of_any_length(
        &self,
        step: &'a Step,
        items: &Items<'_, 'a>,
    ) -> Evaluated<ListValue<'a>> {
        self.charge(1)?;
        match step {
            Step::List(steps) => {
                let made: Evaluated<Vec<Scalar<'a>>> =
                    steps.iter().map(|step| self.scalar(step, items)).collect();
                Ok(ListValue::Made(made?))
            }
            Step::Fact(fact) => Ok(ListValue::Known(self.fact(*fact)?)),
            Step::Choose(parts) => self.list_of_any_length(self.chosen(parts, items)?, items),
            Step::Each(ListMacro::Filter, parts) => self.filtered(parts, items),
            _ => Err(ConditionFailure::Unusable),
        }
    }

    /// The size of a text or of a list.
    fn size(&self, of: &'a Step, items: &Items<'_, 'a>) -> Evaluated<i64> {
        let text = match of {
            Step::Choose(parts) => {
                self.charge(1)?;
                return self.size(self.chosen(parts, items)?, items);
            }
            Step::Fact(fact) => {
                self.charge(1)?;
                match self.fact(*fact)? {
                    KnownFact::Text(text) => text,
                    list => return ListValue::Known(list).size(),
                }
            }
            Step::List(_) | Step::Each(ListMacro::Filter, _) => {
                return self.list_of_any_length(of, items)?.size();
            }
            _ => self.text(of, items)?,
        };
        self.charge(text.len() / BYTES_A_STEP)?;
        Ok(int(String::from_utf8_lossy(text).chars().count()))
    }

    fn fact(&self, fact: Fact) -> Evaluated<KnownFact<'a>> {
        fact.of(self.request)
            .ok_or_else(|| ConditionFailure::Unknown(fact.name()))
    }

    fn chosen(&self, parts: &'a [Step; 3], items: &Items<'_, 'a>) -> Evaluated<&'a Step> {
        let [condition, then, other] = parts;
        Ok(if self.bool(condition, items)? {
            then
        } else {
            other
        })
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
        let (a, b) = (self.scalar(a, items)?, self.scalar(b, items)?);
        let ordering = match (a, b) {
            (Scalar::Int(a), Scalar::Int(b)) => a.cmp(&b),
            (Scalar::Bool(a), Scalar::Bool(b)) => a.cmp(&b),
            (Scalar::Text(a), Scalar::Text(b)) => {
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
        let a = self.scalar(a, items)?;
        // A list that is written out is not made for this, but each of its items must have a value.
        if let Step::List(steps) = list {
            let mut found = false;
            for step in steps {
                found |= self.same(a, self.scalar(step, items)?)?;
            }
            return Ok(found);
        }
        let list = self.list(list, items)?;
        for item in list.items() {
            if self.same(a, item)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn same(&self, a: Scalar<'a>, b: Scalar<'a>) -> Evaluated<bool> {
        self.charge(1)?;
        match (a, b) {
            (Scalar::Int(a), Scalar::Int(b)) => Ok(a == b),
            (Scalar::Bool(a), Scalar::Bool(b)) => Ok(a == b),
            (Scalar::Text(a), Scalar::Text(b)) => {
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
    ) -> Evaluated<bool> {
        let [list, body] = parts;
        let list = self.list(list, items)?;
        let (mut count, mut failed) = (0, None);
        for item in list.items() {
            self.charge(1)?;
            let around = Items::One(item, items.depth(), items);
            match (each, self.bool(body, &around)) {
                (_, Err(failure)) if failure.is_bound() => return Err(failure),
                (ListMacro::All | ListMacro::Exists, Err(failure)) => failed = Some(failure),
                (ListMacro::ExistsOne, Err(failure)) => return Err(failure),
                (ListMacro::All, Ok(false)) => return Ok(false),
                (ListMacro::Exists, Ok(true)) => return Ok(true),
                (ListMacro::ExistsOne, Ok(true)) => count += 1,
                (ListMacro::Filter, _) => return Err(ConditionFailure::Unusable),
                (_, Ok(_)) => {}
            }
        }
        match (each, failed) {
            (_, Some(failure)) => Err(failure),
            (ListMacro::All, None) => Ok(true),
            (ListMacro::Exists, None) => Ok(false),
            (ListMacro::ExistsOne, None) => Ok(count == 1),
            (ListMacro::Filter, None) => Err(ConditionFailure::Unusable),
        }
    }

    fn filtered(&self, parts: &'a [Step; 2], items: &Items<'_, 'a>) -> Evaluated<ListValue<'a>> {
        let [list, body] = parts;
        let list = self.list(list, items)?;
        let mut kept = Vec::new();
        for item in list.items() {
            self.charge(1)?;
            if self.bool(body, &Items::One(item, items.depth(), items))? {
                kept.push(item);
            }
        }
        Ok(ListValue::Made(kept))
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
