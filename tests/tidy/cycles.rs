//! Files that import each other in a circle. Who reads one of them has to read them all, so a
//! circle may hold two files, a type and its helper, and no more.
//!
//! A re-export in a `mod.rs` that only wires is looked through: what counts is the file in which a
//! name is defined. Deliberately absent: calls through a trait, which no import shows.

use std::collections::{BTreeMap, BTreeSet};

use super::lexer;
use super::tree::{File, Tree, Violation};

/// The most files of one circle.
const MAX_CIRCLE: usize = 2;

/// The command line's register of verbs: it names each verb, and each verb is dispatched from it.
const REGISTER: &str = "src/cli/cmd/";

/// Circles of more than [`MAX_CIRCLE`] files.
pub fn circles(tree: &Tree) -> Vec<Violation> {
    let modules = Modules::of(tree);
    let graph = modules.arrows(tree);
    strongly_connected(&graph)
        .into_iter()
        .filter(|circle| circle.len() > MAX_CIRCLE)
        .filter_map(|circle| {
            let message = format!(
                "{} files import each other in a circle: {}; move what they share below them",
                circle.len(),
                circle.join(", ")
            );
            Some(tree.get(circle.first()?)?.violation(1, message))
        })
        .collect()
}

/// The modules of the crate, by their path from its root.
struct Modules {
    files: BTreeMap<Vec<String>, String>,
    /// What a module hands on under its own name: (module, name) to the path that it stands for.
    handed_on: BTreeMap<(Vec<String>, String), Vec<String>>,
}

impl Modules {
    fn of(tree: &Tree) -> Modules {
        let sources: Vec<&File> = tree.sources().filter(|f| !f.is_test).collect();
        let files = sources
            .iter()
            .map(|file| (module(&file.path), file.path.clone()))
            .collect();
        let mut modules = Modules {
            files,
            handed_on: BTreeMap::new(),
        };
        for file in &sources {
            for path in public_uses(&file.production) {
                if let Some(absolute) = modules.absolute(file, &path)
                    && let Some(name) = path.last()
                {
                    let key = (module(&file.path), name.clone());
                    modules.handed_on.insert(key, absolute);
                }
            }
        }
        modules
    }

    /// Who imports whom, file by file.
    fn arrows(&self, tree: &Tree) -> BTreeMap<String, BTreeSet<String>> {
        let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for file in tree.sources().filter(|f| !f.is_test && !registers(&f.path)) {
            let targets = graph.entry(file.path.clone()).or_default();
            for path in lexer::paths(&without_visibilities(&file.production)) {
                let to = self
                    .absolute(file, &path.segments)
                    .and_then(|absolute| self.defining_file(absolute));
                targets.extend(to.filter(|to| *to != file.path));
            }
        }
        graph
    }

    /// A path as it stands in `file`, from the root of the crate; `None` where it leads out of it.
    fn absolute(&self, file: &File, path: &[String]) -> Option<Vec<String>> {
        let here = module(&file.path);
        let first = path.first()?;
        let supers = path.iter().take_while(|s| *s == "super").count();
        Some(match first.as_str() {
            "crate" | "ai" => path[1..].to_vec(),
            "self" => [&here[..], &path[1..]].concat(),
            "super" => {
                let up = here.len().checked_sub(supers)?;
                [&here[..up], &path[supers..]].concat()
            }
            _ => {
                let child = [&here[..], std::slice::from_ref(first)].concat();
                self.files.contains_key(&child).then_some(())?;
                [&here[..], path].concat()
            }
        })
    }

    /// The file in which what `path` names is defined.
    fn defining_file(&self, mut path: Vec<String>) -> Option<String> {
        // A chain of re-exports is short; a circle of them would not compile.
        for _ in 0..8 {
            let depth = (1..=path.len())
                .rev()
                .find(|n| self.files.contains_key(&path[..*n]))?;
            let (found, rest) = path.split_at(depth);
            let next = rest
                .first()
                .and_then(|name| self.handed_on.get(&(found.to_vec(), name.clone())));
            match next {
                Some(target) if *target != path => {
                    path = [&target[..], &rest[1..]].concat();
                }
                _ => return self.files.get(found).cloned(),
            }
        }
        None
    }
}

/// The path of a module from the root of the crate: a file and the `mod.rs` of a folder alike.
fn module(path: &str) -> Vec<String> {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    let inside = inside.strip_suffix("/mod").unwrap_or(inside);
    match inside {
        "lib" | "main" => Vec::new(),
        inside => inside.split('/').map(str::to_owned).collect(),
    }
}

fn registers(path: &str) -> bool {
    path.starts_with(REGISTER) && path.ends_with("/mod.rs")
}

