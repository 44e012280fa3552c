use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::base::fs::FsError;
use crate::config::ConfigError;
use crate::connector::agent_file::AgentFileError;
use crate::connector::error::ConnectorError;
use crate::domain::agent::Name;
use crate::domain::agent_change::ChangeError;
use crate::domain::decision::{DecisionRecord, Override};
use crate::domain::eligibility::UnmetDemand;
use crate::domain::high_water::Setback;
use crate::domain::ids::{RunId, TaskId};
use crate::domain::lease::Stale;
use crate::domain::path_pattern::{CaseMode, PathPattern, PatternError};
use crate::git::merge::MergeError;
use crate::git::preflight::Unsupported;
use crate::git::repo::RefError;
use crate::git::snapshot::SnapshotError;
use crate::git::{GitError, Oid};
use crate::ops::cli_setup::SettingsInTheWay;
use crate::ops::credential_fault::{CredentialError, CredentialFault};
use crate::ops::error::{Bug as _, Doing as _, Kept as _};
use crate::ops::hooks::HooksInTheWay;
use crate::ops::refusal::Thing;
use crate::ops::refusal_words::HeldPaths;
use crate::process::sandbox::NoSandbox;
use crate::process::supervise::SuperviseError;
use crate::store::testing::decision;

/// Makes a function that names the variant of a value, and the list of all names. It has an arm for
/// each variant and no other, so that a new variant compiles only once it has one, and a name that
/// no row of the table below has fails the test.
macro_rules! variants {
    ($all:ident, $name:ident, $type:ty, { $($pattern:pat => $word:literal,)+ }) => {
        const $all: &[&str] = &[$($word),+];
        fn $name(value: &$type) -> &'static str {
            match value {
                $($pattern => $word,)+
            }
        }
    };
}

variants!(OP_ERRORS, op_error, OpError, {
    OpError::Refused(_) => "Refused",
    OpError::Store(_) => "Store",
    OpError::File(_) => "File",
    OpError::Git(_) => "Git",
    OpError::Place(_) => "Place",
    OpError::Repository(_) => "Repository",
    OpError::Reference(_) => "Reference",
    OpError::Worktree(_) => "Worktree",
    OpError::Snapshot(_) => "Snapshot",
    OpError::Hooks(_) => "Hooks",
    OpError::Settings(_) => "Settings",
    OpError::Foreign(_) => "Foreign",
    OpError::Merge { .. } => "Merge",
    OpError::Supervise(_) => "Supervise",
    OpError::Credential(_) => "Credential",
    OpError::System { .. } => "System",
    OpError::Kept { .. } => "Kept",
    OpError::Internal { .. } => "Internal",
});

variants!(REFUSALS, refused, Refusal, {
    Refusal::NotFound { .. } => "NotFound",
    Refusal::Ambiguous { .. } => "Ambiguous",
    Refusal::Invalid(_) => "Invalid",
    Refusal::Pattern(_) => "Pattern",
    Refusal::SharedPattern(_) => "SharedPattern",
    Refusal::Name(_) => "Name",
    Refusal::Check { .. } => "Check",
    Refusal::AgentChange(_) => "AgentChange",
    Refusal::AgentFile(_) => "AgentFile",
    Refusal::Connector(_) => "Connector",
    Refusal::Entry { .. } => "Entry",
    Refusal::Entries(_) => "Entries",
    Refusal::Line { .. } => "Line",
    Refusal::Taken { .. } => "Taken",
    Refusal::Locked { .. } => "Locked",
    Refusal::PathsHeld { .. } => "PathsHeld",
    Refusal::UnmetDemand { .. } => "UnmetDemand",
    Refusal::OtherClock(_) => "OtherClock",
    Refusal::LeaseLost { .. } => "LeaseLost",
    Refusal::OtherHolder { .. } => "OtherHolder",
    Refusal::NoToken(_) => "NoToken",
    Refusal::WrongState { .. } => "WrongState",
    Refusal::NeedsRecovery(_) => "NeedsRecovery",
    Refusal::TooEarly { .. } => "TooEarly",
    Refusal::NothingReady { .. } => "NothingReady",
    Refusal::Cycle(_) => "Cycle",
    Refusal::Denied(_) => "Denied",
    Refusal::LandingMessage { .. } => "LandingMessage",
    Refusal::Messages { .. } => "Messages",
    Refusal::NeedsApproval(_) => "NeedsApproval",
    Refusal::SaidNo { .. } => "SaidNo",
    Refusal::Untrusted(_) => "Untrusted",
    Refusal::Unclear { .. } => "Unclear",
    Refusal::Config(_) => "Config",
    Refusal::Credentials(_) => "Credentials",
    Refusal::Recurring(_) => "Recurring",
    Refusal::NotProven { .. } => "NotProven",
    Refusal::Conflict { .. } => "Conflict",
    Refusal::MergeConflict { .. } => "MergeConflict",
    Refusal::Environment(_) => "Environment",
    Refusal::NoSandbox(_) => "NoSandbox",
    Refusal::Missing { .. } => "Missing",
    Refusal::TryLater { .. } => "TryLater",
    Refusal::Interrupted(_) => "Interrupted",
});

