//! The message of a commit in its parts: what rules about its shape are asked about.
//!
//! Pure. The parts are those that Git tells apart: the subject is the first paragraph, and trailers are the last one, where it is made of little else. Deliberately absent: what a message should be, which policy
//! says.

/// So many bytes of a message are kept, of which the last quarter is its end.
const LONGEST: usize = 8 << 10;
/// Stands where something was left out.
const CUT: &str = "[…]";
/// Stands on the second line where the first was cut, around the number of its letters.
const CUT_SUBJECT: (&str, &str) = ("[… of ", " letters]");
/// The end of the line behind which Git takes nothing over; the mark of comments stands before it.
pub(super) const SCISSORS: &str = " ------------------------ >8 ------------------------";

/// The lines of a text that are no part of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftOut {
    /// None of them: the text was given, as by `-m`.
    Nothing,
    /// All behind the scissors, whose line begins with this mark.
    BehindScissors(String),
    /// Those as well that begin with the mark of comments.
    Comments(String),
}

/// The parts of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageParts<'m> {
    /// The first line; empty where there is none.
    pub subject: &'m str,
    /// The text between the subject and the trailers, with its line ends.
    pub body: &'m str,
    /// The trailers by key and value, in their order.
    pub trailers: Vec<(&'m str, &'m str)>,
}

/// The message that Git makes of a text: without what is left out, without blanks at the ends
/// of lines, and without empty lines that say nothing. The first paragraph, which Git takes for the subject, is put
/// on one line. Long messages are cut in the middle.
pub fn cleaned(text: &str, left_out: &LeftOut) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        let line = line.trim_end();
        let after = |mark: &str| line.strip_prefix(mark).map(str::to_owned);
        match left_out {
            LeftOut::Nothing => {}
            LeftOut::BehindScissors(mark) if after(mark).as_deref() == Some(SCISSORS) => break,
            LeftOut::BehindScissors(_) => {}
            LeftOut::Comments(mark) => match after(mark) {
                Some(comment) if comment == SCISSORS => break,
                Some(_) => continue,
                None => {}
            },
        }
        if !line.is_empty() || lines.last().is_some_and(|last| !last.is_empty()) {
            lines.push(line);
        }
    }
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let first = lines.iter().position(|line| line.is_empty());
    let (first, rest) = lines.split_at(first.unwrap_or(lines.len()));
    let subject: Vec<&str> = first.iter().map(|line| line.trim()).collect();
    let all = std::iter::once(subject.join(" ")).chain(rest.iter().map(|line| (*line).to_owned()));
    bounded(all.collect::<Vec<String>>().join("\n"))
}

fn bounded(text: String) -> String {
    if text.len() <= LONGEST {
        return text;
    }
    let is_end = |at: &usize| text.is_char_boundary(*at);
    // With room for the mark.
    let most = LONGEST - LONGEST / 4 - 64;
    let begin = (0..=most).rev().find(is_end).unwrap_or_default();
    let least = text.len() - LONGEST / 4;
    let end = (least..=text.len()).find(is_end).unwrap_or(text.len());
    let first = subject(&text);
    if first.len() <= begin {
        return format!("{}\n{CUT}\n{}", &text[..begin], &text[end..]);
    }
    // The rest of a subject is none of the body.
    let (letters, rest) = (first.chars().count(), &text[end.max(first.len())..]);
    let gap = if rest.starts_with('\n') { "" } else { "\n" };
    let (before, after) = CUT_SUBJECT;
    format!("{}\n{before}{letters}{after}{gap}{rest}", &text[..begin])
}

/// The number of letters that the subject of a cleaned message has, those that were cut included.
pub fn subject_letters(message: &str) -> usize {
    let mut lines = message.lines();
    let there = lines.next().unwrap_or_default().chars().count();
    let mut cut = || {
        let (before, after) = CUT_SUBJECT;
        let number = lines.next()?.strip_prefix(before)?.strip_suffix(after)?;
        number.parse().ok()
    };
    cut().filter(|all| *all > there).unwrap_or(there)
}

