//! Where Git looks for hooks, and who else has put some there.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::base::fs::FsError;
use crate::base::text::path_bytes;
use crate::base::{fs, path};
use crate::domain::git_hook::HookName;
use crate::domain::hook_shim::{HookFile, KEPT_ENDING};
use crate::git::Repo;
use crate::ops::error::OpError;
use crate::ops::hooks::in_the_way::HooksInTheWay;
use crate::ops::project;

/// The directory in the shared git directory in which Git looks where nothing else is said.
const DIR: &str = "hooks";
/// The command by which a hook asks; its name follows.
const ASK: &str = "ai hooks run";
/// The largest hook that is read; a larger one is a program, and none of ours.
pub(super) const CAP: u64 = 1 << 20;

/// The directory of the hooks of a repository.
pub(super) fn dir(repo: &Repo) -> PathBuf {
    repo.common_dir().join(DIR)
}

/// The name under which a hook that stood there before is kept.
pub(super) fn kept_name(file: &Path) -> PathBuf {
    with_ending(file, KEPT_ENDING)
}

/// The name under which a hook of ours is written before it takes its place.
pub(super) fn draft_name(file: &Path) -> PathBuf {
    with_ending(file, ".ai-new")
}

/// The name under which pre-commit and prek keep a hook that they find, and ask it first.
pub(super) fn aside_name(file: &Path) -> PathBuf {
    with_ending(file, ".legacy")
}

fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Reads what stands in the place of a hook; nothing where there is nothing.
pub(super) fn read(file: &Path) -> Result<Option<HookFile>, OpError> {
    if std::fs::symlink_metadata(file).is_err() {
        return Ok(None);
    }
    // A link is never ours, wherever it leads; what it leads to need not be there.
    if file.is_symlink() {
        return Ok(Some(HookFile::Foreign));
    }
    Ok(Some(HookFile::read(&fs::read_start(file, CAP)?)))
}

/// The hooks that Git starts where it makes or merges a commit.
const AT_COMMITS: [&str; 6] = [
    "pre-commit",
    "pre-merge-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "post-merge",
];

/// The names of the hooks of somebody else that Git would start at a commit or a merge, those aside that ours call
/// and that are there for no other reason.
pub fn of_others_at_commits(repo: &Repo) -> Vec<&'static str> {
    let dir = hooks_path(repo).unwrap_or_else(|| dir(repo));
    let is_there = |name: &&str| {
        let file = dir.join(name);
        let starts = std::fs::metadata(&file)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
        starts
            && match read(&file) {
                Ok(Some(HookFile::Foreign)) => true,
                Ok(_) => std::fs::symlink_metadata(kept_name(&file)).is_ok(),
                Err(_) => false,
            }
    };
    AT_COMMITS.into_iter().filter(is_there).collect()
}

/// `core.hooksPath` of the repository, else of the user. Asked by file, since `ai` overrides it for
/// every `git` that it starts.
pub fn hooks_path(repo: &Repo) -> Option<PathBuf> {
    ["--worktree", "--local", "--global", "--system"]
        .into_iter()
        .find_map(|file| {
            let command = repo.git().command([
                "config",
                file,
                "--includes",
                "--type=path",
                "-z",
                "--get",
                "core.hooksPath",
            ]);
            let out = command.git_dir(repo.common_dir()).run_any().ok()?;
            let value = out
                .stdout
                .strip_suffix(b"\0")
                .filter(|value| !value.is_empty() && out.code == 0)?;
            Some(PathBuf::from(OsStr::from_bytes(value)))
        })
}

/// The directory in which Git looks instead of its own. A relative path is another one in each worktree.
pub(super) fn elsewhere(repo: &Repo) -> Option<PathBuf> {
    let path = hooks_path(repo)?;
    let same = path.is_absolute() && path::resolved(&path) == path::resolved(&dir(repo));
    (!same).then_some(path)
}

/// The place of hooks into which nothing is put.
struct OthersPlace {
    /// What stands against it, as the begin of a sentence.
    why: String,
    /// What follows from that.
    so: &'static str,
    /// The directory in which people write theirs.
    dir: String,
    /// The end of a line that asks: without it, another one would follow a refusal.
    ending: &'static str,
}

