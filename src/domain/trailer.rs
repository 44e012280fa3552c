//! Messages of commits that `ai` makes: a safe subject, a body, and trailers that point at task,
//! run and agent.
//!
//! Trailers are pointers, not proof; proof is the evidence of the run. Text from a task or an agent
//! can neither forge a trailer nor carry control characters into a log.

use crate::domain::commit_message::MessageParts;

/// Names the task.
pub const TASK: &str = "AI-Task";
/// Names the run.
pub const RUN: &str = "AI-Run";
/// Names the agent.
pub const AGENT: &str = "AI-Agent";
/// The longest subject, in characters.
pub const MAX_SUBJECT: usize = 72;

/// The pointers of a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trailers {
    /// The task id.
    pub task: Option<String>,
    /// The run id.
    pub run: Option<String>,
    /// The agent's name.
    pub agent: Option<String>,
}

/// Builds a message: subject, body where there is one, trailers. It ends with a newline.
pub fn message(subject: &str, body: &str, trailers: &Trailers) -> String {
    let mut out = sanitized_subject(subject);
    out.push('\n');
    let body = sanitized_body(body);
    if !body.is_empty() {
        out.push('\n');
        out.push_str(&body);
        out.push('\n');
    }
    let block = block(trailers);
    if !block.is_empty() {
        out.push('\n');
        out.push_str(&block);
    }
    out
}

/// A message in somebody's own words, whose trailers these join. It ends with a newline.
pub fn worded(words: &str, trailers: &Trailers) -> String {
    let mut out = sanitized_body(words);
    let has_trailers = !MessageParts::of(&out).trailers.is_empty();
    out.push('\n');
    let block = block(trailers);
    if !block.is_empty() && !has_trailers {
        out.push('\n');
    }
    out.push_str(&block);
    out
}

fn block(trailers: &Trailers) -> String {
    fields(trailers)
        .into_iter()
        .filter_map(|(key, value)| Some((key, one_word_line(value?)?)))
        .map(|(key, value)| format!("{key}: {value}\n"))
        .collect()
}

/// True for a text in which a person can read something.
pub fn can_be_read(text: &str) -> bool {
    one_word_line(text).is_some()
}

