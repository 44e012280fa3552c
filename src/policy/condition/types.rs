//! From a tree to a program: every name is a fact, every operator gets what it works on, and the whole is
//! a bool. What is left to go wrong when it is asked is a fact that is not known, arithmetic, and bounds.

use std::sync::Arc;

use regex::bytes::RegexBuilder;

use crate::base::{suggest, text};
use crate::policy::condition::program::{Arithmetic, Comparison, Step, TextPart};
use crate::policy::condition::schema::{Fact, FileField, ItemType, Type};
use crate::policy::condition::syntax::{
    ConditionFault, EachTerm, Form, ListMacro, Term, operators as op,
};
use crate::policy::path_globs::PathGlobs;

/// Deepest nesting of looks at each item of a list.
const MAX_LOOKS: usize = 2;
/// The largest program of a `matches`, in bytes.
const MAX_REGEX: usize = 64 << 10;

type Typed = (Step, Type);

/// The program of a tree.
pub(super) fn program_of(tree: &Term) -> Result<Step, ConditionFault> {
    let mut checker = Checker { items: Vec::new() };
    let (step, found) = checker.typed(tree)?;
    if found == Type::Bool {
        return Ok(step);
    }
    let why = format!(
        "a condition is true or false, and this is {}",
        found.named()
    );
    Err(ConditionFault::new(&tree.at, why))
}

struct Checker {
    /// The names of the items that are looked at, outermost first, with their types.
    items: Vec<(String, Type)>,
}

impl Checker {
    fn typed(&mut self, term: &Term) -> Result<Typed, ConditionFault> {
        match &term.form {
            Form::Bool(value) => Ok((Step::Bool(*value), Type::Bool)),
            Form::Int(value) => Ok((Step::Int(*value), Type::Int)),
            Form::Text(text) => Ok((Step::Text(Arc::from(text.as_str())), Type::TEXT)),
            Form::List(items) => self.list(term, items),
            Form::Name(name) => self.name(term, name),
            Form::Field(of, field) => self.field(term, of, field),
            Form::Has(of, field) => self.has(term, of, field),
            Form::Call { name, on, args } => self.call(term, name, on.as_deref(), args),
            Form::Each(each, parts) => self.each(term, *each, parts),
        }
    }

    fn list(&mut self, term: &Term, items: &[Term]) -> Result<Typed, ConditionFault> {
        let mut steps = Vec::with_capacity(items.len());
        let mut kind: Option<Type> = None;
        for item in items {
            let (step, found) = self.typed(item)?;
            let first = *kind.get_or_insert(found);
            if !first.meets(found) {
                let why = format!(
                    "the items of a list are of one type, and this is {} among {}",
                    found.named(),
                    plural(first)
                );
                return Err(ConditionFault::new(&item.at, why));
            }
            steps.push(step);
        }
        let kind = kind.map(|kind| match kind {
            Type::Text(_) => Type::TEXT,
            other => other,
        });
        match kind.and_then(Type::listed) {
            Some(item) => Ok((Step::List(steps), Type::List(item))),
            None => Err(ConditionFault::new(
                &term.at,
                "an empty list holds nothing to compare with",
            )),
        }
    }

    fn name(&self, term: &Term, name: &str) -> Result<Typed, ConditionFault> {
        let bound = self.items.iter().rposition(|(item, _)| item == name);
        if let Some(at) = bound {
            let (_, kind) = &self.items[at];
            return Ok((Step::Item(at), *kind));
        }
        if let Some(fact) = fact_named(name) {
            return Ok((Step::Fact(fact), fact.type_of()));
        }
        let fields = fields_of(name);
        if fields.is_empty() {
            return Err(unknown(
                term,
                format!("there is no fact `{name}`"),
                name,
                roots(),
            ));
        }
        let why = format!("`{name}` is no value by itself");
        let known = format!("name one of its fields: {}", fields.join(", "));
        Err(ConditionFault::new(&term.at, why).hint(known))
    }

    fn field(&mut self, term: &Term, of: &Term, field: &str) -> Result<Typed, ConditionFault> {
        if let Some(root) = self.fact_root(of) {
            return match fact_named(&format!("{root}.{field}")) {
                Some(fact) => Ok((Step::Fact(fact), fact.type_of())),
                None => Err(no_field(term, root, field, fields_of(root))),
            };
        }
        let (step, found) = self.typed(of)?;
        if found != Type::File {
            let why = format!("this is {}, which has no field `{field}`", found.named());
            return Err(ConditionFault::new(&term.at, why));
        }
        match FileField::ALL.iter().find(|(name, _)| *name == field) {
            Some((_, field)) => Ok((Step::Field(Box::new(step), *field), field.type_of())),
            None => {
                let known = FileField::ALL.map(|(name, _)| name).to_vec();
                Err(no_field(term, "a changed file", field, known))
            }
        }
    }

