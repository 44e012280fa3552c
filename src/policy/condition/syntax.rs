//! From text to a tree with places: the one module that knows the `cel` crate.
//!
//! Its Pratt parser is used, in 0.15 behind a feature and not yet behind its interpreter: the generated one takes forty
//! times as long, and a millisecond to build its tables at first use. What it makes of macros is turned back, and the place of each name and
//! literal is found by walking tree and tokens side by side, since the parser tells places only of errors. Everything
//! that it would take into a deep recursion, or that means nothing here, is refused by its tokens before.

use std::ops::Range;

pub(super) use cel::common::ast::operators;
use cel::common::ast::{ComprehensionExpr, Expr, IdedExpr, LiteralValue};
use cel::parser::PrattParser;
use cel::parser::pratt_parser::{Lexer, Token, TokenKind};

/// The longest text, in bytes.
pub(super) const MAX_SOURCE: usize = 4096;
/// Most tokens of a text.
const MAX_TOKENS: usize = 1000;
/// The deepest nesting of brackets.
const MAX_NESTING: u16 = 24;
/// The deepest tree; operators in a row nest without brackets.
const MAX_DEPTH: usize = 64;

/// The fault of a condition that cannot be used, with its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConditionFault {
    /// The bytes of the text that are at fault.
    pub(super) at: Range<usize>,
    /// The fault in words.
    pub(super) message: String,
    /// A remedy, where one is known.
    pub(super) hint: Option<String>,
}

impl ConditionFault {
    /// A fault without a remedy.
    pub(super) fn new(at: &Range<usize>, message: impl Into<String>) -> Self {
        Self {
            at: at.clone(),
            message: message.into(),
            hint: None,
        }
    }

    /// The same with a remedy.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// A part of a condition as it is written.
#[derive(Debug, Clone)]
pub(super) struct Term {
    /// Its bytes in the text.
    pub(super) at: Range<usize>,
    /// Its form.
    pub(super) form: Form,
}

/// The form of a [`Term`].
#[derive(Debug, Clone)]
pub(super) enum Form {
    /// `true`, `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
    /// `[a, b]`.
    List(Vec<Term>),
    /// A name.
    Name(String),
    /// `of.field`.
    Field(Box<Term>, String),
    /// `has(of.field)`.
    Has(Box<Term>, String),
    /// A call, or an operator under the name that CEL gives it; `on` is what stands before the dot.
    Call {
        /// The function.
        name: String,
        /// The receiver of a method.
        on: Option<Box<Term>>,
        /// The arguments.
        args: Vec<Term>,
    },
    /// A look at each item of a list.
    Each(ListMacro, Box<EachTerm>),
}

/// The parts of a look at each item of a list.
#[derive(Debug, Clone)]
pub(super) struct EachTerm {
    /// The list.
    pub(super) list: Term,
    /// The name of the item.
    pub(super) item: String,
    /// The condition on the item.
    pub(super) body: Term,
}

/// The ways of looking at each item of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListMacro {
    /// True for every item.
    All,
    /// True for some item.
    Exists,
    /// True for one item and no more.
    ExistsOne,
    /// The items for which it is true.
    Filter,
}

/// The tree of a text.
pub(super) fn read(source: &str) -> Result<Term, ConditionFault> {
    let leaves = leaves_of(source)?;
    let parser = PrattParser::new()
        .max_recursion_depth(MAX_NESTING)
        .error_reporting_limit(1);
    let tree = parser
        .parse(source)
        .map_err(|errors| parse_fault(source, &errors.errors))?;
    Walk {
        source,
        leaves: leaves.into_iter(),
    }
    .term(&tree, 0)
}

