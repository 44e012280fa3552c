//! `ai policy check`: the commits of a range, judged by the policy at its beginning. It needs a clone and
//! nothing else, so that it runs in CI.

use clap::{Args, ValueEnum};

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::columns::clip;
use crate::base::text::{counted, flowing, one_line};
use crate::cli::answer::{CheckedPart, PolicyChecked};
use crate::cli::cmd::hooks::repo;
use crate::cli::context::{Context, Outcome};
use crate::cli::junit::{JunitReport, ReportedCase};
use crate::cli::sarif::{SarifFinding, sarif};
use crate::domain::decision::{Effect, MatchedRule};
use crate::domain::error_class::ErrorClass;
use crate::domain::path_pattern::CaseMode;
use crate::domain::repo_path::RepoPath;
use crate::ops::hooks::range::{self, JudgedPart, RangeAsked, RangeError, RangeJudged};
use crate::policy;

/// The width at which the subject of a commit is cut.
const SUBJECT_SHOWN: usize = 120;

#[derive(Args)]
pub(in crate::cli) struct PolicyCheckArgs {
    /// The commits that the second end has and the first has not
    #[arg(long, value_name = "A..B")]
    range: String,
    /// Judge the range as a push to this reference, too
    #[arg(long, value_name = "REF")]
    branch: Option<String>,
    /// The form of the report
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<CheckFormat>,
}

/// The form of a report on a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum CheckFormat {
    /// For people.
    Text,
    /// One object, as with `--json`.
    Json,
    /// SARIF 2.1.0, as code hosts read it.
    Sarif,
    /// JUnit XML, as CI systems read it.
    Junit,
}

pub(super) fn run(args: &PolicyCheckArgs, context: &mut Context) -> Outcome {
    let format = match (args.format, context.ui.json()) {
        (None | Some(CheckFormat::Json), true) => CheckFormat::Json,
        (Some(_), true) => {
            let message = "`--json` and `--format` ask for two forms of one report";
            return Err(AppError::usage(message).hint("leave one of them out"));
        }
        (format, false) => format.unwrap_or(CheckFormat::Text),
    };
    let (from, to) = ends(&args.range)?;
    let named = context.workspace.says_who_acts();
    let actor = named.then(|| context.workspace.actor()).transpose()?;
    let case = if context.workspace.place()?.ignore_case {
        CaseMode::Folding
    } else {
        CaseMode::Sensitive
    };
    let asked = RangeAsked {
        from,
        to,
        branch: args.branch.as_deref(),
        actor,
        case,
    };
    let root = context.workspace.root()?.to_owned();
    let judged = range::judge((&root, &repo(context)?), &asked).map_err(told)?;
    match format {
        CheckFormat::Text => for_people(&judged, context),
        CheckFormat::Json => {
            context.ui.object(&for_programs(args, &judged));
        }
        CheckFormat::Sarif => {
            context.ui.object(&sarif(&findings(&judged)));
        }
        CheckFormat::Junit => {
            context.ui.print(&for_ci(&judged));
        }
    }
    match judged.effect() {
        Effect::Allow | Effect::Warn => Ok(exit::OK),
        strict => Err(refused(args, &judged, strict)),
    }
}

/// The ends of a range, each a revision.
fn ends(range: &str) -> Result<(&str, &str), AppError> {
    let shown = one_line(range);
    let bad = |why: &str| {
        let message = format!("`{shown}` is no range of commits: {why}");
        AppError::usage(message).hint("write `--range origin/main..HEAD`")
    };
    if range.contains("...") {
        return Err(bad("three dots mean both sides, and one is judged"));
    }
    match range.split_once("..") {
        Some((from, to)) if !from.is_empty() && !to.is_empty() && !to.contains("..") => {
            if from.bytes().all(|byte| byte == b'0') && from.len() >= 40 {
                return Err(
                    bad("it begins at no commit, as CI tells it of a new branch")
                        .hint("begin at the branch that it came from: `--range origin/main..HEAD`"),
                );
            }
            Ok((from, to))
        }
        _ => Err(bad("it needs a commit on either side of `..`")),
    }
}

fn told(error: RangeError) -> AppError {
    let hint = match &error {
        RangeError::End {
            is_shallow: false, ..
        } => "`git log` lists commits",
        RangeError::End { .. } | RangeError::CutOff { .. } => {
            "`git fetch --unshallow`, or let CI fetch the whole history (`fetch-depth: 0`, `GIT_DEPTH: 0`)"
        }
        RangeError::Operation(_) => "",
    };
    match error {
        RangeError::Operation(error) => error.into(),
        error @ RangeError::End { .. } => AppError::of(ErrorClass::NotFound, error).hint(hint),
        error @ RangeError::CutOff { .. } => AppError::of(ErrorClass::Failed, error).hint(hint),
    }
}

