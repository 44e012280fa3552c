//! Trust before code: what a repository brings that would run something stays inert on a machine
//! until its user has said `ai trust`.
//!
//! What is trusted is content, not a place: the digests of every file that can make `ai` run
//! something are kept in the user's own configuration directory, out of reach of the repository,
//! which has no vote on its own trust. A change asks again. Of the configuration, only what runs
//! counts (its commands), so that a new limit or lease length does not ask.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::{env, fs, hash};
use crate::config;
use crate::config::{Config, Trees};
use crate::domain::action::Action;
use crate::domain::actor::ActorKind;
use crate::domain::agent::Name;
use crate::domain::trusted_set::{CONFIG, EXECUTABLE, ExecutableSet, RECURRING, TrustChange};
use crate::git::diff::{file_diff, unified};
use crate::ops::ask::{self, Question};
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::store::{StoreError, Tx};

/// Largest file that is looked at.
const CAP: u64 = 1 << 20;
/// A record holds the texts of all files.
const RECORD_CAP: u64 = 64 << 20;
/// Deepest directory that is looked at.
const DEPTH: usize = 4;

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

/// Reads the executable files of the checkout at `root`.
pub fn executable_set(root: &Path) -> Result<ExecutableSet, OpError> {
    let base = root.join(".ai");
    let mut set = ExecutableSet::default();
    add_config(&mut set, root, &base)?;
    for name in EXECUTABLE {
        add(&mut set, &base, &base.join(name), DEPTH)?;
    }
    Ok(set)
}

/// The same with recurring work, which runs nothing at once.
fn whole_set(root: &Path) -> Result<ExecutableSet, OpError> {
    let mut set = executable_set(root)?;
    let base = root.join(".ai");
    // Only files of this form count there. Where nobody can look, nothing is taken for gone.
    let files = fs::list_dir(&base.join(RECURRING)).map_err(StoreError::from)?;
    let is_named = |path: &&PathBuf| {
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        stem.is_some_and(|stem| Name::new(stem).is_ok())
    };
    let count = |path: &&PathBuf| {
        // What is no file or too large is used by nobody, and keeps nothing else from trust.
        let meta = path.symlink_metadata();
        let is_file = meta.is_ok_and(|meta| meta.is_file() && meta.len() <= CAP);
        is_file && path.extension().is_some_and(|e| e == "yaml") && is_named(path)
    };
    for path in files.iter().filter(count) {
        let bytes = fs::read_capped(path, CAP).map_err(StoreError::from)?;
        let name = path.strip_prefix(&base).unwrap_or(path).to_string_lossy();
        set.add_file(&name, hash::sha256_hex(&bytes), bytes);
    }
    Ok(set)
}

/// Adds the commands of the configuration. A file that cannot be understood counts by its content,
/// and one that is no regular file by that.
fn add_config(set: &mut ExecutableSet, root: &Path, base: &Path) -> Result<(), OpError> {
    let path = base.join(CONFIG);
    let regular = std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file());
    match config::load(root, &Trees::none()) {
        Ok(config) if regular => {
            set.add_commands(config.code_digest(), config.code());
            Ok(())
        }
        _ => add(set, base, &path, DEPTH),
    }
}

fn add(set: &mut ExecutableSet, base: &Path, path: &Path, depth: usize) -> Result<(), OpError> {
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
            .try_for_each(|path| add(set, base, path, depth - 1));
    }
    let name = path
        .strip_prefix(base)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned();
    if meta.is_file() {
        let bytes = fs::read_capped(path, CAP).map_err(StoreError::from)?;
        set.add_file(&name, hash::sha256_hex(&bytes), bytes);
    } else {
        set.add_irregular(&name);
    }
    Ok(())
}

/// Lists the differences of `now` from `trusted`, each with what it changes in the text.
pub fn changes(now: &ExecutableSet, trusted: &ExecutableSet) -> Vec<Change> {
    now.changes_since(trusted)
        .into_iter()
        .map(|(how, path)| Change {
            how: how.as_str(),
            path: path.to_owned(),
            diff: difference(path, trusted.text(path), now.text(path), how),
        })
        .collect()
}

