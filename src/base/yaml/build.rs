//! The tree of nodes, built from the events of the YAML parser.
//!
//! Every command reads two such files, so nothing stands between events and tree: a general
//! deserializer with places cost twice as many instructions (ADR 0004). Bounds hold for depth,
//! nodes and what aliases replay, so no small file grows into a large tree.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use crate::base::yaml::node::{YamlNode, YamlValue};
use crate::base::yaml::problem::{SourcePlace, YamlProblem};

/// Deepest nesting of lists and mappings of one style.
const MAX_DEPTH: usize = 32;
/// Most nodes of one file, aliases replayed.
const MAX_NODES: usize = 100_000;
/// Most nodes that all aliases together may repeat.
const MAX_REPLAYED: usize = 10_000;

/// The only document of `text`; nothing where there is none.
pub(super) fn tree(text: &str) -> Result<Option<YamlNode<'static>>, YamlProblem> {
    let mut builder = NodeBuilder::new(text);
    let mut root = None;
    while let Some(first) = builder.next_document(root.is_some())? {
        root = Some(builder.node(first)?);
    }
    Ok(root)
}

/// Gives each entry of the only document of `text` to `each` as soon as it is read: the items of a
/// list, those of the list below the single key `under`, or else the whole. The bound on nodes
/// holds for each entry by itself.
pub(super) fn entries<E: From<YamlProblem>>(
    text: &str,
    under: &str,
    each: &mut dyn FnMut(YamlNode<'static>) -> Result<(), E>,
) -> Result<(), E> {
    let mut builder = NodeBuilder::new(text);
    let mut seen = false;
    while let Some(first) = builder.next_document(seen)? {
        seen = true;
        let place = place_of(&first.1);
        match first {
            (Event::SequenceStart(_, _, None), _) => builder.items(each)?,
            (Event::MappingStart(_, _, None), _) => {
                let key = builder.next()?;
                if matches!(&key.0, Event::Scalar(key, ..) if key == under) {
                    builder.wrapped(under, each)?;
                } else {
                    let value = builder.map(key)?;
                    each(YamlNode { place, value })?;
                }
            }
            other => each(builder.node(other)?)?,
        }
    }
    Ok(())
}

type YamlEvent<'t> = (Event<'t>, Span);

struct NodeBuilder<'t> {
    events: Parser<'t, StrInput<'t>>,
    /// Nodes by their anchors. One whose node is not finished yet is absent, so that no node can
    /// contain itself.
    anchors: HashMap<usize, YamlNode<'static>>,
    nodes: usize,
    replayed: usize,
}

impl<'t> NodeBuilder<'t> {
    fn new(text: &'t str) -> NodeBuilder<'t> {
        let options = granit_parser::options! {
            emit_comments: false,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        NodeBuilder {
            events: Parser::new_from_str_with_options(text, options),
            anchors: HashMap::new(),
            nodes: 0,
            replayed: 0,
        }
    }

    /// The first event of the next document; nothing at the end. `seen` says that there was one
    /// already, and there may be one only.
    fn next_document(&mut self, seen: bool) -> Result<Option<YamlEvent<'t>>, YamlProblem> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(None),
                (Event::StreamStart | Event::DocumentEnd, _) => {}
                (Event::DocumentStart(..), span) if seen => {
                    return Err(YamlProblem::new(
                        place_of(&span),
                        "the file holds more than one document",
                    ));
                }
                (Event::DocumentStart(..), _) => return self.next().map(Some),
                (_, span) => {
                    return Err(YamlProblem::new(
                        place_of(&span),
                        "not usable as YAML: a value outside of a document",
                    ));
                }
            }
        }
    }

    /// The items of a list that has begun, one by one.
    fn items<E: From<YamlProblem>>(
        &mut self,
        each: &mut dyn FnMut(YamlNode<'static>) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            self.nodes = 0;
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(()),
                read => each(self.node(read)?)?,
            }
        }
    }

    /// The entries below the key that was read last, which is the only one of its mapping.
    fn wrapped<E: From<YamlProblem>>(
        &mut self,
        under: &str,
        each: &mut dyn FnMut(YamlNode<'static>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.next()? {
            (Event::SequenceStart(_, _, None), _) => self.items(each)?,
            other => each(self.node(other)?)?,
        }
        match self.next()? {
            (Event::MappingEnd, _) => Ok(()),
            (_, span) => {
                let why = format!("nothing may stand beside `{under}`");
                Err(YamlProblem::new(place_of(&span), why).into())
            }
        }
    }

    fn next(&mut self) -> Result<YamlEvent<'t>, YamlProblem> {
        match self.events.next_event() {
            Some(Ok(read)) => Ok(read),
            Some(Err(error)) => Err(problem_of(&error)),
            // The parser ends with an event of its own; a stream that is cut off is complained
            // about by the parser.
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, (event, span): YamlEvent<'t>) -> Result<YamlNode<'static>, YamlProblem> {
        let place = place_of(&span);
        self.count(1, place)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (scalar(&text, style, tag.as_deref(), place)?, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                untagged(tag.as_deref(), place)?;
                (self.list()?, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                untagged(tag.as_deref(), place)?;
                let first = self.next()?;
                (self.map(first)?, anchor)
            }
            Event::Alias(anchor) => return self.replay(anchor, place),
            _ => {
                return Err(YamlProblem::new(
                    place,
                    "not usable as YAML: a value is missing here",
                ));
            }
        };
        let node = YamlNode { place, value };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self) -> Result<YamlValue<'static>, YamlProblem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(YamlValue::List(items)),
                read => items.push(self.node(read)?),
            }
        }
    }

    /// A mapping of which `read` is the first key, or the end.
    fn map(&mut self, mut read: YamlEvent<'t>) -> Result<YamlValue<'static>, YamlProblem> {
        let mut entries = Vec::new();
        loop {
            let (key, place) = match read {
                (Event::MappingEnd, _) => break,
                (Event::Scalar(key, _, 0, None), span) => {
                    (Cow::Owned(key.into_owned()), place_of(&span))
                }
                (_, span) => {
                    return Err(YamlProblem::new(
                        place_of(&span),
                        "a key must be plain text",
                    ));
                }
            };
            if key == "<<" {
                return Err(YamlProblem::new(
                    place,
                    "merge keys (`<<`) are not used here",
                ));
            }
            self.count(1, place)?;
            let value = self.next()?;
            entries.push((key, place, self.node(value)?));
            read = self.next()?;
        }
        unique(&entries)?;
        Ok(YamlValue::Map(entries))
    }

    /// Returns the node of an alias. It keeps the place of its anchor, where the text is.
    fn replay(
        &mut self,
        anchor: usize,
        place: SourcePlace,
    ) -> Result<YamlNode<'static>, YamlProblem> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(YamlProblem::new(
                place,
                "an alias stands inside of what it names",
            ));
        };
        let size = size_of(&node);
        self.replayed += size;
        if self.replayed > MAX_REPLAYED {
            return Err(too_large(place));
        }
        self.count(size, place)?;
        Ok(node)
    }

    fn count(&mut self, nodes: usize, place: SourcePlace) -> Result<(), YamlProblem> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            Err(too_large(place))
        } else {
            Ok(())
        }
    }
}

