//! `ai schema`

use clap::Args;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::suggest;
use crate::base::text::one_line;
use crate::cli::answer;
use crate::cli::cmd::task::DepTreeNode;
use crate::cli::context::{Context, Outcome};
use crate::config;
use crate::domain::agent::Agent;
use crate::domain::decision::DecisionRecord;
use crate::domain::error_class::ErrorClass;
use crate::domain::event::EventRecord;
use crate::domain::evidence::Evidence;
use crate::domain::friction::Friction;
use crate::domain::message::Message;
use crate::domain::notice::Notice;
use crate::ops::agent_doctor::AgentFinding;
use crate::ops::approve::WaitingQuestion;
use crate::ops::cli_setup::{SetupDone, SetupStanding};
use crate::ops::create::NewTask;
use crate::ops::detect::DetectedCli;
use crate::ops::digest::Digest;
use crate::ops::doctor::Finding;
use crate::ops::export::Header;
use crate::ops::hooks::{HookPlan, HookStanding, RemovedHooks};
use crate::ops::import;
use crate::ops::policy_export::AuditLine;
use crate::ops::recurring::{ListedRecurring, RecurringFileShape, UpcomingRecurring};
use crate::ops::run::batch;
use crate::ops::schedule::QueuePlan;
use crate::ops::send::MessageSent;
use crate::ops::trust::Change;
use crate::ops::worktree::{Item, ListedWorktree, Saved};
use crate::policy;

#[derive(Args)]
pub(in crate::cli) struct SchemaArgs {
    /// What to describe; without it, the names are listed
    name: Option<String>,
}

/// One schema that is published: its name, where it is printed or read, how it is made.
struct PublishedSchema {
    name: &'static str,
    about: &'static str,
    make: fn() -> Schema,
}

const fn printed<T: JsonSchema>(name: &'static str, about: &'static str) -> PublishedSchema {
    PublishedSchema {
        name,
        about,
        make: || {
            SchemaSettings::draft2020_12()
                .for_serialize()
                .into_generator()
                .into_root_schema_for::<T>()
        },
    }
}

const fn read<T: JsonSchema>(name: &'static str, about: &'static str) -> PublishedSchema {
    let make = || {
        SchemaSettings::draft2020_12()
            .for_deserialize()
            .into_generator()
            .into_root_schema_for::<T>()
    };
    PublishedSchema { name, about, make }
}

