//! Whether files go into a tree as they are, and which names some rule may ignore.
//!
//! Both questions are Git's own, and are not answered here in its place. What is answered is whether
//! they have an answer that needs no knowledge of the rules: where there is no attribute at all and
//! no setting that changes content or names, the content of a file is its blob; and a name that not
//! even the loosest reading of any pattern matches is not ignored. In every other case Git is asked
//! (ADR 0046).

use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::git::shadow::ShadowRepo;
use crate::git::shadow::settings::DataSettings;

/// Larger files of patterns are for Git.
const PATTERNS_CAP: u64 = 256 << 10;

/// The rules of a tree without attributes, in which files are what they are.
pub(in crate::git) struct PlainRules {
    /// The texts of the files of patterns outside of the tree.
    outside: Vec<Vec<u8>>,
}

/// What plain settings leave open.
struct PlainSettings {
    /// The file of the machine's attributes.
    system_attributes: PathBuf,
    /// The user's file of patterns, as the settings name it.
    excludes_file: Option<String>,
}

impl ShadowRepo {
    /// The rules that are in force in a tree that holds no attributes; none where they are not plain,
    /// or where that cannot be told without Git.
    pub(super) fn plain_rules(&self) -> Option<PlainRules> {
        let settings = self.plain_settings()?;
        let mut attributes = self.users_attributes();
        attributes.push(settings.system_attributes);
        attributes.push(self.dir.join("info/attributes"));
        let cone = self.dir.join("info/sparse-checkout");
        let mut rules = attributes.iter().chain([&cone]);
        rules.all(|file| is_absent(file)).then_some(())?;
        let users = match settings.excludes_file {
            Some(named) => Some(self.named(&named)?),
            None => self.git.users_file("ignore"),
        };
        let own = self.dir.join("info/exclude");
        let outside: Option<Vec<Vec<u8>>> = users.iter().chain([&own]).map(patterns).collect();
        Some(PlainRules { outside: outside? })
    }

    /// True where no attribute and no setting has a say in what the content of files is, as long as
    /// the tree itself holds no attributes.
    pub(in crate::git) fn has_plain_rules(&self) -> bool {
        self.plain_rules().is_some()
    }

    fn plain_settings(&self) -> Option<PlainSettings> {
        #[cfg(test)]
        if self.is_known_to_be_plain {
            return Some(PlainSettings {
                system_attributes: "/dev/null/none".into(),
                excludes_file: None,
            });
        }
        let common_dir = self.objects_dir.parent()?;
        let settings = DataSettings::recalled(&self.git, common_dir)?;
        if !settings.are_plain() || !settings.stand_in(&self.dir, (common_dir, self.format)) {
            return None;
        }
        Some(PlainSettings {
            system_attributes: self.git.system_attributes()?,
            excludes_file: settings.excludes_file().map(str::to_owned),
        })
    }

    /// A file as the settings name it.
    fn named(&self, name: &str) -> Option<PathBuf> {
        if let Some(below) = name.strip_prefix("~/") {
            return self.git.home().map(|home| home.join(below));
        }
        Path::new(name).is_absolute().then(|| name.into())
    }
}

impl PlainRules {
    /// The texts of the files of patterns outside of the tree, in the order in which they count.
    pub(super) fn outside(&self) -> &[Vec<u8>] {
        &self.outside
    }

    /// True where no pattern can ignore the file at this path of the tree at `root`.
    pub(super) fn surely_take(&self, root: &Path, path: &[u8]) -> bool {
        let dirs = path
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'/')
            .map(|(at, _)| &path[..=at])
            .chain([&b""[..]]);
        let within = dirs.map(|dir| patterns(root.join(os_path(dir)).join(".gitignore")));
        let mut names = path.split(|byte| *byte == b'/');
        let within: Option<Vec<Vec<u8>>> = within.collect();
        within.is_some_and(|within| {
            names.all(|name| {
                let mut texts = self.outside.iter().chain(&within);
                texts.all(|text| !may_match(text, name))
            })
        })
    }
}

/// A path of a tree, relative to its root.
pub(super) fn os_path(bytes: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt as _;
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

/// The text of a file of patterns, empty where there is none; nothing where Git has to read it.
fn patterns(file: impl AsRef<Path>) -> Option<Vec<u8>> {
    let file = file.as_ref();
    match std::fs::symlink_metadata(file) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Some(Vec::new()),
        Ok(meta) if meta.is_file() => fs::read_capped(file, PATTERNS_CAP).ok(),
        _ => None,
    }
}

fn is_absent(file: &Path) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    std::fs::symlink_metadata(file).is_err_and(|e| matches!(e.kind(), NotFound | NotADirectory))
}

/// True where a line of these patterns could match a file of this name, or a directory. A pattern
/// matches a path by its last part, which has to fit the last name.
fn may_match(patterns: &[u8], name: &[u8]) -> bool {
    let patterns = patterns.strip_prefix(b"\xef\xbb\xbf").unwrap_or(patterns);
    patterns
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.starts_with(b"#") && !line.starts_with(b"!"))
        .any(|line| line_may_match(line, name))
}