variants!(STORE_ERRORS, store_error, StoreError, {
    StoreError::NotInitialised => "NotInitialised",
    StoreError::OutOfSight => "OutOfSight",
    StoreError::Vanished(_) => "Vanished",
    StoreError::Empty(_) => "Empty",
    StoreError::Foreign { .. } => "Foreign",
    StoreError::Newer { .. } => "Newer",
    StoreError::Older { .. } => "Older",
    StoreError::Migration { .. } => "Migration",
    StoreError::Damaged { .. } => "Damaged",
    StoreError::Replaced => "Replaced",
    StoreError::SetBack { .. } => "SetBack",
    StoreError::Busy { .. } => "Busy",
    StoreError::Full => "Full",
    StoreError::ReadOnly => "ReadOnly",
    StoreError::NetworkDisk { .. } => "NetworkDisk",
    StoreError::PathTooLong { .. } => "PathTooLong",
    StoreError::Row { .. } => "Row",
    StoreError::File(_) => "File",
    StoreError::Backend(_) => "Backend",
});

/// One row: the whole of what a front end gets.
fn row(name: &str, error: impl Into<AppError>) -> String {
    let error = error.into();
    let (code, class) = (error.code(), error.class.name());
    let mut row = format!("{name}: {code} {class} {:?}\n", error.class);
    row.push_str(&format!("  {}\n", error.message));
    for cause in error.causes() {
        row.push_str(&format!("  caused by: {cause}\n"));
    }
    row.push_str(&format!(
        "  next: {}\n",
        error.hint.as_deref().unwrap_or("-")
    ));
    row
}

/// The rows of a table, where every variant has one at least.
fn table<T: Into<AppError>>(all: &[&str], name: fn(&T) -> &'static str, samples: Vec<T>) -> String {
    let missing: Vec<&&str> = all
        .iter()
        .filter(|wanted| !samples.iter().any(|sample| name(sample) == **wanted))
        .collect();
    assert!(missing.is_empty(), "variants without a row: {missing:?}");
    samples
        .into_iter()
        .map(|sample| row(name(&sample), sample))
        .collect()
}

fn io_error() -> io::Error {
    io::Error::from(io::ErrorKind::IsADirectory)
}

fn file_error() -> FsError {
    FsError {
        action: "write",
        path: PathBuf::from("/r/.git/ai/runs"),
        source: io_error(),
    }
}

fn git_failed() -> GitError {
    GitError::Failed {
        argv: "git diff a b".into(),
        status: "exit 128".into(),
        stderr: "fatal: bad object a\n".into(),
    }
}

fn git_missing() -> GitError {
    GitError::Missing { oid: "a1b2".into() }
}

fn task() -> TaskId {
    TaskId("t-1".into())
}

fn path() -> PathBuf {
    PathBuf::from("/r/w")
}

fn pattern() -> PatternError {
    PathPattern::parse("../x", CaseMode::Sensitive).unwrap_err()
}

