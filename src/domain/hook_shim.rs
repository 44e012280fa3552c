//! The file that stands in a hook's place and asks `ai`: its text, and how it is known again.
//!
//! It is plain POSIX shell and starts nothing but `ai` (and `cat`, where Git speaks on standard input).
//! What stood there before is asked first, with the same arguments and the same input, and its no is
//! the answer. Where `ai` cannot be found or breaks down, the answer is no. The second line holds the
//! digest of all that follows, so that a file that somebody has changed is told from one that is ours.

use crate::base::hash::sha256_hex;
use crate::domain::git_hook::HookName;

/// The version of the text. A newer `ai` writes an older one anew.
pub const SHIM_VERSION: u32 = 3;
/// The ending of the name under which a hook that stood there before is kept.
pub const KEPT_ENDING: &str = ".before-ai";
/// The file beside the store in which the shim notes that it was told to let something pass.
pub const SKIPPED_FILE: &str = "skipped";
/// The variable that tells it so, and whose value is the reason.
pub const SKIP_VARIABLE: &str = "AI_HOOKS_SKIP";

const START: &str = "#!/bin/sh\n";
const MARK: &str = "# ai hook ";
const MADE: &str = "# the directory was made for it\n";

/// A hook of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookShim {
    /// The hook.
    pub hook: HookName,
    /// The program, by an absolute path.
    pub program: Vec<u8>,
    /// The directory of the hooks.
    pub dir: HooksDir,
}

/// The origin of the directory of the hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HooksDir {
    /// It was there.
    Found,
    /// It was made for the hooks, and goes with them.
    Made,
}

/// A file in the place of a hook, as far as it is of interest here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookFile {
    /// One of ours, as it was written.
    Ours {
        /// The version of its text.
        version: u32,
        /// The program that it asks.
        program: Vec<u8>,
        /// The directory of the hooks.
        dir: HooksDir,
    },
    /// One of ours that somebody has changed since.
    Changed,
    /// Somebody else's.
    Foreign,
}

impl HookShim {
    /// The text of the file.
    pub fn text(&self) -> Vec<u8> {
        let mut body = Vec::new();
        if self.dir == HooksDir::Made {
            body.extend_from_slice(MADE.as_bytes());
        }
        body.extend_from_slice(b"ai=");
        body.extend_from_slice(&quoted(&self.program));
        body.push(b'\n');
        body.extend_from_slice(script(self.hook).as_bytes());
        let head = format!("{START}{MARK}{SHIM_VERSION} {}\n", sha256_hex(&body));
        [head.as_bytes(), &body].concat()
    }
}

impl HookFile {
    /// Reads the text of a file.
    pub fn read(text: &[u8]) -> HookFile {
        let Some(rest) = text.strip_prefix(format!("{START}{MARK}").as_bytes()) else {
            return HookFile::Foreign;
        };
        read_ours(rest).unwrap_or(HookFile::Changed)
    }
}

fn read_ours(rest: &[u8]) -> Option<HookFile> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (head, body) = (std::str::from_utf8(&rest[..end]).ok()?, &rest[end + 1..]);
    let (version, digest) = head.split_once(' ')?;
    if digest != sha256_hex(body) {
        return None;
    }
    let (dir, after) = match body.strip_prefix(MADE.as_bytes()) {
        Some(after) => (HooksDir::Made, after),
        None => (HooksDir::Found, body),
    };
    Some(HookFile::Ours {
        version: version.parse().ok()?,
        program: unquoted(after.strip_prefix(b"ai=")?)?,
        dir,
    })
}

/// A word of the shell that means exactly these bytes.
pub fn quoted(bytes: &[u8]) -> Vec<u8> {
    let mut word = vec![b'\''];
    for byte in bytes {
        match byte {
            b'\'' => word.extend_from_slice(b"'\\''"),
            other => word.push(*other),
        }
    }
    word.push(b'\'');
    word
}

/// The bytes that a word of [`quoted`] at the beginning of a text means.
pub fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut rest = text.strip_prefix(b"'")?;
    let mut bytes = Vec::new();
    loop {
        let end = rest.iter().position(|byte| *byte == b'\'')?;
        bytes.extend_from_slice(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(b"\\''") {
            Some(after) => {
                bytes.push(b'\'');
                rest = after;
            }
            None => return Some(bytes),
        }
    }
}

/// The words for what did not happen.
fn undone(hook: HookName) -> &'static str {
    match hook {
        HookName::PreCommit | HookName::PreMergeCommit | HookName::CommitMsg => {
            "nothing was committed"
        }
        HookName::PrePush => "nothing was pushed",
        HookName::ReferenceTransaction => "no reference was moved",
        HookName::Update => "this reference was not updated",
    }
}

