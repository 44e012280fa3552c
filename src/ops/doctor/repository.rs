//! Git itself, the repository, and the user's hooks.

use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::base::text::{one_line, path_bytes};
use crate::config::Trees;
use crate::domain::repo_path::RepoPath;
use crate::git::format::{RefStorage, RepoFormat};
use crate::git::preflight::check_supported;
use crate::git::{Git, ObjectFormat, Repo};
use crate::ops::doctor::{Finding, Patient};
use crate::ops::hooks::{self, HookStanding, HookState};
use crate::ops::project;
use crate::ops::run::origin::IN_THE_WAY;

/// Looks, and hands on the open repository where it can be opened.
pub(super) fn look(patient: &Patient<'_>, findings: &mut Vec<Finding>) -> Option<Repo> {
    let git = match Git::system() {
        Ok(git) => git,
        Err(error) => {
            findings.push(
                Finding::bad("git", error.to_string()).next(error.hint().unwrap_or_default()),
            );
            return None;
        }
    };
    findings.push(version(&git));
    let support = match check_supported(patient.place, &git) {
        Ok(()) => Finding::ok("repository", kind(patient)),
        Err(error) => {
            Finding::bad("repository", error.to_string()).next(error.hint().unwrap_or_default())
        }
    };
    findings.push(support);
    match Repo::open(patient.place, git) {
        Ok(repo) => {
            findings.extend(format(patient));
            findings.extend(hooks(patient, &repo));
            findings.extend(doors(patient, &repo));
            findings.extend(left_out_of_accept(&repo));
            findings.extend(branch_in_the_way(&repo));
            Some(repo)
        }
        Err(error) => {
            findings.push(Finding::bad("repository", error.to_string()));
            None
        }
    }
}

fn version(git: &Git) -> Finding {
    match git.version() {
        Ok(version) => Finding::ok(
            "git",
            format!(
                "version {version}, {}",
                path_bytes(git.program().as_os_str().as_encoded_bytes())
            ),
        ),
        Err(error) => Finding::bad("git", error.to_string()).next(error.hint().unwrap_or_default()),
    }
}

fn kind(patient: &Patient<'_>) -> String {
    let place = patient.place;
    let shown = |path: &Path| path_bytes(path.as_os_str().as_encoded_bytes());
    match (&place.main_root, place.is_linked) {
        (Some(root), true) => format!("a linked worktree of {}", shown(root)),
        (Some(root), false) => format!("a checkout, {}", shown(root)),
        (None, true) => format!(
            "a linked worktree of the bare repository {}",
            shown(&place.common_dir)
        ),
        (None, false) => format!("a bare repository, {}", shown(&place.common_dir)),
    }
}

/// Formats that work but are worth knowing, since they are slower or hold less.
fn format(patient: &Patient<'_>) -> Option<Finding> {
    let format = match RepoFormat::read(&patient.place.common_dir) {
        Ok(format) => format,
        Err(error) => return Some(Finding::bad("repository", error.to_string())),
    };
    let mut unusual = Vec::new();
    if format.objects != ObjectFormat::Sha1 {
        unusual.push("SHA-256 objects");
    }
    if format.refs != RefStorage::Files {
        unusual.push("reference tables");
    }
    let slower = (!unusual.is_empty()).then(|| {
        Finding::ok(
            "repository",
            format!(
                "{}: every access starts a `git`, which is slower",
                unusual.join(" and ")
            ),
        )
    });
    let partial = format.partial.then(|| {
        Finding::warn(
            "repository",
            "a partial clone: objects that are not here are never fetched by `ai`",
        )
        .next("git fetch --refetch --no-filter")
    });
    partial.or(slower)
}

/// A branch whose name leaves no room for the branches of runs.
fn branch_in_the_way(repo: &Repo) -> Option<Finding> {
    repo.find_ref(IN_THE_WAY).ok().flatten()?;
    let text = "a branch named `ai` is in the way of the branches `ai/...` that runs work on";
    Some(Finding::bad("branches", text).next("git branch -m ai NEWNAME"))
}

