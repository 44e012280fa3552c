//! The settings by which Git tells what of the text in an editor is the message of a commit.
//!
//! Pure. `git commit --cleanup` and `--verbose` say the like for one commit, and tell no hook; for that the text itself
//! is looked at, which ends in a template of Git's where there was an editor.

use crate::domain::commit_message::{LeftOut, SCISSORS};

/// The settings that count, as `git config` names them.
pub const SETTINGS: [&str; 3] = ["core.commentchar", "core.commentstring", "commit.cleanup"];
/// The marks of comments among which Git chooses where it is told to, the first that begins no line of the message.
const MARKS: [&str; 10] = ["#", ";", "@", "!", "$", "%", "^", "&", "|", ":"];
/// A template of Git's has so many lines at least.
const LEAST_TEMPLATE: usize = 3;

/// The settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageSettings {
    /// The mark of comments; `None` where Git chooses one.
    mark: Option<String>,
    cleanup: Cleanup,
}

/// `commit.cleanup`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cleanup {
    /// Comments go where there was an editor.
    Default,
    /// Comments go.
    Strip,
    /// With an editor all behind the scissors goes.
    Scissors,
    /// Comments stay: `whitespace` and `verbatim`.
    Stays,
}

/// The editor of a message, as far as Git says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageEditor {
    /// One was opened.
    Opened,
    /// None was, or one that does nothing: Git has the same word for both.
    NoneNamed,
}

impl MessageSettings {
    /// The settings among these, of which the last of a name counts.
    pub fn of<'c>(all: impl IntoIterator<Item = (&'c str, &'c str)>) -> MessageSettings {
        let mut settings = MessageSettings {
            mark: Some(MARKS[0].to_owned()),
            cleanup: Cleanup::Default,
        };
        for (key, value) in all {
            match (key.to_ascii_lowercase().as_str(), value) {
                ("core.commentchar" | "core.commentstring", "auto") => settings.mark = None,
                ("core.commentchar" | "core.commentstring", "") => {}
                ("core.commentchar" | "core.commentstring", mark) => {
                    settings.mark = Some(mark.to_owned());
                }
                ("commit.cleanup", word) => {
                    settings.cleanup = match word {
                        "strip" => Cleanup::Strip,
                        "scissors" => Cleanup::Scissors,
                        "whitespace" | "verbatim" => Cleanup::Stays,
                        _ => Cleanup::Default,
                    };
                }
                _ => {}
            }
        }
        settings
    }

    /// The lines of this text that Git will leave out.
    pub fn left_out(&self, text: &str, editor: MessageEditor) -> LeftOut {
        let mark = match &self.mark {
            Some(mark) => mark.as_str(),
            None => chosen(text),
        };
        let was_edited = editor == MessageEditor::Opened || ends_in_template(text, mark);
        let mark = mark.to_owned();
        match (self.cleanup, was_edited) {
            (Cleanup::Strip, _) | (Cleanup::Default, true) => LeftOut::Comments(mark),
            (Cleanup::Scissors | Cleanup::Stays, true) => LeftOut::BehindScissors(mark),
            (_, false) => LeftOut::Nothing,
        }
    }
}

/// The mark that Git has chosen, as its template shows; where there is none, the one that it tries first.
fn chosen(text: &str) -> &'static str {
    let scissors = MARKS.into_iter().find(|mark| has_scissors(text, mark));
    let last = text.lines().rfind(|line| !line.trim().is_empty());
    let of_last = || {
        let last = last?;
        MARKS.into_iter().find(|mark| is_of_template(last, mark))
    };
    scissors.or_else(of_last).unwrap_or(MARKS[0])
}

fn has_scissors(text: &str, mark: &str) -> bool {
    let mut lines = text.lines();
    lines.any(|line| line.trim_end().strip_prefix(mark) == Some(SCISSORS))
}

