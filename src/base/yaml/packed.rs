//! A tree of nodes as bytes, and back: what a reader keeps of a file that it has read once.
//!
//! Reading these bytes costs a thirtieth of reading the YAML. They are no format for others: no
//! version, no checksum; whoever keeps them keeps those beside. Bytes that are not a tree give
//! nothing, never a part of one.

use std::borrow::Cow;

use crate::base::yaml::node::{YamlNode, YamlValue};
use crate::base::yaml::problem::SourcePlace;

/// Deeper trees are not made from bytes; the parser makes none.
const MAX_DEPTH: u32 = 80;

const NULL: u8 = 0;
const PLAIN: u8 = 1;
const QUOTED: u8 = 2;
const LIST: u8 = 3;
const MAP: u8 = 4;

/// The bytes of a tree.
pub fn pack(root: &YamlNode) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_node(root, &mut bytes);
    bytes
}

/// The tree that these bytes are; nothing where they are none. Its texts stay where they lie: to copy them took as long
/// as all the rest.
pub fn unpack(bytes: &[u8]) -> Option<YamlNode<'_>> {
    let mut rest = PackedReader { bytes };
    let root = rest.node(0)?;
    rest.bytes.is_empty().then_some(root)
}

fn put_node(node: &YamlNode, to: &mut Vec<u8>) {
    put_place(node.place, to);
    match &node.value {
        YamlValue::Null => to.push(NULL),
        YamlValue::Plain(text) => put_tagged(PLAIN, text, to),
        YamlValue::Quoted(text) => put_tagged(QUOTED, text, to),
        YamlValue::List(items) => {
            to.push(LIST);
            put_number(items.len() as u64, to);
            items.iter().for_each(|item| put_node(item, to));
        }
        YamlValue::Map(entries) => {
            to.push(MAP);
            put_number(entries.len() as u64, to);
            for (key, place, value) in entries {
                put_text(key, to);
                put_place(*place, to);
                put_node(value, to);
            }
        }
    }
}

fn put_place(place: SourcePlace, to: &mut Vec<u8>) {
    put_number(place.line, to);
    put_number(place.column, to);
}

fn put_tagged(tag: u8, text: &str, to: &mut Vec<u8>) {
    to.push(tag);
    put_text(text, to);
}

fn put_text(text: &str, to: &mut Vec<u8>) {
    put_number(text.len() as u64, to);
    to.extend_from_slice(text.as_bytes());
}

/// Seven bits a byte, the lowest first; the high bit says that more follow.
fn put_number(mut number: u64, to: &mut Vec<u8>) {
    while number > 0x7f {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// A reader of the bytes that are still to be read.
struct PackedReader<'b> {
    bytes: &'b [u8],
}

impl<'b> PackedReader<'b> {
    fn node(&mut self, depth: u32) -> Option<YamlNode<'b>> {
        if depth > MAX_DEPTH {
            return None;
        }
        let place = self.place()?;
        let value = match self.byte()? {
            NULL => YamlValue::Null,
            PLAIN => YamlValue::Plain(self.text()?),
            QUOTED => YamlValue::Quoted(self.text()?),
            LIST => YamlValue::List(self.many(|rest| rest.node(depth + 1))?),
            MAP => YamlValue::Map(
                self.many(|rest| Some((rest.text()?, rest.place()?, rest.node(depth + 1)?)))?,
            ),
            _ => return None,
        };
        Some(YamlNode { place, value })
    }

    /// A count and that many things. No room is made for a count before the things are there.
    fn many<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = usize::try_from(self.number()?)
            .ok()
            .filter(|count| *count <= self.bytes.len())?;
        let mut things = Vec::with_capacity(count);
        for _ in 0..count {
            things.push(one(self)?);
        }
        Some(things)
    }

    fn place(&mut self) -> Option<SourcePlace> {
        Some(SourcePlace {
            line: self.number()?,
            column: self.number()?,
        })
    }

    fn text(&mut self) -> Option<Cow<'b, str>> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(Cow::Borrowed(std::str::from_utf8(text).ok()?))
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::parse;
    use super::*;
    use proptest::prelude::*;

    fn tree() -> impl Strategy<Value = YamlNode<'static>> {
        let place =
            || (0..9_000_u64, 0..300_u64).prop_map(|(line, column)| SourcePlace { line, column });
        let text = || "\\PC{0,200}".prop_map(Cow::<'static, str>::Owned);
        let leaf = (
            place(),
            prop_oneof![
                Just(YamlValue::Null),
                text().prop_map(YamlValue::Plain),
                text().prop_map(YamlValue::Quoted),
            ],
        );
        leaf.prop_map(|(place, value)| YamlNode { place, value })
            .prop_recursive(5, 60, 6, move |inner| {
                let list = proptest::collection::vec(inner.clone(), 0..6).prop_map(YamlValue::List);
                let map = proptest::collection::vec((text(), place(), inner), 0..6)
                    .prop_map(YamlValue::Map);
                (place(), prop_oneof![list, map])
                    .prop_map(|(place, value)| YamlNode { place, value })
            })
    }

    proptest! {
        #[test]
        fn every_tree_comes_back(node in tree()) {
            let bytes = pack(&node);
            prop_assert_eq!(unpack(&bytes), Some(node));
        }

        #[test]
        fn a_part_of_a_tree_is_none(node in tree(), cut in any::<prop::sample::Index>()) {
            let bytes = pack(&node);
            prop_assert_eq!(unpack(&bytes[..cut.index(bytes.len())]), None);
        }

        #[test]
        fn any_bytes_give_a_tree_or_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Some(node) = unpack(&bytes) {
                let again = pack(&node);
                prop_assert_eq!(unpack(&again), Some(node));
            }
        }
    }

    #[test]
    fn bytes_that_claim_much_cost_little() {
        let mut deep = Vec::new();
        (0..1_000).for_each(|_| deep.extend([1, 1, LIST, 1]));
        assert_eq!(unpack(&deep), None);
        assert_eq!(unpack(&[1, 1, LIST, 0xff, 0xff, 0xff, 0xff, 0x7f]), None);
        assert_eq!(unpack(&[]), None);
    }

    #[test]
    fn the_deepest_file_comes_back() {
        let text = format!("a: {}x{}", "[".repeat(31), "]".repeat(31));
        let node = parse(text.as_bytes()).unwrap();
        assert_eq!(unpack(&pack(&node)).as_ref(), Some(&node));
    }
}
