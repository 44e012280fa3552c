//! Tests of the command line compare whole outcomes. A test that only asks whether some words occur
//! does not see what else was said, so the number of such questions may fall and never rise.

use super::lexer;
use super::tree::{Tree, Violation};

/// How many questions for some words there are. Lower it when you have taken some away.
const MOST: usize = 49;

/// More `.contains(` in the tests of the command line than there were.
pub fn partial_outcomes(tree: &Tree) -> Vec<Violation> {
    partial_outcomes_beyond(MOST, tree)
}

fn partial_outcomes_beyond(most: usize, tree: &Tree) -> Vec<Violation> {
    let tests = tree
        .files
        .iter()
        .filter(|file| file.path.starts_with("tests/it/") && file.path.ends_with(".rs"));
    let asked: Vec<(&str, usize)> = tests
        .flat_map(|file| {
            lexer::words(&file.tests, "contains")
                .filter(|at| file.tests[..*at].ends_with('.'))
                .filter(|at| file.tests[at + "contains".len()..].starts_with('('))
                .map(|at| (file.path.as_str(), lexer::line_at(&file.tests, at)))
        })
        .collect();
    let Some((path, line)) = asked.get(most) else {
        return Vec::new();
    };
    vec![Violation {
        path: (*path).to_owned(),
        line: *line,
        message: format!(
            "tests/it asks `.contains(` {} times, {most} is the most: compare the whole outcome \
             with `snapshot!`, here or elsewhere",
            asked.len()
        ),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_too_many_is_found() {
        let asks = "fn f() { assert!(said.contains(\"x\")); }\n";
        let files = |n: usize| {
            let text = asks.repeat(n);
            let others = "contains(x); // said.contains(y)\nlet s = \".contains(\";\n".to_owned();
            Tree::sample(&[
                ("tests/it/a.rs", &text),
                ("tests/it/b.rs", &others),
                ("src/c.rs", &asks.repeat(9)),
            ])
        };
        assert!(partial_outcomes_beyond(2, &files(2)).is_empty());
        let found = partial_outcomes_beyond(2, &files(3));
        assert_eq!((found.len(), found[0].line), (1, 3), "{found:?}");
    }
}