fn json_error() -> serde_json::Error {
    serde_json::from_str::<u8>("x").unwrap_err()
}

fn record() -> Box<DecisionRecord> {
    Box::new(decision("1", Some("1")))
}

#[test]
fn every_failed_operation_has_its_class_and_its_next_command() {
    let bad = Oid::parse("xyz");
    let samples = vec![
        Refusal::Invalid("nothing to create".into()).into(),
        StoreError::NotInitialised.into(),
        file_error().into(),
        git_failed().into(),
        git_missing().into(),
        GitError::NotInstalled.into(),
        GitError::from(file_error()).into(),
        DiscoverError::NotARepository(path()).into(),
        DiscoverError::Redirected {
            path: path(),
            why: "its .git leads elsewhere".into(),
        }
        .into(),
        GitError::BadFile {
            path: path(),
            why: "bad line 3".into(),
        }
        .into(),
        Unsupported::LineBreak.into(),
        Unsupported::Ownership {
            path: path(),
            reason: "dubious".into(),
        }
        .into(),
        Unsupported::Git(GitError::NotInstalled).into(),
        RefError::BadName("a..b".into()).into(),
        RefError::Git(git_missing()).into(),
        WorktreeError::BranchExists("ai/t-1/1".into()).into(),
        WorktreeError::NoSpace {
            dir: path(),
            free_mib: 1,
            needed_mib: 2,
        }
        .into(),
        WorktreeError::Busy(Duration::from_secs(5)).into(),
        WorktreeError::Snapshot(SnapshotError::Git(git_missing())).into(),
        SnapshotError::TooMany { count: 3, limit: 2 }.into(),
        SnapshotError::Git(git_missing()).into(),
        UnfitWorktree::Main(path()).into(),
        UnfitWorktree::OtherRepository(path()).into(),
        UnfitWorktree::NoWorktree(path()).into(),
        UnfitWorktree::OfThePool(path()).into(),
        UnfitWorktree::Locked {
            path: path(),
            reason: "mine".into(),
        }
        .into(),
        UnfitWorktree::InProgress {
            path: path(),
            what: "a merge is half done",
        }
        .into(),
        UnfitWorktree::OwnCone(path()).into(),
        UnfitWorktree::NotFound(DiscoverError::NotARepository(path())).into(),
        UnfitWorktree::Git(git_failed()).into(),
        OpError::Merge {
            task: task(),
            source: Box::new(MergeError::NotFastForward {
                target: "main".into(),
                commit: Oid::parse(&"a".repeat(40)).unwrap(),
            }),
        },
        OpError::Merge {
            task: task(),
            source: Box::new(MergeError::Dirty {
                target: "main".into(),
                root: "/r".into(),
                what: "a.txt".into(),
            }),
        },
        OpError::Merge {
            task: task(),
            source: Box::new(MergeError::Git(git_failed())),
        },
        HooksInTheWay {
            why: "somebody else has put a hook there".into(),
            hint: "move it away".into(),
        }
        .into(),
        SettingsInTheWay {
            why: "the settings are no JSON".into(),
            hint: "mend them".into(),
        }
        .into(),
        SuperviseError::Runtime(io_error()).into(),
        CredentialError {
            id: "key".into(),
            why: CredentialFault::NotSet("KEY".into()),
        }
        .into(),
        CredentialError {
            id: "key".into(),
            why: CredentialFault::OutOfSight {
                path: path(),
                source: io_error(),
            },
        }
        .into(),
        Err::<(), _>(io_error())
            .doing("listen for signals")
            .unwrap_err(),
        bad.kept("the base of the run").unwrap_err(),
        Err::<(), _>(json_error())
            .bug("a journal cannot be written as JSON")
            .unwrap_err(),
        OpError::internal("the import left no report"),
    ];
    insta::assert_snapshot!(table(OP_ERRORS, op_error, samples));
}

