//! `ai hooks run`: the answer to one hook of Git.

use std::ffi::OsString;
use std::io::Read;
use std::path::Path;

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::app::token;
use crate::app::workspace::Workspace;
use crate::base::text::{flowing, one_line};
use crate::base::{env, fs, login};
use crate::cli::answer::HookAnswer;
use crate::cli::cmd::hooks::install::repo;
use crate::cli::context::{Context, Outcome};
use crate::domain::commit_message;
use crate::domain::decision::{DecisionRecord, Effect};
use crate::domain::error_class::ErrorClass;
use crate::domain::git_hook::{self, HookName, MovedRef, PushedRef};
use crate::domain::hook_shim::{SKIP_VARIABLE, is_reason};
use crate::domain::ids::RunId;
use crate::domain::message_settings::MessageEditor;
use crate::domain::path_pattern::CaseMode;
use crate::git::diff::{MergeHeads, StagedIndex};
use crate::git::message_settings::ToldSettings;
use crate::ops::ask;
use crate::ops::error::OpError;
use crate::ops::hooks::commit::{self, CommitAsked};
use crate::ops::hooks::push::{self, PushAsked};
use crate::ops::hooks::receive::{self, UpdateAsked};
use crate::ops::hooks::{self, bypass, references};
use crate::ops::messages;
use crate::ops::project;
use crate::store::Access;

/// The policy that answers on a server.
const OF_HEAD: &str = "`.ai/policy.yaml` at HEAD of that repository answered";
/// So many refusals are told at once.
const TOLD: usize = 5;
/// Git keeps the commits here that are being merged.
const MERGE_HEAD: &str = "MERGE_HEAD";
/// The longest message that is read, in bytes.
const MESSAGE_CAP: u64 = 16 << 20;
/// More settings than anybody hands on in variables.
const MOST_SETTINGS: usize = 1024;
/// More than all references of any repository.
const INPUT_CAP: u64 = 64 << 20;

/// Hooks are started by Git.
const BY_GIT: &str =
    "Git starts it; `ai hooks install` writes the hooks, `ai hooks status` shows them";

#[derive(Args)]
pub(in crate::cli) struct HookRunArgs {
    /// The hook, by the name that Git has for it
    name: HookName,
    /// What Git gives the hook, behind `--`
    #[arg(last = true, value_name = "ARG")]
    args: Vec<OsString>,
}

pub(super) fn run(args: &HookRunArgs, context: &mut Context) -> Outcome {
    let run = env::text(env::AI_RUN).map(RunId);
    if run.is_some() && args.name == HookName::PrePush {
        return Err(no_push_within());
    }
    let here = env::current_dir().map_err(|source| OpError::System {
        doing: "find the current directory",
        source,
    })?;
    if let Some(named) = env::os(env::GIT_DIR).filter(|dir| !dir.is_empty()) {
        // `git --git-dir` may lead elsewhere than the directory around.
        let dir = commit::start_of(&here, &here.join(named))?;
        let named = context.workspace.named().map(str::to_owned);
        context.workspace = Workspace::new(Some(dir), named);
    }
    if args.name == HookName::Update {
        // The run that pushes is none of this repository.
        return update(args, context);
    }
    let is_outside = run.is_none();
    if let Some(run) = run {
        // Within a run the store is out of sight, and what its agent commits is judged at its end. That
        // the variable is set proves nothing elsewhere.
        let place = context.workspace.place()?;
        let head = repo(context)?
            .head_of(&place.git_dir)
            .map_err(OpError::from)?;
        if hooks::is_of_run(place, &head, &run) && is_as_the_store_says(&run, context)? {
            return Ok(let_pass(args, context));
        }
    }
    if let Some(reason) = env::text(SKIP_VARIABLE).filter(|reason| is_outside && is_reason(reason))
    {
        return skip(args, &reason, context);
    }
    match args.name {
        HookName::PreCommit => commit((args, "git commit"), &here, context),
        HookName::PreMergeCommit => commit((args, "git merge --continue"), &here, context),
        HookName::CommitMsg => message(args, &here, context),
        HookName::PrePush => push(args, context),
        HookName::ReferenceTransaction => move_references(args, context),
        HookName::Update => update(args, context),
    }
}

/// True where the store, if it is in sight, agrees that the run works in this place. Within a run it is not,
/// and elsewhere a variable and the name of a branch could be anybody's.
fn is_as_the_store_says(run: &RunId, context: &mut Context) -> Result<bool, AppError> {
    if project::is_out_of_sight(&context.workspace.state_dir()?) {
        return Ok(true);
    }
    let place = context.workspace.place()?.clone();
    let store = context.store(Access::Read)?;
    Ok(store.read(|tx| hooks::is_worktree_of(tx, &place, run))?)
}