fn line_may_match(line: &[u8], name: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let blanks = line.iter().rev().take_while(|byte| **byte == b' ').count();
    let line = &line[..line.len() - blanks];
    if line.is_empty() {
        return false;
    }
    // An escaped blank at its end, and whatever else only a careful reader knows.
    if line.contains(&b'\\') || line.contains(&0) {
        return true;
    }
    // A slash may be one of the letters between brackets, and stars before one may stand for nothing at
    // all, the slash included: then the last part is not what stands behind the last slash.
    let is_glued = |at: usize| at > 0 && line[at - 1] != b'/';
    let mut stars = line.windows(3).enumerate();
    if line.contains(&b'[') && line.contains(&b'/')
        || stars.any(|(at, part)| part == b"**/" && is_glued(at))
    {
        return true;
    }
    let line = line.strip_suffix(b"/").unwrap_or(line);
    let part = line.rsplit(|byte| *byte == b'/').next().unwrap_or(line);
    part.is_empty() || part_may_match(part, name)
}

/// Compares what stands before, between and behind the wildcards of a pattern. What is between the
/// first bracket and the last one counts as one.
fn part_may_match(part: &[u8], name: &[u8]) -> bool {
    let (before, behind) = match part.iter().position(|byte| *byte == b'[') {
        None => (part, None),
        Some(opened) => {
            let closed = part.iter().rposition(|byte| *byte == b']');
            let closed = closed.filter(|closed| *closed > opened);
            let behind = closed.map_or(&b""[..], |closed| &part[closed + 1..]);
            (&part[..opened], Some(behind))
        }
    };
    let is_wild = |byte: &u8| matches!(byte, b'*' | b'?');
    let mut pieces: Vec<Vec<u8>> = before
        .split(is_wild)
        .chain(behind.into_iter().flat_map(|behind| behind.split(is_wild)))
        .map(<[u8]>::to_ascii_lowercase)
        .collect();
    let name = name.to_ascii_lowercase();
    let Some(last) = pieces.pop() else {
        return true;
    };
    let mut pieces = pieces.into_iter();
    let Some(first) = pieces.next() else {
        return last == name;
    };
    let Some(mut rest) = name.strip_prefix(&first[..]) else {
        return false;
    };
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        let found = rest.windows(piece.len()).position(|part| part == piece);
        match found {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(&last)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;
    use crate::git::testing::Run;

    #[test]
    fn a_pattern_is_read_as_loosely_as_it_can_be() {
        /// A text of patterns, names that it may match, and names that it surely does not.
        type Row = (
            &'static str,
            &'static [&'static str],
            &'static [&'static str],
        );
        let table: [Row; 15] = [
            ("target/\n", &["target", "Target"], &["targets", "x"]),
            ("/a/b/c\n", &["c"], &["a", "b"]),
            ("*.log\n", &["x.log", ".log"], &["log", "x.logs"]),
            ("*.py[cod]\n", &["x.pyc", "x.py"], &["x.rs"]),
            ("a*b*c\n", &["abc", "axbxc"], &["acb", "ab"]),
            ("a?c\n", &["abc", "ac"], &["ab"]),
            ("# x\n!x\n\n", &[], &["x", "# x", "!x"]),
            ("x \t\n", &["x \t"], &["x"]),
            ("x  \r\n", &["x"], &["x "]),
            ("\\x\n", &["x", "anything"], &[]),
            ("a/**\n", &["a", "anything"], &[]),
            ("/\n", &["anything"], &[]),
            ("secrets**/key\n", &["secretskey", "anything"], &[]),
            ("x[a/b]y\n", &["xay"], &[]),
            ("**/key\n", &["key"], &["secretskey"]),
        ];
        for (patterns, may, surely_not) in table {
            for name in may {
                assert!(
                    may_match(patterns.as_bytes(), name.as_bytes()),
                    "{patterns:?} {name}"
                );
            }
            for name in surely_not {
                assert!(
                    !may_match(patterns.as_bytes(), name.as_bytes()),
                    "{patterns:?} {name}"
                );
            }
        }
    }

    /// True where Git ignores the path.
    fn is_ignored(run: &Run, path: &[u8]) -> bool {
        let status = Command::new("git")
            .current_dir(&run.slot.path)
            .envs(run.test.env())
            .args(["check-ignore", "--quiet", "--no-index", "--"])
            .arg(std::ffi::OsStr::from_bytes(path))
            .stdout(Stdio::null())
            .status();
        status.unwrap().code() == Some(0)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_git_ignores_is_never_surely_taken(
            glued in r"[ab]{1,2}\*\*/[ab]|[ab]\[[ab/]{1,3}\][ab]?",
            lines in prop::collection::vec(r"[ab]?[ab*?/!\[\]\\.# \r\t-]{0,3}[ab*/. ]{0,2}", 1..4),
            within in prop::collection::vec(r"[ab*/.!]{1,3}", 0..2),
            paths in prop::collection::vec(r"[ab][ab.]{0,2}(/[ab. ]{1,2}[ab]){0,2}", 1..6),
        ) {
            let run = Run::new();
            run.write(".gitignore", format!("{glued}\n{}", lines.join("\n")));
            run.write("a/.gitignore", within.join("\n"));
            let rules = PlainRules { outside: Vec::new() };
            for path in paths {
                let is_ignored = is_ignored(&run, path.as_bytes());
                let is_taken = rules.surely_take(&run.slot.path, path.as_bytes());
                prop_assert!(!(is_ignored && is_taken), "{:?} {:?}: {:?}", lines, within, path);
            }
        }
    }
}