    /// The name of a group of facts, where the term is one.
    fn fact_root<'t>(&self, of: &'t Term) -> Option<&'t str> {
        match &of.form {
            Form::Name(name) if !self.items.iter().any(|(item, _)| item == name) => {
                (!fields_of(name).is_empty()).then_some(name.as_str())
            }
            _ => None,
        }
    }

    fn has(&mut self, term: &Term, of: &Term, field: &str) -> Result<Typed, ConditionFault> {
        match self.field(term, of, field)? {
            (Step::Fact(fact), _) => Ok((Step::Has(fact), Type::Bool)),
            // What is a changed file has all of its fields.
            (_, _) => Ok((Step::Bool(true), Type::Bool)),
        }
    }

    fn call(
        &mut self,
        term: &Term,
        name: &str,
        on: Option<&Term>,
        args: &[Term],
    ) -> Result<Typed, ConditionFault> {
        if let Some(comparison) = comparison_of(name) {
            return self.compare(comparison, args);
        }
        if let Some(arithmetic) = arithmetic_of(name) {
            let steps = self.pair(args, Type::Int, Type::Int)?;
            return Ok((Step::Compute(arithmetic, steps), Type::Int));
        }
        match (name, on, args) {
            (op::LOGICAL_NOT, None, [a]) => {
                let step = self.of_type(a, Type::Bool)?;
                Ok((Step::Not(Box::new(step)), Type::Bool))
            }
            (op::NEGATE, None, [a]) => {
                let step = self.of_type(a, Type::Int)?;
                Ok((Step::Negate(Box::new(step)), Type::Int))
            }
            (op::LOGICAL_AND, None, args) => {
                let steps = self.pair(args, Type::Bool, Type::Bool)?;
                Ok((Step::And(steps), Type::Bool))
            }
            (op::LOGICAL_OR, None, args) => {
                let steps = self.pair(args, Type::Bool, Type::Bool)?;
                Ok((Step::Or(steps), Type::Bool))
            }
            (op::CONDITIONAL, None, [a, b, c]) => self.choose(a, b, c),
            (op::IN, None, [a, list]) => self.is_in(a, list),
            (op::INDEX, None, [list, at]) => {
                let (step, item) = self.any_list(list)?;
                let at = self.of_type(at, Type::Int)?;
                Ok((Step::Index(Box::new([step, at])), item.item()))
            }
            ("size", None, [a]) | ("size", Some(a), []) => self.size(a),
            ("startsWith" | "endsWith" | "contains", Some(a), [b]) => {
                let part = match name {
                    "startsWith" => TextPart::Start,
                    "endsWith" => TextPart::End,
                    _ => TextPart::Anywhere,
                };
                let steps = [self.of_type(a, Type::TEXT)?, self.of_type(b, Type::TEXT)?];
                Ok((Step::Part(part, Box::new(steps)), Type::Bool))
            }
            ("matches", Some(a), [pattern]) | ("matches", None, [a, pattern]) => {
                let step = self.of_type(a, Type::TEXT)?;
                let written = literal(pattern, "matches")?;
                let regex = RegexBuilder::new(written)
                    .size_limit(MAX_REGEX)
                    .dfa_size_limit(MAX_REGEX)
                    .nest_limit(32)
                    .build()
                    .map_err(|error| ConditionFault::new(&pattern.at, regex_words(&error)))?;
                Ok((Step::Matches(Box::new(step), Arc::new(regex)), Type::Bool))
            }
            ("glob", None, [pattern, path]) => {
                let written = literal(pattern, "glob")?;
                let globs = PathGlobs::new([written]).map_err(|bad| {
                    let why = bad
                        .into_iter()
                        .next()
                        .map_or_else(String::new, |(_, why)| why);
                    ConditionFault::new(&pattern.at, why)
                })?;
                let step = self.of_type(path, Type::TEXT)?;
                Ok((Step::Glob(Arc::new(globs), Box::new(step)), Type::Bool))
            }
            _ => Err(no_function(term, name)),
        }
    }

    fn compare(&mut self, comparison: Comparison, args: &[Term]) -> Result<Typed, ConditionFault> {
        let [a, b] = args else {
            return Err(ConditionFault::new(&(0..0), "not usable as a condition"));
        };
        let ((left, of_a), (right, of_b)) = (self.typed(a)?, self.typed(b)?);
        let is_order = !matches!(comparison, Comparison::Equal | Comparison::Unequal);
        if !of_a.meets(of_b) || (is_order && of_a == Type::Bool) {
            let why = format!("{} is not compared with {} so", of_a.named(), of_b.named());
            let at = a.at.start.min(b.at.start)..a.at.end.max(b.at.end);
            return Err(ConditionFault::new(&at, why));
        }
        known_word(a, of_b)?;
        known_word(b, of_a)?;
        Ok((
            Step::Compare(comparison, Box::new([left, right])),
            Type::Bool,
        ))
    }

    fn choose(&mut self, a: &Term, b: &Term, c: &Term) -> Result<Typed, ConditionFault> {
        let condition = self.of_type(a, Type::Bool)?;
        let ((then, of_then), (other, of_other)) = (self.typed(b)?, self.typed(c)?);
        if !of_then.meets(of_other) {
            let why = format!(
                "both ways of a choice are of one type, and this is {} beside {}",
                of_other.named(),
                of_then.named()
            );
            return Err(ConditionFault::new(&c.at, why));
        }
        let found = if of_then == of_other {
            of_then
        } else {
            Type::TEXT
        };
        Ok((Step::Choose(Box::new([condition, then, other])), found))
    }

    fn is_in(&mut self, a: &Term, list: &Term) -> Result<Typed, ConditionFault> {
        let (step, found) = self.typed(a)?;
        let (of, item) = self.any_list(list)?;
        if !found.meets(item.item()) {
            let why = format!("{} is never in {}", found.named(), Type::List(item).named());
            return Err(ConditionFault::new(&a.at, why));
        }
        known_word(a, item.item())?;
        if let Form::List(items) = &list.form {
            items.iter().try_for_each(|one| known_word(one, found))?;
        }
        Ok((Step::In(Box::new([step, of])), Type::Bool))
    }

    fn size(&mut self, term: &Term) -> Result<Typed, ConditionFault> {
        let (step, found) = self.typed(term)?;
        if matches!(found, Type::Text(_) | Type::List(_)) {
            return Ok((Step::Size(Box::new(step)), Type::Int));
        }
        let why = format!("{} has no size", found.named());
        Err(ConditionFault::new(&term.at, why))
    }

    fn each(
        &mut self,
        term: &Term,
        each: ListMacro,
        parts: &EachTerm,
    ) -> Result<Typed, ConditionFault> {
        if self.items.len() >= MAX_LOOKS {
            let why = format!("looks at each item of a list stand at most {MAX_LOOKS} deep");
            return Err(ConditionFault::new(&term.at, why));
        }
        let (list, item) = self.any_list(&parts.list)?;
        self.items.push((parts.item.clone(), item.item()));
        let body = self.of_type(&parts.body, Type::Bool);
        self.items.pop();
        let found = match each {
            ListMacro::Filter => Type::List(item),
            ListMacro::All | ListMacro::Exists | ListMacro::ExistsOne => Type::Bool,
        };
        Ok((Step::Each(each, Box::new([list, body?])), found))
    }

    fn pair(
        &mut self,
        args: &[Term],
        first: Type,
        second: Type,
    ) -> Result<Box<[Step; 2]>, ConditionFault> {
        match args {
            [a, b] => Ok(Box::new([
                self.of_type(a, first)?,
                self.of_type(b, second)?,
            ])),
            _ => Err(ConditionFault::new(&(0..0), "not usable as a condition")),
        }
    }

    fn of_type(&mut self, term: &Term, wanted: Type) -> Result<Step, ConditionFault> {
        let (step, found) = self.typed(term)?;
        if wanted.meets(found) {
            return Ok(step);
        }
        let why = format!(
            "{} is wanted here, and this is {}",
            wanted.named(),
            found.named()
        );
        Err(ConditionFault::new(&term.at, why))
    }

    fn any_list(&mut self, term: &Term) -> Result<(Step, ItemType), ConditionFault> {
        match self.typed(term)? {
            (step, Type::List(item)) => Ok((step, item)),
            (_, found) => {
                let why = format!("a list is wanted here, and this is {}", found.named());
                Err(ConditionFault::new(&term.at, why))
            }
        }
    }
}