#[test]
fn every_refusal_has_its_class_and_its_next_command() {
    let things = [
        Thing::Task,
        Thing::Run,
        Thing::Lock,
        Thing::Agent,
        Thing::Decision,
        Thing::Evidence,
        Thing::Branch,
        Thing::Commit,
        Thing::Worktree,
    ];
    let mut samples: Vec<Refusal> = things
        .into_iter()
        .map(|what| Refusal::NotFound {
            what,
            id: "x".into(),
        })
        .collect();
    let locked = |subject: &str| Refusal::Locked {
        wanted: "src/**".into(),
        held: "src/a".into(),
        mode: "exclusively",
        holder: "human:ann".into(),
        subject: subject.into(),
        example: "src/a".into(),
        left_ms: 60_000,
    };
    let held_paths = |subjects: &[&str]| Refusal::PathsHeld {
        what: "what would land".into(),
        held: subjects
            .iter()
            .map(|subject| HeldPaths {
                holder: "human:ann".into(),
                subject: (*subject).into(),
                pattern: "src/".into(),
                paths: vec!["src/a".into(), "src/b".into()],
                left_ms: 60_000,
            })
            .collect(),
        again: "`ai accept t-9`".into(),
    };
    let unfit = |why| Refusal::UnmetDemand {
        task: TaskId("t-1".into()),
        actor: "agent:claude".into(),
        why,
    };
    let nothing_ready = |locked, unfit| Refusal::NothingReady {
        locked,
        unfit: (0..unfit)
            .map(|n| {
                let lacks = UnmetDemand::Lacks(vec!["rust".into()]);
                (TaskId(format!("t-{n}")), lacks)
            })
            .collect(),
    };
    let lost = |why| Refusal::LeaseLost {
        subject: "t-1".into(),
        why,
        holder: Some("human:ann".into()),
    };
    let foreign = |subject: &str| Refusal::OtherHolder {
        subject: subject.into(),
        holder: "human:ann".into(),
        actor: "human:ben".into(),
    };
    samples.extend([
        foreign("t-1"),
        foreign("l-1"),
        Refusal::Ambiguous {
            prefix: "t-".into(),
            candidates: vec!["t-1".into(), "t-2".into()],
        },
        Refusal::Invalid("nothing to create".into()),
        Refusal::Pattern(pattern()),
        Refusal::SharedPattern(pattern()),
        Refusal::Name(Name::new("a b").unwrap_err()),
        Refusal::Check {
            name: "a b".into(),
            source: Name::new("a b").unwrap_err(),
        },
        Refusal::AgentChange(ChangeError::Nobody(Name::new("nobody").unwrap())),
        Refusal::AgentChange(Name::new("a b").unwrap_err().into()),
        Refusal::AgentFile(AgentFileError::Fs(file_error())),
        Refusal::Connector(ConnectorError::NulByte { index: 2 }),
        Refusal::Entry {
            number: 2,
            title: "second".into(),
            why: Box::new(Refusal::Pattern(pattern())),
        },
        Refusal::Entries(Box::new(Refusal::Cycle(vec!["a".into(), "a".into()]))),
        Refusal::Line {
            number: 3,
            source: Box::new(json_error()),
        },
        Refusal::Taken {
            task: task(),
            holder: "human:ann".into(),
            left_ms: 3_600_000,
        },
        locked("t-1"),
        locked("l-1"),
        held_paths(&["t-1"]),
        held_paths(&["l-1", "t-1", "t-2", "t-3", "t-4"]),
        Refusal::OtherClock("t-1".into()),
        lost(Stale::NoLease),
        lost(Stale::Superseded),
        lost(Stale::Lapsed),
        lost(Stale::WrongSecret),
        Refusal::NoToken("t-1".into()),
        Refusal::WrongState {
            task: task(),
            state: "review".into(),
            why: "it waits for a person".into(),
            hint: "ai review t-1".into(),
        },
        Refusal::NeedsRecovery(RunId("t-1.1".into())),
        Refusal::TooEarly {
            what: "t-1".into(),
            wait_ms: 1_500,
        },
        nothing_ready(0, 0),
        nothing_ready(2, 0),
        nothing_ready(0, 1),
        nothing_ready(2, 5),
        unfit(UnmetDemand::Named("codex".into())),
        unfit(UnmetDemand::Disabled),
        Refusal::Cycle(vec!["t-1".into(), "t-2".into(), "t-1".into()]),
        Refusal::Denied(record()),
        Refusal::LandingMessage {
            record: record(),
            again: "ai accept t-1 --message TEXT".into(),
        },
        Refusal::Messages {
            record: record(),
            commits: vec!["1a2b3c4d5e".into(), "2b3c4d5e6f".into()],
        },
        Refusal::NeedsApproval(record()),
        Refusal::SaidNo {
            record: record(),
            word: Override {
                by: "human:ann".parse().unwrap(),
                reason: "not now".into(),
                at_ms: 0,
            },
        },
        Refusal::Untrusted("`ai run`".into()),
        Refusal::Unclear {
            why: "two agents bear this name".into(),
            hint: "say which".into(),
        },
        Refusal::Config(ConfigError::Read(file_error())),
        Refusal::Credentials(ConfigError::Read(file_error())),
        Refusal::Recurring(ConfigError::Read(file_error())),
        Refusal::NotProven {
            why: "no check was run".into(),
            hint: "run one".into(),
        },
        Refusal::Conflict {
            why: "the branch has moved".into(),
            hint: "look at it".into(),
        },
        Refusal::MergeConflict {
            why: "something is in the way".into(),
            hint: "take it away".into(),
        },
        Refusal::NoSandbox(NoSandbox::Neither(
            Box::new(NoSandbox::NotInstalled),
            Box::new(NoSandbox::NoLandlock),
        )),
        Refusal::Environment("a run works in it now".into()),
        Refusal::Missing {
            why: "there is no agent".into(),
            hint: "ai agent register".into(),
        },
        Refusal::TryLater {
            why: "no room".into(),
            hint: "wait".into(),
        },
        Refusal::Interrupted("stopped by a person".into()),
    ]);
    insta::assert_snapshot!(table(REFUSALS, refused, samples));
}

