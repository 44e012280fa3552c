//! Files that got another name within a change: what is gone here and new there.
//!
//! Git keeps no renames; they are told by content. The same content is a move, and so is one of which at least half
//! of what was there stands at the new place, by lines, whatever stands there besides. Each file moves once.

use crate::domain::repo_path::RepoPath;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A file that has moved.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct FileMove {
    /// The path before.
    pub from: RepoPath,
    /// The path now.
    pub to: RepoPath,
}

/// A file of one side, by its path and what tells its content.
pub type NamedFile<'a, T> = (&'a RepoPath, T);

/// The moves among files of the same content by its name, and what is left of both sides.
pub fn same<'a>(
    gone: Vec<NamedFile<'a, &'a str>>,
    new: Vec<NamedFile<'a, &'a str>>,
) -> (
    Vec<FileMove>,
    Vec<NamedFile<'a, &'a str>>,
    Vec<NamedFile<'a, &'a str>>,
) {
    let mut by_name: HashMap<&str, Vec<&RepoPath>> = HashMap::new();
    for (path, content) in new.iter().rev() {
        by_name.entry(content).or_default().push(path);
    }
    let (mut moves, mut rest) = (Vec::new(), Vec::new());
    for (from, content) in gone {
        match by_name.get_mut(content).and_then(Vec::pop) {
            Some(to) => moves.push(FileMove {
                from: from.clone(),
                to: to.clone(),
            }),
            None => rest.push((from, content)),
        }
    }
    let is_left = |(path, content): &NamedFile<'a, &'a str>| {
        by_name.get(content).is_some_and(|left| left.contains(path))
    };
    let left = new.into_iter().filter(is_left).collect();
    (moves, rest, left)
}

/// The content of which half has to be on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HalfOf {
    /// That of the file before: its content is still there.
    Old,
    /// That of either: what is left of a file from which much was taken has moved, too, as long as it is an eighth
    /// of it. Any two files share a few lines, and lines without a word say nothing.
    Either,
}

