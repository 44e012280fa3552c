//! The standing of each hook: whether Git runs it, and whether it can answer.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::fs;
use crate::base::json_path;
use crate::domain::git_hook::HookName;
use crate::domain::hook_shim::{HookFile, SHIM_VERSION};
use crate::git::Repo;
use crate::ops::error::OpError;
use crate::ops::hooks::layout;
use crate::ops::project;
use crate::policy::PolicyState;

/// The state of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HookState {
    /// It asks `ai`.
    Installed,
    /// It asks `ai` in the words of another version.
    Outdated,
    /// There is none.
    Absent,
    /// There is one of somebody else.
    Foreign,
    /// Somebody has changed ours.
    Changed,
    /// It cannot run, or `ai` is not where it was.
    Broken,
    /// Git looks for hooks elsewhere.
    Shadowed,
    /// It was installed; somebody has put another one in its place since, or removed it.
    Displaced,
    /// The others ask `ai`, and this one does not, though the policy has something to say there.
    Missing,
}

impl HookState {
    /// True where a hook was installed that does not do what it is for.
    pub fn is_out_of_order(self) -> bool {
        matches!(
            self,
            HookState::Changed
                | HookState::Broken
                | HookState::Shadowed
                | HookState::Displaced
                | HookState::Missing
        )
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            HookState::Installed => "installed",
            HookState::Outdated => "outdated",
            HookState::Absent => "absent",
            HookState::Foreign => "foreign",
            HookState::Changed => "changed",
            HookState::Broken => "broken",
            HookState::Shadowed => "shadowed",
            HookState::Displaced => "displaced",
            HookState::Missing => "missing",
        }
    }
}

/// One hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HookStanding {
    /// The hook.
    pub hook: String,
    /// The state.
    pub state: HookState,
    /// Path of its file.
    #[serde(serialize_with = "json_path::one")]
    pub file: PathBuf,
    /// The version of its text, where it is ours.
    pub version: Option<u32>,
    /// The program that it asks.
    #[serde(serialize_with = "json_path::if_any")]
    pub program: Option<PathBuf>,
    /// Path of the hook that it asks first.
    #[serde(serialize_with = "json_path::if_any")]
    pub before: Option<PathBuf>,
    /// The directory in which Git looks instead.
    #[serde(serialize_with = "json_path::if_any")]
    pub shadowed_by: Option<PathBuf>,
}

/// Looks at all hooks.
pub fn standings(repo: &Repo) -> Result<Vec<HookStanding>, OpError> {
    let elsewhere = layout::elsewhere(repo);
    let dir = layout::dir(repo);
    let installed = layout::installed(&project::state_dir(repo.common_dir()));
    let all = HookName::ALL.into_iter();
    all.map(|hook| {
        let mut found = standing(hook, &dir, elsewhere.as_deref())?;
        let aside = layout::read(&layout::aside_name(&found.file))?;
        let is_gone = match found.state {
            HookState::Absent => true,
            // pre-commit and prek put ours aside, and ask it first.
            HookState::Foreign => !matches!(aside, Some(HookFile::Ours { .. })),
            _ => false,
        };
        // An `ai` that kept no list left the hook that stood there before.
        if is_gone && (installed.contains(&hook) || found.before.is_some()) {
            found.state = HookState::Displaced;
        }
        Ok(found)
    })
    .collect()
}

/// Looks at the hooks that this policy has a use for. That of messages is missing where the policy has begun to speak
/// of them after the others were installed, and is left out where it does not.
pub fn standings_under(policy: &PolicyState, repo: &Repo) -> Result<Vec<HookStanding>, OpError> {
    let mut all = standings(repo)?;
    let message = HookName::CommitMsg.as_str();
    let is_used = |one: &HookStanding| {
        one.hook != HookName::Update.as_str()
            && !matches!(one.state, HookState::Absent | HookState::Foreign)
    };
    let are_used = all.iter().any(is_used);
    if !policy.looks_at_messages() {
        all.retain(|one| one.hook != message || one.state != HookState::Absent);
    } else if are_used {
        let of_messages = all.iter_mut().filter(|one| one.hook == message);
        for one in of_messages.filter(|one| one.state == HookState::Absent) {
            one.state = HookState::Missing;
        }
    }
    Ok(all)
}

fn standing(hook: HookName, dir: &Path, elsewhere: Option<&Path>) -> Result<HookStanding, OpError> {
    let file = dir.join(hook.as_str());
    let kept = layout::kept_name(&file);
    let mut found = HookStanding {
        hook: hook.to_string(),
        state: HookState::Absent,
        version: None,
        program: None,
        before: std::fs::symlink_metadata(&kept).is_ok().then_some(kept),
        shadowed_by: None,
        file,
    };
    found.state = match layout::read(&found.file)? {
        None => HookState::Absent,
        Some(HookFile::Foreign) => HookState::Foreign,
        Some(HookFile::Changed) => HookState::Changed,
        Some(HookFile::Ours {
            version, program, ..
        }) => {
            let program = PathBuf::from(OsStr::from_bytes(&program));
            let runs = fs::is_program(&found.file) && fs::is_program(&program);
            found.version = Some(version);
            found.program = Some(program);
            match elsewhere {
                Some(path) => {
                    found.shadowed_by = Some(path.to_owned());
                    HookState::Shadowed
                }
                None if !runs => HookState::Broken,
                None if version != SHIM_VERSION => HookState::Outdated,
                None => HookState::Installed,
            }
        }
    };
    Ok(found)
}