/// The code without the paths in `pub(in …)`, which import nothing.
fn without_visibilities(code: &str) -> String {
    let mut rest = code;
    let mut kept = String::new();
    while let Some(at) = rest.find("pub(in ") {
        let end = rest[at..].find(')').map_or(rest.len(), |len| at + len);
        kept.push_str(&rest[..at]);
        kept.push_str("pub(");
        rest = &rest[end..];
    }
    kept + rest
}

/// The leaves of `pub use` and `pub(…) use`.
fn public_uses(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for at in lexer::words(code, "use") {
        let before = code[..at].trim_end();
        let restricted = before.ends_with(')')
            && before
                .rfind("pub")
                .is_some_and(|p| !before[p..].contains([';', '}', '{']));
        if before.ends_with("pub") || restricted {
            let end = code[at..].find(';').map_or(code.len(), |end| at + end);
            let leaves = lexer::paths(&code[at + 3..end]);
            found.extend(leaves.into_iter().map(|leaf| leaf.segments));
        }
    }
    found
}

/// The strongly connected parts of a graph, each sorted, by Tarjan's algorithm.
fn strongly_connected(graph: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let mut search = Search {
        graph,
        seen: BTreeMap::new(),
        low: BTreeMap::new(),
        stack: Vec::new(),
        parts: Vec::new(),
    };
    for node in graph.keys() {
        if !search.seen.contains_key(node.as_str()) {
            search.visit(node);
        }
    }
    search.parts
}

struct Search<'a> {
    graph: &'a BTreeMap<String, BTreeSet<String>>,
    seen: BTreeMap<&'a str, usize>,
    low: BTreeMap<&'a str, usize>,
    stack: Vec<&'a str>,
    parts: Vec<Vec<String>>,
}

impl<'a> Search<'a> {
    fn visit(&mut self, node: &'a str) {
        let index = self.seen.len();
        self.seen.insert(node, index);
        self.low.insert(node, index);
        self.stack.push(node);
        for next in self.graph.get(node).into_iter().flatten() {
            let reached = match self.seen.get(next.as_str()) {
                None => {
                    self.visit(next);
                    self.low[next.as_str()]
                }
                Some(index) if self.stack.contains(&next.as_str()) => *index,
                Some(_) => continue,
            };
            if let Some(low) = self.low.get_mut(node) {
                *low = (*low).min(reached);
            }
        }
        if self.low[node] == index {
            let from = self.stack.iter().position(|n| *n == node).unwrap_or(0);
            let mut part: Vec<String> = self
                .stack
                .split_off(from)
                .into_iter()
                .map(str::to_owned)
                .collect();
            part.sort();
            self.parts.push(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let violations = circles(&Tree::sample(files));
        violations.into_iter().map(|v| v.message).collect()
    }

    #[test]
    fn a_circle_of_three_is_found_and_a_pair_is_not() {
        let a = ("src/ops/a.rs", "use crate::ops::b::B;");
        let b = ("src/ops/b.rs", "use super::c::C;");
        assert_eq!(
            found(&[a, b, ("src/ops/c.rs", "fn f() { crate::ops::a::f() }")]),
            [
                "3 files import each other in a circle: src/ops/a.rs, src/ops/b.rs, src/ops/c.rs; \
              move what they share below them"
            ]
        );
        assert!(found(&[a, b, ("src/ops/c.rs", "use crate::ops::b::B;")]).is_empty());
        let visible = ("src/ops/c.rs", "pub(in crate::ops::a) struct C;");
        assert!(found(&[a, b, visible]).is_empty(), "no import");
    }

    #[test]
    fn a_re_export_is_looked_through() {
        let files = [
            (
                "src/git/mod.rs",
                "mod oid;\nmod repo;\npub use oid::Oid;\npub(crate) use self::repo::Repo;",
            ),
            ("src/git/oid.rs", "use crate::git::Repo;"),
            ("src/git/repo.rs", "use crate::git::head::Head;"),
            ("src/git/head.rs", "use crate::git::Oid;"),
        ];
        assert_eq!(found(&files).len(), 1, "oid, repo, head");
        let wired = [
            files[0],
            files[1],
            ("src/git/repo.rs", "use crate::git::Oid;"),
        ];
        assert!(found(&wired).is_empty(), "mod.rs itself is in no circle");
    }

    #[test]
    fn tests_and_the_register_of_verbs_close_no_circle() {
        let test = "#[cfg(test)]\nmod tests { use crate::ops::a::A; }";
        let files = [
            ("src/ops/a.rs", "use crate::ops::b::B;"),
            ("src/ops/b.rs", "use crate::ops::c::C;"),
            ("src/ops/c.rs", test),
            (
                "src/cli/cmd/mod.rs",
                "mod x;\nuse crate::cli::cmd::x::X;\nuse crate::cli::y::Y;",
            ),
            ("src/cli/cmd/x.rs", "use crate::cli::y::Y;"),
            ("src/cli/y.rs", "use crate::cli::cmd::Command;"),
        ];
        assert!(found(&files).is_empty());
    }
}