/// Hooks that vanish in linked worktrees: a relative `core.hooksPath` leads somewhere else in each
/// of them.
fn hooks(patient: &Patient<'_>, repo: &Repo) -> Option<Finding> {
    let root = patient.root?;
    let path = hooks::hooks_path(repo)?;
    let shown = path_bytes(path.as_os_str().as_encoded_bytes());
    if path.is_absolute() {
        return Some(Finding::ok(
            "hooks",
            format!("your hooks lie in {shown}, for every worktree"),
        ));
    }
    if !root.join(&path).is_dir() {
        return None;
    }
    if is_committed(repo, &path) {
        return Some(Finding::ok(
            "hooks",
            format!("your hooks lie in {shown}, which every worktree has from its commit"),
        ));
    }
    let maker = if path.starts_with(".husky") {
        " (made by husky)"
    } else {
        ""
    };
    let text = format!(
        "your hooks lie in {shown}{maker}, which is not committed: no linked worktree has it, so none of them runs there"
    );
    Some(
        Finding::warn("hooks", text).next(
            "name the same checks under `checks:` in .ai/config.yaml, which `ai` runs itself",
        ),
    )
}

/// Hooks that were installed to ask `ai`, and do not.
fn doors(patient: &Patient<'_>, repo: &Repo) -> Vec<Finding> {
    let policy = patient
        .root
        .map(|root| project::policy(root, &Trees::none()));
    let all = match policy {
        Some(policy) => hooks::standings_under(&policy, repo),
        None => hooks::standings(repo),
    };
    let all = match all {
        Ok(all) => all,
        Err(error) => return vec![Finding::bad("hooks", error.to_string())],
    };
    let broken = all.iter().filter(|one| one.state.is_out_of_order());
    let mut found: Vec<Finding> = broken.map(door_out_of_order).collect();
    let works = |one: &&HookStanding| one.state == HookState::Installed;
    let names: Vec<&str> = all
        .iter()
        .filter(works)
        .map(|one| one.hook.as_str())
        .collect();
    if !names.is_empty() {
        found.push(Finding::ok(
            "hooks",
            format!("{} ask `ai`", names.join(", ")),
        ));
    }
    found
}

fn door_out_of_order(one: &HookStanding) -> Finding {
    let shown = |path: &Option<PathBuf>| {
        let bytes = path
            .as_deref()
            .map(|path| path.as_os_str().as_encoded_bytes());
        bytes.map(path_bytes).unwrap_or_default()
    };
    let hook = &one.hook;
    match one.state {
        HookState::Shadowed => Finding::bad(
            "hooks",
            format!(
                "{hook} asks nobody: Git looks for hooks in {} (core.hooksPath)",
                shown(&one.shadowed_by)
            ),
        )
        .next("ai hooks install"),
        HookState::Missing => Finding::warn(
            "hooks",
            format!("the policy speaks of messages, and {hook} is not there to ask about them"),
        )
        .next("ai hooks install"),
        HookState::Displaced => Finding::bad(
            "hooks",
            format!("{hook} was installed to ask `ai`, and is not there any more"),
        )
        .next("ai hooks install"),
        HookState::Changed => Finding::warn(
            "hooks",
            format!("somebody has changed {hook} since `ai` wrote it"),
        )
        .next("ai hooks status"),
        _ => Finding::bad(
            "hooks",
            format!(
                "{hook} cannot ask `ai`: it is not executable, or {} is gone",
                shown(&one.program)
            ),
        )
        .next("ai hooks install"),
    }
}

/// Hooks that Git runs by default; an example that came with Git is none.
const HOOKS_DIR: &str = "hooks";

/// What of the user's Git settings does not happen when work is accepted.
fn left_out_of_accept(repo: &Repo) -> Option<Finding> {
    let ours = hooks::ours(repo).unwrap_or_default();
    let is_hook = |path: &PathBuf| {
        path.extension().is_none_or(|ending| ending != "sample") && !ours.contains(path)
    };
    let here = fs::list_dir(&repo.common_dir().join(HOOKS_DIR)).unwrap_or_default();
    let hooks = hooks::hooks_path(repo).is_some() || here.iter().any(is_hook);
    let signs = repo.wants_signatures().is_ok_and(|wanted| wanted);
    let text = match (hooks, signs) {
        (false, false) => return None,
        (true, false) => "your hooks do not run",
        (false, true) => "nothing is signed, although commit.gpgSign is set",
        (true, true) => {
            "your hooks do not run, and nothing is signed, although commit.gpgSign is set"
        }
    };
    Some(Finding::ok("accept", format!("`ai accept`: {text}")))
}

fn is_committed(repo: &Repo, path: &Path) -> bool {
    let listed = repo.resolve_commit("HEAD").and_then(|head| {
        let text = one_line(&path.to_string_lossy());
        repo.list_files(
            &head,
            &RepoPath::new(
                text.trim_start_matches("./")
                    .trim_end_matches('/')
                    .as_bytes()
                    .to_vec(),
            ),
        )
    });
    listed.is_ok_and(|files| !files.is_empty())
}