fn scalar(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    place: SourcePlace,
) -> Result<YamlValue<'static>, YamlProblem> {
    let is_text = tag.is_some_and(|tag| tag.core_suffix() == Some("str"));
    if !is_text {
        untagged(tag, place)?;
    }
    Ok(match (style, text) {
        (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") if !is_text => YamlValue::Null,
        (ScalarStyle::Plain, text) if !is_text => YamlValue::Plain(text.to_owned().into()),
        (_, text) => YamlValue::Quoted(text.to_owned().into()),
    })
}

fn untagged(tag: Option<&Tag>, place: SourcePlace) -> Result<(), YamlProblem> {
    match tag {
        None => Ok(()),
        Some(tag) => Err(YamlProblem::new(
            place,
            format!("the tag `{}` is not used here", tag.original()),
        )),
    }
}

/// Refuses a key that stands twice, at its second place.
fn unique(entries: &[(Cow<'_, str>, SourcePlace, YamlNode<'_>)]) -> Result<(), YamlProblem> {
    let mut sorted: Vec<(&str, SourcePlace)> = entries
        .iter()
        .map(|(key, place, _)| (&**key, *place))
        .collect();
    sorted.sort_unstable_by(|a, b| {
        a.0.cmp(b.0)
            .then(a.1.line.cmp(&b.1.line))
            .then(a.1.column.cmp(&b.1.column))
    });
    match sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(YamlProblem::new(
            pair[1].1,
            format!("duplicate key `{}`", pair[1].0),
        )),
        None => Ok(()),
    }
}

fn size_of(node: &YamlNode) -> usize {
    match &node.value {
        YamlValue::List(items) => 1 + items.iter().map(size_of).sum::<usize>(),
        YamlValue::Map(entries) => {
            1 + entries
                .iter()
                .map(|(_, _, value)| 1 + size_of(value))
                .sum::<usize>()
        }
        YamlValue::Null | YamlValue::Plain(_) | YamlValue::Quoted(_) => 1,
    }
}

fn too_large(place: SourcePlace) -> YamlProblem {
    YamlProblem::new(place, "the file is nested too deeply or grows too large")
}

fn problem_of(error: &ScanError) -> YamlProblem {
    let at = error.marker();
    let place = SourcePlace {
        line: at.line() as u64,
        column: at.col() as u64 + 1,
    };
    match error.kind() {
        granit_parser::ErrorKind::RecursionLimitExceeded => too_large(place),
        _ => YamlProblem::new(place, format!("not usable as YAML: {}", error.info())),
    }
}

fn place_of(span: &Span) -> SourcePlace {
    SourcePlace {
        line: span.start.line() as u64,
        column: span.start.col() as u64 + 1,
    }
}
