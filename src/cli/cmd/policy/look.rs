//! `ai policy validate|show|approve`: what the policy says, and a yes to it.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::app::workspace::now;
use crate::base::env;
use crate::base::fs::{is_missing, read_named};
use crate::base::shown_time::local;
use crate::base::text::{counted, flowing, one_line};
use crate::base::yaml::{MAX_BYTES, YamlProblems};
use crate::cli::answer::{BadPolicyFile, PolicyValidated};
use crate::cli::cmd::approvals::{self, ApproveArgs};
use crate::cli::context::{Context, Outcome};
use crate::config::Trees;
use crate::domain::decision::PolicyLayer;
use crate::domain::error_class::ErrorClass;
use crate::ops::cx::commit;
use crate::ops::{approve, overridden, policy_files, project, standing_policy};
use crate::policy::{self, PolicyState, ShownRule};
use crate::store::Access;

/// A name that no agent has.
const ANYBODY: &str = "";

#[derive(Args)]
pub(in crate::cli) struct ShowArgs {
    /// Say of each rule in which file and line it stands, and in whose place it answers
    #[arg(long)]
    origin: bool,
    /// With the layer of this agent
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct ValidateArgs {
    /// The file; all files of the policy where absent
    file: Option<PathBuf>,
}

pub(super) fn validate(args: &ValidateArgs, context: &mut Context) -> Outcome {
    let root = context.workspace.tree_here()?.to_owned();
    let (shown, bad) = match &args.file {
        Some(file) => {
            let path = context.workspace.start_dir()?.join(file);
            let shown = file.display().to_string();
            let layer = layer_of(&path);
            let bytes = read_policy(&path)?;
            let bad = policy_files::problems_of(&root, &shown, &bytes, layer);
            (shown, bad)
        }
        None => {
            let state = project::policy(&root, &Trees::none());
            if state.is_absent() {
                read_policy(&root.join(policy::FILE))?;
            }
            let bad = state.bad_files().into_iter();
            let bad: Vec<_> = bad.chain(state.bad_files_beneath()).cloned().collect();
            (policy::FILE.to_owned(), bad)
        }
    };
    if context.ui.json() {
        tell_programs(&shown, &bad, context);
        return Ok(if bad.is_empty() {
            exit::OK
        } else {
            exit::FAILED
        });
    }
    let room = context.ui.room();
    for line in bad.iter().flat_map(|file| file.shown(room)) {
        context.ui.line(&line);
    }
    let Some(first) = bad.first() else {
        context
            .ui
            .line(&format!("{shown}: all rules and their examples hold"));
        return Ok(exit::OK);
    };
    let n = bad.iter().map(|file| file.list.len()).sum();
    let also = match bad.len() - 1 {
        0 => String::new(),
        others => format!(" with {}", counted(others, "other file")),
    };
    let of_commit = first.version().is_some();
    let message = format!(
        "{}{also} has {}, and denies {} until that is mended",
        first.named(),
        counted::<usize>(n, "problem"),
        if of_commit && is_here(&root) {
            "agents everything"
        } else {
            "everything"
        }
    );
    let error = AppError::new(ErrorClass::Failed, message);
    Err(if of_commit {
        error.hint("commit the mended file")
    } else {
        error.hint("correct it, then `ai policy validate` once more; `ai schema policy-file` describes such a file")
    })
}

/// True where the checkout has a policy, so that the one of a commit is there for agents alone.
fn is_here(root: &Path) -> bool {
    !is_missing(&root.join(policy::FILE))
}

fn tell_programs(shown: &str, bad: &[YamlProblems], context: &mut Context) {
    let is_own = |file: &YamlProblems| file.file == shown && file.version().is_none();
    let own = bad.iter().find(|file| is_own(file));
    let others = bad.iter().filter(|file| !is_own(file));
    context.ui.object(&PolicyValidated {
        file: shown,
        ok: bad.is_empty(),
        problems: own.map_or(&[][..], |file| &file.list),
        others: others
            .map(|file| BadPolicyFile {
                file: &file.file,
                version: file.version(),
                problems: &file.list,
            })
            .collect(),
    });
}

/// Reads a file of a policy, named by a person.
pub(super) fn read_policy(path: &Path) -> Result<Vec<u8>, AppError> {
    read_named(path, MAX_BYTES)
        .map_err(|e| AppError::unreadable(e).hint("`ai init --policy default` writes one"))
}

/// The layer of which a file would be the policy: only the project's has to answer where no rule
/// matches. One below `policies/` is a pack, and says as little as it likes.
fn layer_of(path: &Path) -> PolicyLayer {
    let above = |n: usize| path.ancestors().nth(n).and_then(Path::file_name);
    if env::user_config_dir().is_some_and(|dir| path.starts_with(dir)) {
        PolicyLayer::Global
    } else if above(1).is_some_and(|name| name == "policies")
        || above(2).is_some_and(|name| name == "agents")
    {
        PolicyLayer::Agent
    } else {
        PolicyLayer::Project
    }
}

pub(super) fn show(args: &ShowArgs, context: &mut Context) -> Outcome {
    let root = context.workspace.root()?.to_owned();
    let state = project::policy(&root, &Trees::none());
    if let Some(commit) = standing_policy::commit_in_force(&root) {
        context.ui.warn(&format!(
            "{} is not in this checkout; that of commit {} is in force",
            policy::FILE,
            commit.short()
        ));
    }
    // Whoever looks for everybody wants to know what any agent meets.
    if state
        .committed(args.agent.as_deref().or(Some(ANYBODY)))
        .is_some()
    {
        context.ui.warn(
            "the policy in this checkout is not that of its HEAD; for agents both answer until it is committed",
        );
    }
    let mut shown = policy::show(&state, args.agent.as_deref());
    if project::has_store(&context.workspace.state_dir()?) {
        let store = context.store(Access::Read)?;
        shown.overrides =
            store.read(|tx| overridden::shown(tx, Some(&state.clone().into()), now().wall_ms))?;
    }
    if context.ui.json() {
        context.ui.object(&shown);
    } else {
        context.ui.print(&rules_text(&shown, args));
    }
    refuse_unreadable(&state, args.agent.as_deref())?;
    Ok(exit::OK)
}

/// Refuses a policy that cannot be read for an agent, or for everybody else.
pub(super) fn refuse_unreadable(state: &PolicyState, agent: Option<&str>) -> Result<(), AppError> {
    match state.bad_files().first() {
        Some(problems) if policy::show(state, agent).state == "unreadable" => {
            let message = format!("the policy cannot be read, so it denies: {problems}");
            Err(AppError::of(ErrorClass::Denied, (*problems).clone())
                .saying(message)
                .hint(match problems.version() {
                    Some(_) => "commit the mended file".to_owned(),
                    None => format!("correct {}, then `ai policy validate`", problems.file),
                }))
        }
        _ => Ok(()),
    }
}

fn rules_text(shown: &policy::Shown, args: &ShowArgs) -> String {
    let mut out = format!(
        "policy {} ({}), default {}, outside_paths {}{}\n",
        shown.state,
        &shown.digest[..shown.digest.len().min(12)],
        shown.default,
        shown.outside_paths,
        shown
            .mode
            .map_or_else(String::new, |mode| format!(", agents {mode}"))
    );
    for bounds in &shown.bounds {
        let at = format!(" at {}:{}", one_line(&bounds.file), bounds.line);
        let place = if args.origin { &at } else { "" };
        out.push_str(&format!("  {bounds}{place}\n"));
    }
    for guard in &shown.guards {
        let at = format!(" at {}:{}", one_line(&guard.file), guard.line);
        let place = if args.origin { &at } else { "" };
        out.push_str(&format!("  {guard}{place}\n"));
    }
    for rule in &shown.rules {
        let on = rule.on.join(" ");
        let kinds: Vec<String> = rule.kinds.iter().map(ToString::to_string).collect();
        let about: String = [
            ("paths", &rule.paths),
            ("by", &rule.actors),
            ("labels", &rule.labels),
            ("types", &rule.types),
            ("kinds", &kinds),
            ("tools", &rule.tools),
        ]
        .into_iter()
        .filter(|(_, words)| !words.is_empty())
        .map(|(name, words)| format!("; {name} {}", one_line(&words.join(" "))))
        .collect();
        let imports = if rule.agent_imports {
            "; and what instructions of agents import"
        } else {
            ""
        };
        out.push_str(&format!(
            "  {:<16} {:<24} {} ({})\n",
            if rule.observes {
                format!("observe: {}", rule.effect)
            } else {
                rule.effect.to_string()
            },
            rule.id,
            flowing(&rule.reason),
            rule.layer
        ));
        out.push_str(&format!("  {:<16} on {on}{about}{imports}\n", ""));
        if let Some(when) = &rule.when {
            out.push_str(&format!("  {:<16} when {}\n", "", flowing(when)));
        }
        if args.origin {
            out.push_str(&format!("  {:<16} {}\n", "", one_line(&origin(rule))));
        }
    }
    for one in &shown.overrides {
        let text = format!(
            "override         {} for {} until {}, by {}: {} ({})",
            one.given.rule,
            one.given.scope(),
            local(one.given.until_ms),
            one.given.by,
            one.reason(),
            one.given.id
        );
        out.push_str(&format!("  {}\n", flowing(&text)));
    }
    out
}

/// The place of a rule, and the rules in whose place it answers.
fn origin(rule: &ShownRule) -> String {
    let place = |file: &Option<String>, line: u64| match file {
        Some(file) => format!("{file}:{line}"),
        None => "part of ai".to_owned(),
    };
    let mut text = format!("at {}", place(&rule.file, rule.line));
    if let Some(standing) = rule.standing {
        text.push_str(&format!("; {standing}"));
    }
    for above in &rule.replaces {
        let at = place(&above.file, above.line);
        let (effect, layer) = (above.effect, above.layer);
        text.push_str(&format!("; in place of {effect} ({layer}, {at})"));
    }
    text
}

pub(super) fn approve(args: &ApproveArgs, context: &mut Context) -> Outcome {
    let cx = context.workspace.cx()?;
    let store = context.store(Access::Write)?;
    let done = commit(store, &cx, |tx, cx| {
        approve::approve(tx, cx, &args.id, &args.reason)
    })?;
    if context.ui.json() {
        context.ui.object(&done.record);
    } else {
        approvals::tell_of_yes(&done, context);
    }
    Ok(exit::OK)
}
