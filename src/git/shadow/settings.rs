//! What the shadow takes over from the repository: settings that are data, the private excludes and
//! attributes, the sparse cone. Nothing that names a program is copied, so filters and drivers of
//! the repository's own configuration do not exist in the shadow; those of the user's own
//! configuration do.

use std::fmt::Write as _;
use std::path::Path;

use crate::base::fs;
use crate::git::cmd::{Answer, Git, NulFields};
use crate::git::error::GitError;
use crate::git::oid::ObjectFormat;
use crate::git::repo::Repo;

/// Keys that change how content maps to files, or how objects are stored. All of them are data.
const COPIED: [&str; 15] = [
    "core.autocrlf",
    "core.eol",
    "core.filemode",
    "core.symlinks",
    "core.ignorecase",
    "core.precomposeunicode",
    "core.bigfilethreshold",
    "core.compression",
    "core.loosecompression",
    "core.sharedrepository",
    "core.excludesfile",
    "core.attributesfile",
    "core.sparsecheckout",
    "core.sparsecheckoutcone",
    "core.preloadindex",
];

/// Patterns of paths of `ai` itself that an agent's tree may hold and must never enter a snapshot.
const OWN_EXCLUDES: &str = "/.ai/state\n/.ai/worktrees\n";

/// Rule files larger than this are refused.
const RULES_CAP: u64 = 4 << 20;

/// The name under which they are kept.
const KEPT_AS: &str = "settings";

/// The copied keys with their values.
pub(super) struct DataSettings(Vec<(String, String)>);

impl DataSettings {
    /// The settings as they were asked for before, of which nothing has changed since and nothing
    /// stands in other files. No process is started.
    pub(super) fn recalled(git: &Git, common_dir: &Path) -> Option<Self> {
        let stamp = git.settings_stamp(common_dir)?;
        git.recalled(KEPT_AS, &stamp).map(Self)
    }

    /// True where they say no more than a repository on an ordinary file system does anyway: files
    /// are as they are, modes and links count. Names of files of patterns may stand among them.
    pub(super) fn are_plain(&self) -> bool {
        self.0.iter().all(|(key, value)| {
            matches!(
                (key.as_str(), value.as_str()),
                ("core.filemode" | "core.symlinks", "true")
                    | (
                        "core.ignorecase" | "core.precomposeunicode" | "core.autocrlf",
                        "false"
                    )
                    | ("core.excludesfile" | "core.preloadindex", _)
            )
        })
    }

    /// The user's file of patterns, as it is written in the settings.
    pub(super) fn excludes_file(&self) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == "core.excludesfile");
        found.map(|(_, value)| value.as_str())
    }

    /// True where the shadow at `dir` has these, and no others.
    pub(super) fn stand_in(&self, dir: &Path, (common_dir, format): GitPlace<'_>) -> bool {
        fs::read_text(&dir.join("config"), RULES_CAP)
            .is_ok_and(|text| text == config_text((common_dir, format), self))
    }
}

/// The shared git directory of a repository, and its hash function.
type GitPlace<'a> = (&'a Path, ObjectFormat);

fn place(repo: &Repo) -> GitPlace<'_> {
    (repo.common_dir(), repo.format().objects)
}

/// Writes configuration and rule files into the shadow directory.
pub(super) fn write(repo: &Repo, dir: &Path, settings: &DataSettings) -> Result<(), GitError> {
    let text = config_text(place(repo), settings);
    write_if_other(&dir.join("config"), text.as_bytes())?;
    let main_info = repo.common_dir().join("info");
    let mut excludes = read_rules(&main_info.join("exclude"))?.unwrap_or_default();
    excludes.extend_from_slice(b"\n");
    excludes.extend_from_slice(OWN_EXCLUDES.as_bytes());
    write_if_other(&dir.join("info/exclude"), &excludes)?;
    for name in ["attributes", "sparse-checkout"] {
        let target = dir.join("info").join(name);
        match read_rules(&main_info.join(name))? {
            Some(rules) => fs::write_atomic(&target, &rules)?,
            None => fs::remove_file(&target)?,
        }
    }
    Ok(())
}

/// Writes a file unless these bytes stand in it: a file that is replaced is brought to the disk at
/// once by some file systems, and that is waited for.
fn write_if_other(path: &Path, bytes: &[u8]) -> Result<(), GitError> {
    match fs::read_capped(path, 2 * RULES_CAP) {
        Ok(found) if found == bytes => Ok(()),
        _ => Ok(fs::write_atomic(path, bytes)?),
    }
}

