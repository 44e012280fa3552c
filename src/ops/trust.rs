//! Trust before code: what a repository brings that would run something stays inert on a machine
//! until its user has said `ai trust`.
//!
//! What is trusted is content, not a place: the digests of every file that can make `ai` run
//! something are kept in the user's own configuration directory, out of reach of the repository,
//! which has no vote on its own trust. A change asks again. Of the configuration, only what runs
//! counts (its commands), so that a new limit or lease length does not ask.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::{env, fs, hash};
use crate::config;
use crate::config::Trees;
use crate::domain::action::Action;
use crate::domain::actor::ActorKind;
use crate::git::diff::{file_diff, unified};
use crate::ops::ask::{self, Question};
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::store::{StoreError, Tx};

/// The files and directories below `.ai/` that can make `ai` run something, or have it read files
/// of the user.
const EXECUTABLE: [&str; 5] = [
    "agents",
    "connectors",
    "workflows",
    "skills",
    "credentials.yaml",
];
/// The configuration below `.ai/`.
const CONFIG: &str = "config.yaml";
/// Largest file that is looked at.
const CAP: u64 = 1 << 20;
/// Largest text that is kept, to show later what has changed.
const KEPT: usize = 64 << 10;
/// A record holds the texts of all files.
const RECORD_CAP: u64 = 64 << 20;
/// Stands for the content of a link, a pipe or a device. It could show something else later without
/// any content here changing, so it is never what was trusted.
const IRREGULAR: &str = "not a regular file";
/// Deepest directory that is looked at.
const DEPTH: usize = 4;

/// The executable files of a checkout, by path below `.ai/`, with the SHA-256 of their content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutableSet {
    files: BTreeMap<String, String>,
    /// Content of those files that are short texts. It lies with the user's own settings, out of
    /// the repository's reach.
    #[serde(default)]
    texts: BTreeMap<String, String>,
}

/// One difference between what was trusted and what is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Change {
    /// `added`, `changed` or `removed`.
    pub how: &'static str,
    /// Path below `.ai/`.
    pub path: String,
    /// The difference as a unified diff; absent where one side is not known or no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

impl ExecutableSet {
    /// Reads the set of the checkout at `root`.
    pub fn of(root: &Path) -> Result<ExecutableSet, OpError> {
        let base = root.join(".ai");
        let mut set = ExecutableSet::default();
        set.add_config(root, &base)?;
        for name in EXECUTABLE {
            set.add(&base, &base.join(name), DEPTH)?;
        }
        Ok(set)
    }