/// The difference as a unified diff; nothing where one side is not known or no text.
fn difference(
    path: &str,
    old: Option<&str>,
    new: Option<&str>,
    how: TrustChange,
) -> Option<String> {
    let known = match how {
        TrustChange::Added => new.is_some(),
        TrustChange::Removed => old.is_some(),
        TrustChange::Changed => old.is_some() && new.is_some(),
    };
    let bytes = |text: Option<&str>| text.map(|text| readable(path, text).into_bytes());
    let (old, new) = (bytes(old), bytes(new));
    known.then(|| {
        unified(
            &format!(".ai/{path}"),
            &file_diff(old.as_deref(), new.as_deref()),
        )
    })
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
    let set = whole_set(root)?;
    if let Some(path) = set.irregular() {
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
    let (trusted, before) = (trusted(common_dir)?, executable_set(root)?);
    let done = change()?;
    let kept = trusted.clone().with_own(&before, &executable_set(root)?);
    // Where nothing that runs was written, nothing is recorded either: the user's own directory is
    // written only for a reason.
    if !kept.trusts_the_same(&trusted) {
        keep(common_dir, &kept)?;
    }
    Ok(done)
}

/// Lists the files that have to be trusted before anything may run; empty where everything is. Recurring work is not
/// among them: what stands there waits by itself.
pub fn missing(root: &Path, common_dir: &Path) -> Result<Vec<Change>, OpError> {
    let set = executable_set(root)?;
    if set.is_empty() {
        return Ok(Vec::new());
    }
    let mut changes = changes(&set, &trusted(common_dir)?);
    changes.retain(|change| !is_recurring(&change.path));
    Ok(changes)
}

/// Lists everything that waits for trust, recurring work as well.
pub fn untrusted(root: &Path, common_dir: &Path) -> Result<Vec<Change>, OpError> {
    let set = whole_set(root)?;
    if set.is_empty() {
        return Ok(Vec::new());
    }
    Ok(changes(&set, &trusted(common_dir)?))
}

fn is_recurring(path: &str) -> bool {
    path.strip_prefix(RECURRING)
        .is_some_and(|rest| rest.starts_with('/'))
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

/// The same for what this configuration says itself, however long ago it was read: the file may be another one by now.
pub fn require_of(
    config: &Config,
    (root, common_dir): (&Path, &Path),
    what: &str,
) -> Result<(), OpError> {
    require(root, common_dir, what)?;
    require_words(config, common_dir, what)
}

/// The same for what it says alone, where the file cannot be read any more.
pub fn require_words(config: &Config, common_dir: &Path, what: &str) -> Result<(), OpError> {
    if trusted(common_dir)?.has_commands(config.code_digest().as_deref()) {
        return Ok(());
    }
    Err(Refusal::Untrusted(format!("{what} (.ai/config.yaml was changed meanwhile)")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_that_was_read_before_a_change_is_not_the_trusted_one() {
        let set = |digest: Option<&str>| {
            let mut set = ExecutableSet::default();
            set.add_commands(digest.map(str::to_owned), None);
            set
        };
        assert!(set(Some("a")).has_commands(Some("a")));
        assert!(!set(Some("a")).has_commands(Some("b")));
        assert!(!set(None).has_commands(Some("b")));
        assert!(set(Some("a")).has_commands(None), "there is nothing to run");
    }

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
        let before = executable_set(dir.path()).unwrap();
        assert_eq!(
            before.paths().collect::<Vec<_>>(),
            ["agents/x.yaml", "config.yaml"]
        );
        write("config.yaml", &check("make test", "5m"));
        assert_eq!(
            executable_set(dir.path()).unwrap(),
            before,
            "a lease length runs nothing"
        );
        write("config.yaml", &check("make other", "30m"));
        write("connectors/y.yaml", "new");
        fs::remove_file(&dir.path().join(".ai/agents/x.yaml")).unwrap();
        let changes = changes(&executable_set(dir.path()).unwrap(), &before);
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
        let json = serde_json::json!({"files": serde_json::to_value(&before).unwrap()["files"]});
        let unknown: ExecutableSet = serde_json::from_value(json).unwrap();
        let changed = super::changes(&executable_set(dir.path()).unwrap(), &unknown);
        assert_eq!(
            changed[0].diff, None,
            "what was trusted by an older version cannot be compared"
        );
    }

    #[test]
    fn a_configuration_that_runs_nothing_needs_no_trust_and_one_that_is_not_understood_does() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(".ai/config.yaml");
        let paths = || {
            executable_set(dir.path())
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
        let link = executable_set(dir.path()).unwrap();
        assert_eq!(
            link.changes_since(&link).len(),
            1,
            "even where an older version has trusted it"
        );
    }
}