/// The tokens that become names and literals, once it is certain that no other kind of token is there.
fn leaves_of(source: &str) -> Result<Vec<Token>, ConditionFault> {
    let whole = 0..source.len();
    if source.len() > MAX_SOURCE {
        let why = format!("the condition is longer than {MAX_SOURCE} bytes");
        return Err(ConditionFault::new(&whole, why));
    }
    let mut lexer = Lexer::new(source);
    let mut leaves = Vec::new();
    let mut count = 0;
    loop {
        let token = lexer.lex();
        let at = boundaries(source, token.start..token.end);
        let refused = match token.kind {
            TokenKind::TokEnd => break,
            TokenKind::TokWhitespace | TokenKind::TokComment => continue,
            TokenKind::TokError => Some(lexer.get_error().map_or_else(
                || "not usable as a condition".to_owned(),
                |error| error.message.clone(),
            )),
            TokenKind::TokUint | TokenKind::TokFloat => {
                Some("facts have whole numbers only; write it without `u`, `.` or `e`".to_owned())
            }
            TokenKind::TokBytes => Some("facts have no bytes; write a text without `b`".to_owned()),
            TokenKind::TokEqual => {
                Some("`=` sets something in other languages; write `==`".to_owned())
            }
            TokenKind::TokNull => {
                Some("no fact is null; ask with `has(…)` whether one is known".to_owned())
            }
            TokenKind::TokLeftBrace | TokenKind::TokRightBrace => {
                Some("maps and messages are not used in conditions".to_owned())
            }
            TokenKind::TokReservedWord => Some("this word is reserved by CEL".to_owned()),
            TokenKind::TokIdent if source[at.clone()].starts_with('`') => {
                Some("quoted names are not used in conditions".to_owned())
            }
            TokenKind::TokIdent
            | TokenKind::TokInt
            | TokenKind::TokString
            | TokenKind::TokTrue
            | TokenKind::TokFalse => {
                leaves.push(token);
                None
            }
            _ => None,
        };
        if let Some(why) = refused {
            return Err(ConditionFault::new(&at, why));
        }
        count += 1;
        if count > MAX_TOKENS {
            let why = format!("the condition has more than {MAX_TOKENS} words and signs");
            return Err(ConditionFault::new(&whole, why));
        }
    }
    Ok(leaves)
}

/// A range whose ends do not cut a letter.
fn boundaries(source: &str, at: Range<usize>) -> Range<usize> {
    let (mut start, mut end) = (at.start.min(source.len()), at.end.min(source.len()));
    while !source.is_char_boundary(start) {
        start -= 1;
    }
    while !source.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

fn parse_fault(source: &str, errors: &[cel::ParseError]) -> ConditionFault {
    let Some(error) = errors.first() else {
        return ConditionFault::new(&(0..source.len()), "not usable as a condition");
    };
    if error.msg.contains("recursion limit") {
        let why = format!("the condition is nested deeper than {MAX_NESTING}");
        return ConditionFault::new(&(0..source.len()), why);
    }
    let line = usize::try_from(error.pos.0).unwrap_or(1).saturating_sub(1);
    let before: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    let start = before + usize::try_from(error.pos.1).unwrap_or(1).saturating_sub(1);
    let start = start.min(source.len());
    let end = source[boundaries(source, start..start).start..]
        .find(char::is_whitespace)
        .map_or(source.len(), |n| start + n);
    let at = boundaries(source, start..end);
    let message = if error.msg.contains("input <EOF>")
        || error.msg.contains("input '<EOF>'")
        || source[at.clone()].trim().is_empty()
    {
        "the condition ends too early".to_owned()
    } else {
        let lower = error.msg.trim_start_matches("Syntax error: ");
        format!("not usable as a condition: {lower}")
    };
    ConditionFault::new(&at, message)
}

/// Goes through tree and tokens in the order of the text.
struct Walk<'s> {
    source: &'s str,
    leaves: std::vec::IntoIter<Token>,
}