/// The place where others have the hooks: Git looks there, so that what is put into its own directory would never run,
/// or its own directory is a link to it.
fn of_others(repo: &Repo) -> Option<OthersPlace> {
    const NEVER: &str = ", so hooks in its own directory never run";
    const OR_EXIT: &str = " || exit";
    if let Ok(target) = std::fs::read_link(dir(repo)) {
        let dir = path_bytes(target.as_os_str().as_encoded_bytes());
        return Some(OthersPlace {
            why: format!("the directory of the hooks is a link to {dir}"),
            so: ", where others may have theirs",
            dir,
            ending: OR_EXIT,
        });
    }
    let path = elsewhere(repo)?;
    let shown = path_bytes(path.as_os_str().as_encoded_bytes());
    Some(if path.starts_with(".husky") {
        OthersPlace {
            why: format!("husky has Git look for hooks in {shown} (core.hooksPath)"),
            so: NEVER,
            dir: ".husky".to_owned(),
            // husky's shell ends at the first line that fails.
            ending: "",
        }
    } else {
        OthersPlace {
            why: format!("Git looks for hooks in {shown} (core.hooksPath)"),
            so: NEVER,
            dir: shown,
            ending: OR_EXIT,
        }
    })
}

/// The reason why no hook is put in its place here; nothing where they are.
pub fn refused_here(repo: &Repo) -> Option<String> {
    of_others(repo).map(|place| place.why)
}

/// Refuses where others have the hooks, and names the line for each of these.
pub(super) fn refuse_elsewhere(repo: &Repo, hooks: &[HookName]) -> Result<(), OpError> {
    let Some(place) = of_others(repo) else {
        return Ok(());
    };
    let line = |hook: &HookName| {
        let (line, dir) = (asking(*hook), &place.dir);
        format!("`{line}{}` to {dir}/{hook}", place.ending)
    };
    let lines: Vec<String> = hooks.iter().map(line).collect();
    Err(HooksInTheWay {
        why: format!("{}{}", place.why, place.so),
        hint: format!(
            "add the line {}, before anything there reads standard input",
            lines.join(", ")
        ),
    }
    .into())
}

/// Refuses where a hook that stands there cannot be asked by us.
pub(super) fn refuse_unfit(hook: HookName, file: &Path) -> Result<(), OpError> {
    if file.is_dir() {
        return Err(HooksInTheWay {
            why: format!("{} is a directory", path_bytes(file.as_os_str().as_bytes())),
            hint: "move it away; Git runs no directory".to_owned(),
        }
        .into());
    }
    // Through a link, too: it is what runs that counts. One that leads nowhere says nothing.
    let text = fs::read_start(file, CAP).unwrap_or_default();
    let says = |word: &str| text.windows(word.len()).any(|part| part == word.as_bytes());
    if says("lefthook") {
        return Err(HooksInTheWay {
            why: format!(
                "lefthook has made the hook {hook}, and puts away whatever takes its place"
            ),
            hint: lefthook_advice(hook),
        }
        .into());
    }
    if says("basename") && says("$0") {
        return Err(HooksInTheWay {
            why: format!(
                "the hook {hook} that stands there goes by its own name, and could not be kept under another one"
            ),
            hint: format!("add the line `{} || exit` to it yourself", asking(hook)),
        }
        .into());
    }
    Ok(())
}

/// The command by which a hook asks.
fn asking(hook: HookName) -> String {
    if hook.takes_arguments() {
        format!("{ASK} {hook} -- \"$@\"")
    } else {
        format!("{ASK} {hook}")
    }
}

fn lefthook_advice(hook: HookName) -> String {
    let more = if hook.reads_stdin() {
        ", use_stdin: true"
    } else {
        ""
    };
    let run = if hook.takes_arguments() {
        format!("{ASK} {hook} -- {{0}}")
    } else {
        format!("{ASK} {hook}")
    };
    format!("add to lefthook.yml: `{hook}: {{commands: {{ai: {{run: {run}{more}}}}}}}`")
}

/// The hooks that were installed and not uninstalled since, as far as the list can be read.
pub(super) fn installed(state_dir: &Path) -> Vec<HookName> {
    let text = fs::read_text_if_there(&state_dir.join(project::HOOKS_NOTE), CAP);
    let text = text.ok().flatten().unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Notes that hooks are installed: whoever puts another one in their place is found out by it.
pub(super) fn note_installed(state_dir: &Path, hooks: &[HookName]) -> Result<(), FsError> {
    let mut all = installed(state_dir);
    all.extend(hooks);
    all.sort();
    all.dedup();
    let text: String = all.iter().map(|hook| format!("{hook}\n")).collect();
    fs::write_private(&state_dir.join(project::HOOKS_NOTE), text.as_bytes())
}

/// Forgets that any hook was installed.
pub(super) fn forget_installed(state_dir: &Path) -> Result<(), FsError> {
    let file = state_dir.join(project::HOOKS_NOTE);
    if file.exists() {
        fs::remove_file(&file)?;
    }
    Ok(())
}