/// Refuses a text that the other side can never be.
fn known_word(term: &Term, other: Type) -> Result<(), ConditionFault> {
    let (Form::Text(word), Type::Text(words)) = (&term.form, other) else {
        return Ok(());
    };
    let known = words.all();
    if known.is_empty() || known.contains(&word.as_str()) {
        return Ok(());
    }
    let fault = ConditionFault::new(&term.at, format!("it is never `{}`", text::one_line(word)));
    Err(match suggest::nearest(word, known.iter().copied()) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None if known.len() <= 12 => fault.hint(format!("known are {}", known.join(", "))),
        None => fault,
    })
}

fn fact_named(name: &str) -> Option<Fact> {
    Fact::ALL.iter().copied().find(|fact| fact.name() == name)
}

/// The fields of a group of facts.
fn fields_of(root: &str) -> Vec<&'static str> {
    let names = Fact::ALL
        .iter()
        .filter_map(|fact| fact.name().split_once('.'));
    names
        .filter(|(group, _)| *group == root)
        .map(|(_, field)| field)
        .collect()
}

/// The names with which facts begin.
fn roots() -> Vec<&'static str> {
    let mut roots: Vec<&str> = Fact::ALL
        .iter()
        .map(|fact| fact.name().split('.').next().unwrap_or_default())
        .collect();
    roots.dedup();
    roots
}