/// The subject of a cleaned message: its first line.
pub fn subject(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

impl<'m> MessageParts<'m> {
    /// The parts of a cleaned message.
    pub fn of(message: &'m str) -> MessageParts<'m> {
        let rest = message.split_once("\n\n").map_or("", |(_, rest)| rest);
        let (body, last) = rest.rsplit_once("\n\n").unwrap_or(("", rest));
        let (body, trailers) = match trailers(last) {
            Some(trailers) => (body, trailers),
            None => (rest, Vec::new()),
        };
        MessageParts {
            subject: subject(message),
            body,
            trailers,
        }
    }

    /// True where there is a trailer of this key that says something; case does not count in a key.
    pub fn has_trailer(&self, key: &str) -> bool {
        let mut all = self.trailers.iter();
        all.any(|(own, value)| own.eq_ignore_ascii_case(key) && !value.is_empty())
    }
}

/// Lines that Git writes itself, and by which it knows a paragraph of trailers.
const BY_GIT: [&str; 2] = ["Signed-off-by: ", "(cherry picked from commit "];

/// The trailers of a paragraph that holds nothing else, or at least a line of Git's own and no more than three
/// other lines to a trailer, as Git has it. A line that begins with a blank goes on with the one before.
fn trailers(paragraph: &str) -> Option<Vec<(&str, &str)>> {
    let (mut found, mut by_git, mut picked, mut others) = (Vec::new(), 0, 0, 0);
    for line in paragraph.lines() {
        if line.starts_with([' ', '\t']) && !found.is_empty() {
            continue;
        }
        by_git += usize::from(BY_GIT.iter().any(|begin| line.starts_with(begin)));
        match line.split_once(':') {
            Some((key, value)) if is_trailer_key(key) => found.push((key, value.trim())),
            _ if line.starts_with(BY_GIT[1]) => picked += 1,
            _ => others += 1,
        }
    }
    let is_block = others == 0 || by_git > 0 && (found.len() + picked) * 3 >= others;
    (is_block && !found.is_empty()).then_some(found)
}

/// True for a word that can be the key of a trailer.
pub fn is_trailer_key(key: &str) -> bool {
    !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rules::rules;

    fn edited(text: &str) -> String {
        cleaned(text, &LeftOut::Comments("#".to_owned()))
    }

    fn given(text: &str) -> String {
        cleaned(text, &LeftOut::Nothing)
    }

    fn with_comments(text: &str) -> String {
        cleaned(text, &LeftOut::BehindScissors("#".to_owned()))
    }

    /// Subject, body and the keys of the trailers.
    fn parts(message: &str) -> (String, String, Vec<String>) {
        let parts = MessageParts::of(message);
        let keys = parts.trailers.iter().map(|(key, _)| (*key).to_owned());
        (
            parts.subject.to_owned(),
            parts.body.to_owned(),
            keys.collect(),
        )
    }

    fn of(subject: &str, body: &str, keys: &[&str]) -> (String, String, Vec<String>) {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        (subject.to_owned(), body.to_owned(), keys)
    }

    rules! {
        comments_of_an_editor_go: edited("# a\nsubject\n# b\n\nbody\n# c\n") => "subject\n\nbody";
        those_that_were_given_stay: given("#12 mended\n") => "#12 mended";
        nothing_stands_behind_the_scissors: edited("a\n\n# ------------------------ >8 ------------------------\ndiff\n") => "a";
        before_them_comments_may_stay: with_comments("a\n# b\n# ------------------------ >8 ------------------------\ndiff\n") => "a # b";
        another_mark_is_none: edited("a\n; ------------------------ >8 ------------------------\n\nb\n") => "a ; ------------------------ >8 ------------------------\n\nb";
        blanks_say_nothing: given("\n\na  \n\n\n\nb\t\n\n") => "a\n\nb";
        nothing_is_nothing: edited("# a\n\n") => "";

        a_subject_alone: parts("a") => of("a", "", &[]);
        a_subject_of_two_lines_is_one: given("a\n b\n\nc\nd") => "a b\n\nc\nd";
        a_body: parts("a\n\nb\n\nc") => of("a", "b\n\nc", &[]);
        trailers_alone: parts("a\n\nRefs: 1\nSigned-off-by: A <a@example.com>") => of("a", "", &["Refs", "Signed-off-by"]);
        body_and_trailers: parts("a\n\nb: c d\n\nRefs: 1\n more\n(cherry picked from commit 1)") => of("a", "b: c d", &["Refs"]);
        words_with_a_colon_are_a_body: parts("a\n\nthis is why: it broke") => of("a", "this is why: it broke", &[]);
        a_line_of_gits_own_takes_others_along: parts("a\n\nFixes #12\nSigned-off-by: A") => of("a", "", &["Signed-off-by"]);
        so_does_a_pick: parts("a\n\nb\nc\nd\ne\nf\nRefs: x\n(cherry picked from commit 1)") => of("a", "", &["Refs"]);
        but_not_many: parts("a\n\nb\nc\nd\ne\nSigned-off-by: A") => of("a", "b\nc\nd\ne\nSigned-off-by: A", &[]);
        another_takes_none_along: parts("a\n\nFixes #12\nRefs: A") => of("a", "Fixes #12\nRefs: A", &[]);
        a_subject_is_no_trailer: parts("Refs: 1") => of("Refs: 1", "", &[]);
        a_key_is_known_in_any_case: MessageParts::of("a\n\nsigned-off-BY: A").has_trailer("Signed-off-by") => true;
        one_that_says_nothing_is_none: MessageParts::of("a\n\nRefs:").has_trailer("Refs") => false;
    }

    #[test]
    fn a_long_message_keeps_its_beginning_and_its_end() {
        let long = format!("subject\n\n{}\n\nRefs: 1", "é".repeat(LONGEST));
        let kept = given(&long);
        assert!(kept.len() <= LONGEST && kept.len() > LONGEST - 80);
        assert_eq!(parts(&kept).0, "subject");
        assert_eq!(parts(&kept).2, ["Refs"]);
        assert_eq!(subject_letters(&kept), 7);
        assert_eq!(given(&"x".repeat(LONGEST)).len(), LONGEST);
    }

    #[test]
    fn a_long_subject_is_told_by_all_its_letters() {
        let kept = given(&format!("{}\n\nwhy\n\nRefs: 1", "é".repeat(100_000)));
        assert!(kept.len() <= LONGEST);
        assert_eq!(subject_letters(&kept), 100_000);
        assert_eq!(parts(&kept).1, "why");
        assert_eq!(parts(&kept).2, ["Refs"]);
        let kept = given(&"x".repeat(100_000));
        assert_eq!(
            (subject_letters(&kept), parts(&kept).1),
            (100_000, String::new())
        );
        // A line that only looks like the mark makes nothing shorter.
        assert_eq!(subject_letters("abc\n[… of 2 letters]"), 3);
    }
}