/// The moves among files of similar content, the most similar first.
pub fn similar(
    gone: &[NamedFile<'_, Vec<u8>>],
    new: &[NamedFile<'_, Vec<u8>>],
    half: HalfOf,
) -> Vec<FileMove> {
    // Each line with the new files that have it, so that files are only compared in what they share.
    let mut there: HashMap<&[u8], Vec<(usize, usize)>> = HashMap::new();
    for (other, (_, after)) in new.iter().enumerate() {
        for (line, count) in lines(after) {
            there.entry(line).or_default().push((other, count));
        }
    }
    let mut pairs = Vec::new();
    for (old, (_, before)) in gone.iter().enumerate() {
        let all = shared((before, half), &there, new.len());
        for ((other, (_, after)), shared) in new.iter().enumerate().zip(all) {
            let larger = before.len().max(after.len());
            let is_enough = match half {
                HalfOf::Old => shared * 2 >= before.len(),
                HalfOf::Either => {
                    shared * 2 >= before.len().min(after.len()) && shared * 8 >= before.len()
                }
            };
            if shared > 0 && is_enough {
                // In thousandths, so that they can be ordered.
                pairs.push((shared.saturating_mul(1000) / larger, old, other));
            }
        }
    }
    pairs.sort_by_key(|(alike, old, other)| (std::cmp::Reverse(*alike), *old, *other));
    let (mut left, mut come) = (vec![true; gone.len()], vec![true; new.len()]);
    let mut moves = Vec::new();
    for (_, old, other) in pairs {
        if left[old] && come[other] {
            (left[old], come[other]) = (false, false);
            moves.push(FileMove {
                from: gone[old].0.clone(),
                to: new[other].0.clone(),
            });
        }
    }
    moves
}

/// The lines of a text, with the number of times that each stands there.
fn lines(text: &[u8]) -> HashMap<&[u8], usize> {
    let mut counts = HashMap::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        *counts.entry(line).or_default() += 1;
    }
    counts
}

fn has_word(line: &[u8]) -> bool {
    line.iter()
        .any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
}

/// The bytes of the lines that a text has in common with each of so many others.
fn shared(
    (text, half): (&[u8], HalfOf),
    there: &HashMap<&[u8], Vec<(usize, usize)>>,
    others: usize,
) -> Vec<usize> {
    let mut all = vec![0; others];
    for (line, own) in lines(text) {
        if half == HalfOf::Either && !has_word(line) {
            continue;
        }
        for (other, count) in there.get(line).into_iter().flatten() {
            all[*other] += line.len() * own.min(*count);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rules::rules;

    fn told(moves: &[FileMove]) -> Vec<String> {
        moves
            .iter()
            .map(|one| format!("{} -> {}", one.from, one.to))
            .collect()
    }

    /// The moves by name of content, then the paths that are left on both sides.
    fn by_name(
        gone: &[(&str, &str)],
        new: &[(&str, &str)],
    ) -> (Vec<String>, Vec<String>, Vec<String>) {
        let own = |files: &[(&str, &str)]| -> Vec<(RepoPath, String)> {
            files
                .iter()
                .map(|(path, name)| ((*path).into(), (*name).to_owned()))
                .collect()
        };
        let (gone, new) = (own(gone), own(new));
        fn lent(files: &[(RepoPath, String)]) -> Vec<NamedFile<'_, &str>> {
            files
                .iter()
                .map(|(path, name)| (path, name.as_str()))
                .collect()
        }
        let paths = |files: Vec<NamedFile<'_, &str>>| -> Vec<String> {
            files.iter().map(|(path, _)| path.to_string()).collect()
        };
        let (moves, rest, left) = same(lent(&gone), lent(&new));
        (told(&moves), paths(rest), paths(left))
    }

    fn by_lines(gone: &[(&str, &str)], new: &[(&str, &str)]) -> Vec<String> {
        by_half(gone, new, HalfOf::Old)
    }

    fn by_half(gone: &[(&str, &str)], new: &[(&str, &str)], half: HalfOf) -> Vec<String> {
        let own = |files: &[(&str, &str)]| -> Vec<(RepoPath, Vec<u8>)> {
            files
                .iter()
                .map(|(path, text)| ((*path).into(), text.as_bytes().to_vec()))
                .collect()
        };
        let (gone, new) = (own(gone), own(new));
        fn lent(files: &[(RepoPath, Vec<u8>)]) -> Vec<NamedFile<'_, Vec<u8>>> {
            files
                .iter()
                .map(|(path, text)| (path, text.clone()))
                .collect()
        }
        told(&similar(&lent(&gone), &lent(&new), half))
    }

    fn none() -> Vec<String> {
        Vec::new()
    }

    const GENERATED: &str = "// Code generated by a compiler of protocols. DO NOT EDIT.\npackage foo\n\nfunc one() {\n\twork(1, 2, 3, 4)\n}\n\nfunc two() {\n\twork(5, 6, 7, 8)\n}\n";

    rules! {
        the_same_content: by_name(&[("a", "1")], &[("b", "1")]) => (vec!["a -> b".into()], none(), none());
        each_file_moves_once: by_name(&[("a", "1"), ("b", "1"), ("c", "1")], &[("x", "1"), ("y", "1")]) => (vec!["a -> x".into(), "b -> y".into()], vec!["c".into()], none());
        other_content_is_left: by_name(&[("a", "1")], &[("b", "2"), ("c", "1"), ("d", "1")]) => (vec!["a -> c".into()], none(), vec!["b".into(), "d".into()]);

        half_of_it_is_enough: by_lines(&[("a", "one\ntwo\n")], &[("b", "one\nsix\n")]) => ["a -> b"];
        less_is_not: by_lines(&[("a", "one\nthree\n")], &[("b", "one\n")]) => none();
        unless_of_what_is_left: by_half(&[("a", "one\nthree\n")], &[("b", "one\n")], HalfOf::Either) => ["a -> b"];
        a_few_lines_are_not_what_is_left: by_half(&[("a", GENERATED)], &[("b", "package foo\n\n")], HalfOf::Either) => none();
        nor_are_lines_without_a_word: by_half(&[("a", "\n{\n}\n")], &[("b", "\n")], HalfOf::Either) => none();
        what_comes_besides_does_not_count: by_lines(&[("a", "one\ntwo\n")], &[("b", "one\ntwo\nthree\nfour\nfive\nseven\n")]) => ["a -> b"];
        an_order_does_not_count: by_lines(&[("a", "one\ntwo\n")], &[("b", "two\none\n")]) => ["a -> b"];
        nor_does_a_line_count_twice: by_lines(&[("a", "one\none\none\n")], &[("b", "one\nsix\nten\n")]) => none();
        the_most_similar_goes_first: by_lines(&[("a", "one\ntwo\nsix\n"), ("b", "one\ntwo\nten\n")], &[("c", "one\ntwo\nten\n")]) => ["b -> c"];
        emptied_is_gone: by_lines(&[("a", "one\n")], &[("b", "")]) => none();
    }
}
