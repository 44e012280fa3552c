//! What commands print with `--json` where it is not an object of the domain itself: one type an
//! answer, so that the schema that `ai schema` prints is that of the very type that is printed.

mod daemon;
mod hooks;
mod land;
mod lease;
mod notify;
mod policy;
mod project;
mod recurring;
mod store;
mod work;
mod worktree;

pub(super) use daemon::{
    DaemonAnswer, DaemonLanding, DaemonLogLine, DaemonOrderAnswer, DaemonRunTold, DaemonService,
    DaemonTold, DaemonWaiting, ServiceState,
};
pub(super) use hooks::HookAnswer;
pub(super) use land::{LandAnswer, LandStatusAnswer, LeftOutTask};
pub(super) use lease::{
    ClaimAnswer, Granted, LeaseAnswer, LockAnswer, LockLine, LockReleased, LockedByHand,
    LockedPath, TaskAnswer, TaskLease,
};
pub(super) use notify::{NotifySinkLine, NotifyTested};
pub(super) use policy::{
    CheckedPart, DecisionExplained, PolicyChecked, PolicyReplayed, PolicyTested, ReplayedDecision,
    TestedQuestion,
};
pub(super) use project::{
    BadPolicyFile, ErrorAnswer, ErrorBody, InitAnswer, InitCheck, PolicyValidated, SchemaLine,
    StatusAgent, StatusAnswer, StatusLease, StatusRun, WhyAnswer,
};
pub(super) use recurring::{RecurringShown, RecurringSwitched, RecurringTicked};
pub(super) use store::{BackupAnswer, LogVerified, RestoreAnswer, UninstallAnswer};
pub(super) use work::{
    AcceptAnswer, AgentLine, AgentStats, AgentStatus, ApprovalAnswer, BudgetLine, CheckAnswer,
    CheckedLine, EvidenceAnswer, EvidenceChecked, EvidenceExported, RecoverLine, ReviewAnswer,
    ReviewedFile, RouteAnswer, RunAnswer, SaidLine, UndoAnswer, UndoPreviewed,
};
pub(super) use worktree::{WorktreeAdopted, WorktreeLook, WorktreeOpened};