impl Walk<'_> {
    /// The place of the next name or literal.
    fn leaf(&mut self) -> Range<usize> {
        let all = self.source.len();
        self.leaves
            .next()
            .map_or(0..all, |token| token.start..token.end)
    }

    /// The place of the next name or literal, which begins before it where something stands in front.
    fn term(&mut self, tree: &IdedExpr, depth: usize) -> Result<Term, ConditionFault> {
        if depth > MAX_DEPTH {
            let why = "the condition has too many operators in a row; use `in` with a list, or several rules";
            return Err(ConditionFault::new(&(0..self.source.len()), why));
        }
        let below = depth + 1;
        match &tree.expr {
            Expr::Ident(name) => Ok(self.leaf_term(Form::Name(name.clone()))),
            Expr::Literal(literal) => self.literal(literal),
            Expr::Select(select) if select.test => {
                let start = self.leaf().start;
                let of = self.term(&select.operand, below)?;
                let end = self.leaf().end;
                Ok(Term {
                    at: start..end,
                    form: Form::Has(Box::new(of), select.field.clone()),
                })
            }
            Expr::Select(select) => {
                let of = self.term(&select.operand, below)?;
                let at = of.at.start..self.leaf().end;
                Ok(Term {
                    at,
                    form: Form::Field(Box::new(of), select.field.clone()),
                })
            }
            Expr::List(list) => {
                let items = self.terms(&list.elements, below)?;
                Ok(Term {
                    at: hull(&items).unwrap_or(0..self.source.len()),
                    form: Form::List(items),
                })
            }
            Expr::Call(call) => {
                let on = call
                    .target
                    .as_ref()
                    .map(|target| self.term(target, below))
                    .transpose()?;
                let named = is_word(&call.func_name).then(|| self.leaf());
                let args = self.terms(&call.args, below)?;
                let parts = [on.as_ref().map(|on| on.at.clone()), named, hull(&args)];
                let at = parts.into_iter().flatten().reduce(join);
                Ok(Term {
                    at: at.unwrap_or(0..self.source.len()),
                    form: Form::Call {
                        name: call.func_name.clone(),
                        on: on.map(Box::new),
                        args,
                    },
                })
            }
            Expr::Comprehension(each) => self.each(each, below),
            Expr::Unspecified | Expr::Map(_) | Expr::Struct(_) => Err(ConditionFault::new(
                &(0..self.source.len()),
                "not usable as a condition",
            )),
        }
    }

    fn terms(&mut self, trees: &[IdedExpr], depth: usize) -> Result<Vec<Term>, ConditionFault> {
        trees.iter().map(|tree| self.term(tree, depth)).collect()
    }

    fn leaf_term(&mut self, form: Form) -> Term {
        Term {
            at: self.leaf(),
            form,
        }
    }

    fn literal(&mut self, literal: &LiteralValue) -> Result<Term, ConditionFault> {
        let form = match literal {
            LiteralValue::Boolean(value) => Form::Bool(*value.inner()),
            LiteralValue::Int(value) => Form::Int(*value.inner()),
            LiteralValue::String(value) => Form::Text(value.inner().to_owned()),
            LiteralValue::Bytes(_)
            | LiteralValue::Double(_)
            | LiteralValue::Null
            | LiteralValue::UInt(_) => {
                let at = self.leaf();
                return Err(ConditionFault::new(&at, "not usable as a condition"));
            }
        };
        Ok(self.leaf_term(form))
    }

    /// Turns what the parser has made of a macro back into the macro.
    fn each(&mut self, made: &ComprehensionExpr, depth: usize) -> Result<Term, ConditionFault> {
        let list = self.term(&made.iter_range, depth)?;
        let named = self.leaf();
        let Some((each, body)) = macro_of(made) else {
            let why = "known are `all`, `exists`, `exists_one` and `filter`";
            return Err(
                ConditionFault::new(&named, "lists are not mapped in conditions").hint(why),
            );
        };
        let item = self.leaf();
        let body = self.term(body, depth)?;
        let at = join(join(list.at.clone(), item), body.at.clone());
        Ok(Term {
            at,
            form: Form::Each(
                each,
                Box::new(EachTerm {
                    list,
                    item: made.iter_var.clone(),
                    body,
                }),
            ),
        })
    }
}

/// The macro that was expanded so, and its condition.
fn macro_of(made: &ComprehensionExpr) -> Option<(ListMacro, &IdedExpr)> {
    let Expr::Call(step) = &made.loop_step.expr else {
        return None;
    };
    match (&made.accu_init.expr, step.func_name.as_str()) {
        (Expr::Literal(LiteralValue::Boolean(_)), operators::LOGICAL_OR) => {
            Some((ListMacro::Exists, step.args.get(1)?))
        }
        (Expr::Literal(LiteralValue::Boolean(_)), operators::LOGICAL_AND) => {
            Some((ListMacro::All, step.args.get(1)?))
        }
        (Expr::Literal(LiteralValue::Int(_)), operators::CONDITIONAL) => {
            Some((ListMacro::ExistsOne, step.args.first()?))
        }
        (Expr::List(_), operators::CONDITIONAL) if is_filter(made, &step.args) => {
            Some((ListMacro::Filter, step.args.first()?))
        }
        _ => None,
    }
}

/// True where what is kept is the item itself; `map` with a condition keeps something made of it.
fn is_filter(made: &ComprehensionExpr, step: &[IdedExpr]) -> bool {
    let Some(Expr::Call(added)) = step.get(1).map(|kept| &kept.expr) else {
        return false;
    };
    let Some(Expr::List(kept)) = added.args.get(1).map(|kept| &kept.expr) else {
        return false;
    };
    matches!(kept.elements.as_slice(), [IdedExpr { expr: Expr::Ident(name), .. }] if *name == made.iter_var)
}

/// True for the name of a function; operators have other names.
fn is_word(name: &str) -> bool {
    name.trim_start_matches('.')
        .starts_with(|first: char| first.is_ascii_alphabetic())
}

fn hull(terms: &[Term]) -> Option<Range<usize>> {
    terms.iter().map(|term| term.at.clone()).reduce(join)
}

fn join(a: Range<usize>, b: Range<usize>) -> Range<usize> {
    a.start.min(b.start)..a.end.max(b.end)
}