/// Leaves files out of what is looked at, beside those that the repository ignores: what a program
/// leaves behind that is no work. Lines as of `.gitignore`; until the shadow is opened again.
pub(super) fn ignore_also(dir: &Path, lines: &[String]) -> Result<(), GitError> {
    let file = dir.join("info/exclude");
    let mut excludes = read_rules(&file)?.unwrap_or_default();
    let is_there = |line: &str| {
        excludes
            .split(|byte| *byte == b'\n')
            .any(|there| there == line.as_bytes())
    };
    let new: String = lines
        .iter()
        .filter(|line| !line.contains('\n') && !is_there(line))
        .map(|line| format!("{line}\n"))
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    excludes.extend_from_slice(new.as_bytes());
    Ok(fs::write_atomic(&file, &excludes)?)
}

/// The part of a tree that stands on the disk: settings, and the rules that they speak of.
pub(super) type SparseCone = (Vec<String>, Option<Vec<u8>>);

/// The cone that the shadow at `dir` has.
pub(super) fn cone(dir: &Path) -> Result<SparseCone, GitError> {
    Ok((
        sparse_lines(&fs::read_text(&dir.join("config"), RULES_CAP)?),
        read_rules(&dir.join("info/sparse-checkout"))?,
    ))
}

/// The cone that the repository has now.
pub(super) fn wanted_cone(repo: &Repo, settings: &DataSettings) -> Result<SparseCone, GitError> {
    let config = config_text(place(repo), settings);
    Ok((
        sparse_lines(&config),
        read_rules(&repo.common_dir().join("info/sparse-checkout"))?,
    ))
}

fn sparse_lines(config: &str) -> Vec<String> {
    config
        .lines()
        .filter(|line| line.contains("sparsecheckout"))
        .map(str::to_owned)
        .collect()
}

fn read_rules(path: &Path) -> Result<Option<Vec<u8>>, GitError> {
    match fs::read_capped(path, RULES_CAP) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.is_not_found() => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// The values of the copied keys, last one wins: the repository's, else the user's, so that they
/// hold where no configuration of the user is read.
pub(super) fn data_settings(repo: &Repo) -> Result<DataSettings, GitError> {
    let git = repo.git();
    let stamp = git.settings_stamp(repo.common_dir());
    let found = git.remembered(KEPT_AS, stamp, || ask(repo));
    found.map(DataSettings)
}

/// Asks for them. Listing configuration runs nothing.
fn ask(repo: &Repo) -> Result<Answer<Vec<(String, String)>>, GitError> {
    let out = repo
        .git()
        .command(["config", "--list", "-z", "--show-scope"])
        .git_dir(repo.common_dir())
        .run()?;
    let mut fields = NulFields::of(&out);
    let mut found: Vec<(String, String)> = Vec::new();
    let mut includes = false;
    while let Some(scope) = fields.next() {
        let entry = fields.expect("a setting")?;
        if scope == b"command" {
            continue;
        }
        let entry = String::from_utf8_lossy(entry);
        // A key without a value means true.
        let (key, value) = entry.split_once('\n').unwrap_or((&entry, "true"));
        // What stands in other files, or under a condition, may change without a change of these.
        includes |= key.starts_with("include.") || key.starts_with("includeif.");
        if COPIED.contains(&key) {
            found.retain(|(k, _)| k != key);
            found.push((key.to_owned(), value.to_owned()));
        }
    }
    Ok(if includes {
        Answer::Passing(found)
    } else {
        Answer::Lasting(found)
    })
}

fn config_text((common_dir, format): GitPlace<'_>, settings: &DataSettings) -> String {
    let mut text = String::from("[core]\n\trepositoryformatversion = 1\n\tbare = true\n");
    // Content is flushed before anything refers to it; the batch method makes that one flush a
    // command.
    text.push_str("\tfsync = committed\n\tfsyncMethod = batch\n\tsplitIndex = false\n\tuntrackedCache = false\n");
    for (key, value) in &settings.0 {
        let name = key.trim_start_matches("core.");
        let _ = writeln!(
            text,
            "\t{name} = \"{}\"",
            value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n")
        );
    }
    let _ = write!(
        text,
        "[index]\n\tsparse = false\n[extensions]\n\tobjectFormat = {}\n",
        format.name()
    );
    // Large files stay where the main repository keeps them.
    let lfs = common_dir
        .join("lfs")
        .to_string_lossy()
        .replace('\\', "\\\\")
        .replace('"', "\\\"");
    let _ = write!(text, "[lfs]\n\tstorage = \"{lfs}\"\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::TestRepo;

    #[test]
    fn settings_that_stand_in_other_files_are_not_kept() {
        let test = TestRepo::new();
        let repo = test.open();
        test.git(&["config", "core.autocrlf", "input"]);
        let Answer::Lasting(found) = ask(&repo).unwrap() else {
            panic!("all of it stands in files that are looked at");
        };
        assert!(found.contains(&("core.autocrlf".into(), "input".into())));
        for key in ["include.path", "includeIf.onbranch:main.path"] {
            test.git(&["config", key, "elsewhere"]);
            assert!(matches!(ask(&repo).unwrap(), Answer::Passing(_)), "{key}");
            test.git(&["config", "--unset", key]);
        }
    }
}