/// A push to this repository, one reference of it.
fn update(args: &HookRunArgs, context: &mut Context) -> Outcome {
    let words: Vec<_> = args
        .args
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    let [name, old, new] = words.as_slice() else {
        return Err(AppError::usage(
            "Git gives the hook update a reference and the objects before and after",
        )
        .hint(BY_GIT));
    };
    let object = |word: &str| (!word.bytes().all(|byte| byte == b'0')).then(|| word.to_owned());
    let pushed = PushedRef {
        name: name.to_string(),
        old: object(old),
        new: object(new),
    };
    let named = context.workspace.says_who_acts();
    let asked = UpdateAsked {
        pushed: &pushed,
        actor: named.then(|| context.workspace.actor()).transpose()?,
        case: if context.workspace.place()?.ignore_case {
            CaseMode::Folding
        } else {
            CaseMode::Sensitive
        },
    };
    let root = context.workspace.root()?.to_owned();
    let parts = receive::judge((&root, &repo(context)?), &asked)?;
    let mut refused: Vec<(Effect, String)> = Vec::new();
    for part in &parts {
        let decision = &part.decision;
        let what = part.commit.as_ref().map(|commit| commit.id.short());
        let what = what.map_or_else(|| "the push".to_owned(), |id| format!("commit {id}"));
        let said = format!(
            "{what} to {}: {} (rule `{}`)",
            one_line(name),
            flowing(&decision.reason),
            decision.rule
        );
        if decision.effect == Effect::Warn {
            context.ui.warn(&said);
        }
        if !decision.effect.lets_through() {
            refused.push((decision.effect, said));
        }
    }
    let Some(strictest) = refused.iter().map(|(effect, _)| *effect).max() else {
        return Ok(let_pass(args, context));
    };
    refused.retain(|(effect, _)| *effect == strictest);
    let more = refused.len().saturating_sub(TOLD);
    let told: Vec<String> = refused
        .into_iter()
        .map(|(_, said)| said)
        .take(TOLD)
        .collect();
    let mut said = told.join("; ");
    if more > 0 {
        said.push_str(&format!("; and {more} more"));
    }
    match strictest {
        Effect::Deny => {
            Err(AppError::new(ErrorClass::Denied, format!("policy denies {said}")).hint(OF_HEAD))
        }
        _ => Err(AppError::new(
            ErrorClass::ApprovalNeeded,
            format!("policy wants a person's yes, which a server cannot ask for: {said}"),
        )
        .hint(OF_HEAD)),
    }
}

/// The work of an agent goes one way alone, on which it is judged.
fn no_push_within() -> AppError {
    let message = "nothing is pushed from within a run: its work reaches a branch by `ai accept`";
    AppError::new(ErrorClass::Denied, message)
        .hint("leave the work in the worktree, or commit it there; it is judged when the run ends")
}

/// Lets something pass since a person has said so. Our own hooks do that by themselves; those of a manager of
/// hooks call `ai` all the same.
fn skip(args: &HookRunArgs, reason: &str, context: &mut Context) -> Outcome {
    let is_once = args.name != HookName::ReferenceTransaction || is_prepared(args);
    if is_once {
        let login = login::name();
        let said = (login.as_deref().unwrap_or_default(), reason);
        let state = context.workspace.state_dir()?;
        // A directory for a note would look like a store that is gone.
        let noted = project::has_store(&state).then(|| bypass::note(&state, args.name, said));
        let why = match noted {
            Some(Ok(())) => None,
            Some(Err(error)) => Some(error.to_string()),
            None => Some("there is no store here; `ai init` makes one".to_owned()),
        };
        if let Some(why) = why {
            context
                .ui
                .warn(&format!("this could not be recorded: {why}"));
        }
    }
    Ok(let_pass(args, context))
}

/// True where Git can still be told not to move references.
fn is_prepared(args: &HookRunArgs) -> bool {
    args.args.first().is_some_and(|state| state == "prepared")
}

/// The answer where nothing has to be asked.
fn let_pass(args: &HookRunArgs, context: &mut Context) -> u8 {
    answer(args.name, &[], context);
    exit::OK
}

fn commit((args, command): (&HookRunArgs, &str), here: &Path, context: &mut Context) -> Outcome {
    let place = context.workspace.place()?.clone();
    let (state_dir, cx) = (context.workspace.state_dir()?, context.cx()?);
    let kept = token::at_hand(&context.workspace)?;
    let repo = repo(context)?;
    let file = match env::os(env::GIT_INDEX_FILE).filter(|file| !file.is_empty()) {
        Some(file) => here.join(file),
        None => place.git_dir.join("index"),
    };
    let store = context.store(Access::Write)?;
    let index = StagedIndex {
        git_dir: &place.git_dir,
        file: &file,
        scratch: &state_dir,
        heads: match args.name {
            HookName::PreMergeCommit => MergeHeads::NotedOrTold,
            _ => MergeHeads::Noted,
        },
    };
    hooks::begin(&repo, &state_dir)?;
    let staged = repo.staged(index).map_err(OpError::from)?;
    let asked = CommitAsked {
        place: &place,
        staged: &staged,
        kept: &kept,
        command,
    };
    let records = commit::judge(store, cx, (&repo, &state_dir), asked)?;
    answer(args.name, &records, context);
    Ok(exit::OK)
}