fn refused(args: &PolicyCheckArgs, judged: &RangeJudged, effect: Effect) -> AppError {
    let strict = judged.parts.iter();
    let strict = strict.filter(|part| part.decision.effect == effect);
    let (n, all) = (strict.count(), judged.parts.len());
    let range = one_line(&args.range);
    let (class, word) = match effect {
        Effect::Deny => (ErrorClass::Denied, "policy denies"),
        _ => (
            ErrorClass::ApprovalNeeded,
            "policy wants a person's yes for",
        ),
    };
    let message = format!("{word} {n} of {} about {range}", counted(all, "question"));
    AppError::new(class, message).hint(format!(
        "`git show {}:{}` is the policy that answered",
        judged.policy_of.short(),
        policy::FILE
    ))
}

/// The name of what was judged: a commit in short, or the push.
fn name_of(part: &JudgedPart) -> String {
    match &part.commit {
        Some(commit) => commit.id.short().to_owned(),
        None => "push".to_owned(),
    }
}

fn for_people(judged: &RangeJudged, context: &mut Context) {
    if judged.parts.is_empty() {
        context.ui.line("there are no commits in this range");
    }
    if !judged.has_policy {
        context.ui.say(&format!(
            "{} has no policy, so the built-in rules alone answer",
            judged.policy_of.short()
        ));
    }
    for part in &judged.parts {
        let subject = part.commit.as_ref().map_or("", |one| &one.subject);
        context.ui.line(&format!(
            "{:<16} {}  {}  {}",
            part.decision.effect,
            name_of(part),
            one_line(&part.actor.to_string()),
            clip(&one_line(subject), SUBJECT_SHOWN)
        ));
        for rule in said(part) {
            let path = rule.path.as_ref().map(|path| format!(" ({path})"));
            context.ui.line(&format!(
                "  {:<16} {}: {}{}",
                rule.effect,
                rule.rule,
                flowing(&rule.reason),
                path.unwrap_or_default()
            ));
        }
    }
}

/// The rules that have something against a part.
fn said(part: &JudgedPart) -> impl Iterator<Item = &MatchedRule> {
    let matched = part.decision.matched.iter();
    matched.filter(|rule| rule.effect > Effect::Allow)
}

fn for_programs<'a>(args: &'a PolicyCheckArgs, judged: &'a RangeJudged) -> PolicyChecked<'a> {
    let parts = judged.parts.iter().map(|part| CheckedPart {
        commit: part.commit.as_ref().map(|one| one.id.as_str()),
        subject: part.commit.as_ref().map(|one| one.subject.as_str()),
        actor: &part.actor,
        effect: part.decision.effect,
        layer: part.decision.layer,
        rule: &part.decision.rule,
        reason: &part.decision.reason,
        matched: &part.decision.matched,
        observed: &part.decision.observed,
        paths: part.paths.len(),
        policy_digest: &part.decision.policy_digest,
    });
    PolicyChecked {
        range: &args.range,
        policy_of: judged.policy_of.as_str(),
        has_policy: judged.has_policy,
        tip: judged.tip.as_str(),
        effect: judged.effect(),
        questions: parts.collect(),
    }
}

/// A finding for each rule that has something against a part, at the path that it matched, else at the
/// first of the part.
fn findings(judged: &RangeJudged) -> Vec<SarifFinding<'_>> {
    let mut found = Vec::new();
    for part in &judged.parts {
        let commit = part.commit.as_ref().map_or(&judged.tip, |one| &one.id);
        for rule in said(part) {
            let is_met = |path: &&RepoPath| rule.path.as_deref() == Some(&path.to_string());
            let path = part.paths.iter().find(is_met).or(part.paths.first());
            // What changes nothing has no file at which a host could show it.
            let Some(path) = path else { continue };
            found.push(SarifFinding {
                rule: &rule.rule,
                about: &rule.reason,
                effect: rule.effect,
                message: format!(
                    "{} {}: {} (rule {})",
                    name_of(part),
                    rule.effect,
                    flowing(&rule.reason),
                    rule.rule
                ),
                path,
                commit: commit.as_str(),
            });
        }
    }
    found
}

fn for_ci(judged: &RangeJudged) -> String {
    let mut out = JunitReport::new("ai policy check");
    for part in &judged.parts {
        let decision = &part.decision;
        let why = format!(
            "{} by {}: {}",
            decision.effect,
            decision.rule,
            flowing(&decision.reason)
        );
        let subject = part
            .commit
            .as_ref()
            .map_or("all commits", |one| &one.subject);
        out.add(&ReportedCase {
            class: &name_of(part),
            name: subject,
            failure: (!decision.effect.lets_through()).then_some(&why),
        });
    }
    out.finish()
}