/// True for a line as Git writes them into a template: the mark, and a blank before whatever follows.
fn is_of_template(line: &str, mark: &str) -> bool {
    let rest = line.strip_prefix(mark);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

/// True for a text that ends in what Git writes for an editor: several lines of comments, one of which says nothing,
/// or a diff behind the scissors.
fn ends_in_template(text: &str, mark: &str) -> bool {
    if has_scissors(text, mark) {
        return true;
    }
    let lines = text.lines().rev().skip_while(|line| line.trim().is_empty());
    let template: Vec<&str> = lines
        .take_while(|line| is_of_template(line, mark))
        .collect();
    template.len() >= LEAST_TEMPLATE && template.contains(&mark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rules::rules;
    use crate::domain::commit_message::cleaned;

    const TEMPLATE: &str =
        "\n# Please enter the message. Lines that begin\n# with '#' go.\n#\n# On branch main\n#\n";
    const CUT: &str = "# ------------------------ >8 ------------------------\n# All below goes.\ndiff --git\n+# a\n";

    /// The message of a text by these settings, with its line ends as ` / `.
    fn message(settings: &[(&str, &str)], editor: MessageEditor, text: &str) -> String {
        let settings = MessageSettings::of(settings.iter().copied());
        cleaned(text, &settings.left_out(text, editor)).replace('\n', " / ")
    }

    fn edited(settings: &[(&str, &str)], text: &str) -> String {
        message(settings, MessageEditor::Opened, text)
    }

    fn given(settings: &[(&str, &str)], text: &str) -> String {
        message(settings, MessageEditor::NoneNamed, text)
    }

    fn template(mark: &str) -> String {
        TEMPLATE.replace('#', mark)
    }

    fn with(text: &str, mark: &str) -> String {
        format!("{text}\n{}", template(mark))
    }

    rules! {
        the_mark_of_comments_is_a_setting: edited(&[("core.commentChar", ";")], &with("a\n\n#1 b", ";")) => "a /  / #1 b";
        it_may_be_longer: edited(&[("core.commentString", "//")], &with("a", "//")) => "a";
        the_last_one_counts: edited(&[("core.commentchar", ";"), ("core.commentstring", "#")], "a\n\n; b\n# c") => "a /  / ; b";
        one_that_is_empty_is_none: edited(&[("core.commentchar", "")], "a\n# c") => "a";
        git_may_choose_one: edited(&[("core.commentchar", "auto")], &with("#1 a", ";")) => "#1 a";
        by_its_scissors: edited(&[("core.commentchar", "auto")], &format!("#1 a\n{}", CUT.replace('#', "!"))) => "#1 a";
        or_the_first_where_no_template_is_left: edited(&[("core.commentchar", "auto")], "a\n# b\n") => "a";

        scissors_leave_comments: edited(&[("commit.cleanup", "scissors")], &format!("a\n\n# b\n{CUT}")) => "a /  / # b";
        so_does_whitespace: edited(&[("commit.cleanup", "whitespace")], "a\n\n# b\n") => "a /  / # b";
        behind_the_scissors_of_a_diff_nothing_stays: edited(&[("commit.cleanup", "verbatim")], &format!("a\n{CUT}")) => "a";
        a_diff_is_no_message: edited(&[], &format!("a\n{TEMPLATE}{CUT}")) => "a";
        comments_go_without_an_editor_where_that_is_set: given(&[("commit.cleanup", "strip")], "a\n\n# b") => "a";
        else_they_stay: given(&[], "a\n\n# b\n#\n") => "a /  / # b / #";
        with_scissors_too: given(&[("commit.cleanup", "scissors")], "a\n\n# b") => "a /  / # b";
        an_editor_that_does_nothing_is_told_by_the_template: given(&[], &with("a", "#")) => "a";
        in_another_mark: given(&[("core.commentchar", "auto")], &with("#1 a", ";")) => "#1 a";
        or_by_a_diff: given(&[], &format!("a\n{CUT}")) => "a";
    }
}