/// The message that Git is about to give a commit. A merge has Git's own, also where it is amended.
fn message(args: &HookRunArgs, here: &Path, context: &mut Context) -> Outcome {
    let Some(file) = args.args.first() else {
        return Err(
            AppError::usage("Git gives the hook commit-msg the file of the message").hint(BY_GIT),
        );
    };
    let git_dir = context.workspace.place()?.git_dir.clone();
    let is_asked = context.cx()?.policy.state().looks_at_messages();
    if !is_asked || git_dir.join(MERGE_HEAD).exists() {
        return Ok(let_pass(args, context));
    }
    let bytes = fs::read_capped(&here.join(file), MESSAGE_CAP).map_err(OpError::from)?;
    let bytes = String::from_utf8_lossy(&bytes);
    let editor = match env::text(env::GIT_EDITOR).as_deref() {
        Some(":") => MessageEditor::NoneNamed,
        _ => MessageEditor::Opened,
    };
    let repo = repo(context)?;
    let settings = repo
        .message_settings(&git_dir, told_settings())
        .map_err(OpError::from)?;
    let text = commit_message::cleaned(&bytes, &settings.left_out(&bytes, editor));
    if messages::is_of_merge_at_head(&repo, &git_dir, &text)? {
        return Ok(let_pass(args, context));
    }
    let cx = context.cx()?;
    let store = context.store(Access::Write)?;
    let record = hooks::message::judge(store, cx, &text)?;
    answer(args.name, record.as_slice(), context);
    Ok(exit::OK)
}

/// The settings of Git that its hook is told by the environment.
fn told_settings() -> ToldSettings {
    let count = env::text(env::GIT_CONFIG_COUNT).and_then(|count| count.parse().ok());
    let most = count.unwrap_or(0).min(MOST_SETTINGS);
    let variable = |what: &str, n: usize| env::os(&format!("GIT_CONFIG_{what}_{n}"));
    let pairs = (0..most).filter_map(|n| {
        let key = variable("KEY", n)?.into_string().ok()?;
        Some((key, variable("VALUE", n)?))
    });
    ToldSettings {
        of_command_line: env::os(env::GIT_CONFIG_PARAMETERS),
        of_variables: pairs.collect(),
    }
}

fn push(args: &HookRunArgs, context: &mut Context) -> Outcome {
    let refs =
        git_hook::pushed(&input()?).map_err(|why| AppError::usage(why.to_string()).hint(BY_GIT))?;
    let word = |at: usize| args.args.get(at).map(|word| word.to_string_lossy());
    let remote = word(0).unwrap_or_default();
    // Where a hook manager gives the name alone, that is all that is known.
    let address = word(1).unwrap_or_else(|| remote.clone());
    let root = context.workspace.root()?.to_owned();
    let (state_dir, cx) = (context.workspace.state_dir()?, context.cx()?);
    let kept = token::at_hand(&context.workspace)?;
    let repo = repo(context)?;
    let store = context.store(Access::Write)?;
    let asked = PushAsked {
        remote: &remote,
        address: &address,
        refs: &refs,
        kept: &kept,
        root: &root,
    };
    let judged = push::judge(store, cx, (&repo, &state_dir), asked)?;
    for bypass in &judged.bypasses {
        context
            .ui
            .warn(&format!("{}; that is recorded", bypass.told()));
    }
    answer(args.name, &judged.answer?, context);
    Ok(exit::OK)
}

fn move_references(args: &HookRunArgs, context: &mut Context) -> Outcome {
    let text = if is_prepared(args) {
        input()?
    } else {
        String::new()
    };
    let moved =
        git_hook::moved(&text).map_err(|why| AppError::usage(why.to_string()).hint(BY_GIT))?;
    if moved.iter().any(MovedRef::is_of_a_branch) {
        let cx = context.cx()?;
        let kept = token::at_hand(&context.workspace)?;
        let repo = repo(context)?;
        let store = context.store(Access::Write)?;
        for warning in references::judge(store, cx, &repo, (&moved, &kept))? {
            context.ui.warn(&warning);
        }
    }
    Ok(let_pass(args, context))
}

/// Everything that Git says on standard input.
fn input() -> Result<String, AppError> {
    let mut text = String::new();
    let read = std::io::stdin().take(INPUT_CAP).read_to_string(&mut text);
    match read {
        Ok(length) if length as u64 == INPUT_CAP => {
            Err(AppError::usage("Git says more than can be read").hint(BY_GIT))
        }
        Ok(_) => Ok(text),
        Err(error) => {
            Err(AppError::usage(format!("what Git says cannot be read: {error}")).hint(BY_GIT))
        }
    }
}

fn answer(hook: HookName, records: &[DecisionRecord], context: &mut Context) {
    let warnings: Vec<String> = records.iter().flat_map(ask::warning).collect();
    for warning in &warnings {
        context.ui.warn(warning);
    }
    if context.ui.json() {
        context.ui.object(&HookAnswer {
            hook: hook.as_str(),
            decisions: records.iter().map(|record| record.id.as_str()).collect(),
            warnings,
        });
    }
}