fn no_field(term: &Term, of: &str, field: &str, known: Vec<&'static str>) -> ConditionFault {
    let of = if of.contains(' ') {
        of.to_owned()
    } else {
        format!("`{of}`")
    };
    unknown(term, format!("{of} has no field `{field}`"), field, known)
}

fn no_function(term: &Term, name: &str) -> ConditionFault {
    const KNOWN: [&str; 10] = [
        "size",
        "startsWith",
        "endsWith",
        "contains",
        "matches",
        "glob",
        "has",
        "all",
        "exists",
        "filter",
    ];
    if KNOWN.contains(&name) || name == "exists_one" {
        let why = format!("`{name}` is not called so");
        let form = match name {
            "size" => "size(a)",
            "glob" => "glob(\"src/**\", path)",
            "has" => "has(task.priority)",
            "matches" => "a.matches(\"…\")",
            "all" | "exists" | "filter" | "exists_one" => {
                "change.paths.exists(p, p.endsWith(\".md\"))"
            }
            _ => "a.startsWith(b)",
        };
        return ConditionFault::new(&term.at, why).hint(format!("write `{form}`"));
    }
    if name.chars().next().is_some_and(char::is_alphabetic) {
        let why = format!("there is no function `{name}`");
        return unknown(term, why, name, KNOWN.to_vec());
    }
    ConditionFault::new(&term.at, "this operator is not used in conditions")
}

fn unknown(term: &Term, why: String, word: &str, known: Vec<&'static str>) -> ConditionFault {
    let fault = ConditionFault::new(&term.at, why);
    match suggest::nearest(word, known.iter().copied()) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault.hint(format!("known are {}", known.join(", "))),
    }
}

/// The text of a literal: what is made into a matcher has to be known when the file is read.
fn literal<'t>(term: &'t Term, function: &str) -> Result<&'t str, ConditionFault> {
    match &term.form {
        Form::Text(text) => Ok(text),
        _ => Err(ConditionFault::new(
            &term.at,
            format!("the pattern of `{function}` is written out as a text"),
        )),
    }
}

fn regex_words(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "the pattern of `matches` grows too large".to_owned(),
        other => {
            let last = other.to_string();
            let last = last.lines().last().unwrap_or_default().trim();
            format!(
                "the pattern of `matches` cannot be used: {}",
                last.trim_start_matches("error: ")
            )
        }
    }
}

fn plural(kind: Type) -> &'static str {
    match kind {
        Type::Bool => "bools",
        Type::Int => "numbers",
        Type::Text(_) => "texts",
        Type::File => "changed files",
        Type::List(_) => "lists",
    }
}

fn comparison_of(name: &str) -> Option<Comparison> {
    Some(match name {
        op::EQUALS => Comparison::Equal,
        op::NOT_EQUALS => Comparison::Unequal,
        op::LESS => Comparison::Less,
        op::LESS_EQUALS => Comparison::LessOrEqual,
        op::GREATER => Comparison::Greater,
        op::GREATER_EQUALS => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn arithmetic_of(name: &str) -> Option<Arithmetic> {
    Some(match name {
        op::ADD => Arithmetic::Add,
        op::SUBSTRACT => Arithmetic::Subtract,
        op::MULTIPLY => Arithmetic::Multiply,
        op::DIVIDE => Arithmetic::Divide,
        op::MODULO => Arithmetic::Rest,
        _ => return None,
    })
}