/// One line of at most [`MAX_SUBJECT`] characters without control, bidi and zero-width characters.
pub fn sanitized_subject(subject: &str) -> String {
    let line = one_word_line(subject).unwrap_or_else(|| "(no subject)".to_owned());
    if line.chars().count() <= MAX_SUBJECT {
        return line;
    }
    let mut cut: String = line.chars().take(MAX_SUBJECT - 1).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

fn fields(trailers: &Trailers) -> [(&'static str, Option<&str>); 3] {
    [
        (TASK, trailers.task.as_deref()),
        (RUN, trailers.run.as_deref()),
        (AGENT, trailers.agent.as_deref()),
    ]
}

/// The body line by line without control characters. Lines that git or a reader of trailers would
/// take for structure are indented by one space, and blank lines never stand twice.
fn sanitized_body(body: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in body.lines() {
        let line: String = line
            .chars()
            .map(|c| if c == '\t' { ' ' } else { c })
            .filter(|c| visible(*c))
            .collect();
        let line = line.trim_end();
        if line.is_empty() && lines.last().is_none_or(String::is_empty) {
            continue;
        }
        let structural = line.starts_with("---")
            || line
                .get(..3)
                .is_some_and(|start| start.eq_ignore_ascii_case("ai-"));
        lines.push(if structural {
            format!(" {line}")
        } else {
            line.to_owned()
        });
    }
    lines.join("\n").trim_end().to_owned()
}

/// The text as one line with single spaces; `None` where nothing visible is left.
fn one_word_line(text: &str) -> Option<String> {
    let spaced: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| visible(*c))
        .collect();
    let line = spaced
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    (!line.is_empty()).then_some(line)
}

fn visible(c: char) -> bool {
    let hidden = matches!(c,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    !c.is_control() && !hidden
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trailers() -> Trailers {
        Trailers {
            task: Some("t-7k3fq2mx".to_owned()),
            run: Some("t-7k3fq2mx.3".to_owned()),
            agent: Some("codex".to_owned()),
        }
    }

    /// Reads the trailers of a message, from its last paragraph only; the subject is never one.
    fn read(message: &str) -> Trailers {
        let mut found = Trailers::default();
        let Some((_, block)) = message.trim_end().rsplit_once("\n\n") else {
            return found;
        };
        for line in block.lines() {
            let Some((key, value)) = line.split_once(": ") else {
                continue;
            };
            let slot = match key {
                TASK => &mut found.task,
                RUN => &mut found.run,
                AGENT => &mut found.agent,
                _ => continue,
            };
            *slot = Some(value.trim().to_owned());
        }
        found
    }

    #[test]
    fn a_message_has_subject_body_and_trailers() {
        assert_eq!(
            message("Fix the parser", "Why:\n\n\n\nit failed\t", &trailers()),
            "Fix the parser\n\nWhy:\n\nit failed\n\nAI-Task: t-7k3fq2mx\nAI-Run: t-7k3fq2mx.3\nAI-Agent: codex\n"
        );
        assert_eq!(message("  \n", "", &Trailers::default()), "(no subject)\n");
    }

    #[test]
    fn words_of_a_person_keep_their_form_and_their_trailers() {
        let own = "AI-Task: t-7k3fq2mx\nAI-Run: t-7k3fq2mx.3\nAI-Agent: codex\n";
        for (words, begins) in [
            ("git: mend it", "git: mend it\n\n"),
            ("\ngit: mend it\n\n\nwhy\n", "git: mend it\n\nwhy\n\n"),
            (
                "git: mend it\n\nwhy\n\nFixes #12\nSigned-off-by: A",
                "git: mend it\n\nwhy\n\nFixes #12\nSigned-off-by: A\n",
            ),
            ("a\n\nai-task: t-other", "a\n\n ai-task: t-other\n\n"),
        ] {
            assert_eq!(worded(words, &trailers()), format!("{begins}{own}"));
        }
        assert_eq!(worded("a\n\nb\n", &Trailers::default()), "a\n\nb\n");
    }

    #[test]
    fn subjects_are_one_short_safe_line() {
        assert_eq!(sanitized_subject("a\nb\u{1b}[2J\tc\u{202e}"), "a b[2J c");
        let long = sanitized_subject(&"é".repeat(100));
        assert_eq!(
            (long.chars().count(), long.ends_with('…')),
            (MAX_SUBJECT, true)
        );
        assert_eq!(sanitized_subject(&"x".repeat(72)), "x".repeat(72));
    }

    #[test]
    fn a_body_cannot_forge_a_trailer() {
        let text = message(
            "s",
            "AI-Task: t-other\n---\nai-run: t-other.1",
            &Trailers::default(),
        );
        assert_eq!(text, "s\n\n AI-Task: t-other\n ---\n ai-run: t-other.1\n");
        assert_eq!(read(&text), Trailers::default());
        assert_eq!(read("AI-Task: t-subject\n"), Trailers::default());
    }

    proptest! {
        #[test]
        fn trailers_read_back_whatever_the_text(subject in "\\PC{0,100}|.{0,40}", body in "(\\PC|\n|\r|\t){0,200}") {
            let text = message(&subject, &body, &trailers());
            prop_assert_eq!(read(&text), trailers());
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
            let first = text.lines().next().unwrap();
            prop_assert!(first.chars().count() <= MAX_SUBJECT && !first.is_empty());
            prop_assert_eq!(text.lines().nth(1), Some(""));
        }
    }
}

#[cfg(test)]
#[path = "trailer_tables.rs"]
mod tables;
