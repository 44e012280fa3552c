//! The program that a shell did not find, from what it says about it. Shells have no common form;
//! what none of the known ones says has no name.

/// Lines at the end of the output that are looked at.
const LINES: usize = 20;

/// The name of the missing program, if the output tells.
pub(crate) fn missing_program(output: &str) -> Option<String> {
    output.lines().rev().take(LINES).find_map(of_line)
}

fn of_line(line: &str) -> Option<String> {
    let line = line.trim();
    // zsh and fish name it last.
    for mark in ["command not found: ", "Unknown command: "] {
        if let Some((_, name)) = line.split_once(mark) {
            return plain(name);
        }
    }
    let before = [
        ": command not found",
        ": not found",
        ": No such file or directory",
    ];
    let told = before.iter().find_map(|end| line.strip_suffix(end))?;
    let (_, name) = told.rsplit_once(": ")?;
    plain(name)
}

/// The name without the quotes of `env`, where it is one word.
fn plain(name: &str) -> Option<String> {
    let name = name.trim_matches(|c| "'\"`‘’“”".contains(c));
    let is_word = !name.is_empty() && name.len() <= 200 && !name.contains(char::is_whitespace);
    is_word.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_name_what_they_did_not_find() {
        for (line, name) in [
            ("/bin/sh: 1: pytest: not found", Some("pytest")),
            ("sh: pytest: not found", Some("pytest")),
            ("bash: line 1: pytest: command not found", Some("pytest")),
            ("./t.sh: line 3: uv: command not found", Some("uv")),
            ("zsh:1: command not found: cargo", Some("cargo")),
            ("fish: Unknown command: tox", Some("tox")),
            ("env: ‘python’: No such file or directory", Some("python")),
            (
                "sh: 1: .venv/bin/python: not found",
                Some(".venv/bin/python"),
            ),
            ("pytest: not found", None),
            ("error: the page was: not found at all", None),
            ("cannot open a b: c d: not found", None),
            ("", None),
        ] {
            assert_eq!(missing_program(line).as_deref(), name, "{line}");
        }
        let all = "building\nsh: 1: first: not found\nsh: 2: last: not found\nbye\n";
        assert_eq!(missing_program(all).as_deref(), Some("last"));
    }
}
