//! Errors keep their type: what turns one into text below the front ends is found here.

use super::lexer;
use super::tree::{File, Tree, Violation};

/// The layer in which errors pass from below to a front end.
const LAYER: &str = "src/ops/";
/// Functions that were there to make text of any error.
const TEXT_MAKERS: &[&str] = &["environment", "failed", "ToString::to_string"];

/// Calls of `map_err` that make text of the error which they are given.
pub fn errors_made_text(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree
        .sources()
        .filter(|file| !file.is_test && file.path.starts_with(LAYER))
    {
        for at in lexer::words(&file.production, "map_err") {
            if makes_text(file, at) {
                let line = lexer::line_at(&file.production, at);
                let message = "an error keeps its type: give it a variant, or say what was done \
                               by `doing`, `kept` or `bug` of `ops::error`";
                found.push(file.violation(line, message));
            }
        }
    }
    found
}

/// True for `map_err(failed)`, and for a closure that puts its parameter into a text.
fn makes_text(file: &File, at: usize) -> bool {
    let Some(range) = argument(&file.production, at) else {
        return false;
    };
    // Texts are blanked in the code, and a text may name the parameter.
    let (code, text) = (&file.production[range.clone()], &file.text[range]);
    let Some((parameter, body)) = code
        .trim_start()
        .strip_prefix('|')
        .and_then(|rest| rest.split_once('|'))
    else {
        return TEXT_MAKERS.contains(&code.trim());
    };
    let name = parameter.split(':').next().unwrap_or_default().trim();
    if name.is_empty() || name == "_" {
        return false;
    }
    let asked = format!("{name}.to_string()");
    let borrowed = format!("&{name}.to_string()");
    let in_format = body.match_indices("format!").any(|(from, _)| {
        let inside = argument(body, from).map_or("", |range| &body[range]);
        lexer::words(inside, name).next().is_some()
    });
    let shown = [format!("{{{name}}}"), format!("{{{name}:")];
    in_format
        || body.contains(&asked)
        || body.contains(&borrowed)
        || shown.iter().any(|part| text.contains(part.as_str()))
}

/// The text between the parentheses of the call that begins at `from`.
fn argument(code: &str, from: usize) -> Option<std::ops::Range<usize>> {
    let open = from + code[from..].find('(')?;
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 1 => return Some(open + 1..at),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[test]
fn errors_that_are_made_text_are_found() {
    for bad in [
        "x.map_err(environment)?;",
        "x.map_err(failed)",
        "x.map_err(ToString::to_string)?;",
        "x.map_err(|e| Refusal::Invalid(e.to_string()))?;",
        "x.map_err(|error| environment(format!(\"{}: {error}\", file.display())))",
        "x.map_err(|e| bad(&format!(\"line {}\", e)))",
        "x.map_err(|e: io::Error| format!(\"no file: {e:?}\"))?;",
        "x\n    .map_err(|e| Row {\n        why: e.to_string(),\n    })?;",
    ] {
        let code = format!("fn f() {{ {bad} }}");
        let found = errors_made_text(&Tree::sample(&[("src/ops/x.rs", &code)]));
        assert_eq!(found.len(), 1, "{bad}");
    }
}

#[test]
fn errors_that_stay_errors_are_fine() {
    for (path, good) in [
        ("src/ops/x.rs", "x.map_err(Refusal::Config)?;"),
        (
            "src/ops/x.rs",
            "x.map_err(|_| missing(&format!(\"{id}\")))?;",
        ),
        (
            "src/ops/x.rs",
            "x.map_err(|source| Fault::Hidden { path: own(), source })?;",
        ),
        (
            "src/ops/x.rs",
            "x.map_err(|error| match stopped { true => said(format!(\"stopped {id}\")), _ => error })?;",
        ),
        ("src/cli/x.rs", "x.map_err(|e| e.to_string())?;"),
        (
            "src/ops/x.rs",
            "#[cfg(test)]\nmod tests { fn g() { x.map_err(|e| e.to_string()); } }",
        ),
    ] {
        let code = format!("fn f() {{ {good} }}");
        let found = errors_made_text(&Tree::sample(&[(path, &code)]));
        assert!(found.is_empty(), "{good}: {found:?}");
    }
}