/// Everything that is published, sorted by name.
const ALL: &[PublishedSchema] = &[
    printed::<answer::AcceptAnswer<'_>>("accept", "`ai accept`"),
    printed::<Agent>("agent", "`ai agent register` and `ai agent label`"),
    printed::<AgentFinding>("agent-doctor", "a line of `ai agent doctor`"),
    printed::<answer::AgentLine<'_>>(
        "agent-line",
        "a line of `ai agent list`, and `ai agent show`",
    ),
    printed::<answer::AgentStats<'_>>("agent-stats", "a line of `ai agent stats`"),
    printed::<WaitingQuestion>("approvals", "a line of `ai approvals`"),
    printed::<answer::ApprovalAnswer<'_>>("approve", "`ai approve` and `ai deny`"),
    printed::<answer::BackupAnswer>("backup", "`ai backup`"),
    printed::<answer::BudgetLine<'_>>("budget", "a line of `ai budget`"),
    printed::<answer::CheckAnswer<'_>>("check", "`ai check`"),
    printed::<answer::ClaimAnswer<'_>>("claim", "`ai task claim` and `ai task handoff`"),
    printed::<config::ConfigEntry>("config-entry", "a line of `ai config show`"),
    printed::<answer::DaemonTold>(
        "daemon",
        "`ai daemon start`, `ai daemon restart` and `ai daemon stop`",
    ),
    printed::<answer::DaemonLogLine<'_>>("daemon-logs", "a line of `ai daemon logs`"),
    printed::<answer::DaemonOrderAnswer>(
        "daemon-order",
        "`ai daemon pause`, `ai daemon drain` and `ai daemon resume`",
    ),
    printed::<answer::DaemonService>(
        "daemon-service",
        "`ai daemon install` and `ai daemon uninstall`",
    ),
    printed::<answer::DaemonAnswer>("daemon-status", "`ai daemon status`"),
    printed::<DecisionRecord>(
        "decision",
        "a line of `ai policy log`, and `ai policy explain`",
    ),
    printed::<answer::DecisionExplained<'_>>("decision-rules", "`ai policy explain --rules`"),
    printed::<DepTreeNode>("dep-tree", "a line of `ai task dep tree`"),
    printed::<DetectedCli>("detected", "a line of `ai agent detect`"),
    printed::<Digest>("digest", "`ai digest`"),
    printed::<Finding>("doctor", "a line of `ai doctor`"),
    printed::<answer::ErrorAnswer<'_>>("error", "what failed, on standard error"),
    printed::<EventRecord>("event", "a line of `ai log`"),
    printed::<Evidence>("evidence", "a line of `ai evidence list`"),
    printed::<answer::EvidenceExported<'_>>("evidence-export", "`ai evidence export`"),
    printed::<answer::EvidenceAnswer<'_>>("evidence-show", "`ai evidence show`"),
    printed::<answer::EvidenceChecked<'_>>("evidence-verify", "a line of `ai evidence verify`"),
    printed::<Header>(
        "export",
        "`ai export FILE`; also the first line of an export",
    ),
    printed::<Friction>(
        "friction",
        "`ai friction add|mend|drop`, and a line of `list`",
    ),
    printed::<SetupDone>(
        "guard",
        "`ai guard install` and `ai guard uninstall`, `ai mcp install` and `ai mcp uninstall`",
    ),
    printed::<SetupStanding>(
        "guard-status",
        "a line of `ai guard status` and of `ai mcp status`",
    ),
    printed::<HookPlan>("hooks-install", "a line of `ai hooks install`"),
    printed::<answer::HookAnswer<'_>>("hooks-run", "`ai hooks run`"),
    printed::<HookStanding>("hooks-status", "a line of `ai hooks status`"),
    printed::<RemovedHooks>("hooks-uninstall", "`ai hooks uninstall`"),
    printed::<import::ImportReport>("import", "`ai import`"),
    printed::<Message>("inbox", "a line of `ai inbox`"),
    printed::<answer::InitAnswer<'_>>("init", "`ai init`"),
    printed::<answer::LandAnswer>("land", "`ai land`, and `ai accept` of several tasks"),
    printed::<answer::LandStatusAnswer>("land-status", "`ai land status` and `ai land --dry-run`"),
    printed::<answer::LeaseAnswer>("lease", "`ai task heartbeat` and `ai task checkpoint`"),
    printed::<answer::LockAnswer>("lock", "`ai lock acquire`"),
    printed::<answer::LockedPath<'_>>("lock-check", "a line of `ai lock check`"),
    printed::<answer::LockLine<'_>>("lock-line", "a line of `ai lock list`"),
    printed::<answer::LockReleased>("lock-release", "`ai lock release`"),
    printed::<answer::LogVerified<'_>>("log-verify", "`ai log verify`"),
    printed::<answer::SaidLine<'_>>("logs", "a line of `ai logs`"),
    read::<NewTask>("new-task", "an entry of a file for `ai task create --from`"),
    printed::<Notice>("notice", "a notice, as every sink is given it"),
    printed::<answer::NotifySinkLine>("notify-list", "a line of `ai notify list`"),
    printed::<answer::NotifyTested<'_>>("notify-test", "`ai notify test`"),
    printed::<policy::Shown>("policy", "`ai policy show`"),
    printed::<answer::PolicyChecked<'_>>("policy-check", "`ai policy check`"),
    printed::<policy::FoundConflict>("policy-conflict", "a line of `ai policy conflicts`"),
    printed::<AuditLine>("policy-export", "a line of `ai policy export`"),
    read::<policy::PolicyFile>("policy-file", "`.ai/policy.yaml`, for editors"),
    printed::<policy::ShownOverride>(
        "policy-override",
        "`ai policy override add|remove`, and a line of `list`",
    ),
    printed::<answer::PolicyReplayed<'_>>("policy-replay", "`ai policy replay`"),
    read::<policy::PolicyTestFile>("policy-test", "`.ai/policy.test.yaml`, for editors"),
    printed::<answer::PolicyTested<'_>>("policy-tested", "`ai policy test`"),
    printed::<answer::PolicyValidated<'_>>("policy-validate", "`ai policy validate`"),
    printed::<answer::RecoverLine<'_>>("recover", "a line of `ai recover`"),
    printed::<ListedRecurring>("recurring", "a line of `ai recurring list`"),
    read::<RecurringFileShape>("recurring-file", "`.ai/recurring/NAME.yaml`, for editors"),
    printed::<UpcomingRecurring>("recurring-next", "a line of `ai recurring next`"),
    printed::<answer::RecurringShown<'_>>("recurring-show", "`ai recurring show`"),
    printed::<answer::RecurringSwitched<'_>>(
        "recurring-switch",
        "`ai recurring enable` and `ai recurring disable`",
    ),
    printed::<answer::RecurringTicked<'_>>("recurring-tick", "`ai recurring tick`"),
    printed::<answer::RestoreAnswer<'_>>("restore", "`ai restore`"),
    printed::<answer::ReviewAnswer<'_>>("review", "`ai review`"),
    printed::<answer::RouteAnswer<'_>>("route", "`ai route explain`"),
    printed::<answer::RunAnswer<'_>>("run", "`ai run`"),
    printed::<batch::Line>("run-all", "a line of `ai run --all`"),
    printed::<QueuePlan>("schedule", "`ai schedule`"),
    printed::<answer::SchemaLine<'_>>("schema", "a line of `ai schema`"),
    printed::<MessageSent>("send", "`ai send`"),
    printed::<answer::StatusAnswer<'_>>("status", "`ai status`"),
    printed::<answer::TaskAnswer<'_>>(
        "task",
        "a line of `ai task list`, and whatever shows or changes one task",
    ),
    printed::<Change>("trust-change", "a line of `ai trust`"),
    printed::<answer::UndoAnswer<'_>>("undo", "`ai undo`"),
    printed::<answer::UndoPreviewed<'_>>("undo-dry-run", "`ai undo --dry-run`"),
    printed::<answer::UninstallAnswer<'_>>("uninstall", "`ai uninstall`"),
    printed::<answer::WhyAnswer<'_>>("why", "`ai why`"),
    printed::<ListedWorktree>("worktree", "a line of `ai worktree list`"),
    printed::<answer::WorktreeAdopted<'_>>("worktree-adopt", "`ai worktree adopt`"),
    printed::<answer::WorktreeLook<'_>>("worktree-adopt-dry-run", "`ai worktree adopt --dry-run`"),
    printed::<answer::WorktreeOpened<'_>>("worktree-open", "`ai worktree open`"),
    printed::<Item>(
        "worktree-prune",
        "a line of `ai worktree prune`, and of `ai gc`",
    ),
    printed::<Saved>("worktree-rescue", "`ai worktree rescue`"),
];