#[test]
fn every_error_of_the_store_has_its_class_and_its_next_command() {
    let formats = || ("2".to_owned(), "1".to_owned());
    let ((found, ours), (older, current)) = (formats(), formats());
    let samples = vec![
        StoreError::NotInitialised,
        StoreError::OutOfSight,
        StoreError::Vanished(path()),
        StoreError::Empty(path()),
        StoreError::Foreign {
            path: path(),
            why: "another application".into(),
        },
        StoreError::Newer { found, ours },
        StoreError::Older {
            found: older,
            ours: current,
        },
        StoreError::Migration {
            name: "0002".into(),
            why: "does not fit".into(),
        },
        StoreError::Damaged {
            path: path(),
            why: "page 3 is none".into(),
        },
        StoreError::Replaced,
        StoreError::SetBack {
            path: path(),
            setback: Setback::Shorter {
                last: 12,
                marked: 47,
            },
        },
        StoreError::SetBack {
            path: path(),
            setback: Setback::OtherHistory { marked: 47 },
        },
        StoreError::Busy {
            seconds: 5,
            holders: "; 12 (ai run) writes it".into(),
            stopped: None,
        },
        StoreError::Full,
        StoreError::ReadOnly,
        StoreError::NetworkDisk {
            path: path(),
            filesystem: "nfs",
        },
        StoreError::PathTooLong {
            path: path(),
            bytes: 530,
            limit: 500,
        },
        StoreError::Row {
            row: "task t-1".into(),
            source: json_error().into(),
        },
        StoreError::File(file_error()),
        StoreError::Backend(Box::new(io_error())),
    ];
    insta::assert_snapshot!(table(STORE_ERRORS, store_error, samples));
}

#[test]
fn a_cause_that_only_repeats_what_was_said_is_left_out() {
    let deep = WorktreeError::Snapshot(SnapshotError::Git(GitError::from(file_error())));
    let error = AppError::from(OpError::from(deep));
    assert_eq!(error.message, file_error().to_string());
    assert_eq!(error.causes(), [io_error().to_string()]);
    assert_eq!(AppError::usage("no").causes(), [""; 0]);
}