    /// The commands of the configuration. A file that cannot be understood counts by its content,
    /// and one that is no regular file by that.
    fn add_config(&mut self, root: &Path, base: &Path) -> Result<(), OpError> {
        let path = base.join(CONFIG);
        let regular = std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file());
        match config::load(root, &Trees::none()) {
            Ok(config) if regular => {
                self.files.extend(
                    config
                        .code_digest()
                        .map(|digest| (CONFIG.to_owned(), digest)),
                );
                self.texts
                    .extend(config.code().map(|code| (CONFIG.to_owned(), code)));
                Ok(())
            }
            _ => self.add(base, &path, DEPTH),
        }
    }

    fn add(&mut self, base: &Path, path: &Path, depth: usize) -> Result<(), OpError> {
        let Ok(meta) = std::fs::symlink_metadata(path) else {
            return Ok(());
        };
        if meta.is_dir() {
            if depth == 0 {
                return Err(Refusal::Environment(format!(
                    "{} is nested too deep to be trusted",
                    path.display()
                ))
                .into());
            }
            return fs::list_dir(path)
                .map_err(StoreError::from)?
                .iter()
                .try_for_each(|p| self.add(base, p, depth - 1));
        }
        let name = path
            .strip_prefix(base)
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned();
        let digest = if meta.is_file() {
            let bytes = fs::read_capped(path, CAP).map_err(StoreError::from)?;
            let digest = hash::sha256_hex(&bytes);
            let text = String::from_utf8(bytes)
                .ok()
                .filter(|text| text.len() <= KEPT);
            self.texts.extend(text.map(|text| (name.clone(), text)));
            digest
        } else {
            IRREGULAR.to_owned()
        };
        self.files.insert(name, digest);
        Ok(())
    }

    /// This trust, extended by what a command of the user has changed between `before` and `after`:
    /// files that are new, or that were trusted as they were before. A file in which somebody else
    /// has a part is left to the user's look.
    fn with_own(mut self, before: &ExecutableSet, after: &ExecutableSet) -> ExecutableSet {
        let all: BTreeSet<&String> = before.files.keys().chain(after.files.keys()).collect();
        for path in all {
            let (old, new) = (before.files.get(path), after.files.get(path));
            if old == new || old != self.files.get(path) {
                continue;
            }
            self.texts.remove(path);
            match new {
                Some(digest) => {
                    self.files.insert(path.clone(), digest.clone());
                    self.texts.extend(
                        after
                            .texts
                            .get(path)
                            .map(|text| (path.clone(), text.clone())),
                    );
                }
                None => drop(self.files.remove(path)),
            }
        }
        self
    }

    /// Lists the differences from `trusted`.
    pub fn changes_since(&self, trusted: &ExecutableSet) -> Vec<Change> {
        let mut changes = Vec::new();
        for (path, digest) in &self.files {
            match trusted.files.get(path) {
                None => changes.push(self.change(trusted, "added", path)),
                Some(old) if old != digest || digest == IRREGULAR => {
                    changes.push(self.change(trusted, "changed", path))
                }
                Some(_) => {}
            }
        }
        let gone = trusted
            .files
            .keys()
            .filter(|path| !self.files.contains_key(*path));
        changes.extend(gone.map(|path| self.change(trusted, "removed", path)));
        changes
    }

    fn change(&self, trusted: &ExecutableSet, how: &'static str, path: &str) -> Change {
        let (old, new) = (trusted.texts.get(path), self.texts.get(path));
        let known = match how {
            "added" => new.is_some(),
            "removed" => old.is_some(),
            _ => old.is_some() && new.is_some(),
        };
        let bytes = |text: Option<&String>| text.map(|text| readable(path, text).into_bytes());
        let (old, new) = (bytes(old), bytes(new));
        let diff = known.then(|| {
            unified(
                &format!(".ai/{path}"),
                &file_diff(old.as_deref(), new.as_deref()),
            )
        });
        Change {
            how,
            path: path.to_owned(),
            diff,
        }
    }

    /// The files of the set.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Lists paths that are no regular files, whose content nobody can vouch for.
    fn irregular(&self) -> impl Iterator<Item = &str> {
        self.files
            .iter()
            .filter(|(_, digest)| *digest == IRREGULAR)
            .map(|(path, _)| path.as_str())
    }

    /// True where there is nothing that could run.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// The commands of the configuration are kept as one line of JSON; a person compares lines.
fn readable(path: &str, text: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) if path == CONFIG => {
            serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
        }
        _ => text.to_owned(),
    }
}

/// Returns the directory in which trust is kept on this machine.
pub fn dir() -> Option<PathBuf> {
    Some(env::user_config_dir()?.join("trust"))
}

/// Returns the file in which the trust in one repository is kept.
fn record(common_dir: &Path) -> Result<PathBuf, OpError> {
    use std::os::unix::ffi::OsStrExt;
    let Some(dir) = dir() else {
        let why =
            "there is no directory for your own settings: neither XDG_CONFIG_HOME nor HOME is set";
        return Err(Refusal::Environment(why.into()).into());
    };
    let name = hash::sha256_hex(common_dir.as_os_str().as_bytes());
    Ok(dir.join(format!("{}.json", &name[..32])))
}