pub(super) fn run(args: &SchemaArgs, context: &mut Context) -> Outcome {
    let Some(name) = &args.name else {
        list(context);
        return Ok(exit::OK);
    };
    let Some(found) = ALL.iter().find(|one| one.name == name) else {
        let message = format!("there is no schema `{}`", one_line(name));
        let hint = suggest::nearest(name, ALL.iter().map(|one| one.name));
        let hint = hint.map_or("`ai schema` lists the names".to_owned(), |near| {
            format!("`ai schema {near}`")
        });
        return Err(AppError::new(ErrorClass::NotFound, message).hint(hint));
    };
    let schema = (found.make)();
    if context.ui.json() {
        context.ui.object(&schema);
    } else {
        context
            .ui
            .line(&serde_json::to_string_pretty(&schema).unwrap_or_default());
    }
    Ok(exit::OK)
}

fn list(context: &mut Context) {
    for one in ALL {
        let more = if context.ui.json() {
            context.ui.object(&answer::SchemaLine {
                name: one.name,
                about: one.about,
            })
        } else {
            context.ui.line(&format!("{:<14} {}", one.name, one.about))
        };
        if !more {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_every_schema_describes_its_fields() {
        assert!(ALL.windows(2).all(|pair| pair[0].name < pair[1].name));
        for one in ALL {
            let schema = (one.make)();
            assert!(schema.get("title").is_some(), "{}", one.name);
            // One of several shapes: each of them has fields.
            let shapes = schema.get("oneOf").and_then(|shapes| shapes.as_array());
            let shapes: Vec<&serde_json::Value> = match shapes {
                Some(shapes) => shapes.iter().collect(),
                None => vec![schema.as_value()],
            };
            let fields = shapes
                .iter()
                .flat_map(|shape| shape["properties"].as_object().expect(one.name));
            for (field, described) in fields {
                // The word that tells the shapes apart is told by each of them.
                if described.get("const").is_some() {
                    continue;
                }
                let text = described
                    .get("description")
                    .or_else(|| described.get("$ref"));
                assert!(
                    text.is_some() || described.get("anyOf").is_some(),
                    "{}.{field} says nothing: {described}",
                    one.name
                );
            }
        }
    }
}