/// The script behind the path of the program.
fn script(hook: HookName) -> String {
    let (ask, pass) = if hook.reads_stdin() {
        (TAKE_INPUT, "printf %s \"$input\" | ")
    } else {
        ("", "")
    };
    let (early, only) = if hook == HookName::ReferenceTransaction {
        (EARLY_FOR_REFERENCES, ONLY_BRANCHES)
    } else {
        ("", "")
    };
    format!(
        r#"hook={hook}
# Written by `ai hooks install`. `ai hooks uninstall` gives back what was here before.
case $0 in */*) here=${{0%/*}} ;; *) here=. ;; esac
before=$here/$hook{KEPT_ENDING}
fail() {{
    echo "ai: $hook: $1, so {undone}{way_on}" >&2
    exit 1
}}
{early}{ask}if [ -x "$before" ]; then
    {pass}"$before" "$@" || exit
fi
{only}{skip}if [ ! -x "$ai" ]; then
    gone=$ai
    ai=$(command -v ai)
    case $ai in /*) ;; *) fail "$gone is gone, and no ai is in PATH" ;; esac
fi
{pass}"$ai" hooks run "$hook" -- "$@"
code=$?
[ "$code" -lt 126 ] || fail "$ai broke down (exit code $code)"
exit "$code"
"#,
        undone = undone(hook),
        way_on = way_on(hook),
        skip = skip(hook),
    )
}

/// The word on how to go on without `ai`. A server lets nobody pass who pushes to it.
fn way_on(hook: HookName) -> String {
    if hook.is_of_server() {
        return String::new();
    }
    format!("; {SKIP_VARIABLE}='why' in front of the command goes on without it, and is recorded")
}

/// The part that lets something pass where a person has said so.
fn skip(hook: HookName) -> String {
    if hook.is_of_server() {
        return String::new();
    }
    format!(
        r#"# Within a run nobody lets anything pass: `ai` knows what is judged when the run ends.
reason=
[ -n "${{AI_RUN-}}" ] || reason=${{{SKIP_VARIABLE}-}}
# Blanks alone are no reason.
case $reason in *[![:space:]]*)
    set -f
    # One line, whatever the reason is.
    reason=$(set -- $reason; printf %s "$*")
    printf '%s\t%s\t%s\n' "$hook" "${{LOGNAME:-${{USER-}}}}" "$reason" >>"$here/../ai/{SKIPPED_FILE}" ||
        echo "ai: $hook: this could not be recorded" >&2
    exit 0 ;;
esac
"#
    )
}

/// True for a text that says something: one that would let pass without a word why does not. The script has the
/// same rule.
pub fn is_reason(text: &str) -> bool {
    text.bytes()
        .any(|byte| !byte.is_ascii_whitespace() && byte != b'\x0b')
}

/// Most calls are about no branch, and Git makes several for each commit.
const EARLY_FOR_REFERENCES: &str = r#"[ "$1" = prepared ] || [ -x "$before" ] || exit 0
"#;
const ONLY_BRANCHES: &str = r#"[ "$1" = prepared ] || exit 0
case $input in *' refs/heads/'* | *' refs/ai/'*) ;; *) exit 0 ;; esac
"#;
/// The dot keeps the ends of lines, and shows that `cat` has read to the end.
const TAKE_INPUT: &str = r#"input=$(cat && echo .)
case $input in *.) input=${input%.} ;; *) fail "what Git said could not be read" ;; esac
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn shim(hook: HookName, program: &[u8], dir: HooksDir) -> HookShim {
        HookShim {
            hook,
            program: program.to_vec(),
            dir,
        }
    }

    #[test]
    fn blanks_alone_are_no_reason() {
        for (text, is_one) in [
            ("", false),
            (" \t\r\n\u{b}\u{c}", false),
            ("the disk", true),
            (" é ", true),
        ] {
            assert_eq!(is_reason(text), is_one, "{text:?}");
        }
    }

    #[test]
    fn a_file_of_ours_is_known_again_with_all_that_it_says() {
        for hook in HookName::ALL {
            for program in [b"/usr/bin/ai".as_slice(), b"/it's/a \"$(x)\"\n/\xff/ai"] {
                for dir in [HooksDir::Found, HooksDir::Made] {
                    let text = shim(hook, program, dir).text();
                    let known = HookFile::Ours {
                        version: SHIM_VERSION,
                        program: program.to_vec(),
                        dir,
                    };
                    assert_eq!(HookFile::read(&text), known);
                    let mut other = text.clone();
                    other.extend_from_slice(b"echo more\n");
                    assert_eq!(HookFile::read(&other), HookFile::Changed);
                }
            }
        }
        for foreign in ["", "#!/bin/sh\n", "#!/bin/sh\nai hooks run pre-commit\n"] {
            assert_eq!(HookFile::read(foreign.as_bytes()), HookFile::Foreign);
        }
    }
}