/// Reads the set that was trusted last; nothing where nobody has said so.
pub fn trusted(common_dir: &Path) -> Result<ExecutableSet, OpError> {
    let text =
        fs::read_text_if_there(&record(common_dir)?, RECORD_CAP).map_err(StoreError::from)?;
    // A record that cannot be read trusts nothing: the user is asked again.
    Ok(text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}

/// Records that everything executable in the checkout at `root` is trusted as it is now. Refuses
/// what is a link, a pipe or a device.
pub fn trust(root: &Path, common_dir: &Path) -> Result<ExecutableSet, OpError> {
    let set = ExecutableSet::of(root)?;
    if let Some(path) = set.irregular().next() {
        let why = format!(
            ".ai/{path} is no regular file, and what it shows could change unseen, so it cannot be trusted"
        );
        let hint = "put a copy of the file in its place".to_owned();
        return Err(Refusal::MergeConflict { why, hint }.into());
    }
    keep(common_dir, &set)?;
    Ok(set)
}

fn keep(common_dir: &Path, set: &ExecutableSet) -> Result<(), OpError> {
    let json = serde_json::to_string_pretty(set).unwrap_or_default();
    Ok(fs::write_private(&record(common_dir)?, json.as_bytes()).map_err(StoreError::from)?)
}

/// Refuses where somebody else than a person speaks: the policy says no to them, and the answer is
/// recorded.
pub fn require_person(tx: &mut dyn Tx, cx: &Cx) -> Result<(), OpError> {
    match cx.actor.kind {
        ActorKind::Human => Ok(()),
        _ => ask::or_refuse(tx, cx, Question::about(Action::Trust)).map(drop),
    }
}

/// Forgets the trust.
pub fn forget(common_dir: &Path) -> Result<(), OpError> {
    Ok(fs::remove_file(&record(common_dir)?).map_err(StoreError::from)?)
}

/// The file in which the trust in this repository is kept, where there is one.
pub fn recorded_in(common_dir: &Path) -> Option<PathBuf> {
    record(common_dir).ok().filter(|path| path.is_file())
}

/// Does what this machine's user asks for by command. What the command itself writes is trusted
/// with exactly the content that it has then, where nobody else has a part in it: the file was not
/// there before, or was trusted as it was. Everything else waits as before.
pub fn keeping<T>(
    root: &Path,
    common_dir: &Path,
    change: impl FnOnce() -> Result<T, OpError>,
) -> Result<T, OpError> {
    // Trust is a person's word; a command inside of a run gives none.
    if env::text(env::AI_RUN).is_some() || env::user_config_dir().is_none() {
        return change();
    }
    let (trusted, before) = (trusted(common_dir)?, ExecutableSet::of(root)?);
    let done = change()?;
    let kept = trusted.clone().with_own(&before, &ExecutableSet::of(root)?);
    // Where nothing that runs was written, nothing is recorded either: the user's own directory is
    // written only for a reason.
    if kept.files != trusted.files {
        keep(common_dir, &kept)?;
    }
    Ok(done)
}

/// Lists the files that have to be trusted before anything may run; empty where everything is.
pub fn missing(root: &Path, common_dir: &Path) -> Result<Vec<Change>, OpError> {
    let set = ExecutableSet::of(root)?;
    if set.is_empty() {
        return Ok(Vec::new());
    }
    Ok(set.changes_since(&trusted(common_dir)?))
}

/// Refuses to run anything that is not trusted. `what` names what was going to run.
pub fn require(root: &Path, common_dir: &Path, what: &str) -> Result<(), OpError> {
    let missing = missing(root, common_dir)?;
    match missing.first() {
        None => Ok(()),
        Some(first) => {
            let more = if missing.len() > 1 {
                format!(" and {} more", missing.len() - 1)
            } else {
                String::new()
            };
            Err(Refusal::Untrusted(format!(
                "{what} (.ai/{} was {}{more})",
                first.path, first.how
            ))
            .into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_change_asks_again() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            fs::write_atomic(&dir.path().join(".ai").join(path), text.as_bytes()).unwrap()
        };
        let check = |run: &str, ttl: &str| {
            format!("version: 1\nchecks: {{test: {run}}}\ndefaults: {{ttl: {ttl}}}\n")
        };
        write("config.yaml", &check("make test", "30m"));
        write("agents/x.yaml", "b");
        write("policy.yaml", "not executable");
        let before = ExecutableSet::of(dir.path()).unwrap();
        assert_eq!(
            before.paths().collect::<Vec<_>>(),
            ["agents/x.yaml", "config.yaml"]
        );
        write("config.yaml", &check("make test", "5m"));
        assert_eq!(
            ExecutableSet::of(dir.path()).unwrap(),
            before,
            "a lease length runs nothing"
        );
        write("config.yaml", &check("make other", "30m"));
        write("connectors/y.yaml", "new");
        fs::remove_file(&dir.path().join(".ai/agents/x.yaml")).unwrap();
        let changes = ExecutableSet::of(dir.path())
            .unwrap()
            .changes_since(&before);
        let shown: Vec<String> = changes
            .iter()
            .map(|c| format!("{} {}", c.how, c.path))
            .collect();
        assert_eq!(
            shown,
            [
                "changed config.yaml",
                "added connectors/y.yaml",
                "removed agents/x.yaml"
            ]
        );
        let diffs: Vec<&str> = changes.iter().map(|c| c.diff.as_deref().unwrap()).collect();
        assert!(
            diffs[0].contains("-      \"make test\"\n")
                && diffs[0].contains("+      \"make other\"\n"),
            "{}",
            diffs[0]
        );
        assert!(
            diffs[1].contains("\n+new") && diffs[2].contains("\n-b"),
            "{diffs:?}"
        );
        let unknown = ExecutableSet {
            texts: BTreeMap::new(),
            ..before
        };
        let changed = ExecutableSet::of(dir.path())
            .unwrap()
            .changes_since(&unknown);
        assert_eq!(
            changed[0].diff, None,
            "what was trusted by an older version cannot be compared"
        );
    }

    #[test]
    fn only_what_a_command_wrote_itself_is_trusted_with_it() {
        let set = |files: &[(&str, &str)]| ExecutableSet {
            files: files
                .iter()
                .map(|(path, digest)| ((*path).to_owned(), (*digest).to_owned()))
                .collect(),
            texts: BTreeMap::new(),
        };
        let trusted = set(&[("a", "1"), ("b", "1"), ("c", "1"), ("gone", "1")]);
        let before = set(&[
            ("a", "1"),
            ("b", "theirs"),
            ("c", "1"),
            ("gone", "1"),
            ("new", "theirs"),
        ]);
        let after = set(&[
            ("a", "2"),
            ("b", "mixed"),
            ("c", "1"),
            ("mine", "1"),
            ("new", "mixed"),
        ]);
        let expected = set(&[("a", "2"), ("b", "1"), ("c", "1"), ("mine", "1")]);
        assert_eq!(
            trusted.with_own(&before, &after),
            expected,
            "neither of the files with somebody else's part"
        );
    }

    #[test]
    fn a_configuration_that_runs_nothing_needs_no_trust_and_one_that_is_not_understood_does() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(".ai/config.yaml");
        let paths = || {
            ExecutableSet::of(dir.path())
                .unwrap()
                .paths()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        fs::write_atomic(&file, b"version: 1\ndefaults: {ttl: 5m}\n").unwrap();
        assert_eq!(paths(), [""; 0]);
        fs::write_atomic(&file, b"version: [").unwrap();
        assert_eq!(paths(), ["config.yaml"]);
        fs::remove_file(&file).unwrap();
        fs::symlink(Path::new("other.yaml"), &file).unwrap();
        assert_eq!(
            paths(),
            ["config.yaml"],
            "a link may lead to another file later"
        );
        let link = ExecutableSet::of(dir.path()).unwrap();
        assert_eq!(
            link.changes_since(&link).len(),
            1,
            "even where an older version has trusted it"
        );
    }
}
